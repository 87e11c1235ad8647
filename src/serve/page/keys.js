// Keys, and the list of them behind "?".
import { byId, fill, make } from "./dom.js";
import { go, goTo, presets, read, span } from "./state.js";

const help = [["j k", "the next, the previous program"], ["Enter", "open it"], ["Esc", "back to all programs"], ["1 … 7", "1 h, 6 h, 24 h, 7 d, 30 d, 1 y, all"],
  ["+ −", "zoom in, out"], ["← →", "earlier, later"], ["click", "memory and goroutines at that moment"], ["shift-click", "compare with another moment"], ["drag", "zoom; double click: all"], ["/", "filter"], ["?", "this"]];

export function showKeys() {
  const dialog = byId("keys");
  fill(dialog, make("h2", {}, "Keys"), make("table", {}, make("tbody", {}, help.map(([key, what]) => make("tr", {}, make("td", {}, key.split(" ").map((part) => make("kbd", {}, part))), make("td", {}, what))))),
    make("form", { method: "dialog" }, make("button", {}, "close")));
  dialog.showModal();
}

function move(step) {
  const rows = [...document.querySelectorAll("tr.pick")].filter((row) => row.offsetParent);
  const here = rows.indexOf(document.activeElement.closest("tr.pick"));
  rows[Math.max(0, Math.min(rows.length - 1, here + step))]?.querySelector("a").focus();
}

// Zooms by a factor or moves by a share of what is shown.
function shift(view, factor, share) {
  const state = read(), now = view.now(), [from, to] = span(state, view.first(), now);
  const length = (to - from) * factor, middle = (from + to) / 2 + (to - from) * share;
  go({ from: Math.max(0, middle - length / 2), to: middle + length / 2, range: null }, { replace: true });
}

export function listen(view) {
  byId("help").addEventListener("click", showKeys);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const program = read().program, preset = Object.keys(presets)[+event.key - 1];
    const acts = {
      "?": showKeys, j: () => move(1), k: () => move(-1), ArrowDown: () => !program && move(1), ArrowUp: () => !program && move(-1),
      Escape: () => program && goTo(null),
      "+": () => program && shift(view, 0.5, 0), "=": () => program && shift(view, 0.5, 0), "-": () => program && shift(view, 2, 0),
      ArrowLeft: () => program && shift(view, 1, -0.25), ArrowRight: () => program && shift(view, 1, 0.25),
      "/": () => { document.querySelector("input[type=search]")?.focus(); event.preventDefault(); },
    };
    if (program && preset) go({ range: preset, from: null, to: null });
    else acts[event.key]?.();
  });
}
