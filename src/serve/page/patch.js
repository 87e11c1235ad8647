// Brings what is shown up to date without taking it out of the reader's hands. What stays the same stays the same element: what is open stays
// open, and what has the focus keeps it. Where text is selected, nothing is changed until it no longer is.
//
// Children are told apart by data-key, else by their place among those of the same tag. Whether a <details> is open is the reader's, and so is
// what stands in an element with data-own.
import { flat } from "./dom.js";

const handlers = ["onclick", "onchange", "oninput", "ontoggle"];
const kept = ["open", "style"]; // the second is copied as a whole: the page's policy allows no attribute of it

const waiting = new Map(); // element to the children that it gets as soon as nothing in it is selected

const isSelected = (element) => {
  const selection = getSelection();
  return selection.rangeCount > 0 && !selection.isCollapsed && selection.getRangeAt(0).intersectsNode(element);
};

export function update(element, ...children) {
  if (isSelected(element)) {
    waiting.set(element, children);
    return;
  }
  waiting.delete(element);
  const focused = document.activeElement;
  patchChildren(element, flat(children));
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true }); // it was moved
}

document.addEventListener("selectionchange", () => {
  for (const [element, children] of [...waiting]) update(element, children);
});

// The old child that each of the new ones is now; null if there is none.
function matches(old, fresh) {
  const keyed = new Map(old.filter((node) => node.dataset?.key).map((node) => [node.nodeName + node.dataset.key, node]));
  const plain = old.filter((node) => !node.dataset?.key);
  return fresh.map((node) => {
    if (node.dataset?.key) return keyed.get(node.nodeName + node.dataset.key) || null;
    const at = plain.findIndex((other) => other.nodeName === node.nodeName);
    return at < 0 ? null : plain.splice(0, at + 1)[at];
  });
}

function patchChildren(element, children) {
  const fresh = children.map((child) => (child instanceof Node ? child : document.createTextNode(child)));
  const found = matches([...element.childNodes], fresh);
  const wanted = fresh.map((node, i) => found[i] || node), stays = new Set(wanted);
  for (const node of [...element.childNodes]) {
    if (!stays.has(node)) node.remove();
  }
  let place = element.firstChild;
  wanted.forEach((node, i) => {
    if (node === place) place = place.nextSibling;
    else element.insertBefore(node, place);
    if (found[i]) patch(node, fresh[i]);
  });
}

function patch(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  patchAttributes(old, fresh);
  if (!("own" in fresh.dataset)) patchChildren(old, [...fresh.childNodes]);
  if (old.nodeName === "SELECT" && old.value !== fresh.value) old.value = fresh.value;
}

function patchAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!kept.includes(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (!kept.includes(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.style.cssText !== fresh.style.cssText) old.style.cssText = fresh.style.cssText;
  for (const handler of handlers) old[handler] = fresh[handler];
}
