"""The charts of the page, in a real browser: lines of several processes, gaps, releases, axes, and what a click chooses."""

import time

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from pageworld import MIB, MINUTE_MS, agent, browse, group, life  # noqa: F401: two are fixtures

S = 1000

# Notes the words in all charts and the upright lines under their data, with their places on the canvas.
SPY = """
window.words = []; window.lines = [];
const pen = CanvasRenderingContext2D.prototype, { fillText, moveTo, stroke } = pen;
pen.fillText = function (text, x, y) {
  const width = this.measureText(text).width, left = this.textAlign === "right" ? x - width : x;
  words.push({ text, left, right: left + width, room: this.canvas.clientWidth });
  fillText.call(this, text, x, y);
};
pen.moveTo = function (x, y) { this.begun = x; moveTo.call(this, x, y); };
pen.stroke = function () { lines.push({ x: this.begun, colour: this.strokeStyle, broken: this.getLineDash().length > 0 }); stroke.call(this); };"""

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


# ---- releases

def of_one_drawing(browser, what):
    """What has been noted since the charts were drawn once more."""
    browser.wait("return document.querySelectorAll('.chart canvas').length >= 4")
    browser.run(f"{what}.length = 0")
    return browser.wait(f"return {what}.length && {what}")


def test_only_releases_and_rollbacks_are_drawn_as_such(agent, browse):
    """Another process beside the first, and a restart, are nothing new."""
    now, kinds = agent.now_ms, ["first", "first", "restart", "release", "rollback"]
    agent.lives = [life(i + 1, now - (50 - 10 * i) * MINUTE_MS, now, lane=i, kind=kind, release=f"v{i + 1}") for i, kind in enumerate(kinds)]
    browser = browse("?program=shop&range=1h", before=SPY)
    assert {word["text"] for word in of_one_drawing(browser, "words")} == {"v1", "v4", "v5"}
    dim = browser.run("""const probe = document.createElement("canvas").getContext("2d");
        probe.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--dim"); return probe.strokeStyle""")
    strong = {round(line["x"]) for line in of_one_drawing(browser, "lines") if line["colour"] == dim and not line["broken"]}
    assert len(strong) == 2, strong


@pytest.mark.parametrize("width", [390, 1280])
def test_names_of_releases_do_not_run_into_each_other_and_none_is_cut_off(agent, browse, width):
    """The last one begins right at the edge; those before it are as close as releases of a bad day."""
    now, began = agent.now_ms, [55, 40, 39, 38, 20, 14, 8, 2]
    agent.lives = [life(i + 1, now - minutes * MINUTE_MS, now, kind="release" if i else "first", release=f"v1.{i}.0-rc2+build") for i, minutes in enumerate(began)]
    agent.markers = [{"life": 8, "at_ms": now - 19 * MINUTE_MS, "length_ms": 0, "kind": "trim", "text": None}]
    browser = browse("?program=shop&range=1h", before=SPY, width=width, height=800, phone=width < 500)
    words = sorted(of_one_drawing(browser, "words"), key=lambda word: word["left"])
    words = [word for i, word in enumerate(words) if word not in words[:i]]
    assert len(words) >= 2 and words[-1]["text"] == "v1.7.0-rc2+build"
    assert all(left["right"] < right["left"] for left, right in zip(words, words[1:])), words
    assert words[0]["left"] > 60 and words[-1]["right"] <= words[-1]["room"], words
    assert all(word["text"] in ("trim", *(one["release"] for one in agent.lives)) or word["text"].endswith("…") for word in words)


# ---- axes

def ticks(browser, chart):
    """The labels of the upright axis, from the bottom up."""
    browser.wait("return document.querySelectorAll('.chart canvas').length >= 4")
    return browser.run("return [...document.querySelectorAll('.chart')[arguments[0]].querySelectorAll('.dygraph-axis-label-y')].map((label) => label.innerText.trim())", chart)


