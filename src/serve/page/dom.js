// Elements from data: text is always text, whatever a process calls itself.

export function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child instanceof Node || (child ?? false) !== false));
}

export const byId = (id) => document.getElementById(id);

// A table: heads are [label, numeric, only on wide screens].
export function table(heads, rows, options = {}) {
  const head = heads.map(([label, number, wide]) =>
    make("th", { scope: "col", class: [number ? "num" : "", wide ? "wide" : ""].join(" ").trim() || null }, label));
  return make("div", { class: "scroll" },
    make("table", options, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows)));
}
