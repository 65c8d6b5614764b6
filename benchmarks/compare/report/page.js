// Makes the report from the results in it: tables always, charts where Chart.js is there.
"use strict";

// --- Figures for people ------------------------------------------------------
const isNumber = (x) => typeof x === "number" && Number.isFinite(x);

// Three digits and a unit, as in the terminal: "812", "64.0 k", "1.25 M".
function scaled(value, step, units) {
  if (!isNumber(value)) return "–";
  const sign = value < 0 ? "−" : "";
  let size = Math.abs(value);
  let unit = 0;
  for (; unit + 1 < units.length && size >= 999.5; ++unit) size /= step;
  const whole = unit === 0 && Number.isInteger(size);
  const digits = whole || size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.0995 || size === 0 ? 2 : 3;
  return sign + size.toFixed(digits) + (units[unit] ? "\u00a0" + units[unit] : "");
}
const count = (x) => scaled(x, 1e3, ["", "k", "M", "G", "T"]);
const time = (x) => scaled(x, 1e3, ["ns", "µs", "ms", "s"]);
const bytes = (x) => scaled(x, 1024, ["B", "KiB", "MiB", "GiB"]);
const times = (x) => (isNumber(x) ? x.toFixed(2) + "\u00a0×" : "–");

const unique = (list) => [...new Set(list)];
const numbers = (list) => list.filter(isNumber);
function median(list) {
  const sorted = numbers(list).sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length === 0) return undefined;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// --- Elements. Text goes in as text only, so that no name can be markup -------
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== ""));
  return made;
}

// --- From documents to series ------------------------------------------------
const percentiles = ["p50", "p90", "p99", "p99.9", "p99.99"];
const nines = (share) => -Math.log10(1 - share);  // p90 is 1, p99 is 2
const ninesOf = (name) => nines(Number(name.slice(1)) / 100);

// A document as the page uses it: entries by implementation and point of the sweep (null without one).
function readDocument({ title, document: results }, index) {
  const context = results.context;
  const series = new Map();
  for (const entry of results.benchmarks) {
    const point = isNumber(entry.point) ? entry.point : null;
    let name = entry.implementation ?? entry.run_name ?? entry.name;
    if (entry.implementation === undefined && point !== null) name = name.replace(/\/[^/]*$/, "");
    if (!series.has(name)) series.set(name, { name, progress: undefined, points: new Map() });
    const one = series.get(name);
    one.progress ??= entry.progress;
    if (!one.points.has(point)) one.points.set(point, { runs: [] });
    const at = one.points.get(point);
    if (entry.error_occurred) at.error = entry.error_message ?? "failed";
    else if (entry.run_type !== "aggregate") at.runs.push(entry);
    else if (entry.aggregate_name === "median") at.median = entry;
  }
  for (const one of series.values()) {
    one.progress ??= one.name.startsWith("lockfree.") ? "lock_free" : "blocking";
    for (const at of one.points.values()) at.median ??= at.runs.length ? summaryOf(at.runs) : undefined;
  }
  const points = unique([...series.values()].flatMap((one) => [...one.points.keys()])).filter((p) => p !== null);
  points.sort((a, b) => a - b);
  const letter = index < 26 ? String.fromCharCode(65 + index) : String(index + 1);
  return { title, results, context, series, points, letter, item: context.item ?? "item" };
}

