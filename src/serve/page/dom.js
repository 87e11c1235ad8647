// Elements from data: text is always text, whatever a process calls itself.

export function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element[key] = value; // a property: patch.js takes it from one element to another
    else if (key === "data") Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...flat(children));
  return element;
}

// Nodes and texts of lists of lists; what is null or false is left out.
export const flat = (children) => children.flat(Infinity).filter((child) => (child ?? false) !== false).map((child) => (child instanceof Node ? child : String(child)));

// Makes it anew; patch.js has what brings it up to date.
export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
}

export const byId = (id) => document.getElementById(id);

// A table: heads are [label, numeric, only on wide screens].
export function table(heads, rows, options = {}) {
  const head = heads.map(([label, number, wide]) =>
    make("th", { scope: "col", class: [number ? "num" : "", wide ? "wide" : ""].join(" ").trim() || null }, label));
  return make("div", { class: "scroll" },
    make("table", options, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows)));
}