@pytest.mark.parametrize("height", [0, 1, 2, 7])
def test_axes_of_few_things_and_bytes_say_each_number_once(agent, browse, height):
    agent.lives = [life(1, agent.now_ms - 60 * MINUTE_MS, agent.now_ms)]
    agent.points = lambda life, metric: [(agent.now_ms - k * MINUTE_MS, height) for k in range(50, 0, -1)]
    browser = browse("?program=shop&range=1h")
    for chart in (0, 1):
        labels = ticks(browser, chart)
        assert len(labels) >= 2 and len(set(labels)) == len(labels), labels
        assert all(float(label.split()[0]).is_integer() for label in labels)


def test_axes_of_what_has_parts_have_parts(agent, browse):
    agent.lives = [life(1, agent.now_ms - 60 * MINUTE_MS, agent.now_ms)]
    agent.points = lambda life, metric: [(agent.now_ms - k * MINUTE_MS, 0.0421 if metric == "collections" else 3) for k in range(50, 0, -1)]
    agent.units = {"collections": "per second"}
    browser = browse("?program=shop&range=1h&metric=collections")
    browser.wait("return document.querySelectorAll('.chart canvas').length >= 6")
    labels = ticks(browser, 2)
    assert len(labels) >= 3 and len(set(labels)) == len(labels) and "0.04" in labels, labels


# ---- moments

def cells(browser, table):
    """The texts of a table of the panel, row by row, its heads first."""
    return browser.run("return [...document.querySelectorAll('.panel .scroll table')][arguments[0]] && "
                       "[...[...document.querySelectorAll('.panel .scroll table')][arguments[0]].rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim()))", table)


def clock(ms):
    return time.strftime("%H:%M", time.localtime(ms / 1000))


def test_two_moments_are_compared_in_their_order_whichever_was_chosen_first(agent, browse):
    now = agent.now_ms
    early, late = now - 40 * MINUTE_MS, now - 10 * MINUTE_MS
    agent.lives = [life(1, now - 60 * MINUTE_MS, now)]
    agent.parts = lambda life, at_ms: {"heap live": 10 * MIB, "stacks": 4 * MIB} if at_ms < now - 20 * MINUTE_MS else {"heap live": 30 * MIB, "heap idle": MIB, "stacks": 3 * MIB}
    agent.groups = lambda life, at_ms: [group(500, "main.stays"), group(40, "main.gone")] if at_ms < now - 20 * MINUTE_MS else [group(500, "main.stays"), group(300, "main.grew")]
    seen = []
    for at, than in ((early, late), (late, early)):
        browser = browse(f"?program=shop&range=1h&at={at}&than={than}")
        browser.wait("return document.querySelectorAll('.panel .stack').length === 2")
        seen.append((cells(browser, 0), cells(browser, 1), browser.run("return document.querySelector('.panel .bar').innerText")))
    assert seen[0] == seen[1]
    memory, groups, heading = seen[0]
    assert [row[0] for row in memory[1:]] == ["heap live", "stacks", "heap idle", "resident"]
    assert [row[1:4] for row in memory[1:]] == [["10.0 MiB", "30.0 MiB", "+20.0 MiB"], ["4.0 MiB", "3.0 MiB", "−1.0 MiB"], ["0 B", "1.0 MiB", "+1.0 MiB"],
                                                ["14.0 MiB", "34.0 MiB", "+20.0 MiB"]]
    assert [[*row[:3], row[4].split()[0]] for row in groups[1:]] == [["0", "300", "+300", "main.grew"], ["40", "0", "−40", "main.gone"], ["500", "500", "±0", "main.stays"]]
    earlier, later = memory[0][1:3]
    assert earlier.endswith(clock(early)) and later.endswith(clock(late))
    assert clock(late) in heading.splitlines()[0] and heading.endswith("different since " + earlier)


