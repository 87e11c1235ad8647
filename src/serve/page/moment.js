// One moment, or two beside each other: where the memory was, and what the goroutines were doing.
import { make, table } from "./dom.js";
import * as format from "./format.js";
import { moment } from "./api.js";
import { go } from "./state.js";

const colours = { "heap live": "--s1", "heap in use": "--s1", "heap garbage": "--s2", stacks: "--s3", "heap idle": "--settling", "other private": "--s4", files: "--dim" };
const colourOf = (part) => `var(${colours[part] || "--dim"})`;
const ROWS = 30;

// ---- which process

const LATE_MS = 60e3; // when it was last seen is written now and then

// The lives that can be asked about a moment; just after the end of the last one, that one.
function livesAt(lives, ms) {
  const began = lives.filter((life) => life.first_seen_ms <= ms);
  const alive = began.filter((life) => ms <= life.last_seen_ms + (life.end === "runs" ? LATE_MS : 0));
  return alive.length ? alive : began.filter((life) => ms <= life.last_seen_ms + LATE_MS).slice(-1);
}

// The one that is wanted if it was alive, else who had its lane then.
function lifeAt(lives, ms, wanted) {
  const alive = livesAt(lives, ms), lane = lives.find((life) => life.id === wanted)?.lane;
  return alive.find((life) => life.id === wanted) || alive.find((life) => life.lane === lane) || alive[0] || null;
}

function choice(alive, life, ms) {
  if (alive.length < 2) return ` pid ${life.pid}`;
  const releases = new Set(alive.map((one) => one.release)).size > 1;
  const nameOf = (one) => [`pid ${one.pid}`, releases ? one.release : null, `since ${format.beside(one.started_ms, ms)}`].filter(Boolean).join(" · ");
  return make("select", { "aria-label": "process", onchange: (event) => go({ life: +event.target.value }, { replace: true }) },
    alive.map((one) => make("option", { value: one.id, selected: one.id === life.id }, nameOf(one))));
}

// ---- memory

const swatch = (colour) => {
  const mark = make("i", { class: "swatch" });
  mark.style.background = colour;
  return mark;
};

// A moment in the colour of its line in the charts.
const headOf = (side) => make("span", {}, swatch(`var(${side.colour})`), side.name);

const totalOf = (answer) => answer.memory.reduce((sum, part) => sum + part.bytes, 0);

function bar(side, most) {
  return make("div", { class: "stack", role: "img", "aria-label": `memory by use, ${side.name}` }, side.answer.memory.map((part) => {
    const piece = make("div", { title: `${part.part} ${format.size(part.bytes)}` });
    piece.style.width = (100 * part.bytes) / most + "%";
    piece.style.background = colourOf(part.part);
    return piece;
  }));
}

// All parts of one or two answers: [name, bytes now, bytes before].
function partsOf(now, before) {
  const bytes = (answer) => new Map((answer?.memory || []).map((part) => [part.part, part.bytes]));
  const after = bytes(now), first = bytes(before);
  return Object.keys(colours).filter((part) => after.has(part) || first.has(part)).map((part) => [part, after.get(part) || 0, first.get(part) || 0]);
}

function memory(now, before) {
  const total = totalOf(now.answer), most = Math.max(total, before ? totalOf(before.answer) : 0) || 1;
  const line = (mark, part, size, was, share) => make("tr", {}, make("td", {}, mark, part),
    before ? make("td", { class: "num" }, format.size(was)) : null, make("td", { class: "num" }, format.size(size)),
    before ? make("td", { class: "num" }, format.change(size - was, format.size)) : null, make("td", { class: before ? "num dim wide" : "num dim" }, share));
  const rows = partsOf(now.answer, before?.answer).map(([part, size, was]) =>
    line(swatch(colourOf(part)), part, size, was, Math.round((100 * size) / (total || 1)) + " %"));
  const all = before ? line(null, "resident", total, totalOf(before.answer), null) : null;
  const heads = before ? [["memory"], [headOf(before), true], [headOf(now), true], ["change", true], ["of rss", true, true]] : [["memory"], ["", true], ["of rss", true]];
  return [before ? bar(before, most) : null, bar(now, most), table(heads, [rows, all])];
}

