"""The charts of the page, in a real browser: lines of several processes, gaps, releases, axes, and what a click chooses."""

from pageworld import MINUTE_MS, agent, browse, life  # noqa: F401: two are fixtures

S = 1000

# The pieces of a line that is level: where along the row of the plot that has most of the colour it is drawn, from 0 to 1 of the width.
PIECES = """
const canvas = document.querySelectorAll(".chart")[arguments[0]].querySelector("canvas"), rows = [];
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
const left = 75, right = canvas.width - 10;
for (let y = 0; y < canvas.height; y++) {
  const inked = (x) => { const i = 4 * (y * canvas.width + x); return data[i + 3] > 200 && data[i] < 60 && data[i + 2] > 120; };
  const pieces = [];
  for (let x = left; x < right; x++) {
    if (!inked(x)) continue;
    const last = pieces[pieces.length - 1];
    if (last && x - last[1] <= 2) last[1] = x; else pieces.push([x, x]);
  }
  if (pieces.some(([from, to]) => to - from > 40)) rows.push(pieces.map((piece) => piece.map((x) => (x - left) / (right - left))));
}
return rows;"""


def level_lines(browser, chart):
    """The pieces of each level line of a chart, from the top down; neighbouring rows of pixels are one line."""
    browser.wait("return document.querySelectorAll('.chart canvas').length >= 4")
    lines = []
    for pieces in browser.run(PIECES, chart):
        if not lines or len(pieces) < len(lines[-1]) or abs(pieces[0][0] - lines[-1][0][0]) > 0.02 or len(pieces) > len(lines[-1]):
            lines.append(pieces)
    return lines


# ---- lines

def test_lines_of_processes_that_are_counted_at_different_times_are_whole_and_have_their_gaps(agent, browse):
    """Two processes are counted every 40 s, one 17 s after the other; the first one is not counted for ten minutes."""
    now = agent.now_ms
    agent.lives = [life(1, now - 50 * MINUTE_MS, now, lane=0), life(2, now - 50 * MINUTE_MS, now, lane=1, kind="first")]

    def points(one, metric):
        times = range(now - 50 * MINUTE_MS + (one["id"] - 1) * 17 * S, now, 40 * S)
        return [(at, one["id"] if metric == "goroutines" else 0) for at in times if one["id"] == 2 or not now - 30 * MINUTE_MS < at < now - 20 * MINUTE_MS]

    agent.points = points
    browser = browse("?program=shop&range=1h")
    upper, lower = level_lines(browser, 1)
    assert len(upper) == 1 and upper[0][1] - upper[0][0] > 0.95, "the process that is counted all the time"
    assert len(lower) == 2, lower
    (begin, gap_from), (gap_to, end) = lower
    assert 0.15 < gap_to - gap_from < 0.25 and begin < 0.05 and end > 0.95, "ten of fifty minutes are a gap"