def test_a_moment_of_one_of_several_processes_can_be_chosen(agent, browse):
    """Two run side by side, and two that follow each other in a third lane."""
    now = agent.now_ms
    agent.lives = [life(1, now - 60 * MINUTE_MS, now), life(2, now - 50 * MINUTE_MS, now, lane=1),
                   life(3, now - 60 * MINUTE_MS, now - 31 * MINUTE_MS, lane=2, end="exited", ended_ms=now - 31 * MINUTE_MS), life(4, now - 30 * MINUTE_MS, now, lane=2)]
    agent.parts = lambda life, at_ms: {"heap live": life * MIB}
    browser = browse(f"?program=shop&range=1h&at={now - 20 * MINUTE_MS}")
    offered = browser.wait("return document.querySelector('.panel select') && [...document.querySelectorAll('.panel select option')].map((option) => option.innerText.split(' · ')[0])")
    assert offered == ["pid 4001", "pid 4002", "pid 4004"]
    browser.run("const box = document.querySelector('.panel select'); box.value = '4'; box.dispatchEvent(new Event('change'))")
    browser.wait("return document.querySelector('.panel .scroll table').innerText.includes('4.0 MiB')")
    assert browser.run("return new URLSearchParams(location.search).get('life')") == "4"
    browser.driver.get(browser.run("return location.href") + f"&than={now - 40 * MINUTE_MS}")
    browser.wait("return document.querySelectorAll('.panel .stack').length === 2")
    assert cells(browser, 0)[1][1:4] == ["3.0 MiB", "4.0 MiB", "+1.0 MiB"], "who had its lane before it"
    assert "(pid 4003)" in browser.run("return document.querySelector('.panel .bar').innerText")
    browser.driver.get(browser.run("return location.href").replace(f"than={now - 40 * MINUTE_MS}", f"than={now - 90 * MINUTE_MS}"))
    browser.wait("return document.querySelector('.panel .stack') && document.querySelector('main').innerText.includes('nothing is known of that moment')")


@pytest.mark.parametrize("pause_s", [0, 0.35])
def test_a_double_click_shows_all_and_leaves_the_moments_as_they_were(agent, browse, pause_s):
    now = agent.now_ms
    at, than = now - 30 * MINUTE_MS, now - 10 * MINUTE_MS
    agent.lives = [life(1, now - 60 * MINUTE_MS, now)]
    browser = browse(f"?program=shop&range=1h&at={at}&than={than}")
    browser.wait("return document.querySelectorAll('.panel .stack').length === 2")
    chart = browser.driver.find_element(By.CSS_SELECTOR, ".chart")
    browser.double_click(chart, 500, 100, pause_s)
    browser.wait("return new URLSearchParams(location.search).get('range') === 'all'")
    said = "return Object.fromEntries(new URLSearchParams(location.search))"
    assert browser.run(said) == {"program": "shop", "range": "all", "at": str(at), "than": str(than)}
    browser.wait("return document.querySelectorAll('.panel .stack').length === 2")
    browser.driver.back()
    assert browser.run(said) == {"program": "shop", "range": "1h", "at": str(at), "than": str(than)}
    ActionChains(browser.driver, duration=0).move_to_element_with_offset(chart, 200, 0).click().perform()
    browser.wait("return !new URLSearchParams(location.search).has('than')")
    assert browser.run(said)["at"] != str(at), "a click alone chooses"


def test_a_finger_chooses_a_moment_and_scrolls_past_a_chart(agent, browse):
    agent.lives = [life(1, agent.now_ms - 60 * MINUTE_MS, agent.now_ms)]
    browser = browse("?program=shop&range=1h", width=390, height=500, phone=True)
    browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    browser.driver.refresh()  # the charts ask whether there are fingers when they are made
    browser.wait("return document.querySelectorAll('.chart canvas').length >= 4")

    def touch(kind, *points):
        browser.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    x, y = browser.run("const box = document.querySelector('.chart').getBoundingClientRect(); return [box.x + 200, box.y + 100]")
    touch("touchStart", (x, y))
    touch("touchEnd")
    browser.wait("return new URLSearchParams(location.search).has('at') && document.querySelector('.panel .stack')")
    touch("touchStart", (x, y))
    for step in range(1, 11):
        touch("touchMove", (x, y - 15 * step))
    touch("touchEnd")
    browser.wait("return scrollY > 100")
    assert browser.run("return new URLSearchParams(location.search).get('range')") == "1h"