// What a median entry would say, for documents that were written without one.
function summaryOf(runs) {
  const all = (key) => runs.map((run) => run[key]);
  const per1000 = (key) => median(runs.map((run) => (run[key] / run.iterations) * 1000));
  const rates = numbers(all("items_per_second"));
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

const documents = JSON.parse(document.getElementById("data").textContent).map(readDocument);
const several = documents.length > 1;
const allPoints = unique(documents.flatMap((doc) => doc.points)).sort((a, b) => a - b);
const sweepOver = documents.map((doc) => doc.context.sweep?.over).find(Boolean) ?? "threads";
const sweepName = sweepOver.replaceAll("_", " ");
const items = unique(documents.map((doc) => doc.item)).length === 1 ? documents[0].item + "s" : "items";
const context = (key) => documents[0].context[key];

const state = {
  hidden: new Set(),                                                 // names of series
  point: allPoints.length ? allPoints[allPoints.length - 1] : null,  // of the sweep, where a chart shows one
  axes: { throughput: { x: "linear" }, cost: { x: "linear", y: "linear" }, switches: { x: "linear" }, memory: { x: "linear" },
          sweep: { x: "logarithmic", y: "linear" }, latency: { y: "logarithmic" } },
  paper: false,                                                      // being printed
};

// What a document has to say of a series at the chosen point; of one without points, the one thing it has.
function at(doc, name, point = state.point) {
  const points = doc.series.get(name)?.points;
  return points?.get(doc.points.length ? point : null);
}
const names = unique(documents.flatMap((doc) => [...doc.series.keys()]));
const progressOf = (name) => documents.map((doc) => doc.series.get(name)?.progress).find(Boolean);
const families = { lock_free: "lock-free", wait_free: "wait-free", not_lock_free: "not lock-free, not blocking", blocking: "blocking" };
const familyName = (name) => families[progressOf(name)] ?? progressOf(name);

// --- Looks: one fixed colour, dash and shape for each implementation ----------
// Lock-free ones are cool, filled and solid; blocking ones warm, hatched, dashed and hollow; the others grey to violet,
// dotted. Each colour as [on white, on black]; they differ in lightness, too.
const palettes = {
  cool: [["#0b66ae", "#5aaef2"], ["#00877a", "#3fd1ba"], ["#4b3fb5", "#a79dff"], ["#2f8fbf", "#9fdcff"], ["#17375e", "#7f9fd0"], ["#46813a", "#9bd98a"]],
  warm: [["#c4470c", "#ff9a5c"], ["#a87400", "#f0c548"], ["#a01a50", "#ff8db5"], ["#6e3b12", "#d3a374"], ["#d9534f", "#ffb1a8"], ["#7d1d1d", "#e06c5c"]],
  between: [["#6a6f77", "#aab1bb"], ["#8a4aa5", "#d29bea"], ["#30343a", "#e2e5e9"], ["#8c8460", "#d8cf9f"]],
};
// So that these look the same in every report; others take what is left.
const fixedPlaces = {
  "lockfree.bounded_queue": 0, "lockfree.spsc_queue": 1, "lockfree.unbounded_queue": 2, "lockfree.mpsc_queue": 3,
  "blocking.bounded_queue": 0, "blocking.spsc_queue": 1, "blocking.unbounded_queue": 2, "absl.bounded_queue": 3,
  "std.bounded_queue": 4, "blocking.mpsc_queue": 5, "moodycamel.concurrent_queue": 0,
  "moodycamel.blocking_concurrent_queue": 1, "moodycamel.reader_writer_queue": 2,
};
const shapes = { cool: ["circle", "triangle", "rectRot"], warm: ["rect", "rectRounded", "rectRot", "circle"], between: ["star", "cross", "crossRot"] };
const dashes = { cool: [[], [14, 3], [10, 3, 2, 3]], warm: [[6, 4], [3, 3], [9, 3, 3, 3]], between: [[1, 3], [2, 6], [1, 3, 6, 3]] };
const looks = new Map();
{
  const taken = { cool: new Set(), warm: new Set(), between: new Set() };
  const familyOf = (name) => ({ lock_free: "cool", wait_free: "cool", blocking: "warm" })[progressOf(name)] ?? "between";
  const known = (name) => (Object.hasOwn(fixedPlaces, name) ? fixedPlaces[name] : undefined);
  const inOrder = [...names].sort((a, b) => (known(a) ?? 99) - (known(b) ?? 99) || (a < b ? -1 : 1));
  for (const name of inOrder) {
    const family = familyOf(name);
    let place = known(name) ?? 0;
    while (taken[family].has(place)) ++place;
    taken[family].add(place);
    const pick = (list) => list[place % list.length];
    looks.set(name, { family, colours: pick(palettes[family]), shape: pick(shapes[family]), dash: pick(dashes[family]) });
  }
}
const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
const isDark = () => darkScheme.matches && !state.paper;
const colourOf = (name) => looks.get(name).colours[isDark() ? 1 : 0];
const fromStyle = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A bar's inside: full for lock-free, hatched for blocking, dotted for what is between.
function fillOf(name, pale = false) {
  const { family } = looks.get(name);
  const colour = colourOf(name);
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const pen = tile.getContext("2d");
  pen.fillStyle = fromStyle("--card");
  pen.fillRect(0, 0, 8, 8);
  pen.globalAlpha = pale ? 0.12 : family === "cool" ? 0.9 : 0.28;
  pen.fillStyle = pen.strokeStyle = colour;
  pen.fillRect(0, 0, 8, 8);
  pen.globalAlpha = pale ? 0.35 : 1;
  pen.lineWidth = 2.5;
  if (family === "warm") {
    pen.beginPath();
    for (const from of [-8, 0, 8]) { pen.moveTo(from - 1, 9); pen.lineTo(from + 9, -1); }
    pen.stroke();
  } else if (family === "between") {
    for (const [x, y] of [[2, 2], [6, 6]]) { pen.beginPath(); pen.arc(x, y, 1.5, 0, 7); pen.fill(); }
  }
  return pen.createPattern(tile, "repeat");
}

// How a series looks in lines and clouds.
function lineLook(name) {
  const colour = colourOf(name);
  const { family, shape, dash } = looks.get(name);
  return { borderColor: colour, backgroundColor: colour, borderDash: dash, borderWidth: 2.5, pointStyle: shape, pointRadius: 5.5, pointHoverRadius: 8,
           pointBorderColor: colour, pointBorderWidth: 2, pointBackgroundColor: family === "cool" ? colour : fromStyle("--card"), tension: 0 };
}

// --- Tables --------------------------------------------------------------------
// columns: {title, number, text(row), value(row)}; the first column heads its row.
function makeTable({ caption, columns, rows, id, sorted, failed = () => false, box = "" }) {
  const body = make("tbody");
  const order = { column: -1, direction: 1 };
  const value = (column, row) => (column.value ? column.value(row) : column.text(row));
  const cell = (column, row, first) => {
    const content = column.text(row);
    return make(first ? "th" : "td", { scope: first ? "row" : undefined, class: column.number ? "num" : undefined,
                                       "data-value": column.value?.(row) ?? undefined }, content instanceof Node ? content : String(content ?? "–"));
  };
  const lines = rows.map((row) => ({ row, line: make("tr", { class: failed(row) ? "failed" : undefined }, ...columns.map((column, i) => cell(column, row, i === 0))) }));
  const heads = columns.map((column, i) =>
    make("th", { scope: "col", class: column.number ? "num" : undefined, "aria-sort": "none" },
         make("button", { type: "button", onclick: () => sort(i) }, column.title)));
  function sort(i, direction) {
    // Numbers begin with the largest, text with the first letter.
    order.direction = direction ?? (order.column === i ? -order.direction : columns[i].number ? -1 : 1);
    order.column = i;
    heads.forEach((head, j) => head.setAttribute("aria-sort", j !== i ? "none" : order.direction > 0 ? "ascending" : "descending"));
    const missing = (x) => x === undefined || x === null || Number.isNaN(x);
    lines.sort((a, b) => {
      const [x, y] = [value(columns[i], a.row), value(columns[i], b.row)];
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      return order.direction * (isNumber(x) && isNumber(y) ? x - y : String(x).localeCompare(String(y), "en", { numeric: true }));
    });
    body.append(...lines.map((each) => each.line));
  }
  body.append(...lines.map((each) => each.line));
  if (sorted !== undefined) sort(sorted);
  return make("div", { class: "scroll " + box, tabindex: "0", role: "region", "aria-label": caption, id },
              make("table", {}, make("caption", {}, caption), make("thead", {}, make("tr", {}, ...heads)), body));
}

const latencyOf = (found) => found?.median?.latency_ns;
const range = (low, high, format) => (isNumber(low) && isNumber(high) ? `${format(low)} to ${format(high)}` : "–");
const where = (doc) => (several ? `${doc.letter}: ` : "");
const whichPoint = () => (state.point === null ? "" : ` at ${sweepName} ${state.point}`);

function summaryTable(doc) {
  const rows = [...doc.series.keys()].map((name) => ({ name, ...at(doc, name) })).filter((row) => row.median || row.error);
  const figure = (title, key, format) => ({ title, number: true, key, value: (row) => (row.error ? undefined : row.median?.[key]),
                                            text: (row) => (row.error ? "–" : format(row.median?.[key])) });
  const columns = [
    { title: "Implementation", text: (row) => row.name },
    { title: "Guarantee", text: (row) => familyName(row.name) },
    figure(`${doc.item}s/s`, "items_per_second", count),
    figure("Lowest", "items_per_second_min", count),
    figure("Highest", "items_per_second_max", count),
    { title: "95% interval", number: true, value: (row) => row.median?.items_per_second_low,
      text: (row) => range(row.median?.items_per_second_low, row.median?.items_per_second_high, count) },
    figure("Against best blocking", "ratio_to_best_blocking", times),
    figure("CPU time per " + doc.item, "cpu_time", time),
    figure("Waits per 1000", "voluntary_context_switches_per_1000_items", count),
    figure("Preempted per 1000", "involuntary_context_switches_per_1000_items", count),
    figure("Peak memory", "peak_memory_bytes", bytes),
    { title: "Answers", text: (row) => (row.error ? "WRONG: " + row.error : "agree") },
  ].filter((column) => column.text && (!column.number || rows.some((row) => isNumber(column.value(row)))));
  return makeTable({ caption: `${where(doc)}Medians of the runs${whichPoint()}. Press a heading to sort.`, columns, rows, sorted: Math.min(2, columns.length - 1),
                     id: `table-summary-${doc.letter}`, failed: (row) => row.error });
}

function latencyTable(doc) {
  const rows = [...doc.series.keys()].map((name) => ({ name, latency: latencyOf(at(doc, name)) })).filter((row) => row.latency);
  if (rows.length === 0) return "";
  const keys = ["count", "min", "mean", ...percentiles, "max"];
  return makeTable({ caption: `${where(doc)}Latency${whichPoint()}: the time by which so many percent of the ${doc.item}s were through.`, rows, sorted: 6,
                     id: `table-latency-${doc.letter}`,
                     columns: [{ title: "Implementation", text: (row) => row.name },
                               ...keys.map((key) => ({ title: key, number: true, value: (row) => row.latency[key], text: (row) => (key === "count" ? count : time)(row.latency[key]) }))] });
}

function sweepTable(doc) {
  if (doc.points.length < 2) return "";
  const rate = (name, point) => at(doc, name, point)?.median?.items_per_second;
  return makeTable({ caption: `${where(doc)}${doc.item}s a second by ${sweepName}.`, rows: [...doc.series.keys()], id: `table-sweep-${doc.letter}`, sorted: doc.points.length,
                     columns: [{ title: "Implementation", text: (name) => name },
                               ...doc.points.map((point) => ({ title: String(point), number: true, value: (name) => rate(name, point), text: (name) => count(rate(name, point)) }))] });
}

function sideBySideTable() {
  const rate = (doc, name) => at(doc, name)?.median?.items_per_second;
  const columns = [{ title: "Implementation", text: (name) => name }];
  for (const doc of documents) {
    columns.push({ title: `${doc.letter}: ${doc.item}s/s`, number: true, value: (name) => rate(doc, name), text: (name) => (at(doc, name)?.error ? "WRONG" : count(rate(doc, name))) });
    const ratio = (name) => rate(doc, name) / rate(documents[0], name);
    if (doc !== documents[0]) columns.push({ title: `${doc.letter} / ${documents[0].letter}`, number: true, value: (name) => (isNumber(ratio(name)) ? ratio(name) : undefined), text: (name) => times(ratio(name)) });
  }
  return makeTable({ caption: `Medians side by side${whichPoint()}.`, columns, rows: names, sorted: 1, id: "table-side-by-side" });
}

// Every number of every entry as it stands in the JSON; objects within are spread out, lists left to the JSON.
function flat(entry, prefix = "", into = new Map()) {
  for (const [key, value] of Object.entries(entry)) {
    if (value !== null && typeof value === "object") { if (!Array.isArray(value)) flat(value, prefix + key + " ", into); }
    else into.set(prefix + key, value);
  }
  return into;
}
function rawTable(doc, title, wanted) {
  const rows = doc.results.benchmarks.filter(wanted).map((entry) => flat(entry));
  if (rows.length === 0) return "";
  const keys = unique(rows.flatMap((row) => [...row.keys()])).filter((key) => !["family_index", "per_family_instance_index", "run_name", "run_type", "implementation"].includes(key));
  const columns = keys.map((key) => {
    const number = rows.some((row) => typeof row.get(key) === "number");
    return { title: key.replaceAll("_", " "), number, text: (row) => row.get(key) ?? "–", value: number ? (row) => row.get(key) : undefined };
  });
  return makeTable({ caption: `${where(doc)}${title}`, columns, rows, box: "tall raw", id: `table-${title.split(" ")[0].toLowerCase()}-${doc.letter}`, failed: (row) => row.get("error_occurred") });
}

const contextNames = { host_name: "Machine", cpu: "Processor", num_cpus: "Processors", mhz_per_cpu: "Clock, MHz", kernel: "Kernel", compiler: "Compiler", compiler_flags: "Compiler flags",
  library_build_type: "Build", commit: "Commit", date: "Date", command_line: "Command line", workload: "Workload", pace: "Pace", load_avg: "Load before", input: "Input" };
function contextTable() {
  const plain = (value) => (Array.isArray(value) ? value.map(plain).join(", ") : value !== null && typeof value === "object" ? Object.values(value).map(plain).join(" ") : String(value));
  const keys = unique([...Object.keys(contextNames), ...documents.flatMap((doc) => Object.keys(doc.context))])
    .filter((key) => key !== "advice" && documents.some((doc) => doc.context[key] !== undefined));
  const lines = keys.map((key) => {
    const values = documents.map((doc) => (doc.context[key] === undefined ? "–" : plain(doc.context[key])));
    const differs = unique(values).length > 1;
    const code = /command|flags|commit|kernel|executable/.test(key) ? "mono" : undefined;
    return make("tr", { class: differs ? "differs" : undefined, "data-key": key },
                make("th", { scope: "row" }, contextNames[key] ?? key.replaceAll("_", " "), differs ? make("span", { class: "differs-mark" }, "differs") : ""),
                ...values.map((value) => make("td", { class: code }, value)));
  });
  const heads = ["What", ...documents.map((doc) => (several ? `${doc.letter}: ${doc.title}` : "Value"))];
  const caption = "Machine, build and request" + (several ? ". What differs between the runs is marked." : ".");
  return make("div", { class: "scroll facts", tabindex: "0", role: "region", "aria-label": caption, id: "table-context" },
              make("table", {}, make("caption", {}, caption), make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, make("span", {}, head))))), make("tbody", {}, ...lines)));
}

