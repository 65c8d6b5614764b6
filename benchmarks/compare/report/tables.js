// Tables, which a press on a heading sorts.
"use strict";

// columns: {title, text(row), number, value(row)}; `value` is what is sorted by where that is not the text. The first
// column heads its row. Without a `sorted` column the rows stand as given.
function makeTable({ id, caption, columns, rows, sorted, failed = () => false, box = "" }) {
  const body = make("tbody");
  const cell = (column, row, i) => make(
    i === 0 ? "th" : "td",
    { scope: i === 0 ? "row" : undefined, class: column.number ? "num" : undefined, "data-value": column.value?.(row) },
    String(column.text(row) ?? "–"));
  const lines = rows.map((row) => ({
    row,
    line: make("tr", { class: failed(row) ? "failed" : undefined },
               ...columns.map((column, i) => cell(column, row, i))),
  }));
  const heads = columns.map((column, i) => make(
    "th", { scope: "col", class: column.number ? "num" : undefined, "aria-sort": "none" },
    make("button", { type: "button", onclick: () => sortBy(i) }, column.title)));

  function sortBy(i) {
    // Numbers begin with the largest, text with the first letter; again turns it round.
    const turned = { ascending: "descending", descending: "ascending" }[heads[i].getAttribute("aria-sort")];
    const direction = turned ?? (columns[i].number ? "descending" : "ascending");
    heads.forEach((head, j) => head.setAttribute("aria-sort", j === i ? direction : "none"));
    const value = columns[i].value ?? columns[i].text;
    const missing = (x) => x === undefined || x === null;
    lines.sort((a, b) => {
      const [x, y] = [value(a.row), value(b.row)];
      // What has no value stands last either way.
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      const less = isNumber(x) && isNumber(y) ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
      return direction === "ascending" ? less : -less;
    });
    body.append(...lines.map((each) => each.line));
  }

  body.append(...lines.map((each) => each.line));
  if (sorted !== undefined) sortBy(sorted);
  return inBox(id, caption, box, make("thead", {}, make("tr", {}, ...heads)), body);
}

// In a box of its own that scrolls, also by keyboard, where it is too wide for the page.
function inBox(id, caption, box, ...parts) {
  return make("div", { class: "scroll " + box, id, tabindex: "0", role: "region", "aria-label": caption },
              make("table", {}, make("caption", {}, caption), ...parts));
}

const implementation = { title: "Implementation", text: (row) => row.name ?? row };

function summaryTable(doc) {
  const rows = [...doc.series.keys()].map((name) => ({ name, ...at(doc, name) }))
    .filter((row) => row.median || row.error);
  const column = (title, key, format) => ({
    title, number: true, value: (row) => (row.error ? undefined : row.median?.[key]),
    text: (row) => (row.error ? "–" : format(row.median?.[key])),
  });
  const columns = [
    implementation,
    { title: "Guarantee", text: (row) => guaranteeOf(row.name) },
    { ...column(`${capital(doc.item)}s/s`, "items_per_second", count),
      text: (row) => (row.error ? "✗ WRONG" : count(row.median?.items_per_second)) },
    { ...column("95% interval", "items_per_second_low", count),
      text: (row) => range(row.median?.items_per_second_low, row.median?.items_per_second_high, count) },
    column("To best blocking", "ratio_to_best_blocking", times),
    column(`CPU time per ${doc.item}`, "cpu_time", time),
    column("Waits per 1000", "voluntary_context_switches_per_1000_items", count),
    column("Put aside per 1000", "involuntary_context_switches_per_1000_items", count),
    column("Peak memory", "peak_memory_bytes", bytes),
    column("Lowest run", "items_per_second_min", count),
    column("Highest run", "items_per_second_max", count),
    { title: "Answers", text: (row) => (row.error ? "✗ WRONG: " + row.error : "agree") },
  ].filter((each) => !each.number || rows.some((row) => isNumber(each.value(row))));
  return makeTable({
    id: `table-summary-${doc.letter}`, caption: `${where(doc)}Medians of the runs${whichPoint()}.`, columns, rows,
    sorted: has("items_per_second") ? 2 : 0, failed: (row) => row.error,
  });
}

function sweepTable(doc) {
  if (doc.points.length < 2) return "";
  const column = (point) => ({
    title: String(point), number: true, value: (name) => figure(doc, name, "items_per_second", point),
    text: (name) => count(figure(doc, name, "items_per_second", point)),
  });
  return makeTable({
    id: `table-sweep-${doc.letter}`, caption: `${where(doc)}${capital(doc.item)}s a second by ${sweepName}.`,
    columns: [implementation, ...doc.points.map(column)], rows: [...doc.series.keys()], sorted: doc.points.length,
  });
}

