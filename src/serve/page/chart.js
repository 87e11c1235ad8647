// The charts: dygraphs draws, here is what it draws. Lives become columns by lane, so that one ends where the next begins.
/* global Dygraph */
import { placeLabels } from "./labels.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// How far two points of one line may lie apart without a gap in what is known. Counts are taken when there is time, the more rarely the more there is
// to count: their own pace counts.
function reach(times, step, interval) {
  const apart = times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b);
  return 3 * Math.max(step, interval, apart[Math.floor(apart.length / 2)] || 0);
}

// After which of its points a line ends: each that has a gap behind it, and the last of the life.
const ends = (times, step, interval) => {
  const most = reach(times, step, interval);
  return times.filter((t, i) => i + 1 === times.length || times[i + 1] - t > most);
};

// { metric: answer of /series } to rows of [Date, value or [min, last, max] of each column]. Lanes are sampled at times of their own: where a line has no
// point, its column is null, which is drawn over; where it ends, the column is NaN, which is not.
export function rows(answers, metrics, interval) {
  const all = metrics.flatMap((metric) => (answers[metric]?.lives || []).map((life) => ({ ...life, metric, step: answers[metric].step_ms })));
  const lanes = [...new Set(all.map((life) => life.lane))].sort((a, b) => a - b);
  const keys = metrics.flatMap((metric) => lanes.map((lane) => metric + " " + lane));
  const columns = new Map(keys.map((key, i) => [key, i])), at = new Map();
  const put = (t, column, value) => {
    if (!at.has(t)) at.set(t, new Array(keys.length).fill(null));
    at.get(t)[column] ??= value;
  };
  for (const life of all) {
    const column = columns.get(life.metric + " " + life.lane), { last, min = last, max = last } = life;
    life.t.forEach((t, i) => put(t, column, [min[i], last[i], max[i]]));
  }
  for (const life of all) {
    for (const t of ends(life.t, life.step, interval)) put(t + 1, columns.get(life.metric + " " + life.lane), [NaN, NaN, NaN]);
  }
  return { keys, lanes: lanes.length, rows: [...at.keys()].sort((a, b) => a - b).map((t) => [new Date(t), ...at.get(t)]) };
}

// Shades and lines under the data: warm-up, the climb with its band, the limit, markers, the chosen moments.
function underlay(scene) {
  return (canvas, area, graph) => {
    const x = (ms) => graph.toDomXCoord(ms), right = area.x + area.w, bottom = area.y + area.h;
    canvas.save();
    canvas.beginPath();
    canvas.rect(area.x, area.y, area.w, area.h);
    canvas.clip();
    for (const [from, to] of scene.warm) {
      canvas.fillStyle = css("--warm");
      canvas.fillRect(x(from), area.y, x(to) - x(from), area.h);
    }
    for (const climb of scene.climbs) drawClimb(canvas, graph, climb);
    if (scene.limit) drawLimit(canvas, graph, area, scene.limit);
    drawMarkers(canvas, area, scene.markers.map((marker) => ({ ...marker, x: x(marker.at) })).filter((marker) => marker.x >= area.x - 1 && marker.x <= right + 1), scene.labels);
    for (const [ms, colour] of scene.moments) {
      canvas.strokeStyle = css(colour);
      canvas.lineWidth = 1.5;
      canvas.beginPath();
      canvas.moveTo(x(ms), area.y);
      canvas.lineTo(x(ms), bottom);
      canvas.stroke();
    }
    canvas.restore();
  };
}

// `markers` have their place `x`.
function drawMarkers(canvas, area, markers, labels) {
  canvas.lineWidth = 1;
  for (const marker of markers) {
    canvas.strokeStyle = css(marker.strong ? "--dim" : "--line");
    canvas.setLineDash(marker.strong ? [] : [3, 3]);
    canvas.beginPath();
    canvas.moveTo(marker.x, area.y);
    canvas.lineTo(marker.x, area.y + area.h);
    canvas.stroke();
  }
  canvas.setLineDash([]);
  if (!labels) return;
  canvas.font = "11px system-ui, sans-serif";
  const width = (text) => canvas.measureText(text).width;
  for (const spot of placeLabels(markers, [area.x, area.x + area.w], width)) {
    canvas.fillStyle = css("--panel"); // no line through it
    canvas.fillRect(spot.x - 2, area.y, width(spot.text) + 4, 15);
    canvas.fillStyle = css("--dim");
    canvas.fillText(spot.text, spot.x, area.y + 11);
  }
}

function drawClimb(canvas, graph, climb) {
  const x = (ms) => graph.toDomXCoord(ms), y = (value) => graph.toDomYCoord(value, 0);
  const seconds = (climb.to_ms - climb.from_ms) / 1000;
  if (climb.low !== null && climb.high !== null) {
    canvas.fillStyle = css("--band");
    canvas.beginPath();
    canvas.moveTo(x(climb.from_ms), y(climb.from));
    canvas.lineTo(x(climb.to_ms), y(climb.from + climb.high * seconds));
    canvas.lineTo(x(climb.to_ms), y(climb.from + climb.low * seconds));
    canvas.fill();
  }
  canvas.strokeStyle = css("--leaking");
  canvas.lineWidth = 1.5;
  canvas.setLineDash([6, 4]);
  canvas.beginPath();
  canvas.moveTo(x(climb.from_ms), y(climb.from));
  canvas.lineTo(x(climb.to_ms), y(climb.to));
  canvas.stroke();
  canvas.setLineDash([]);
}

