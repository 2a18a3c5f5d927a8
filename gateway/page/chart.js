// One signal over time: a line of means in a band from lowest to highest, and the same as a table.

import { drawn, element } from "./build.js";
import { amount, say, signalName, time } from "./words.js";

const WIDTH = 340;
const HEIGHT = 142;
const LEFT = 50;
const RIGHT = 334;
const TOP = 10;
const BOTTOM = 116;
const ROWS = { "24h": 3600000, "7d": 86400000 };

// 1, 2, 5, 10, … from that on.
function* roundSteps(least) {
  for (let power = 10 ** Math.floor(Math.log10(least)); ; power *= 10)
    for (const factor of [1, 2, 5]) if (factor * power > least * 0.999) yield factor * power;
}

// The closest ticks that read differently, `label` by `label`: of a value that stands still two would read the same.
function scale(buckets, label) {
  let lowest = Math.min(...buckets.map(([, low]) => low));
  const highest = Math.max(...buckets.map(([, , , high]) => high));
  if (lowest > 0 && lowest < highest / 2) lowest = 0;
  const range = Math.max(highest - lowest, Math.abs(highest) * 0.01, 0.001);
  for (const step of roundSteps(range / 3)) {
    const low = Math.floor(lowest / step) * step;
    const high = Math.max(Math.ceil(highest / step) * step, low + step);
    const ticks = [];
    for (let tick = low; tick <= high + step / 2; tick += step) ticks.push(tick);
    if (new Set(ticks.map(label)).size === ticks.length) return { low, high, ticks };
  }
}

// Stretches without a hole of more than two buckets: what was not read is not drawn.
function stretches(buckets, width) {
  const found = [];
  let last = -Infinity;
  for (const bucket of buckets) {
    if (bucket[0] - last > 2 * width) found.push([]);
    found.at(-1).push(bucket);
    last = bucket[0];
  }
  return found;
}

function marks(span, since, until) {
  const found = [];
  const first = new Date(since);
  first.setHours(span === "24h" ? Math.ceil(first.getHours() / 6) * 6 : 24, 0, 0, 0);
  for (let mark = first; mark.getTime() < until; mark = new Date(mark)) {
    if (mark.getTime() >= since) found.push(mark.getTime());
    if (span === "24h") mark.setHours(mark.getHours() + 6);
    else mark.setDate(mark.getDate() + 1);
  }
  return found;
}

function picture(measurement, name, span, { since, until, bucket }, buckets) {
  const label = (value) => amount(measurement, name, value);
  const { low, high, ticks } = scale(buckets, label);
  const x = (when) => LEFT + ((when - since) / (until - since)) * (RIGHT - LEFT);
  const y = (value) => BOTTOM - ((value - low) / (high - low)) * (BOTTOM - TOP);
  const point = (when, value) => `${x(when + bucket / 2).toFixed(1)},${y(value).toFixed(1)}`;
  const parts = stretches(buckets, bucket);
  // A line of one point is drawn as a dot when the point stands there twice.
  const line = (part) => (part.length > 1 ? part : [...part, ...part]).map(([when, , mean]) => point(when, mean)).join(" ");
  const hours = span === "24h" ? { hour: "2-digit", minute: "2-digit" } : { weekday: "short" };
  return drawn("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: "chart",
    role: "img",
    "aria-label": say("chart.told", {
      name: signalName(measurement, name),
      span: say(`span.${span}`),
      low: label(Math.min(...buckets.map(([, lowest]) => lowest))),
      high: label(Math.max(...buckets.map(([, , , highest]) => highest))),
      last: label(buckets.at(-1)[2]),
    }),
  },
  ...ticks.map((tick) => drawn("line", { class: tick === 0 ? "zero" : "grid", x1: LEFT, x2: RIGHT, y1: y(tick), y2: y(tick) })),
  ...marks(span, since, until).flatMap((mark) => [
    drawn("line", { class: "grid", x1: x(mark), x2: x(mark), y1: BOTTOM, y2: BOTTOM + 4 }),
    x(mark) > RIGHT - 24 ? null : drawn("text", { x: x(mark), y: HEIGHT - 8, "text-anchor": "middle" }, time(mark, hours)),
  ]),
  ...parts.map((part) => drawn("polygon", {
    class: "band",
    points: [...part.map(([when, , , highest]) => point(when, highest)),
      ...part.map(([when, lowest]) => point(when, lowest)).reverse()].join(" "),
  })),
  ...parts.map((part) => drawn("polyline", { class: "line", points: line(part) })),
  ...ticks.map((tick) => drawn("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, label(tick))));
}

function rows(span, buckets) {
  const found = new Map();
  for (const [when, low, mean, high] of buckets) {
    const start = new Date(when);
    start.setMinutes(0, 0, 0);
    if (ROWS[span] > 3600000) start.setHours(0);
    const row = found.get(start.getTime()) ?? { low, high, sum: 0, count: 0 };
    found.set(start.getTime(), { low: Math.min(row.low, low), high: Math.max(row.high, high), sum: row.sum + mean, count: row.count + 1 });
  }
  return [...found].sort(([one], [other]) => other - one);
}

function table(device, measurement, name, span, buckets) {
  const label = span === "24h" ? { hour: "2-digit", minute: "2-digit" } : { weekday: "short", day: "numeric", month: "numeric" };
  const heads = ["table.time", "table.low", "table.mean", "table.high"];
  return element("details", { id: `table-${device}-${name}` },
    element("summary", {}, say("table")),
    element("table", {},
      element("caption", {}, `${signalName(measurement, name)}, ${say(`span.${span}`)}`),
      element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, say(head))))),
      element("tbody", {}, rows(span, buckets).map(([when, { low, high, sum, count }]) => element("tr", {},
        element("th", { scope: "row" }, time(when, label)),
        ...[low, sum / count, high].map((value) => element("td", {}, amount(measurement, name, value))))))));
}

// `history` is what /history.json answers: undefined while it is being asked, null while the gateway knows no time.
export function chart({ name: device, measurement }, name, span, history) {
  const buckets = history?.series?.[name] ?? [];
  const shown = buckets.length
    ? [picture(measurement, name, span, history, buckets), table(device, measurement, name, span, buckets)]
    : [element("p", { class: "soft" }, say(history === undefined ? "connecting" : history?.failed ? "chart.failed" : "chart.empty"))];
  return element("figure", {}, element("figcaption", {}, signalName(measurement, name)), ...shown);
}
