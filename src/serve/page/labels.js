// Where the names of markers stand, so that none is cut off or runs into another one. The newest matter most: they get their room first, and those
// before them what is left, shortened if need be.
const PAST_LINE = 4, BETWEEN = 6; // pixels

// The longest beginning that fits, with at least five of its letters; null if there is none.
function shorten(text, room, measure) {
  if (measure(text) <= room) return text;
  for (let length = text.length - 1; length >= 5; length--) {
    if (measure(text.slice(0, length) + "…") <= room) return text.slice(0, length) + "…";
  }
  return null;
}

// How much is free to the right of x, as far as the next of the `ends`.
function roomAt(x, taken, ends) {
  if (taken.some(([from, to]) => from - BETWEEN < x && x < to + BETWEEN)) return 0;
  return Math.min(...[...ends, ...taken.map(([from]) => from - BETWEEN)].filter((end) => end >= x)) - x;
}

// Right of its line, as far as the next release; the newest one on the side that has room for all of it.
function spotOf(marker, taken, left, ends, measure) {
  const x = marker.x + PAST_LINE, room = roomAt(x, taken, ends), before = marker.x - PAST_LINE - left;
  if (!taken.length && measure(marker.label) > room && before > room) {
    const text = shorten(marker.label, before, measure);
    return text && { text, x: marker.x - PAST_LINE - measure(text) };
  }
  const text = room > 0 ? shorten(marker.label, room, measure) : null;
  return text && { text, x };
}

// `markers`: { x, label, strong } from left to right. Returns { text, x } of those that have room; a name that is said already is not said again.
export function placeLabels(markers, [left, right], measure) {
  const strong = markers.filter((marker) => marker.strong && marker.label);
  const news = strong.filter((marker, i) => marker.label !== strong[i - 1]?.label);
  const weak = markers.filter((marker) => !marker.strong && marker.label);
  const spots = [], taken = [], ends = [right, ...strong.map((marker) => marker.x - PAST_LINE)];
  for (const marker of [...news.reverse(), ...weak.reverse()]) {
    const spot = spotOf(marker, taken, left, ends, measure);
    if (!spot) continue;
    spots.push(spot);
    taken.push([spot.x, spot.x + measure(spot.text)]);
  }
  return spots;
}
