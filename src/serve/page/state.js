// What is looked at stands in the address, so that it can be shared and Back works:
//   ?program=KEY&range=24h   or &from=MS&to=MS   &metric=NAME &at=MS &than=MS &life=ID

export const presets = { "1h": 3600e3, "6h": 6 * 3600e3, "24h": 86400e3, "7d": 7 * 86400e3, "30d": 30 * 86400e3, "1y": 365 * 86400e3, all: Infinity };

export function read() {
  const query = new URLSearchParams(location.search);
  const number = (key) => (query.has(key) && Number.isFinite(+query.get(key)) ? +query.get(key) : null);
  const range = query.get("range");
  return { program: query.get("program"), range: range in presets ? range : null, from: number("from"), to: number("to"),
    metric: query.get("metric"), at: number("at"), than: number("than"), life: number("life") };
}

let changed = () => {};
export const onChange = (listener) => { changed = listener; window.addEventListener("popstate", () => listener(read())); };

// Writes some of it into the address, and tells nobody.
export function keep(change, { replace = true } = {}) {
  const next = { ...read(), ...change };
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(next)) {
    if (value !== null && value !== undefined) query.set(key, typeof value === "number" ? Math.round(value) : value);
  }
  const text = query.toString();
  history[replace ? "replaceState" : "pushState"](null, "", text ? "?" + text : "/");
}

// Changes some of it; a step of Back for what is a step for people.
export function go(change, how = { replace: false }) {
  keep(change, how);
  changed(read());
}

// Another program, or all of them, as if nothing had been chosen.
export const goTo = (program) => go({ ...Object.fromEntries(Object.keys(read()).map((key) => [key, null])), program });

// The span that is shown: [from, to] in ms. `first`: the oldest that is known.
export function span(state, first, now) {
  if (state.from !== null && state.to !== null && state.to > state.from) return [state.from, state.to];
  const length = presets[state.range || "24h"];
  const from = length === Infinity ? first : now - length;
  return [Math.max(from, Math.min(first, now - 60e3)), now];
}
