// One moment, or two beside each other: where the memory was, and what the goroutines were doing.
import { make, table } from "./dom.js";
import * as format from "./format.js";
import { moment } from "./api.js";

const colours = { "heap live": "--s1", "heap in use": "--s1", "heap garbage": "--s2", stacks: "--s3", "heap idle": "--settling", "other private": "--s4", files: "--dim" };

function memory(answer) {
  const total = answer.memory.reduce((sum, part) => sum + part.bytes, 0) || 1;
  const colour = (part) => `var(${colours[part.part] || "--dim"})`;
  const bar = make("div", { class: "stack", role: "img", "aria-label": "memory by use" }, answer.memory.map((part) => {
    const piece = make("div", { title: `${part.part} ${format.size(part.bytes)}` });
    piece.style.width = (100 * part.bytes) / total + "%";
    piece.style.background = colour(part);
    return piece;
  }));
  const rows = answer.memory.map((part) => {
    const mark = make("i", { class: "swatch" });
    mark.style.background = colour(part);
    return make("tr", {}, make("td", {}, mark, part.part), make("td", { class: "num" }, format.size(part.bytes)),
      make("td", { class: "num dim" }, Math.round((100 * part.bytes) / total) + " %"));
  });
  return [bar, table([["memory"], ["", true], ["of rss", true]], rows)];
}

const key = (group) => [group.kind, group.wait_reason, format.place(group.at), format.place(group.started_at)].join("|");

function groups(answer, other) {
  const before = new Map((other?.groups || []).map((group) => [key(group), group.count]));
  const rows = answer.groups.slice(0, 30).map((group) => {
    const grew = other ? group.count - (before.get(key(group)) || 0) : 0;
    return make("tr", {},
      make("td", { class: "num" }, format.count(group.count)),
      other ? make("td", { class: "num" }, (grew > 0 ? "+" : "") + format.count(grew)) : null,
      make("td", {}, group.kind === "defers" ? "deferred calls" : group.wait_reason || "goroutines"),
      make("td", { class: "mono" }, format.place(group.at),
        group.started_at ? make("div", { class: "dim" }, "started at " + format.place(group.started_at)) : null));
  });
  if (!rows.length) return make("p", { class: "dim" }, "No group of goroutines was large enough to be named.");
  return table([["count", true], ...(other ? [["grew", true]] : []), ["waits for"], ["at"]], rows);
}

export async function panel(lives, at, than) {
  const alive = (ms) => lives.find((life) => life.first_seen_ms <= ms && ms <= life.last_seen_ms + 60e3);
  const life = alive(at), earlier = than ? alive(than) : null;
  if (!life) return make("p", { class: "dim" }, "Nothing is known of that moment.");
  try {
    const now = await moment(life.id, at), before = earlier ? await moment(earlier.id, than) : null;
    return make("div", { class: "panel" },
      make("strong", {}, format.time(at)), make("span", { class: "dim" }, `  pid ${life.pid}` + (before ? `, and what grew since ${format.time(than)}` : "; shift-click chooses a moment to compare with")),
      memory(now), groups(now, before));
  } catch (error) {
    return make("p", { class: "dim" }, error.message);
  }
}
