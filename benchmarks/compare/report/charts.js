// How implementations look, and the charts, which Chart.js draws.
"use strict";

const library = typeof Chart === "function" && parseInt(Chart.version, 10) >= 3 ? Chart : null;

// --- Looks: one colour, dash and shape for each implementation --------------------
// Lock-free ones are cool, filled and solid; blocking ones warm, hatched, hollow and dashed; what is neither is grey to
// violet and dotted. Colours, [on white, on black], differ in lightness as well, for who sees few of them.

const families = {
  cool: {
    colours: [["#0b66ae", "#5aaef2"], ["#00877a", "#3fd1ba"], ["#4b3fb5", "#a79dff"],
              ["#2f8fbf", "#9fdcff"], ["#17375e", "#7f9fd0"], ["#46813a", "#9bd98a"]],
    shapes: ["circle", "triangle", "rectRot", "rect", "rectRounded"], dashes: [[], [14, 3], [10, 3, 2, 3]],
  },
  warm: {
    colours: [["#c4470c", "#ff9a5c"], ["#a87400", "#f0c548"], ["#a01a50", "#ff8db5"],
              ["#6e3b12", "#d3a374"], ["#d9534f", "#ffb1a8"], ["#7d1d1d", "#e06c5c"]],
    shapes: ["rect", "circle", "rectRot", "triangle", "rectRounded"], dashes: [[6, 4], [3, 3], [9, 3, 3, 3]],
  },
  between: {
    colours: [["#6a6f77", "#aab1bb"], ["#8a4aa5", "#d29bea"], ["#30343a", "#e2e5e9"], ["#837b57", "#d8cf9f"]],
    shapes: ["star", "cross", "crossRot"], dashes: [[1, 3], [2, 6], [1, 3, 6, 3]],
  },
};
// The same in every report; others take what is left, those first that are shown at first.
const places = new Map(Object.entries({
  "lockfree.bounded_queue": 0, "lockfree.spsc_queue": 1, "moodycamel.reader_writer_queue": 2,
  "lockfree.unbounded_queue": 3, "lockfree.mpsc_queue": 4,
  "blocking.bounded_queue": 0, "blocking.spsc_queue": 1, "blocking.unbounded_queue": 2, "absl.bounded_queue": 3,
  "std.bounded_queue": 4, "blocking.mpsc_queue": 5,
  "moodycamel.concurrent_queue": 0, "moodycamel.blocking_concurrent_queue": 1,
}));
const looks = new Map();
{
  const taken = { cool: new Set(), warm: new Set(), between: new Set() };
  const place = (name) => places.get(name) ?? places.size;
  const later = (name) => (atFirst.includes(name) ? 0 : 1);
  for (const name of [...names].sort((a, b) => place(a) - place(b) || later(a) - later(b) || (a < b ? -1 : 1))) {
    const family = { lock_free: "cool", wait_free: "cool", blocking: "warm" }[progressOf(name)] ?? "between";
    let number = places.get(name) ?? 0;
    while (taken[family].has(number)) ++number;
    taken[family].add(number);
    const { colours, shapes, dashes } = families[family];
    const one = (list) => list[number % list.length];
    looks.set(name, { family, colours: one(colours), shape: one(shapes), dash: one(dashes) });
  }
}

const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
const colourOf = (name) => looks.get(name).colours[darkScheme.matches && !state.paper ? 1 : 0];
const fromStyle = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The inside of a bar.
function fillOf(name, pale = false) {
  const { family } = looks.get(name);
  const tile = make("canvas", { width: 8, height: 8 });
  const pen = tile.getContext("2d");
  pen.fillStyle = fromStyle("--card");
  pen.fillRect(0, 0, 8, 8);
  pen.fillStyle = pen.strokeStyle = colourOf(name);
  pen.globalAlpha = pale ? 0.1 : family === "cool" ? 0.88 : 0.22;
  pen.fillRect(0, 0, 8, 8);
  pen.globalAlpha = pale ? 0.3 : 0.85;
  pen.lineWidth = 1.6;
  if (family === "warm") {
    pen.beginPath();
    for (const x of [-8, 0, 8]) {
      pen.moveTo(x - 1, 9);
      pen.lineTo(x + 9, -1);
    }
    pen.stroke();
  } else if (family === "between") {
    for (const [x, y] of [[2, 2], [6, 6]]) {
      pen.beginPath();
      pen.arc(x, y, 1.3, 0, 7);
      pen.fill();
    }
  }
  return pen.createPattern(tile, "repeat");
}

