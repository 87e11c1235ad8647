// What was called, with its lines of code.
import { make } from "./dom.js";
import * as format from "./format.js";
import { inspection } from "./api.js";
import { stateWord } from "./list.js";

const item = (label, ...what) => [make("dt", {}, label), make("dd", {}, ...what)];

// "blocked-goroutines main.(*Agent).publish metrics.go:56": the place behind the rule.
const placeOf = (call) => (call.cause && call.cause.includes(" ") ? call.cause.slice(call.cause.indexOf(" ") + 1) : null);

function findings(box, answer) {
  const list = answer.document?.findings || [];
  box.append(...(list.length ? list.map((finding) =>
    make("div", { class: "panel" }, make("strong", {}, `${finding.grade}: ${finding.title}`),
      make("dl", {}, item("at", make("span", { class: "mono" }, format.place(finding.at))),
        finding.started_at ? item("started at", make("span", { class: "mono" }, format.place(finding.started_at))) : null,
        item("because", (finding.because || []).map((line) => make("div", {}, line))),
        item("holds", "at least " + format.size(finding.held_bytes)), finding.fix ? item("fix", finding.fix) : null)))
    : [make("p", { class: "dim" }, answer.problem || "This look found no leak.")]));
}

function look(call) {
  if (!call.inspection) return null;
  const show = async ({ currentTarget: details }) => {
    const box = details.lastChild;
    if (!details.open || box.childElementCount) return;
    try {
      findings(box, await inspection(call.inspection));
    } catch (error) {
      box.append(make("p", { class: "dim" }, error.message));
    }
  };
  return make("details", { data: { key: "inspection " + call.inspection }, ontoggle: show },
    make("summary", {}, "the inspection that it rests on"), make("div", { class: "call", data: { own: "" } }));
}

export function card(call, now) {
  const place = placeOf(call), over = call.resolved_ms !== null;
  return make("section", { class: `panel call ${over ? "over" : call.state}`, data: { key: call.id } },
    make("h3", {}, stateWord(call.state), make("span", {}, call.title)),
    make("dl", {},
      place ? item("where", make("span", { class: "mono" }, place)) : null,
      item("since", make("span", { title: format.iso(call.since_ms) }, `${format.time(call.since_ms)}, ${format.ago(call.since_ms, now)}`),
        make("span", { class: "dim" }, `; called ${format.duration((call.opened_ms - call.since_ms) / 1000)} later`)),
      over ? item("over", make("span", { title: format.iso(call.resolved_ms) }, format.time(call.resolved_ms))) : null,
      call.count_per_s !== null ? item("pace", `${format.count(call.count_per_s * 3600)} an hour`) : null,
      call.slope ? item("grows", `${format.perDay(call.slope)}`, make("span", { class: "dim" }, "  " + format.interval(call.slope))) : null,
      call.share !== null ? item("share", `${Math.round(call.share * 100)} % of the climb`) : null,
      item("because", call.because.map((line) => make("div", {}, line))),
      call.fix ? item("fix", call.fix) : null),
    look(call));
}

export function calls(all, now) {
  const open = all.filter((call) => call.resolved_ms === null).reverse(), over = all.filter((call) => call.resolved_ms !== null).reverse();
  return [open.map((call) => card(call, now)),
    over.length ? make("details", { data: { key: "over" } }, make("summary", {}, `${over.length} that ${over.length === 1 ? "is" : "are"} over`), over.map((call) => card(call, now))) : null];
}
