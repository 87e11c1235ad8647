// One program: charts, calls, releases, lives, and the moment that was chosen.
import { make, fill, table } from "./dom.js";
import * as format from "./format.js";
import { series } from "./api.js";
import { Chart, colours } from "./chart.js";
import { calls } from "./calls.js";
import { momentsOf, panel } from "./moment.js";
import { stateWord } from "./list.js";
import { update } from "./patch.js";
import { go, keep, presets, read, span } from "./state.js";

const memoryMetrics = ["rss", "heap_live", "kept"], countMetrics = ["goroutines", "defers"];
const words = { rss: "resident", rss_anon: "resident, its own", heap_live: "heap live", kept: "heap live and stacks", goroutines: "goroutines", defers: "pending deferred calls" };
const begins = { first: "first seen", restart: "restart", release: "release", rollback: "rollback" };
const ends = { runs: "runs", exited: "ended", "out-of-memory": "killed for want of memory", exec: "became another program", lost: "ended while nobody watched" };

const nameOf = (label) => words[label.split(" ")[0]] || label.split(" ")[0];

// Only a release or a rollback is something new; one more process of the same, or the same again, is not. The oldest life names what it began with.
function markerOf(life, oldest) {
  const strong = life.kind === "release" || life.kind === "rollback";
  return { at: life.started_ms, label: strong || life === oldest ? format.short(life.release, 24) || begins[life.kind] : "", strong };
}

// What is drawn under the data of the memory chart, or of the others.
function sceneOf(program, state, now, memory) {
  const scene = { warm: [], climbs: [], markers: [], moments: [], limit: null, labels: memory };
  for (const life of program.lives) {
    const standing = life.standing;
    scene.markers.push(markerOf(life, program.lives[0]));
    if (standing?.warm_up_ends_ms) scene.warm.push([life.started_ms, Math.min(standing.warm_up_ends_ms, life.last_seen_ms)]);
    if (memory && standing?.line) scene.climbs.push({ ...standing.line, low: standing.slope?.low ?? null, high: standing.slope?.high ?? null });
    if (memory && !life.ended_ms && standing?.limit) scene.limit = standing.limit;
  }
  for (const marker of program.markers) {
    if (marker.kind !== "agent-start") scene.markers.push({ at: marker.at_ms, label: { trim: "trim", "out-of-memory": "OOM kill", "agent-gap": "not watched", "clock-step": "clock set" }[marker.kind] || "", strong: marker.kind === "out-of-memory" });
  }
  scene.markers.sort((a, b) => a.at - b.at);
  scene.moments = momentsOf(state);
  return scene;
}

function slopeBar(release, most) {
  if (!release.slope || !most) return null;
  const at = (value) => Math.max(0, Math.min(100, (100 * value) / most));
  const bar = make("div", { class: "slope", role: "img", "aria-label": format.interval(release.slope) }), range = make("i"), line = make("b");
  range.style.left = at(release.slope.low ?? release.slope.per_s) + "%";
  range.style.right = 100 - at(release.slope.high ?? release.slope.per_s) + "%";
  line.style.left = at(release.slope.per_s) + "%";
  bar.append(range, line);
  return bar;
}

function releases(program) {
  const most = Math.max(0, ...program.releases.map((release) => release.slope?.high ?? release.slope?.per_s ?? 0));
  const rows = [...program.releases].reverse().map((release) => make("tr", {},
    make("td", { class: "mono", title: release.release }, format.short(release.release, 40) || "–"), make("td", {}, stateWord(release.state)),
    make("td", { class: "num" }, format.perDay(release.slope)), make("td", { class: "wide" }, slopeBar(release, most)),
    make("td", { class: "num dim wide" }, format.interval(release.slope)), make("td", { class: "num" }, format.size(release.peak_rss)),
    make("td", { class: "num" }, format.duration(release.hours * 3600)), make("td", { class: "num" }, format.count(release.lives)),
    make("td", { class: "dim wide", title: format.iso(release.first_ms) }, format.time(release.first_ms))));
  return table([["release"], ["state"], ["slope", true], ["", false, true], ["95 % a day", true, true], ["peak rss", true], ["watched", true], ["lives", true], ["since", false, true]], rows);
}

function lives(program, now) {
  const rows = [...program.lives].reverse().slice(0, 200).map((life) => make("tr", {},
    make("td", { title: format.iso(life.started_ms) }, format.time(life.started_ms)), make("td", {}, begins[life.kind] || life.kind),
    make("td", { class: "mono", title: life.release }, format.short(life.release, 20) || "–"), make("td", { class: "num" }, life.pid),
    make("td", { class: "num" }, format.duration(((life.ended_ms || now) - life.started_ms) / 1000)), make("td", {}, ends[life.end] || life.end),
    make("td", { class: "wide" }, life.standing ? stateWord(life.standing.state) : null), make("td", { class: "dim wide" }, life.blind ? "not seen: " + life.blind : "")));
  return table([["started"], ["as"], ["release"], ["pid", true], ["for", true], ["then"], ["state", false, true], ["", false, true]], rows);
}