// A series of lines and points.
function lineLook(name) {
  const { family, shape, dash } = looks.get(name);
  const colour = colourOf(name);
  return {
    label: name, borderColor: colour, backgroundColor: colour, borderDash: dash, borderWidth: 2.5, tension: 0,
    pointStyle: shape, pointRadius: 5.5, pointHoverRadius: 8, pointBorderColor: colour, pointBorderWidth: 2,
    pointBackgroundColor: family === "cool" ? colour : fromStyle("--card"),
  };
}

// The sample in a button of the legend: line, point, and inside of a bar.
function paintSample(canvas, name) {
  const pen = canvas.getContext("2d");
  const look = lineLook(name);
  pen.setTransform(2, 0, 0, 2, 0, 0);
  pen.clearRect(0, 0, 44, 14);
  pen.strokeStyle = look.borderColor;
  pen.lineWidth = 2;
  pen.setLineDash(look.borderDash);
  pen.beginPath();
  pen.moveTo(0, 7);
  pen.lineTo(26, 7);
  pen.stroke();
  pen.setLineDash([]);
  pen.fillStyle = look.pointBackgroundColor;
  library.helpers.drawPoint(pen, { pointStyle: look.pointStyle, radius: 4.5, rotation: 0, borderWidth: 2 }, 13, 7);
  pen.fillStyle = fillOf(name);
  pen.lineWidth = 1.5;
  pen.fillRect(32, 2, 11, 10);
  pen.strokeRect(32, 2, 11, 10);
}

// --- What Chart.js does not draw by itself ------------------------------------------

// Of a dataset with `spreads`: a line from low to high through the middle of each bar or point, and runs as rings. They
// lie on bars, with a light edge to be seen on dark ones, and under points, in the colour of their line.
function paintSpreads(chart) {
  const pen = chart.ctx;
  const lying = chart.options.indexAxis === "y";
  const scale = chart.scales[lying ? "x" : "y"];
  const inside = (value) => isNumber(value) && value >= scale.min && value <= scale.max;
  const paint = ({ low, high, runs }, { x, y }, strokes) => {
    const place = (value, aside) =>
      lying ? [scale.getPixelForValue(value), y + aside] : [x + aside, scale.getPixelForValue(value)];
    if (inside(low) && inside(high)) {
      const line = (from, to) => [pen.moveTo(...from), pen.lineTo(...to)];
      pen.beginPath();
      line(place(low, 0), place(high, 0));
      for (const end of [low, high]) line(place(end, -5), place(end, 5));
      for (const [colour, width] of strokes) {
        pen.strokeStyle = colour;
        pen.lineWidth = width;
        pen.stroke();
      }
    }
    pen.strokeStyle = fromStyle("--ink");
    pen.fillStyle = fromStyle("--card");
    pen.lineWidth = 1.25;
    runs.filter(inside).forEach((run, i) => {
      pen.beginPath();
      pen.arc(...place(run, ((i % 3) - 1) * 4), 2.6, 0, 7);
      pen.fill();
      pen.stroke();
    });
  };
  pen.save();
  chart.data.datasets.forEach((set, d) => {
    const strokes = lying ? [[fromStyle("--card"), 4.5], [fromStyle("--ink"), 1.75]] : [[set.borderColor, 1.5]];
    const elements = chart.getDatasetMeta(d).data;
    set.spreads?.forEach((spread, i) => elements[i] && paint(spread, elements[i], strokes));
  });
  pen.restore();
}
const drawSpreads = {
  id: "spreads",
  beforeDatasetsDraw: (chart) => { if (chart.options.indexAxis !== "y") paintSpreads(chart); },
  afterDatasetsDraw: (chart) => { if (chart.options.indexAxis === "y") paintSpreads(chart); },
};

