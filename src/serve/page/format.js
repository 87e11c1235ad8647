// Numbers and times for people.

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

export function size(bytes) {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return "–";
  let value = Math.abs(bytes), unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit++; }
  const digits = unit === 0 || value >= 1000 ? 0 : 1;
  return (bytes < 0 ? "−" : "") + value.toFixed(digits) + " " + units[unit];
}

export function count(number) {
  return number === null || number === undefined ? "–" : Math.round(number).toLocaleString("en-US");
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const steps = [[86400 * 365, "y"], [86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  for (let i = 0; i < steps.length; i++) {
    const [length, name] = steps[i];
    if (seconds >= length || i === steps.length - 1) {
      const whole = Math.floor(seconds / length);
      const rest = i + 1 < steps.length ? Math.floor((seconds - whole * length) / steps[i + 1][0]) : 0;
      return `${whole} ${name}` + (rest && whole < 10 ? ` ${rest} ${steps[i + 1][1]}` : "");
    }
  }
  return "–";
}

const pad = (number) => String(number).padStart(2, "0");

export function time(ms) {
  if (!ms) return "–";
  const date = new Date(ms);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

// As short as it may be beside another time: without the day if that is the same, with seconds if only these differ.
export function beside(ms, other) {
  const [day, clock] = time(ms).split(" "), exact = ms !== other && time(ms) === time(other);
  return (time(other).startsWith(day) ? clock : `${day} ${clock}`) + (exact ? ":" + pad(new Date(ms).getSeconds()) : "");
}

// A difference, as `show` shows what it is of.
export const change = (value, show) => (value ? (value > 0 ? "+" : "−") + show(Math.abs(value)) : "±0");

export const iso = (ms) => (ms ? new Date(ms).toISOString() : null);
export const ago = (ms, now) => duration(Math.max(0, (now - ms) / 1000)) + " ago";

// A slope in bytes a second, by the day, with its interval.
export function perDay(slope) {
  if (!slope) return "–";
  const day = (value) => (value >= 0 ? "+" : "") + size(value * 86400);
  return `${day(slope.per_s)}/d`;
}

export function interval(slope) {
  if (!slope || slope.low === null || slope.high === null) return "";
  return `${size(slope.low * 86400)} … ${size(slope.high * 86400)}`;
}

export function metric(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "bytes") return size(value);
  if (unit === "per second") return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
  return unit === "cores" ? value.toFixed(3) : count(value);
}

export const short = (name, most) => (name && name.length > most ? name.slice(0, most - 1) + "…" : name);

// A path with its middle left out, if it is long: where it begins and what it ends in say the most.
export function path(name) {
  return name && name.length > 80 ? `${name.slice(0, 30)}…${name.slice(-49)}` : name;
}

export function place(spot) {
  if (!spot || !spot.function) return "–";
  const file = spot.file ? spot.file.split("/").slice(-2).join("/") : "";
  return spot.function + (file ? `   ${file}${spot.line ? ":" + spot.line : ""}` : "");
}
