// The page: what the address says is shown, and it is kept up to date while somebody looks.
import { byId, fill, make } from "./dom.js";
import * as format from "./format.js";
import * as api from "./api.js";
import { ListView } from "./list.js";
import { update as refill } from "./patch.js";
import { ProgramView } from "./program.js";
import { listen } from "./keys.js";
import { goTo, onChange, read } from "./state.js";

const main = byId("main");
let facts = null, view = null, failures = 0, lost = null, problem = null, timer = null, skew = 0;

const now = () => Date.now() + skew;

function notes() {
  const agent = facts?.agent, lines = [];
  if (lost) lines.push(["bad", `seep watch does not answer since ${format.time(lost)}; it is asked again.`]);
  if (agent && !agent.running && !lost) lines.push(["bad", `The agent is silent since ${format.time(agent.sampled_ms)}: what is shown is old.`]);
  if (problem) lines.push(["bad", problem]);
  for (const trouble of agent?.problems || []) lines.push(["bad", trouble]);
  for (const unseen of agent?.unseen || []) lines.push(["", "Not seen: " + unseen]);
  refill(byId("notes"), lines.map(([kind, text]) => make("p", { class: "note " + kind }, text)));
  byId("host").textContent = facts?.host || "";
  document.title = (read().program || "seep") + (facts?.host ? ` · ${facts.host}` : "");
}

function showList(programs) {
  if (!(view instanceof ListView)) {
    view?.destroy();
    view = new ListView(main);
  }
  view.show(programs);
}

// What is shown of it stays there; if there is nothing yet, the problem takes its place.
function showProblem(message) {
  if (view && view.name === read().program) {
    problem = message;
    return;
  }
  view?.destroy();
  view = null;
  fill(main, make("p", { class: "note bad" }, message), make("p", {}, make("a", { href: "/" }, "all programs")));
}

async function showProgram(state) {
  const answer = await api.program(state.program);
  if (read().program !== state.program) return;
  if (!view || view.name !== state.program) {
    view?.destroy();
    view = new ProgramView(main, facts);
    view.name = state.program;
  }
  view.setProgram(answer, state, now());
  await view.refresh(state, now());
}

async function update() {
  clearTimeout(timer);
  try {
    const state = read();
    facts = await api.machine();
    skew = facts.now_ms - Date.now();
    if (state.program) {
      await showProgram(state);
    } else {
      const answer = await api.programs();
      if (!read().program) showList(answer.programs);
    }
    failures = 0;
    lost = problem = null;
    byId("pulse").textContent = "up to date " + new Date().toLocaleTimeString();
  } catch (error) {
    failures++;
    if (error instanceof TypeError) lost ??= Date.now(); // no answer at all
    else showProblem(error.message);
    byId("pulse").textContent = "";
  }
  notes();
  const pause = (facts?.interval_ms || 10000) * Math.min(8, 2 ** Math.max(0, failures - 1));
  clearTimeout(timer); // of another update that was begun meanwhile
  if (!document.hidden) timer = setTimeout(update, pause);
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : update()));
document.querySelector("[data-home]").addEventListener("click", (event) => {
  event.preventDefault();
  goTo(null);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { view?.destroy(); view = null; update(); });
onChange(update);
listen({ now, first: () => view?.first || now() - 3600e3 });
update();