// The name beside each point of a cloud, as near as there is room for it.
const drawNames = {
  id: "names",
  afterDatasetsDraw(chart) {
    const pen = chart.ctx;
    const { left, right, top, bottom } = chart.chartArea;
    const points = chart.data.datasets.map((set, d) => ({
      name: set.label, colour: set.borderColor, ...chart.getDatasetMeta(d).data[0].getProps(["x", "y"]),
    }));
    const boxes = points.map(({ x, y }) => [x - 8, y - 8, x + 8, y + 8]);
    pen.save();
    pen.font = `12px ${library.defaults.font.family}`;
    pen.textBaseline = "middle";
    for (const { name, colour, x, y } of points) {
      const wide = pen.measureText(name).width;
      const aside = [[x + 13, y], [x - 13 - wide, y]];
      const above = [18, -18, 34, -34, 50, -50, 66, -66, 82, -82].flatMap((up) =>
        [x - wide / 2, x - wide + 8, x - 8].map((from) => [from, y - up]));
      const places = [...aside, ...above].map(([from, middle]) => [from, middle - 7, from + wide, middle + 7]);
      const free = places.find((box) =>
        box[0] > left + 2 && box[2] < right + 10 && box[1] > top && box[3] < bottom &&
        boxes.every((other) => box[2] < other[0] || box[0] > other[2] || box[3] < other[1] || box[1] > other[3]));
      if (!free) continue;
      const middle = free[1] + 7;
      if (Math.abs(middle - y) > 20) {
        pen.strokeStyle = colour;
        pen.beginPath();
        pen.moveTo(x, y + 9 * Math.sign(middle - y));
        pen.lineTo(x, middle + 8 * Math.sign(y - middle));
        pen.stroke();
      }
      pen.fillStyle = fromStyle("--ink");
      pen.fillText(name, free[0], middle);
      boxes.push(free);
    }
    pen.restore();
  },
};

// --- Parts of charts --------------------------------------------------------------------

const isNarrow = () => window.innerWidth < 600;

// An axis of figures in a `format`. A logarithmic one is marked at 1, 2 and 5; bytes are marked at powers of two.
function axis(type, title, format, more = {}) {
  const logarithmic = type === "logarithmic";
  const told = (value) => {
    const digit = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
    return [1, 2, 5].some((each) => Math.abs(digit - each) < 1e-6);
  };
  return {
    type, beginAtZero: !logarithmic,
    title: { display: true, text: title, color: fromStyle("--soft"), font: { size: 13 } },
    grid: { color: fromStyle("--grid"), borderColor: fromStyle("--line") },
    ...more,
    ...(format === bytes ? { afterBuildTicks: (scale) => markBytes(scale, logarithmic) } : {}),
    ticks: {
      color: fromStyle("--soft"), maxTicksLimit: 8, maxRotation: 0, autoSkipPadding: 12, font: { size: 12 },
      callback: (value) => (!logarithmic || format === bytes || told(value) ? format(value) : null), ...more.ticks,
    },
  };
}
function markBytes(scale, logarithmic) {
  const about = isNarrow() || several ? 3 : 6;
  scale.ticks = [];
  if (logarithmic) {
    const step = Math.ceil(Math.log2(scale.max / scale.min) / about);
    const factor = 2 ** step;
    for (let value = 2 ** Math.ceil(Math.log2(scale.min)); value <= scale.max; value *= factor) scale.ticks.push({ value });
  } else {
    const step = 2 ** Math.ceil(Math.log2(scale.max / about));
    for (let value = 0; value <= scale.max; value += step) scale.ticks.push({ value });
  }
}
// An axis with marks at certain values only: [{value, label}].
function axisWith(type, title, marks) {
  const text = (value) => marks.find((mark) => Math.abs(mark.value - value) < 1e-9)?.label ?? null;
  return axis(type, title, text, {
    beginAtZero: false, min: marks[0].value, max: marks.at(-1).value, ticks: { autoSkip: false, callback: text },
    afterBuildTicks: (scale) => { scale.ticks = marks.map(({ value }) => ({ value })); },
  });
}
const chartOptions = (scales, tooltip, more = {}) => ({
  responsive: true, maintainAspectRatio: false, animation: false, scales, ...more,
  plugins: { legend: { display: false }, tooltip: { callbacks: tooltip, displayColors: false, padding: 10 } },
});
// Lines and points may reach a little over the edge of the area that they are drawn in.
const overEdge = { clip: false, layout: { padding: { top: 10, right: 14 } } };