// --- Charts ----------------------------------------------------------------------
const chartLibrary = typeof Chart === "function" && parseInt(Chart.version, 10) >= 3 ? Chart : null;
const drawn = [];  // the charts there are now

// Lines from low to high through the middle of bars and points, and each run as a small ring.
const whiskers = {
  id: "whiskers",
  afterDatasetsDraw(chart) {
    const pen = chart.ctx;
    const lying = chart.options.indexAxis === "y";
    const scale = chart.scales[lying ? "x" : "y"];
    const inside = (v) => isNumber(v) && v >= scale.min && v <= scale.max;
    pen.save();
    chart.data.datasets.forEach((set, d) => {
      if (!set.spreads || !chart.isDatasetVisible(d)) return;
      set.spreads.forEach((spread, i) => {
        const element = chart.getDatasetMeta(d).data[i];
        if (!spread || !element) return;
        const across = lying ? element.y : element.x;
        const place = (v, aside) => (lying ? [scale.getPixelForValue(v), across + aside] : [across + aside, scale.getPixelForValue(v)]);
        const line = (...ends) => { pen.beginPath(); ends.forEach((end, j) => (j ? pen.lineTo(...end) : pen.moveTo(...end))); pen.stroke(); };
        pen.strokeStyle = fromStyle("--ink");
        pen.lineWidth = 1.75;
        if (inside(spread.low) && inside(spread.high)) {
          line(place(spread.low, 0), place(spread.high, 0));
          for (const end of [spread.low, spread.high]) line(place(end, -5), place(end, 5));
        }
        pen.lineWidth = 1.25;
        pen.fillStyle = fromStyle("--card");
        (spread.runs ?? []).filter(inside).forEach((run, j) => {
          pen.beginPath();
          pen.arc(...place(run, ((j % 3) - 1) * 4), 2.6, 0, 7);
          pen.fill();
          pen.stroke();
        });
      });
    });
    pen.restore();
  },
};