function drawLimit(canvas, graph, area, limit) {
  const y = graph.toDomYCoord(limit, 0);
  if (y < area.y || y > area.y + area.h) return;
  canvas.strokeStyle = css("--climbing");
  canvas.setLineDash([2, 3]);
  canvas.beginPath();
  canvas.moveTo(area.x, y);
  canvas.lineTo(area.x + area.w, y);
  canvas.stroke();
  canvas.fillStyle = css("--climbing");
  canvas.font = "11px system-ui, sans-serif";
  canvas.fillText("limit", area.x + area.w - 28, y - 4);
  canvas.setLineDash([]);
}

// Ticks of the upright axis: only whole numbers of what has no parts, and no two that read the same.
const ticker = (whole) => (...asked) => {
  const ticks = Dygraph.numericTicks(...asked).filter((tick) => !whole || Math.abs(tick.v - Math.round(tick.v)) < 1e-9);
  return ticks.filter((tick, i) => !i || tick.label !== ticks[i - 1].label);
};

export const colours = ["--s1", "--s2", "--s3", "--s4"];

// One chart. `options`: { zoom(from, to), zoomOut(), pick(ms, shift, which click of several), names(label), interval: ms between two samples, bytes, parts: whether there are
// parts of one }.
export class Chart {
  constructor(element, options) {
    this.element = element;
    this.options = options;
    this.graph = null;
    this.held = false; // the reader drags over it
  }

  draw(answers, metrics, span, scene, format) {
    const data = rows(answers, metrics, this.options.interval);
    const known = data.rows.length ? data.rows : [[new Date(span[0]), ...data.keys.map(() => [NaN, NaN, NaN])]];
    const labels = ["time", ...(data.keys.length ? data.keys : ["none"])];
    if (!data.keys.length) known.forEach((line) => line.push([NaN, NaN, NaN]));
    const lanes = Math.max(1, data.lanes);
    const series = Object.fromEntries(labels.slice(1).map((label, i) => [label, { color: css(colours[Math.floor(i / lanes) % colours.length]) }]));
    const settings = {
      file: known, labels, series, customBars: true, labelsKMG2: this.options.bytes, dateWindow: span, underlayCallback: underlay(scene),
      axes: { y: { valueFormatter: format, axisLabelFormatter: format, axisLabelWidth: 68, includeZero: true, ticker: ticker(!this.options.parts) },
        x: { pixelsPerLabel: 90, axisLabelFormatter: Dygraph.dateAxisLabelFormatter } },
    };
    if (this.graph) {
      this.redraw(settings);
      return;
    }
    const { file, ...rest } = settings;
    this.graph = new Dygraph(this.element, file, {
      ...rest, strokeWidth: 1.6, fillAlpha: 0.18, legend: "follow", labelsUTC: false, gridLineColor: css("--line"), axisLineColor: css("--line"),
      connectSeparatedPoints: true, drawGapEdgePoints: true, includeZero: true, rightGap: 8, highlightCircleSize: 3, animatedZooms: false,
      legendFormatter: (data) => this.legend(data),
      zoomCallback: (from, to) => this.options.zoom(from, to),
      clickCallback: (event, ms) => this.options.pick(ms, event.shiftKey, event.detail),
      interactionModel: this.interaction(),
    });
  }

  // What is pointed at stays pointed at; a span that is being dragged is not drawn over.
  redraw(settings) {
    if (this.held) return;
    const row = this.graph.getSelection(), at = row >= 0 ? this.graph.getValue(row, 0) : null;
    this.graph.updateOptions(settings);
    const now = at === null ? -1 : settings.file.findIndex((line) => line[0].getTime() >= at);
    if (now >= 0) this.graph.setSelection(now);
  }

  legend(data) {
    if (data.x === undefined) return document.createDocumentFragment();
    const part = document.createDocumentFragment();
    part.append(new Date(data.x).toLocaleString());
    for (const series of data.series) {
      if (!series.isVisible || !Number.isFinite(series.y)) continue;
      const line = document.createElement("div"), mark = document.createElement("i");
      mark.className = "swatch";
      mark.style.background = series.color;
      line.append(mark, this.options.names(series.label) + " " + series.yHTML);
      part.append(line);
    }
    return part;
  }

  // Drag zooms, a double click zooms out: dygraphs' own model, which is not told of shift, as it would pan then; here shift chooses a second moment.
  // Nor of fingers: it would keep them from scrolling past a chart, and from choosing a moment, for which the browser makes clicks of them.
  interaction() {
    const { touchstart, touchmove, touchend, ...model } = Dygraph.defaultInteractionModel;
    const plain = (event) => new Proxy(event, { get: (target, key) =>
      (key === "shiftKey" ? false : typeof target[key] === "function" ? target[key].bind(target) : target[key]) });
    return { ...model, dblclick: () => this.options.zoomOut(), mousedown: (event, graph, context) => {
      this.held = true;
      addEventListener("mouseup", () => { this.held = false; }, { once: true });
      model.mousedown(plain(event), graph, context);
    } };
  }

  destroy() {
    this.graph?.destroy();
    this.graph = null;
  }
}