// The largest of what is shown, so that axes side by side are alike.
const highest = (...keys) => Math.max(0, ...numbers(documents.flatMap((doc) =>
  shown(() => true).flatMap((name) => keys.map((key) => figure(doc, name, key))))));

// A name in short lines.
const inLines = (name) => name.split(/(?<=[._])/).reduce((lines, part) => {
  const last = lines.at(-1) + part;
  return lines.length && last.length <= 17 ? [...lines.slice(0, -1), last] : [...lines, part];
}, []);

// Lying bars, a line for each implementation. parts: [{key, title, pale, spread(found), more(found)}], one below the
// other.
function barChart(doc, card, parts, format, title, bound = highest(...parts.map(({ key }) => key))) {
  const type = state.axes[card].x;
  const tight = isNarrow() || several;
  const rows = shown((name) => documents.some((each) => parts.some(({ key }) => isNumber(figure(each, name, key)))));
  const value = (name, key) => {
    const it = figure(doc, name, key) ?? null;
    return type === "logarithmic" && !(it > 0) ? null : it;
  };
  return {
    height: Math.max(130, 76 + rows.length * (tight ? 48 : parts.length > 1 ? 46 : 38)),
    type: "bar", plugins: [drawSpreads],
    data: {
      labels: rows.map((name) => (tight ? inLines(name) : name)),
      datasets: parts.map(({ key, title: label, pale, spread }) => ({
        label, data: rows.map((name) => value(name, key)), backgroundColor: rows.map((name) => fillOf(name, pale)),
        borderColor: rows.map(colourOf), borderWidth: 1.5,
        maxBarThickness: 26, categoryPercentage: 0.8, barPercentage: 0.9,
        spreads: spread && rows.map((name) => spread(at(doc, name))),
      })),
    },
    options: chartOptions({
      x: axis(type, title, format, { suggestedMax: bound }),
      y: {
        grid: { display: false, borderColor: fromStyle("--line") },
        ticks: { color: fromStyle("--ink"), font: { size: tight ? 11 : 13 }, autoSkip: false },
      },
    }, {
      title: ([hit]) => rows[hit.dataIndex],
      label: (hit) => (parts.length > 1 ? hit.dataset.label + ": " : "") + format(hit.raw),
      afterLabel: (hit) => parts[hit.datasetIndex].more?.(at(doc, rows[hit.dataIndex])),
    }, { indexAxis: "y" }),
  };
}

// The interval of the median where it is known, else the range of the runs.
function spreadOf({ median: middle, runs } = { runs: [] }) {
  return {
    low: middle?.items_per_second_low ?? middle?.items_per_second_min,
    high: middle?.items_per_second_high ?? middle?.items_per_second_max,
    runs: middle ? runs.map((run) => run.items_per_second) : [],
  };
}

// Percentiles stand as far to the right as they have nines: p90 at 1, p99 at 2.
const nines = (share) => -Math.log10(1 - share);
const ninesOf = (percentile) => nines(Number(percentile.slice(1)) / 100);

// The percentiles that are known, and between them the histogram, where there is one.
function latencyCurve(doc, name) {
  const known = latency(doc, name);
  const told = percentiles.filter((each) => isNumber(known[each]))
    .map((each) => ({ x: ninesOf(each), y: known[each], told: each }));
  const buckets = figure(doc, name, "latency_histogram") ?? [];
  const all = buckets.reduce((sum, [, n]) => sum + n, 0);
  const between = [];
  let below = 0;
  for (const [bound, n] of buckets) {
    below += n;
    const x = nines(below / all);
    if (x > nines(0.5) && x < nines(0.9999)) between.push({ x, y: bound });
  }
  // No mark lies aside of the line: equal places keep the percentile first.
  return [...told, ...between].sort((a, b) => a.x - b.x || a.y - b.y);
}

