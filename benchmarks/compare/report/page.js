// Puts the page together, and draws anew what a button changes.
"use strict";

// --- What it is about, advice, and what went wrong ----------------------------------

function workloadOf({ workload, producers, consumers, sweep }) {
  const parts = [capital(readable(workload ?? "results"))];
  if (isNumber(producers) && isNumber(consumers) && sweep?.over !== "threads") {
    const sides = `${plural(producers, "producer")} and ${plural(consumers, "consumer")}`;
    parts.push(["pipeline", "queue", "latency"].includes(workload) ? sides : plural(producers + consumers, "thread"));
  }
  if (sweep?.values?.length) parts.push(`${readable(sweep.over)} from ${sweep.values[0]} to ${sweep.values.at(-1)}`);
  return parts.join(", ");
}

function heading() {
  const about = ({ context: { host_name: host, cpu, num_cpus: processors, date } }) => [
    host, cpu, isNumber(processors) ? plural(processors, "processor") : "",
    String(date ?? "").replace("T", " ").slice(0, 16),
  ].filter(Boolean).join(" · ");
  return [
    make("p", { class: "eyebrow" }, "Switchyard compare"),
    make("h1", {}, several ? `${documents.length} runs side by side` : workloadOf(documents[0].context)),
    make("ul", { class: "sources" }, ...documents.map((doc) => several
      ? make("li", {}, make("span", { class: "letter" }, doc.letter), make("strong", {}, doc.title), make("br"),
             `${workloadOf(doc.context)} · ${about(doc)}`)
      : make("li", {}, about(doc)))),
  ];
}

function advice() {
  const given = documents.filter((doc) => doc.context.advice?.sentences?.length);
  if (given.length === 0) return "";
  const pick = ({ choice, tied }) => {
    const [best, ...others] = unique([choice, ...(tied ?? [])].filter(Boolean));
    return (best ?? "none") + (others.length ? `; ${plural(others.length, "other")} as good within the noise` : "");
  };
  const one = (doc) => {
    const { sentences } = doc.context.advice;
    const points = doc.context.advice.points ?? [];
    return make("div", {}, several ? make("h3", {}, make("span", { class: "letter" }, doc.letter), doc.title) : "",
                ...sentences.map((text, i) => make("p", { class: i === 0 ? "lead" : undefined }, text)),
                points.length < 2 ? "" : make("ul", {}, ...points.map((point) =>
                  make("li", {}, `At ${point.where ?? `${sweepName} ${point.at}`}: `, make("strong", {}, pick(point))))));
  };
  return make("section", { class: "advice", "aria-labelledby": "advice-title" },
              make("h2", { id: "advice-title" }, several ? "Advice" : "Advice for this workload on this machine"),
              make("div", { class: "plan" }, ...given.map(one)));
}

function problems() {
  const wrong = documents.flatMap((doc) => [...doc.series.values()].flatMap((one) =>
    [...one.points].filter(([, found]) => found.error).map(([point, found]) =>
      `${where(doc)}${one.name}${point === null ? "" : ` at ${sweepName} ${point}`}: ${found.error}`)));
  const notes = documents.flatMap((doc) => {
    const { context, context: { interrupted, library_build_type: build } } = doc;
    // Of half of the runs or more, at one point at least.
    const late = [...doc.series.values()].filter((one) => [...one.points.values()].some((found) =>
      median(found.runs.map((run) => run.rate_kept)) < 0.95)).map((one) => one.name);
    const few = late.length > 4 ? [...late.slice(0, 3), `${late.length - 3} more`] : late;
    return [
      interrupted ? "Interrupted: not all runs were finished." : "",
      ...(context.notes ?? []),
      build === "debug" ? "Measured with a program that was built for debugging: its times are no guide." : "",
      late.length ? `The rate that was asked for was not kept (less than 95% of it) by ${few.join(", ")}.` : "",
    ].filter(Boolean).map((text) => where(doc) + text);
  });
  return [
    wrong.length === 0 ? "" : make("section", { class: "wrong", "aria-labelledby": "wrong-title" },
      make("h2", { id: "wrong-title" }, "✗ Wrong answers"),
      make("ul", {}, ...wrong.map((text) => make("li", {}, text)))),
    ...notes.map((text) => make("p", { class: "notice" }, text)),
  ];
}

