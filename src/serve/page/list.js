// All programs, the worst first.
import { fill, make, table } from "./dom.js";
import * as format from "./format.js";
import { update } from "./patch.js";
import { goTo } from "./state.js";

const words = { leaking: "leaking", climbing: "climbing", settling: "settling", "warming-up": "warming up", steady: "steady", unknown: "too early to say", ended: "ended" };

export const stateWord = (state) => make("span", { class: "state " + (state in words ? state : "unknown") }, words[state] || state);

// A line of 60 values; gaps stay gaps.
function spark(values) {
  const known = values.filter((value) => value !== null);
  const name = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(name, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 130 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  if (!known.length) return svg;
  const low = Math.min(...known, 0.9 * Math.max(...known)), high = Math.max(...known), span = high - low || 1;
  let path = "", last = null;
  values.forEach((value, i) => {
    if (value === null) return;
    const x = ((i + 0.5) * 130) / values.length, y = 27 - ((value - low) / span) * 24;
    path += (last !== null && i - last <= 6 ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1);
    last = i;
  });
  const line = document.createElementNS(name, "path");
  line.setAttribute("d", path);
  line.setAttribute("fill", "none");
  line.setAttribute("stroke", "currentColor");
  line.setAttribute("stroke-width", "1.6");
  line.setAttribute("vector-effect", "non-scaling-stroke");
  svg.append(line);
  return svg;
}

function row(program) {
  const release = program.release || "–";
  const limit = program.to_limit ? `limit in ${format.duration(program.to_limit.s)}` : null;
  return make("tr", { class: "pick", data: { key: program.program }, onclick: () => goTo(program.program) },
    make("td", { class: "full" },
      make("a", { class: "name", href: "?program=" + encodeURIComponent(program.program), onclick: (event) => { event.preventDefault(); } }, program.name),
      program.unit ? make("span", { class: "dim" }, "  " + program.unit) : null,
      program.running > 1 ? make("span", { class: "dim" }, `  × ${program.running}`) : null,
      program.why ? make("div", { class: "why" }, program.why) : null),
    make("td", {}, stateWord(program.state), limit ? make("div", { class: "why" }, limit) : null),
    make("td", { class: "mono", title: [release.length > 14 ? release : null, program.release_source].filter(Boolean).join(", ") || null, data: { label: "release" } }, format.short(release, 14)),
    make("td", { class: "dim wide" }, program.go_version || "–"),
    make("td", { class: "num", data: { label: "rss" } }, format.size(program.now.rss)),
    make("td", { class: "num", data: { label: "heap live" } }, format.size(program.now.heap_live)),
    make("td", { class: "num", data: { label: "goroutines" } }, format.count(program.now.goroutines)),
    make("td", { class: "num", data: { label: "deferred" } }, format.count(program.now.defers)),
    make("td", { class: "num wide", title: format.interval(program.slope) || null }, format.perDay(program.slope)),
    make("td", { class: "full" }, spark(program.spark.values)));
}

const heads = [["program"], ["state"], ["release"], ["Go", false, true], ["rss", true], ["heap live", true], ["goroutines", true], ["deferred", true], ["slope", true, true], ["24 h"]];

const rowsOf = (programs) => table(heads, programs.map(row), { class: "cards" });

let filter = ""; // as long as the page lives

export class ListView {
  constructor(main) {
    this.name = null; // of no program
    this.bar = make("div");
    this.running = make("div");
    this.ended = make("div");
    fill(main, this.bar, this.running, this.ended);
  }

  destroy() {}

  show(programs) {
    const wanted = programs.filter((program) => program.program.toLowerCase().includes(filter.toLowerCase()));
    const running = wanted.filter((program) => program.running), ended = wanted.filter((program) => !program.running);
    const box = make("input", { type: "search", placeholder: "filter", "aria-label": "filter programs", value: filter, oninput: (event) => { filter = event.target.value; this.show(programs); } });
    const none = filter ? "no program of that name" : programs.length ? "None of them runs now." : "No Go process has been seen yet. One is looked at when it has run for a few seconds.";
    update(this.bar, make("div", { class: "bar" }, make("h1", {}, running.length === 1 ? "1 program" : `${running.length} programs`), make("span", { class: "grow" }), box));
    update(this.running, running.length ? rowsOf(running) : make("p", { class: "dim" }, none));
    update(this.ended, ended.length
      ? make("details", { data: { key: "ended" } }, make("summary", {}, `${ended.length} that ${ended.length === 1 ? "does" : "do"} not run any more`), rowsOf(ended))
      : null);
  }
}