// --- The charts ------------------------------------------------------------------------------
// Each: what its axes are called, whether there are data, which table has its numbers, a sentence with its main result,
// how to read it, and the chart as Chart.js wants it. Those of `lines` have a legend of their own.

const least = true;
// "Fastest: a, 2 M lines/s; at the other end b, 1 M lines/s."
function extremes(doc, words, value, format, smallest = false) {
  const known = shown((name) => isNumber(value(name))).map((name) => [name, value(name)]);
  known.sort((a, b) => (smallest ? a[1] - b[1] : b[1] - a[1]));
  if (known.length === 0) return `${where(doc)}Nothing is shown.`;
  const told = ([name, v]) => `${name}, ${format(v)}`;
  const last = state.hidden.size > 0 ? "; last of those shown: " : "; at the other end ";
  const other = known.length > 1 ? last + told(known.at(-1)) : "";
  return `${where(doc)}${words}: ${told(known[0])}${other}.`;
}
const rateOf = (doc) => (x) => `${count(x)} ${doc.item}s/s`;
const linesAre = hasInterval ? "95% intervals" : "from the lowest run to the highest";

const charts = [
  {
    id: "throughput", title: "Throughput", axes: { x: "Axis" }, there: has("items_per_second"), table: "summary",
    said: (doc) => extremes(doc, "Fastest", (name) => figure(doc, name, "items_per_second"), rateOf(doc)),
    hint: `Bars are medians, lines across ${linesAre}, rings single runs.`,
    chart: (doc) => barChart(doc, "throughput", [{
      key: "items_per_second", title: "median", spread: spreadOf,
      more: (found) => [`${linesAre}: ${range(spreadOf(found).low, spreadOf(found).high, count)}`,
                        `runs: ${spreadOf(found).runs.map(count).join(", ")}`],
    }], count, `${doc.item}s a second`, highest("items_per_second_high", "items_per_second_max")),
  },
  {
    id: "sweep", title: `Throughput by ${sweepName}`, axes: { x: `${capital(sweepName)} axis`, y: "Throughput axis" },
    lines: true, there: has("items_per_second") && allPoints.length > 1, table: "sweep",
    said: (doc) =>
      extremes(doc, `Fastest${whichPoint()}`, (name) => figure(doc, name, "items_per_second"), rateOf(doc)),
    hint: `Points are medians, lines up and down ${linesAre}.`,
    chart: (doc) => {
      const rate = (point) => (name) => figure(doc, name, "items_per_second", point);
      const highs = documents.flatMap((each) => each.points.flatMap((point) =>
        shown(() => true).map((name) => spreadOf(at(each, name, point)).high)));
      return {
        height: 400, type: "line", plugins: [drawSpreads],
        data: {
          datasets: shown((name) => doc.points.some((point) => isNumber(rate(point)(name)))).map((name) => {
            const here = doc.points.filter((point) => isNumber(rate(point)(name)));
            return {
              ...lineLook(name), data: here.map((point) => ({ x: point, y: rate(point)(name) })),
              spreads: here.map((point) => ({ ...spreadOf(at(doc, name, point)), runs: [] })),
            };
          }),
        },
        options: chartOptions({
          x: axisWith(state.axes.sweep.x, sweepName, allPoints.map((value) => ({ value, label: count(value) }))),
          y: axis(state.axes.sweep.y, `${doc.item}s a second`, count, { suggestedMax: Math.max(0, ...numbers(highs)) }),
        }, {
          title: ([hit]) => hit.dataset.label, label: ({ raw }) => `${sweepName} ${raw.x}: ${rateOf(doc)(raw.y)}`,
        }, overEdge),
      };
    },
  },
  {
    id: "latency", title: "Latency", axes: { y: "Latency axis" }, lines: true, there: names.some(latencyMeasured),
    table: "latency",
    said: (doc) => extremes(doc, "Shortest at p99.9", (name) => latency(doc, name)?.["p99.9"], time, least),
    hint: "From the time an item was due to the time it was through. The further right, the rarer the waits.",
    chart: (doc) => {
      const all = documents.flatMap((each) => shown((name) => latency(each, name))
        .flatMap((name) => percentiles.map((p) => latency(each, name)[p])));
      return {
        height: 400, type: "line",
        data: {
          datasets: shown((name) => latency(doc, name)).map((name) => {
            const data = latencyCurve(doc, name);
            const marked = (size) => data.map((point) => (point.told ? size : 0));
            return {
              ...lineLook(name), data, pointRadius: marked(5.5), pointHoverRadius: marked(8), pointHitRadius: marked(8),
            };
          }),
        },
        options: chartOptions({
          x: axisWith("linear", "percentile, logarithmic",
                      percentiles.map((label) => ({ value: ninesOf(label), label }))),
          y: axis(state.axes.latency.y, "latency", time, { suggestedMax: Math.max(0, ...numbers(all)) }),
        }, {
          title: ([hit]) => hit.dataset.label, label: ({ raw }) => `${raw.told ?? ""} ${time(raw.y)}`,
        }, overEdge),
      };
    },
  },
  {
    id: "cost", title: "CPU time against throughput", axes: { x: "Throughput axis", y: "CPU time axis" }, lines: true,
    there: has("cpu_time") && has("items_per_second"), table: "summary",
    said: (doc) => extremes(doc, "Least CPU time, of all threads together", (name) => figure(doc, name, "cpu_time"),
                            (x) => `${time(x)} per ${doc.item}`, least),
    hint: "Best is at the lower right: much done, little burnt.",
    chart: (doc) => ({
      height: 380, type: "scatter", plugins: [drawNames],
      data: {
        datasets: shown(() => true).map((name) => ({
          ...lineLook(name), pointRadius: 7.5, pointHoverRadius: 9,
          data: [{ x: figure(doc, name, "items_per_second"), y: figure(doc, name, "cpu_time") }],
        })).filter(({ data: [{ x, y }] }) => isNumber(x) && isNumber(y)),
      },
      options: chartOptions({
        x: axis(state.axes.cost.x, `${doc.item}s a second`, count, {
          suggestedMax: highest("items_per_second") * 1.05,
        }),
        y: axis(state.axes.cost.y, `CPU time per ${doc.item}`, time, { suggestedMax: highest("cpu_time") * 1.1 }),
      }, {
        title: ([hit]) => hit.dataset.label,
        label: ({ raw }) => [rateOf(doc)(raw.x), `${time(raw.y)} of CPU per ${doc.item}`],
      }, overEdge),
    }),
  },
  {
    id: "switches", title: "Context switches", axes: { x: "Axis" }, table: "summary",
    there: has("voluntary_context_switches_per_1000_items"),
    said: (doc) => extremes(doc, "Fewest", (name) => figure(doc, name, "voluntary_context_switches_per_1000_items"),
                            (x) => `${count(x)} waits per 1000 ${doc.item}s`, least),
    hint: "Upper, strong bars: a thread waited in the kernel. Lower, pale bars: a thread was put aside for another.",
    chart: (doc) => barChart(doc, "switches", [
      { key: "voluntary_context_switches_per_1000_items", title: "waited" },
      { key: "involuntary_context_switches_per_1000_items", title: "put aside", pale: true },
    ], count, `per 1000 ${doc.item}s`),
  },
  {
    id: "memory", title: "Memory", axes: { x: "Axis" }, there: has("peak_memory_bytes"), table: "summary",
    said: (doc) => extremes(doc, "Smallest peak", (name) => figure(doc, name, "peak_memory_bytes"), bytes, least),
    hint: "The most memory of the whole program that was resident at once.",
    chart: (doc) =>
      barChart(doc, "memory", [{ key: "peak_memory_bytes", title: "peak" }], bytes, "peak of resident memory"),
  },
];