const shown = (doc, has) => namesInOrder().filter((name) => !state.hidden.has(name) && has(at(doc, name) ?? {}));
// The fastest first, everywhere the same.
function namesInOrder() {
  const best = new Map(names.map((name) => [name, documents.map((doc) => at(doc, name)?.median?.items_per_second).find(isNumber) ?? -1]));
  return [...names].sort((a, b) => best.get(b) - best.get(a));
}
const label = (name, narrow) => (narrow ? name.split(/(?<=[._])(?=.{8})/).reduce((lines, part) => {
  if (lines.length && (lines[lines.length - 1] + part).length <= 15) lines[lines.length - 1] += part;
  else lines.push(part);
  return lines;
}, []) : name);

// An axis: its title, its marks, and whether it is logarithmic.
function axis(type, title, format, more = {}) {
  const logarithmic = type === "logarithmic";
  const marked = (value) => { const digit = value / 10 ** Math.floor(Math.log10(value) + 1e-9); return [1, 2, 5].some((d) => Math.abs(digit - d) < 1e-6); };
  return {
    type, beginAtZero: !logarithmic,
    title: { display: true, text: title, color: fromStyle("--soft"), font: { size: 13 } },
    grid: { color: fromStyle("--grid"), borderColor: fromStyle("--line") },
    border: { color: fromStyle("--line") },
    ...more,
    ticks: { color: fromStyle("--soft"), maxTicksLimit: 8, maxRotation: 0, autoSkipPadding: 12, font: { size: 12 },
             callback: (value) => (!logarithmic || marked(value) ? format(value) : null), ...more.ticks },
  };
}
function options(scales, tooltip, more = {}) {
  return {
    responsive: true, maintainAspectRatio: false, animation: false, scales, ...more,
    plugins: { legend: { display: false }, tooltip: { callbacks: tooltip, displayColors: false, padding: 10, titleFont: { size: 13 }, bodyFont: { size: 13 } } },
  };
}

