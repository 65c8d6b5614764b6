// The results in this page, by implementation; and figures for people.
"use strict";

// --- Figures for people --------------------------------------------------------

const isNumber = (x) => typeof x === "number" && Number.isFinite(x);
const numbers = (list) => list.filter(isNumber);
const unique = (list) => [...new Set(list)];

// Three digits and a unit, as in the terminal: "812", "64.0 k", "1.25 M".
function scaled(value, step, units) {
  if (!isNumber(value)) return "–";
  let size = Math.abs(value);
  let unit = 0;
  // 999.5 would be shown as 1000.
  for (; unit + 1 < units.length && size >= 999.5; ++unit) size /= step;
  const whole = unit === 0 && Number.isInteger(size);
  const digits = whole || size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.0995 ? 2 : 3;
  return (value < 0 ? "−" : "") + size.toFixed(digits) + (units[unit] && "\u00a0" + units[unit]);
}
const count = (x) => scaled(x, 1e3, ["", "k", "M", "G", "T"]);
const time = (x) => scaled(x, 1e3, ["ns", "µs", "ms", "s"]);
const bytes = (x) => scaled(x, 1024, ["B", "KiB", "MiB", "GiB"]);
const times = (x) => (isNumber(x) ? x.toFixed(2) + "\u00a0×" : "–");
const range = (low, high, format) => (isNumber(low) && isNumber(high) ? `${format(low)} to ${format(high)}` : "–");
const plural = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
const readable = (key) => String(key).replaceAll("_", " ");
const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

// The middle value; of an even number of them the mean of the two in the middle.
function median(list) {
  const sorted = numbers(list).sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : sorted.length ? (sorted[half - 1] + sorted[half]) / 2 : undefined;
}

// --- Elements. Text goes in as text only, so that no name can be markup ---------

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== ""));
  return made;
}

// --- From documents to series ----------------------------------------------------

// A document as the page uses it: what is known of each implementation at each point of the sweep (null without
// one): its runs, their median, or the error that it ended with.
function readDocument({ title, document: results }, index) {
  const series = new Map();
  for (const entry of results.benchmarks) {
    const point = isNumber(entry.point) ? entry.point : null;
    const whole = entry.run_name ?? entry.name;
    const name = entry.implementation ?? (point === null ? whole : whole.replace(/\/[^/]*$/, ""));
    if (!series.has(name)) series.set(name, { name, points: new Map() });
    const one = series.get(name);
    one.progress ??= entry.progress;
    if (!one.points.has(point)) one.points.set(point, { runs: [] });
    const found = one.points.get(point);
    if (entry.error_occurred) found.error = entry.error_message ?? "failed";
    else if (entry.run_type !== "aggregate") found.runs.push(entry);
    else if (entry.aggregate_name === "median") found.median = entry;
  }
  for (const one of series.values()) {
    one.progress ??= one.name.startsWith("lockfree.") ? "lock_free" : "blocking";
    for (const found of one.points.values()) {
      // A figure with a wrong answer is none.
      if (found.error) found.median = undefined;
      else if (found.runs.length) found.median ??= medianOf(found.runs);
    }
  }
  const points = unique([...series.values()].flatMap((one) => [...one.points.keys()])).filter(isNumber);
  return {
    title, results, series, context: results.context, points: points.sort((a, b) => a - b),
    letter: index < 26 ? String.fromCharCode(65 + index) : String(index + 1), item: results.context.item ?? "item",
  };
}

// What a median entry would say, for documents that were written without one.
function medianOf(runs) {
  const all = (key) => numbers(runs.map((run) => run[key]));
  const per1000 = (key) => median(runs.map((run) => (run[key] / run.iterations) * 1000));
  const rates = all("items_per_second");
  return {
    items_per_second: median(rates),
    items_per_second_min: rates.length ? Math.min(...rates) : undefined,
    items_per_second_max: rates.length ? Math.max(...rates) : undefined,
    cpu_time: median(all("cpu_time")),
    voluntary_context_switches_per_1000_items: per1000("voluntary_context_switches"),
    involuntary_context_switches_per_1000_items: per1000("involuntary_context_switches"),
    peak_memory_bytes: median(all("peak_memory_bytes")),
    latency_ns: runs.length === 1 ? runs[0].latency_ns : undefined,
  };
}

// Paths without the folders that they all lie in.
function shortTitles(titles) {
  let parts = titles.map((title) => title.split("/"));
  while (parts.every((each) => each.length > 1 && each[0] === parts[0][0])) parts = parts.map((each) => each.slice(1));
  return parts.map((each) => each.join("/"));
}

const documents = JSON.parse(document.getElementById("data").textContent).map(readDocument);
shortTitles(documents.map((doc) => doc.title)).forEach((title, i) => { documents[i].title = title; });
const several = documents.length > 1;
const names = unique(documents.flatMap((doc) => [...doc.series.keys()]));
const allPoints = unique(documents.flatMap((doc) => doc.points)).sort((a, b) => a - b);
const sweepName = readable(documents.map((doc) => doc.context.sweep?.over).find(Boolean) ?? "threads");