// ---- goroutines and deferred calls

const key = (group) => [group.kind, group.wait_reason, format.place(group.at), format.place(group.started_at)].join("|");

// The groups of one or two answers as { group, count, was }; of two, what changed most comes first.
function groupsOf(now, before) {
  const all = new Map();
  const add = (answer, field) => (answer?.groups || []).forEach((group) => {
    const known = all.get(key(group)) || { group, count: 0, was: 0 };
    known[field] += group.count;
    all.set(key(group), known);
  });
  add(now, "count");
  add(before, "was");
  const moved = (one) => (before ? Math.abs(one.count - one.was) : 0);
  return [...all.values()].sort((a, b) => moved(b) - moved(a) || b.count - a.count);
}

function groups(now, before) {
  const all = groupsOf(now.answer, before?.answer);
  if (!all.length) return make("p", { class: "dim" }, "No group of goroutines was large enough to be named.");
  const rows = all.slice(0, ROWS).map(({ group, count, was }) => make("tr", {},
    before ? make("td", { class: "num" }, format.count(was)) : null,
    make("td", { class: "num" }, format.count(count)),
    before ? make("td", { class: "num" }, format.change(count - was, format.count)) : null,
    make("td", {}, group.kind === "defers" ? "deferred calls" : group.wait_reason || "goroutines"),
    make("td", { class: "mono" }, format.place(group.at), group.started_at ? make("div", { class: "dim" }, "started at " + format.place(group.started_at)) : null)));
  const heads = before ? [[headOf(before), true], [headOf(now), true], ["change", true]] : [["count", true]];
  return [table([...heads, ["waits for"], ["at"]], rows), all.length > ROWS ? make("p", { class: "dim" }, `and ${all.length - ROWS} more`) : null];
}

// ---- the panel

async function ask(life, ms) {
  try {
    return { ms, life, answer: await moment(life.id, ms) };
  } catch (error) {
    return { ms, life, problem: error.message };
  }
}

// [ms, colour] of the moments that are chosen, the earlier one first, whichever was chosen first.
export function momentsOf(state) {
  const times = [state.at, state.than].filter(Boolean).sort((a, b) => a - b);
  return times.map((ms, i) => [ms, i + 1 === times.length ? "--accent" : "--climbing"]);
}

// What is known of these moments, of one process.
async function sidesOf(lives, state) {
  const moments = momentsOf(state), last = lifeAt(lives, moments[moments.length - 1][0], state.life);
  const sides = await Promise.all(moments.map(async ([ms, colour]) => {
    const life = lifeAt(lives, ms, last?.id ?? state.life);
    return { colour, ...(life ? await ask(life, ms) : { ms, problem: "nothing is known of that moment" }) };
  }));
  const known = sides.filter((side) => side.answer);
  known.forEach((side, i) => { side.name = format.beside(side.ms, known[known.length - 1 - i].ms); });
  return { known, unknown: sides.filter((side) => !side.answer) };
}

// `state`: the moment `at`, `than` that it is compared with, and the `life` that is wanted.
export async function panel(lives, state) {
  const { known, unknown } = await sidesOf(lives, state);
  const problems = unknown.map((side) => make("p", { class: "dim" }, `${format.time(side.ms)}: ${side.problem}.`));
  if (!known.length) return problems;
  const now = known[known.length - 1], before = known.length > 1 ? known[0] : null;
  const other = before && before.life.id !== now.life.id ? ` (pid ${before.life.pid})` : "";
  const hint = state.than ? "" : "shift-click chooses a moment to compare with";
  return make("div", { class: "panel" },
    make("div", { class: "bar" }, make("strong", {}, format.time(now.ms)), choice(livesAt(lives, now.ms), now.life, now.ms),
      make("span", { class: "dim" }, before ? `and what is different since ${before.name}${other}` : hint)),
    problems, memory(now, before), groups(now, before));
}