// Bars that lie, a line for each implementation. figures: [{key, title, spread, pale}], drawn beside each other.
function barChart(doc, card, figures, format, axisTitle, bound) {
  const narrow = window.innerWidth < 600;
  const rows = shown(doc, (found) => found.median && figures.some((figure) => isNumber(found.median[figure.key])));
  const type = state.axes[card].x;
  return {
    rows: rows.length, thickness: figures.length,
    config: {
      type: "bar",
      plugins: [whiskers],
      data: {
        labels: rows.map((name) => label(name, narrow)),
        datasets: figures.map((figure) => ({
          label: figure.title,
          data: rows.map((name) => { const value = at(doc, name).median[figure.key]; return type === "logarithmic" && !(value > 0) ? null : value; }),
          backgroundColor: rows.map((name) => fillOf(name, figure.pale)),
          borderColor: rows.map(colourOf), borderWidth: 1.5, maxBarThickness: 26, categoryPercentage: 0.8, barPercentage: 0.86,
          spreads: figure.spread && rows.map((name) => figure.spread(at(doc, name))),
        })),
      },
      options: options(
        { x: axis(type, axisTitle, format, type === "linear" ? { suggestedMax: bound } : { suggestedMax: bound }),
          y: { grid: { display: false, borderColor: fromStyle("--line") }, border: { color: fromStyle("--line") }, ticks: { color: fromStyle("--ink"), font: { size: narrow ? 12 : 13 }, autoSkip: false } } },
        { title: (hit) => rows[hit[0].dataIndex],
          label: (hit) => `${figures.length > 1 ? hit.dataset.label + ": " : ""}${format(hit.raw)}`,
          afterLabel: (hit) => figures[hit.datasetIndex].said?.(at(doc, rows[hit.dataIndex])) },
        { indexAxis: "y" }),
    },
  };
}
const highest = (...keys) => Math.max(0, ...numbers(documents.flatMap((doc) => names.filter((name) => !state.hidden.has(name)).flatMap((name) => keys.map((key) => at(doc, name)?.median?.[key])))));
const runsOf = (found, key) => numbers(found.runs.map((run) => run[key]));
function rateSpread(found) {
  const { median: middle, runs } = found;
  const interval = isNumber(middle.items_per_second_low);
  return { low: interval ? middle.items_per_second_low : middle.items_per_second_min, high: interval ? middle.items_per_second_high : middle.items_per_second_max,
           runs: runs.map((run) => run.items_per_second) };
}
const hasInterval = documents.some((doc) => names.some((name) => [...(doc.series.get(name)?.points.values() ?? [])].some((found) => isNumber(found.median?.items_per_second_low))));
const has = (key) => documents.some((doc) => [...doc.series.values()].some((one) => [...one.points.values()].some((found) => isNumber(found.median?.[key]))));

// The best by `key` at the chosen point, and the worst, for the sentence above a chart and the canvas's description.
function extremes(doc, value, least = false) {
  const known = [...doc.series.keys()].filter((name) => !state.hidden.has(name)).map((name) => [name, value(at(doc, name))]).filter(([, v]) => isNumber(v));
  known.sort((a, b) => (least ? a[1] - b[1] : b[1] - a[1]));
  return known.length ? { best: known[0], worst: known[known.length - 1], n: known.length } : null;
}
function sentence(doc, value, format, words, least = false) {
  const ends = extremes(doc, value, least);
  if (!ends) return "Nothing is shown.";
  const [best, worst] = [ends.best, ends.worst];
  return `${where(doc)}${words}: ${best[0]}, ${format(best[1])}` + (ends.n > 1 ? `; at the other end ${worst[0]}, ${format(worst[1])}.` : ".");
}

// A latency curve: from the histogram, as fine as it is, between p50 and p99.99; else the percentiles alone.
function latencyCurve(found) {
  const named = percentiles.filter((name) => isNumber(found.median.latency_ns[name])).map((name) => ({ x: ninesOf(name), y: found.median.latency_ns[name], name }));
  const buckets = found.median.latency_histogram;
  if (!Array.isArray(buckets)) return named;
  const all = buckets.reduce((sum, bucket) => sum + bucket[1], 0);
  const between = [];
  let below = 0;
  for (const [bound, n] of buckets) {
    below += n;
    const x = below < all ? nines(below / all) : Infinity;
    if (x > nines(0.5) && x < nines(0.9999)) between.push({ x, y: bound });
  }
  return [...named, ...between].sort((a, b) => a.x - b.x);
}