// --- Buttons --------------------------------------------------------------------------

const updates = [];  // what draw() calls so that buttons say how it is

// A legend whose entries switch series on and off, in all charts at once. What is not shown at first is folded away.
function legend(wanted) {
  const toggle = (name) => () => {
    if (!state.hidden.delete(name)) state.hidden.add(name);
    draw();
  };
  const button = (name) => make(
    "button", { type: "button", class: "series", "data-series": name, title: guaranteeOf(name), onclick: toggle(name) },
    make("canvas", { width: 88, height: 28, "aria-hidden": "true" }), make("span", {}, name));
  const row = (label, some) => make("div", { class: "row", role: "group", "aria-label": label }, ...some.map(button));
  const all = namesInOrder().filter(wanted);
  const [first, others] = [all.filter((name) => atFirst.includes(name)), all.filter((name) => !atFirst.includes(name))];
  const fold = make("details", { class: "others" }, make("summary", {}, `${others.length} more`),
                    row("More implementations", others));
  // Nothing that is in a chart is folded away.
  updates.push(() => { if (others.some((name) => !state.hidden.has(name))) fold.open = true; });
  return [row("Implementations shown", first), others.length ? fold : ""];
}
// One of several values: [[value, text]]; `chosen()` says which it is.
function choice(label, values, chosen, choose) {
  const buttons = values.map(([value, text]) => make("button", { type: "button", "data-value": value, onclick: () => {
    choose(value);
    draw();
  } }, text));
  updates.push(() => buttons.forEach((each, i) => each.setAttribute("aria-pressed", String(values[i][0] === chosen()))));
  return make("div", { class: "row" }, make("span", { class: "label", "aria-hidden": "true" }, label),
              make("div", { class: "choice", role: "group", "aria-label": label }, ...buttons));
}
// Several at once.
const chooseSelection = () => choice("Shown", [...selections].map(([key, some]) =>
  [key, key === "none" ? "None" : `${capital(key)} ${some.length}`]), selected, select);
// How many are shown; a screen reader says it when that changes.
function howMany() {
  const note = make("p", { class: "note", role: "status" });
  updates.push(() => {
    const text = state.hidden.size === 0 ? `All ${names.length} implementations are in the charts.`
      : `${names.length - state.hidden.size} of ${names.length} implementations are in the charts; the tables have all.`;
    if (note.textContent !== text) note.textContent = text;
  });
  return note;
}
const scales = [["linear", "Linear"], ["logarithmic", "Logarithmic"]];
const chooseAxis = (id) => ([which, label]) =>
  choice(label, scales, () => state.axes[id][which], (type) => { state.axes[id][which] = type; });

// --- The parts that buttons change: draw() makes their insides, all else stays --------------

const cards = charts.filter((chart) => library && chart.there).map((chart) => ({
  ...chart, sentences: make("div", { class: "said" }), plots: make("div", { class: several ? "plots" : "plots wide" }),
}));
const tables = make("div", {});
const drawn = [];

function cardOf({ id, title, axes, lines, table, hint, sentences, plots }) {
  const links = documents.map((doc) =>
    make("a", { href: `#table-${table}-${doc.letter}` }, `${where(doc)}the numbers as a table`));
  const takesPart = (name) => id !== "latency" || latencyMeasured(name);
  return make("section", { class: "card", id, "aria-labelledby": `${id}-title` },
    make("header", {}, make("div", {}, make("h3", { id: `${id}-title` }, title), sentences),
         make("div", { class: "row" }, ...Object.entries(axes).map(chooseAxis(id)))),
    lines ? make("div", { class: "panel" }, chooseSelection(), ...legend(takesPart)) : "", plots,
    make("footer", { class: "soft" }, hint + " See ", ...links.flatMap((link, i) => (i ? [", ", link] : [link])), "."));
}