// What the buttons change.
const state = {
  hidden: new Set(),               // names of implementations
  point: allPoints.at(-1) ?? null, // of the sweep, where a chart or table shows one
  axes: {
    throughput: { x: "linear" }, sweep: { x: "logarithmic", y: "linear" }, latency: { y: "logarithmic" },
    cost: { x: "linear", y: "linear" }, switches: { x: "linear" }, memory: { x: "linear" },
  },
  paper: false,                    // it is being printed
};

// What a document knows of an implementation at a point; undefined if nothing.
const at = (doc, name, point = state.point) => doc.series.get(name)?.points.get(doc.points.length ? point : null);
const figure = (doc, name, key, point) => at(doc, name, point)?.median?.[key];
const latency = (doc, name, point) => figure(doc, name, "latency_ns", point);
const everything = documents.flatMap((doc) => [...doc.series.values()].flatMap((one) => [...one.points.values()]));
const has = (key) => everything.some((found) => isNumber(found.median?.[key]));
const latencyMeasured = (name) => documents.some((doc) =>
  [...(doc.series.get(name)?.points.values() ?? [])].some((found) => found.median?.latency_ns));
const hasInterval = has("items_per_second_low");

const percentiles = ["p50", "p90", "p99", "p99.9", "p99.99"];
const guarantees = {
  lock_free: "lock-free", wait_free: "wait-free", not_lock_free: "not lock-free", blocking: "blocking",
};
const progressOf = (name) => documents.map((doc) => doc.series.get(name)?.progress).find(Boolean);
const guaranteeOf = (name) => guarantees[progressOf(name)] ?? readable(progressOf(name));

// The fastest first; everywhere the same.
function namesInOrder() {
  const rate = new Map(names.map((name) => [
    name, documents.map((doc) => figure(doc, name, "items_per_second")).find(isNumber) ?? -1,
  ]));
  return [...names].sort((a, b) => rate.get(b) - rate.get(a));
}
const shown = (wanted) => namesInOrder().filter((name) => !state.hidden.has(name) && wanted(name));

// --- Which implementations are shown at first --------------------------------------
// Two dozen lines on top of each other tell nothing. Where there are many, the page begins with the best of them; one press
// shows all, and the tables always have all.

const fewEnough = 10;
const bestOnes = 8;

// The best first: by the time that 99 of 100 items take at most, where that was measured, else by speed.
function inRanks(doc, point) {
  const known = names.filter((name) => !at(doc, name, point)?.error);
  const tails = known.filter((name) => isNumber(latency(doc, name, point)?.p99));
  const rates = known.filter((name) => isNumber(figure(doc, name, "items_per_second", point)));
  return tails.length > 0
    ? tails.sort((a, b) => latency(doc, a, point).p99 - latency(doc, b, point).p99)
    : rates.sort((a, b) => figure(doc, b, "items_per_second", point) - figure(doc, a, "items_per_second", point));
}

// What is advised, the best of each kind, what is a reader's own and not in the package, and the best of the others.
function theBest() {
  const orders = documents.flatMap((doc) => (doc.points.length ? doc.points : [null]).map((point) => inRanks(doc, point)));
  // Who is not there at some points of a sweep stands last there.
  const place = (name) => orders.reduce((sum, order) => {
    const found = order.indexOf(name);
    return sum + (found < 0 ? names.length : found);
  }, 0);
  const inOrder = [...names].sort((a, b) => place(a) - place(b));
  const kindOf = (name) => (name.match(/^(lockfree|blocking)[.]/) ?? ["", "others"])[1];
  const known = /^(lockfree|blocking|std|absl|atomic_queue|boost|concurrency_kit|libcds|moodycamel|tbb)[.]/;
  const own = names.filter((name) => !known.test(name));
  const advised = documents.flatMap(({ context: { advice } }) =>
    advice ? [advice.choice, ...(advice.points ?? []).map((point) => point.choice)] : []);
  const first = unique([
    ...advised, ...["lockfree", "blocking", "others"].map((kind) => inOrder.find((name) => kindOf(name) === kind)),
    ...(own.length <= bestOnes / 2 ? own : []),
  ]).filter((name) => names.includes(name));
  return unique([...first, ...inOrder]).slice(0, Math.max(bestOnes, first.length));
}

// By name: those that are shown. `state.hidden` is everybody else.
const selections = new Map([
  ["best", names.length > fewEnough ? theBest() : []],
  ["ours", names.filter((name) => /^(lockfree|blocking)[.]/.test(name))],
  ["all", names],
  ["none", []],
].filter(([key, some]) => key === "none" || (some.length > 0 && (key === "all" || some.length < names.length))));
const select = (key) => { state.hidden = new Set(names.filter((name) => !selections.get(key).includes(name))); };
// Which of them it is at the moment; undefined if somebody has chosen one by one.
const selected = () => [...selections].find(([, some]) =>
  some.length === names.length - state.hidden.size && some.every((name) => !state.hidden.has(name)))?.[0];
const atFirst = selections.get("best") ?? names;
select(selections.has("best") ? "best" : "all");

// For sentences that may be about one of several documents, or one of several points.
const where = (doc) => (several ? `${doc.letter}: ` : "");
const whichPoint = () => (state.point === null ? "" : ` at ${sweepName} ${state.point}`);