const cards = [
  { id: "throughput", title: "Throughput", axes: [["x", "Axis"]], there: () => has("items_per_second"),
    said: (doc) => sentence(doc, (found) => found?.median?.items_per_second, (x) => `${count(x)} ${doc.item}s/s`, "Fastest"),
    hint: hasInterval ? "Bars are medians, lines their 95% intervals, rings single runs." : "Bars are medians, lines reach from the lowest run to the highest, rings are single runs.",
    table: "summary",
    chart: (doc) => barChart(doc, "throughput", [{ key: "items_per_second", title: "median", spread: rateSpread,
      said: (found) => [hasInterval ? `95% interval ${range(found.median.items_per_second_low, found.median.items_per_second_high, count)}` : "", `runs ${runsOf(found, "items_per_second").map(count).join(", ")}`].filter(Boolean) }],
      count, `${doc.item}s a second`, highest("items_per_second", "items_per_second_max")) },

  { id: "sweep", title: `Throughput by ${sweepName}`, axes: [["x", `Across`], ["y", "Up"]], lines: true, there: () => allPoints.length > 1 && has("items_per_second"),
    said: (doc) => sentence(doc, (found) => found?.median?.items_per_second, (x) => `${count(x)} ${doc.item}s/s`, `Fastest at ${sweepName} ${state.point}`),
    hint: hasInterval ? "Points are medians, lines up and down their 95% intervals." : "Points are medians, lines up and down reach from the lowest run to the highest.",
    table: "sweep", height: 380,
    chart: (doc) => {
      const rate = (name, point) => at(doc, name, point)?.median?.items_per_second;
      const top = Math.max(...numbers(documents.flatMap((d) => names.filter((name) => !state.hidden.has(name)).flatMap((name) => d.points.map((p) => at(d, name, p)?.median?.items_per_second)))), 0);
      const sets = namesInOrder().filter((name) => !state.hidden.has(name) && doc.points.some((point) => isNumber(rate(name, point)))).map((name) => {
        const here = doc.points.filter((point) => isNumber(rate(name, point)));
        return { label: name, ...lineLook(name), data: here.map((point) => ({ x: point, y: rate(name, point) })),
                 spreads: here.map((point) => ({ ...rateSpread(at(doc, name, point)), runs: [] })) };
      });
      const ticks = { afterBuildTicks: (scale) => { scale.ticks = doc.points.map((value) => ({ value })); }, ticks: { callback: (value) => String(value), autoSkip: true },
                      beginAtZero: false, min: doc.points[0], max: doc.points[doc.points.length - 1], offset: false };
      return { config: { type: "line", plugins: [whiskers], data: { datasets: sets }, options: options(
        { x: axis(state.axes.sweep.x, sweepName, String, ticks), y: axis(state.axes.sweep.y, `${doc.item}s a second`, count, { suggestedMax: top }) },
        { title: (hit) => hit[0].dataset.label, label: (hit) => `${sweepName} ${hit.raw.x}: ${count(hit.raw.y)} ${doc.item}s/s` }, { clip: false, layout: { padding: 10 } }) } };
    } },

  { id: "latency", title: "Latency", axes: [["y", "Axis"]], lines: true, there: () => documents.some((doc) => [...doc.series.keys()].some((name) => [...doc.series.get(name).points.values()].some((found) => latencyOf(found)))),
    said: (doc) => sentence(doc, (found) => latencyOf(found)?.["p99.9"] ?? latencyOf(found)?.p99, time, "Shortest tail (p99.9)", true),
    hint: "How long an item took from the time it was due to the time it was through; further right are the rarer, longer waits. Marks are the percentiles of the table.",
    table: "latency", height: 380,
    chart: (doc) => {
      const sets = shown(doc, (found) => latencyOf(found)).map((name) => {
        const curve = latencyCurve(at(doc, name));
        return { label: name, ...lineLook(name), data: curve, pointRadius: curve.map((p) => (p.name ? 5.5 : 0)), pointHoverRadius: curve.map((p) => (p.name ? 8 : 0)), pointHitRadius: curve.map((p) => (p.name ? 6 : 0)) };
      });
      const marks = percentiles.map((name) => ({ value: ninesOf(name), label: name }));
      const all = documents.flatMap((d) => shown(d, (found) => latencyOf(found)).flatMap((name) => percentiles.map((p) => latencyOf(at(d, name))[p])));
      const scale = { afterBuildTicks: (s) => { s.ticks = marks.map((mark) => ({ ...mark })); }, min: marks[0].value, max: marks[marks.length - 1].value, beginAtZero: false,
                      ticks: { autoSkip: false, callback: (value) => marks.find((mark) => Math.abs(mark.value - value) < 1e-9)?.label ?? null } };
      return { config: { type: "line", data: { datasets: sets }, options: options(
        { x: axis("linear", "percentile (logarithmic)", String, scale), y: axis(state.axes.latency.y, "latency", time, { suggestedMax: Math.max(...numbers(all), 0) }) },
        { title: (hit) => hit[0].dataset.label, label: (hit) => `${hit.raw.name ?? ""} ${time(hit.raw.y)}` }, { clip: false, layout: { padding: 10 } }) } };
    } },

  { id: "cost", title: "CPU time against throughput", axes: [["x", "Across"], ["y", "Up"]], lines: true, there: () => has("cpu_time") && has("items_per_second"),
    said: (doc) => sentence(doc, (found) => found?.median?.cpu_time, (x) => `${time(x)} per ${doc.item}`, "Least CPU time of all threads together", true),
    hint: "Best is at the lower right: much done, little burnt.", table: "summary", height: 360,
    chart: (doc) => {
      const sets = shown(doc, (found) => isNumber(found.median?.cpu_time) && isNumber(found.median?.items_per_second)).map((name) => {
        const { median: middle } = at(doc, name);
        return { label: name, ...lineLook(name), pointRadius: 8, pointHoverRadius: 10, data: [{ x: middle.items_per_second, y: middle.cpu_time }] };
      });
      return { config: { type: "scatter", data: { datasets: sets }, options: options(
        { x: axis(state.axes.cost.x, `${doc.item}s a second`, count, { suggestedMax: highest("items_per_second") * 1.05 }),
          y: axis(state.axes.cost.y, `CPU time per ${doc.item}`, time, { suggestedMax: highest("cpu_time") * 1.05 }) },
        { title: (hit) => hit[0].dataset.label, label: (hit) => [`${count(hit.raw.x)} ${doc.item}s/s`, `${time(hit.raw.y)} of CPU per ${doc.item}`] }, { clip: false, layout: { padding: 10 } }) } };
    } },

  { id: "switches", title: "Context switches", axes: [["x", "Axis"]], there: () => has("voluntary_context_switches_per_1000_items"),
    said: (doc) => sentence(doc, (found) => found?.median?.voluntary_context_switches_per_1000_items, (x) => `${count(x)} waits per 1000 ${doc.item}s`, "Fewest", true),
    hint: "Upper, strong bar: a thread waited in the kernel. Lower, pale bar: a thread was put aside for another.", table: "summary",
    chart: (doc) => barChart(doc, "switches", [{ key: "voluntary_context_switches_per_1000_items", title: "waited" }, { key: "involuntary_context_switches_per_1000_items", title: "put aside", pale: true }],
      count, `per 1000 ${doc.item}s`, highest("voluntary_context_switches_per_1000_items", "involuntary_context_switches_per_1000_items")) },

  { id: "memory", title: "Memory", axes: [["x", "Axis"]], there: () => has("peak_memory_bytes"),
    said: (doc) => sentence(doc, (found) => found?.median?.peak_memory_bytes, bytes, "Smallest peak", true), hint: "The most memory that was resident at once, of the whole program.", table: "summary",
    chart: (doc) => barChart(doc, "memory", [{ key: "peak_memory_bytes", title: "peak" }], bytes, "bytes", highest("peak_memory_bytes")) },
];