function plotOf(of, doc) {
  const { height, ...config } = of.chart(doc);
  const size = state.paper ? { width: 660, height } : {};
  if (state.paper) Object.assign(config.options, { responsive: false, devicePixelRatio: 2 });
  const canvas = make("canvas", { ...size, role: "img", "aria-label":
    `${of.title}${several ? " of " + doc.title : ""}. ${of.said(doc)} The table below has the numbers.` });
  of.plots.append(make("div", { class: "plot" },
    several ? make("p", {}, make("span", { class: "letter" }, doc.letter), doc.title) : "",
    make("div", { class: "frame", style: `height: ${height}px` }, canvas)));
  drawn.push(new library(canvas, config));
}

function draw() {
  const { scrollY } = window;
  for (const chart of drawn.splice(0)) chart.destroy();
  for (const button of document.querySelectorAll("button.series")) {
    const name = button.dataset.series;
    button.setAttribute("aria-pressed", String(!state.hidden.has(name)));
    paintSample(button.querySelector("canvas"), name);
  }
  for (const update of updates) update();
  for (const of of cards) {
    of.sentences.replaceChildren(...documents.map((doc) => make("p", {}, of.said(doc))));
    of.plots.replaceChildren();
    for (const doc of documents) plotOf(of, doc);
  }
  window.scrollTo(0, scrollY);  // the page was shorter for a moment
}
function fillTables() {
  tables.replaceChildren(...[
    ...documents.map(summaryTable), several ? sideBySideTable() : "",
    ...documents.map(sweepTable), ...documents.map(latencyTable),
  ].filter(Boolean));
}

// --- The page -----------------------------------------------------------------------------------

const main = document.getElementById("results");
const points = allPoints.map((point) => [point, count(point)]);
const pointChooser = points.length === 0 ? "" : choice(capital(sweepName), points, () => state.point, (point) => {
  state.point = point;
  fillTables();
});
document.getElementById("top").append(...heading());
main.append(advice(), ...problems());
if (library) {
  library.defaults.font.family = getComputedStyle(document.body).fontFamily;
  main.append(
    make("h2", {}, "Charts"),
    chooseSelection(), howMany(),
    make("details", { class: "legend" }, make("summary", {}, "One by one"),
         make("p", { class: "note" },
              "Filled and solid is lock-free; hatched, hollow and dashed is blocking; dotted is what is neither."),
         make("div", { class: "panel" }, ...legend(() => true))),
    pointChooser, ...cards.map(cardOf));
  document.querySelector("details.legend").open = !isNarrow() && !selections.has("best");
} else if (!document.querySelector(".no-charts")) {
  main.append(make("p", { class: "notice no-charts" },
    "The charts are missing, as what should be Chart.js in this page is not. The tables have all the numbers."));
}
main.append(
  make("h2", { id: "tables" }, "Tables"), library ? "" : pointChooser,
  make("p", { class: "note" }, "A press on a heading sorts by it."), tables,
  make("details", { class: "runs" }, make("summary", {}, "Every run, every number"), ...documents.flatMap((doc) => [
    rawTable(doc, "runs", `Runs, as they stand in the JSON; times are per ${doc.item}.`,
             (entry) => entry.run_type !== "aggregate"),
    rawTable(doc, "aggregates", "What the runs come to.", (entry) => entry.run_type === "aggregate"),
  ])),
  make("h2", {}, "Machine, build and request"), contextTable(),
  make("h2", {}, "Data"),
  make("p", {}, "The results as they were read; ", make("code", {}, "tools/report"),
       " makes one page of several such files."),
  make("p", { class: "files" }, ...documents.map((doc) => make("a", {
    download: several ? `results-${doc.letter}.json` : "results.json",
    href: URL.createObjectURL(new Blob([JSON.stringify(doc.results, null, 2), "\n"], { type: "application/json" })),
  }, `${where(doc)}download JSON`))));
fillTables();
draw();

// --- Dark and light, wide and narrow, and paper -----------------------------------------------------

darkScheme.addEventListener("change", draw);
window.matchMedia("(max-width: 599px)").addEventListener("change", draw);

// Paper has no width that a chart could ask for: there they are drawn in a size of their own.
function onPaper(paper) {
  state.paper = paper;
  document.documentElement.classList.toggle("on-paper", paper);
  draw();
}
window.addEventListener("beforeprint", () => onPaper(true));
window.addEventListener("afterprint", () => onPaper(false));