function latencyTable(doc) {
  const rows = [...doc.series.keys()].filter((name) => latency(doc, name));
  if (rows.length === 0) return "";
  const column = (key) => ({
    title: capital(key), number: true, value: (name) => latency(doc, name)[key],
    text: (name) => (key === "count" ? count : time)(latency(doc, name)[key]),
  });
  return makeTable({
    id: `table-latency-${doc.letter}`, rows, sorted: 6,
    caption: `${where(doc)}Latency${whichPoint()}: within which time so many percent of ${doc.item}s were through.`,
    columns: [implementation, ...["count", "min", "mean", ...percentiles, "max"].map(column)],
  });
}

// A row for each implementation, a column for each document, and how each of them compares with the first.
function sideBySideTable() {
  const rate = (doc, name) => figure(doc, name, "items_per_second");
  const columns = [implementation];
  for (const doc of documents) {
    columns.push({
      title: `${doc.letter}: ${doc.item}s/s`, number: true, value: (name) => rate(doc, name),
      text: (name) => (at(doc, name)?.error ? "✗ WRONG" : count(rate(doc, name))),
    });
    if (doc === documents[0]) continue;
    const ratio = (name) => numbers([rate(doc, name) / rate(documents[0], name)])[0];
    columns.push({
      title: `${doc.letter} / ${documents[0].letter}`, number: true, value: ratio, text: (name) => times(ratio(name)),
    });
  }
  return makeTable({
    id: "table-side-by-side", caption: `Medians side by side${whichPoint()}.`, columns, rows: names, sorted: 1,
  });
}

// An entry's keys and values; objects in it spread out, lists (histograms) left to the JSON.
function spreadOut(entry, prefix = "", into = new Map()) {
  for (const [key, value] of Object.entries(entry)) {
    if (Array.isArray(value)) continue;
    if (value !== null && typeof value === "object") spreadOut(value, prefix + key + " ", into);
    else into.set(prefix + key, value);
  }
  return into;
}

// Entries as they stand in the JSON, every digit of them.
function rawTable(doc, kind, caption, wanted) {
  const rows = doc.results.benchmarks.filter(wanted).map((entry) => spreadOut(entry));
  if (rows.length === 0) return "";
  const told = ["run_name", "implementation", "run_type", "family_index", "per_family_instance_index"];
  const keys = unique(rows.flatMap((row) => [...row.keys()])).filter((key) => !told.includes(key));
  const columns = keys.map((key) => ({
    title: readable(key), number: rows.some((row) => typeof row.get(key) === "number"),
    text: (row) => row.get(key), value: (row) => row.get(key),
  }));
  return makeTable({
    id: `table-${kind}-${doc.letter}`, caption: where(doc) + caption, columns, rows, box: "tall raw",
    failed: (row) => row.get("error_occurred"),
  });
}

// What was measured where and how. What differs between documents is marked, in colour and in words.
const contextNames = {
  host_name: "Machine", cpu: "Processor", num_cpus: "Processors", mhz_per_cpu: "Clock, MHz", kernel: "Kernel",
  compiler: "Compiler", compiler_flags: "Compiler flags", library_build_type: "Build", commit: "Commit", date: "Date",
  command_line: "Command line", workload: "Workload", pace: "Pace", load_avg: "Load before", input: "Input",
};
function contextTable() {
  const plain = (value) => Array.isArray(value) ? value.map(plain).join(", ")
    : value !== null && typeof value === "object" ? Object.values(value).map(plain).join(" ") : String(value);
  const keys = unique([...Object.keys(contextNames), ...documents.flatMap((doc) => Object.keys(doc.context))])
    .filter((key) => !["advice", "notes"].includes(key) && documents.some((doc) => doc.context[key] !== undefined));
  const lines = keys.map((key) => {
    const values = documents.map((doc) => (doc.context[key] === undefined ? "–" : plain(doc.context[key])));
    const differs = unique(values).length > 1;
    const code = /command|flags|commit|kernel|executable/.test(key) ? "mono" : undefined;
    return make("tr", { class: differs ? "differs" : undefined, "data-key": key },
                make("th", { scope: "row" }, contextNames[key] ?? capital(readable(key)), " ",
                     differs ? make("span", { class: "differs-mark" }, "differs") : ""),
                ...values.map((value) => make("td", { class: code }, value)));
  });
  const heads = ["What", ...documents.map((doc) => (several ? where(doc) + doc.title : "Value"))];
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, make("span", {}, text))));
  return inBox("table-context", "Machine, build and request" + (several ? "; what differs is marked." : "."), "facts",
               make("thead", {}, head), make("tbody", {}, ...lines));
}