// --- Buttons -----------------------------------------------------------------------
function seriesButtons(wanted) {
  return make("div", { class: "row", role: "group", "aria-label": "Implementations shown" }, ...namesInOrder().filter(wanted).map((name) =>
    make("button", { type: "button", class: "series", "data-series": name, "aria-pressed": String(!state.hidden.has(name)), title: familyName(name), onclick: () => {
      if (!state.hidden.delete(name)) state.hidden.add(name);
      draw();
    } }, make("canvas", { width: 68, height: 28, "aria-hidden": "true" }), name)));
}
function allOrNone() {
  const set = (hide) => () => { state.hidden = new Set(hide ? names : []); draw(); };
  return make("div", { class: "row" }, make("span", { class: "label" }, "Show"), make("button", { type: "button", "data-show": "all", onclick: set(false) }, "all"), make("button", { type: "button", "data-show": "none", onclick: set(true) }, "none"));
}
// Each button's sample: the line, the point and the bar's inside.
function paintSample(canvas, name) {
  const pen = canvas.getContext("2d");
  const look = lineLook(name);
  pen.setTransform(2, 0, 0, 2, 0, 0);
  pen.clearRect(0, 0, 34, 14);
  pen.strokeStyle = look.borderColor;
  pen.lineWidth = 2.5;
  pen.setLineDash(look.borderDash);
  pen.beginPath(); pen.moveTo(0, 7); pen.lineTo(20, 7); pen.stroke();
  pen.setLineDash([]);
  pen.fillStyle = fillOf(name);
  pen.lineWidth = 1.5;
  pen.fillRect(22, 2, 11, 10);
  pen.strokeRect(22, 2, 11, 10);
  if (!chartLibrary) return;
  pen.fillStyle = look.pointBackgroundColor;
  pen.lineWidth = 2;
  chartLibrary.helpers.drawPoint(pen, { pointStyle: look.pointStyle, radius: 4.5, rotation: 0, borderWidth: 2 }, 9, 7);
}
function choice(name, values, chosen, choose) {
  return make("div", { class: "row" }, make("span", { class: "label" }, name),
    make("div", { class: "choice", role: "group", "aria-label": name }, ...values.map(([value, text]) =>
      make("button", { type: "button", "aria-pressed": String(chosen() === value), "data-value": String(value), onclick: (event) => {
        choose(value);
        for (const each of event.currentTarget.parentElement.children) each.setAttribute("aria-pressed", String(each === event.currentTarget));
        draw();
      } }, text))));
}

// --- The page ------------------------------------------------------------------------
const plural = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
function workloadName(context) {
  const workload = String(context.workload ?? "");
  const given = (key) => isNumber(context[key]);
  const name = workload ? workload[0].toUpperCase() + workload.slice(1) : "Results";
  const swept = context.sweep?.over;
  const who = swept === "threads" || !given("producers") || !given("consumers") ? ""
    : ["pipeline", "queue", "latency"].includes(workload) ? `, ${plural(context.producers, "producer")} and ${plural(context.consumers, "consumer")}`
    : `, ${plural(context.producers + context.consumers, "thread")}`;
  const values = context.sweep?.values ?? [];
  return name + who + (swept ? `, ${String(swept).replaceAll("_", " ")} from ${values[0]} to ${values[values.length - 1]}` : "");
}
function header() {
  const about = (doc) => [doc.context.host_name, doc.context.cpu, isNumber(doc.context.num_cpus) ? plural(doc.context.num_cpus, "processor") : "", String(doc.context.date ?? "").replace("T", " ").replace(/:\d\d[+-].*$/, "")].filter(Boolean).join(" · ");
  return [
    make("p", { class: "eyebrow" }, "Switchyard compare"),
    make("h1", {}, several ? `${documents.length} runs side by side` : workloadName(documents[0].context)),
    make("ul", { class: "sources" }, ...documents.map((doc) => make("li", {}, several ? make("span", { class: "letter" }, doc.letter) : "",
      several ? make("strong", {}, doc.title) : "", several ? ` · ${workloadName(doc.context)} · ${about(doc)}` : about(doc)))),
  ];
}
function advice() {
  const given = documents.filter((doc) => doc.context.advice?.sentences?.length);
  if (given.length === 0) return "";
  const one = (doc) => {
    const { sentences, points = [] } = doc.context.advice;
    const pick = (point) => (point.tied?.length > 1 ? `a tie of ${point.tied.join(", ")}` : point.choice ?? "none");
    return make("div", {}, several ? make("h3", {}, make("span", { class: "letter" }, doc.letter), doc.title) : "",
                ...sentences.map((text, i) => make("p", { class: i === 0 ? "lead" : undefined }, text)),
                points.length > 1 ? make("ul", {}, ...points.map((point) => make("li", {}, `At ${sweepName} ${point.at}: `, make("strong", {}, pick(point))))) : "");
  };
  return make("section", { class: "advice", "aria-labelledby": "advice-title" }, make("h2", { id: "advice-title" }, "Advice for this workload on this machine"),
              make("div", { class: "plan" }, ...given.map(one)));
}
function problems() {
  const wrong = documents.flatMap((doc) => [...doc.series.values()].flatMap((one) => [...one.points].filter(([, found]) => found.error)
    .map(([point, found]) => `${where(doc)}${one.name}${point === null ? "" : ` at ${sweepName} ${point}`}: ${found.error}`)));
  const notes = [];
  for (const doc of documents) {
    if (doc.context.interrupted) notes.push(`${where(doc)}Interrupted: not all runs were finished.`);
    if (doc.context.library_build_type === "debug") notes.push(`${where(doc)}Measured with a program that was built for debugging: its times are no guide.`);
    const missed = unique(doc.results.benchmarks.filter((entry) => isNumber(entry.rate_kept) && entry.rate_kept < 0.95).map((entry) => entry.implementation ?? entry.run_name));
    if (missed.length) notes.push(`${where(doc)}The rate asked for was not kept (less than 95% of it) by ${missed.join(", ")}.`);
  }
  return [
    wrong.length ? make("section", { class: "wrong", "aria-labelledby": "wrong-title" }, make("h2", { id: "wrong-title" }, "✗ Wrong answers"), make("ul", {}, ...wrong.map((text) => make("li", {}, text)))) : "",
    ...notes.map((text) => make("p", { class: "notice" }, text)),
  ];
}

