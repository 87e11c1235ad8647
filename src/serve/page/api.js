// Asking the agent. Everything is read-only; an answer that does not come is told in one line.

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) query.set(key, value);
  }
  const text = query.toString();
  const response = await fetch(path + (text ? "?" + text : ""), { headers: { Accept: "application/json" } });
  const answer = await response.json().catch(() => ({ error: `status ${response.status}` }));
  if (!response.ok) throw new Error(answer.error || `status ${response.status}`);
  return answer;
}

export const machine = () => ask("/api/v1/machine");
export const programs = () => ask("/api/v1/programs");
export const program = (name) => ask("/api/v1/program", { program: name });
export const series = (name, metric, from, to, points) =>
  ask("/api/v1/series", { program: name, metric, from: Math.max(0, Math.floor(from)), to: Math.ceil(to), points });
export const moment = (life, at) => ask("/api/v1/at", { life, at: Math.round(at) });
export const inspection = (id) => ask("/api/v1/inspection", { id });