export class ProgramView {
  constructor(main, facts) {
    this.main = main;
    this.facts = facts; // the machine's answer
    this.generation = 0;
    this.top = make("div");
    this.buttons = make("div", { class: "bar", role: "group", "aria-label": "span" });
    this.memory = make("div", { class: "chart" });
    this.counts = make("div", { class: "chart low" });
    this.extra = make("div", { class: "chart low" });
    this.chosen = make("div", { "aria-live": "polite" });
    this.calls = make("div");
    this.releases = make("div");
    this.lives = make("div");
    const on = { zoom: (from, to) => go({ from, to, range: null }), zoomOut: () => this.zoomOut(), pick: (ms, shift, click) => this.pick(ms, shift, click), names: nameOf, interval: facts.interval_ms };
    this.charts = [new Chart(this.memory, { ...on, bytes: true }), new Chart(this.counts, on), new Chart(this.extra, { ...on })];
    const legend = (metrics) => make("div", { class: "legend" }, metrics.map((metric, i) => {
      const mark = make("i");
      mark.style.color = `var(${colours[i]})`;
      return make("span", {}, mark, words[metric]);
    }));
    fill(main, this.top, this.buttons, make("div", { class: "panel" }, legend(memoryMetrics), this.memory, legend(countMetrics), this.counts, this.extra), this.chosen, this.calls,
      make("h2", {}, "Releases side by side"), this.releases, make("h2", {}, "Lives"), this.lives);
  }

  destroy() {
    this.charts.forEach((chart) => chart.destroy());
    this.generation++;
  }

  // `click`: the first of several, or one that belongs to those before it.
  pick(ms, shift, click) {
    if (click > 1) return;
    const { at, than } = read();
    this.before = { at, than };
    go(shift && at ? { than: ms } : { at: ms, than: null }, { replace: true });
  }

  // A double click began with a click: what that chose is taken back.
  zoomOut() {
    keep(this.before);
    go({ from: null, to: null, range: "all" });
  }

  setProgram(program, state, now) {
    this.program = program;
    this.first = Math.min(...program.lives.map((life) => life.first_seen_ms));
    const newest = program.lives.filter((life) => life.end === "runs").pop() ?? program.lives[program.lives.length - 1];
    update(this.top,
      make("div", { class: "bar" }, make("h1", {}, program.name), program.unit ? make("span", { class: "dim" }, program.unit) : null, stateWord(program.state)),
      make("div", { class: "dim facts", title: newest.exe }, [newest.go_version, newest.release && `release ${format.short(newest.release, 60)}`, newest.stripped ? "stripped" : null, format.path(newest.exe)].filter(Boolean).join(" · "),
        program.why ? make("div", {}, program.why) : null, newest.blind ? make("div", {}, "not seen: " + newest.blind) : null));
    this.drawButtons(state, now);
    update(this.calls, calls(program.calls, now));
    update(this.releases, releases(program));
    update(this.lives, lives(program, now));
  }

  drawButtons(state, now) {
    const [from, to] = span(state, this.first, now);
    const link = (kind) => make("a", { href: `/export?${new URLSearchParams({ program: this.program.program, from: Math.floor(from), to: Math.ceil(to), format: kind, points: 0 })}` }, kind.toUpperCase());
    const others = this.facts.metrics.filter((metric) => ![...memoryMetrics, ...countMetrics].includes(metric.name));
    const menu = make("select", { id: "metric", "aria-label": "one more chart", onchange: (event) => go({ metric: event.target.value || null }, { replace: true }) },
      make("option", { value: "" }, "one more chart…"), others.map((metric) => make("option", { value: metric.name, selected: state.metric === metric.name }, metric.what)));
    update(this.buttons, Object.keys(presets).map((name) => make("button", { type: "button", "aria-pressed": String(state.from === null && (state.range || "24h") === name),
      onclick: () => go({ range: name, from: null, to: null }) }, name)), menu, make("span", { class: "grow" }), make("span", { class: "export" }, make("span", { class: "dim" }, "export"), " ", link("csv"), " ", link("json")));
  }

  // Asks for what is shown and draws it; an answer that is overtaken by another question is dropped.
  async refresh(state, now) {
    const generation = ++this.generation, shown = span(state, this.first, now);
    const metrics = [...memoryMetrics, ...countMetrics, ...(state.metric ? [state.metric] : [])];
    const points = Math.max(120, Math.min(1500, this.memory.clientWidth || 800));
    const room = shown[1] - shown[0]; // a little to both sides, so that lines go to the edge
    const answers = Object.fromEntries(await Promise.all(metrics.map(async (metric) =>
      [metric, await series(this.program.program, metric, shown[0] - room * 0.02, shown[1] + room * 0.02, points)])));
    if (generation !== this.generation) return;
    const unit = (metric) => answers[metric].unit;
    this.charts[0].draw(answers, memoryMetrics, shown, sceneOf(this.program, state, now, true), (value) => format.size(value));
    this.charts[1].draw(answers, countMetrics, shown, sceneOf(this.program, state, now, false), (value) => format.count(value));
    this.extra.hidden = !state.metric;
    if (state.metric) {
      if (this.extraMetric !== state.metric) this.charts[2].destroy();
      this.extraMetric = state.metric;
      this.charts[2].options.bytes = unit(state.metric) === "bytes";
      this.charts[2].options.parts = ["cores", "per second"].includes(unit(state.metric));
      this.charts[2].options.names = () => this.facts.metrics.find((metric) => metric.name === state.metric)?.what || state.metric;
      this.charts[2].draw(answers, [state.metric], shown, sceneOf(this.program, state, now, false), (value) => format.metric(value, unit(state.metric)));
    }
    await this.choose(state);
  }

  async choose(state) {
    const wanted = `${state.at} ${state.than} ${state.life}`;
    if (this.wanted === wanted) return;
    this.wanted = wanted;
    const content = state.at ? await panel(this.program.lives, state) : null;
    if (this.wanted === wanted) update(this.chosen, content);
  }
}