// The part that the chosen point changes is made anew by draw(); buttons and frames stay, so that focus stays.
const figures = new Map();  // by card
const tables = make("div", {});
function card(of) {
  const said = make("div", { class: "said" });
  const plots = make("div", { class: "plots" + (several ? "" : " wide") });
  figures.set(of, { said, plots });
  const kinds = [["linear", "Linear"], ["logarithmic", "Logarithmic"]];
  const inCard = (name) => documents.some((doc) => of.id !== "latency" || [...(doc.series.get(name)?.points.values() ?? [])].some((found) => latencyOf(found)));
  return make("section", { class: "card", id: of.id, "aria-labelledby": of.id + "-title" },
    make("header", {}, make("div", {}, make("h3", { id: of.id + "-title" }, of.title), said),
         make("div", { class: "row" }, ...of.axes.map(([which, name]) => choice(name, kinds, () => state.axes[of.id][which], (value) => { state.axes[of.id][which] = value; })))),
    of.lines ? make("div", { class: "panel" }, seriesButtons(inCard)) : "",
    plots,
    make("footer", { class: "soft" }, of.hint + " ", ...documents.map((doc) => make("a", { href: `#table-${of.table}-${doc.letter}` }, `${where(doc)}the numbers as a table`)).flatMap((link, i) => (i ? [", ", link] : [link])), "."));
}
function draw() {
  for (const chart of drawn.splice(0)) chart.destroy();
  for (const button of document.querySelectorAll("button.series")) {
    button.setAttribute("aria-pressed", String(!state.hidden.has(button.dataset.series)));
    paintSample(button.querySelector("canvas"), button.dataset.series);
  }
  tables.replaceChildren(
    make("div", {}, ...documents.map(summaryTable)), make("div", {}, ...documents.map(sweepTable)),
    make("div", {}, ...documents.map(latencyTable)), several ? sideBySideTable() : "");
  for (const [of, { said, plots }] of figures) {
    said.replaceChildren(...documents.map((doc) => make("p", {}, of.said(doc))));
    plots.replaceChildren();
    for (const doc of documents) {
      const made = of.chart(doc);
      const canvas = make("canvas", { role: "img", "aria-label": `${of.title}${several ? ", " + doc.title : ""}. ${of.said(doc)} The numbers are in the table below.` });
      const height = of.height ?? Math.max(120, 76 + made.rows * (made.thickness > 1 ? 46 : window.innerWidth < 600 ? 48 : 38));
      plots.append(make("div", { class: "plot" }, several ? make("p", {}, make("span", { class: "letter" }, doc.letter), doc.title) : "", make("div", { class: "frame", style: `height:${height}px` }, canvas)));
      drawn.push(new chartLibrary(canvas, made.config));
    }
  }
}

document.getElementById("top").append(...header());
const main = document.getElementById("results");
main.append(advice(), ...problems());
const pointChooser = allPoints.length ? choice(`${sweepName[0].toUpperCase()}${sweepName.slice(1)}`, allPoints.map((point) => [point, String(point)]), () => state.point, (value) => { state.point = value; }) : "";
if (!chartLibrary && !document.querySelector("p.no-charts")) main.append(make("p", { class: "notice no-charts" }, "The charts are missing, as the Chart.js that this page was made with is none that it knows. The tables have all the numbers."));
if (chartLibrary) {
  chartLibrary.defaults.font.family = getComputedStyle(document.body).fontFamily;
  main.append(make("h2", {}, "Charts"), make("p", { class: "note" }, "Filled and solid is lock-free; hatched, hollow and dashed is blocking; dotted is what is between. The buttons show and hide."),
              make("div", { class: "panel", id: "shown" }, allOrNone(), seriesButtons(() => true), pointChooser), ...cards.filter((of) => of.there()).map(card));
}
main.append(make("h2", { id: "tables" }, "Tables"), chartLibrary ? "" : pointChooser, tables,
  make("details", { class: "runs" }, make("summary", {}, "Every run, every number"), ...documents.flatMap((doc) => [
    rawTable(doc, `Runs: each as it stands in the JSON; times are nanoseconds per ${doc.item}.`, (entry) => entry.run_type !== "aggregate"),
    rawTable(doc, "Aggregates: what the runs come to.", (entry) => entry.run_type === "aggregate")])),
  make("h2", {}, "Machine, build and request"), contextTable(),
  make("h2", {}, "Data"), make("p", {}, "All of it, as it was read in; ", make("code", {}, "tools/report"), " makes one page of several such files."),
  make("p", { class: "files" }, ...documents.map((doc) => make("a", { class: "download", download: several ? `results-${doc.letter}.json` : "results.json",
    href: URL.createObjectURL(new Blob([JSON.stringify(doc.results, null, 2) + "\n"], { type: "application/json" })) }, `${where(doc)}download JSON`))));
draw();

// The colours follow the system, the words in the bars the width, and paper is white.
darkScheme.addEventListener("change", draw);
let width = window.innerWidth;
window.addEventListener("resize", () => {
  const crossed = (width < 600) !== (window.innerWidth < 600);
  width = window.innerWidth;
  if (crossed) draw();
});
const opened = [];
function onPaper(paper) {
  state.paper = paper;
  document.documentElement.classList.toggle("on-paper", paper);
  if (paper) for (const each of document.querySelectorAll("details:not([open])")) { each.open = true; opened.push(each); }
  else for (const each of opened.splice(0)) each.open = false;
  draw();
}
window.addEventListener("beforeprint", () => onPaper(true));
window.addEventListener("afterprint", () => onPaper(false));
