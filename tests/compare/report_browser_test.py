#!/usr/bin/env python3
"""Opens reports in a headless Chromium without a network: are the charts drawn, do the buttons do what they say, and are
the numbers those of the JSON?

The pages are made by the programs themselves: from runs of `compare`, and from the documents in report_samples.py, which
have what not every run has. SWITCHYARD_COMPARE, SWITCHYARD_REPORT and SWITCHYARD_CHROMIUM are the programs' paths.
Screenshots go to $TEST_UNDECLARED_OUTPUTS_DIR.
"""

import base64
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chromium  # noqa: E402
import report_samples  # noqa: E402

WIDTHS = {"phone": 390, "desktop": 1280}
LIBRARY = "/usr/share/javascript/chart.js/chart.min.js"

# The page's own figures, made back into numbers: "2.48 M", "402 ns", "9.29 MiB".
UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9, "×": 1,
         "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

TABLE = """(id => { const table = document.querySelector('#' + id + ' table'); return table && {
  caption: table.caption.textContent, heads: [...table.tHead.rows[0].cells].map(cell => cell.textContent),
  sorts: [...table.tHead.rows[0].cells].map(cell => cell.getAttribute('aria-sort')),
  rows: [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent)) }; })"""

CANVASES = """[...document.querySelectorAll('.plot canvas')].map(canvas => {
  const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  const chart = Chart.getChart(canvas);
  return { card: canvas.closest('.card').id, colours: new Set(pixels).size, inked: pixels.filter(p => p >>> 24).length,
           label: canvas.getAttribute('aria-label'), role: canvas.getAttribute('role'), type: chart && chart.config.type,
           axes: chart && Object.fromEntries(Object.entries(chart.scales).map(([key, scale]) => [key, scale.type])),
           series: chart && (chart.config.type === 'bar' ? chart.data.labels.length : chart.data.datasets.length),
           width: canvas.getBoundingClientRect().width }; })"""


def number(text):
    """What a figure in a table says; None for a dash."""
    found = re.fullmatch(r"([−-]?[\d.]+)(?:\s(\S+))?", text)
    return None if found is None else float(found[1].replace("−", "-")) * UNITS[found[2] or ""]


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        cls.pictures = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR", cls.folder)
        cls.real = os.path.join(cls.folder, "real")
        run(os.environ["SWITCHYARD_COMPARE"], "--generate_bytes=200000", "--repetitions=3", "--min_time=5ms", "--out=" + cls.real)
        for name, document in report_samples.samples().items():
            with open(os.path.join(cls.folder, name + ".json"), "w", encoding="utf-8") as file:
                json.dump(document, file)
        cls.browser = chromium.Chromium(os.environ["SWITCHYARD_CHROMIUM"], cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def setUp(self):
        self.browser.resize(WIDTHS["desktop"], 900)
        self.browser.media(prefers_color_scheme="light")

    # --- Steps -------------------------------------------------------------------

    def report(self, *names, library=LIBRARY):
        """Makes a page of samples, opens it and returns their documents."""
        page = os.path.join(self.folder, "-".join(names) + ".html")
        files = [os.path.join(self.folder, name + ".json") for name in names]
        run(os.environ["SWITCHYARD_REPORT"], "--out=" + page, "--chart_js=" + library, *files)
        self.open(page)
        return [read(file) for file in files]

    def open(self, page):
        self.browser.open(page)
        self.expect_quiet(page)

    def expect_quiet(self, page):
        """Nothing was said on the console, and nothing was asked of anybody but the page itself."""
        for event in self.browser.events:
            method, told = event.get("method"), json.dumps(event)
            self.assertNotIn(method, ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"), told)
            if method == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                self.assertTrue(url == "file://" + page or url.startswith(("data:", "blob:")), url)

    def ask(self, script):
        return self.browser.ask(script)

    def canvases(self, card=None):
        return [each for each in self.ask(CANVASES) if card in (None, each["card"])]

    def table(self, name):
        return self.ask(f"{TABLE}({json.dumps(name)})")

    def press(self, selector):
        """With the keyboard, as one who has no mouse: Tab would come here, as it is a button."""
        self.ask(f"document.querySelector({json.dumps(selector)}).focus()")
        self.assertTrue(self.ask(f"document.activeElement === document.querySelector({json.dumps(selector)})"), selector)
        for kind in ("keyDown", "keyUp"):
            self.browser.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r",
                              windowsVirtualKeyCode=13)
        self.browser.settle()

    def picture(self, name):
        """A screenshot of the whole page."""
        width = self.ask("innerWidth")
        height = self.ask("document.documentElement.scrollHeight")
        shot = self.browser.call("Page.captureScreenshot", captureBeyondViewport=True,
                                 clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        with open(os.path.join(self.pictures, name + ".png"), "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def expect_drawn(self, cards):
        drawn = self.canvases()
        self.assertEqual([each["card"] for each in drawn], cards)
        for each in drawn:
            self.assertIsNotNone(each["type"], each)
            self.assertGreater(each["inked"], 1000, each)
            self.assertGreater(each["colours"], 8, each)
            self.assertEqual(each["role"], "img")
            self.assertGreater(len(each["label"]), 40, each)

    def expect_close(self, text, value):
        """`text` is `value` in three digits."""
        if value is None:
            self.assertEqual(text, "–")
        else:
            self.assertTrue(math.isclose(number(text), value, rel_tol=0.006, abs_tol=0.006), f"{text} is not {value}")

    # --- Tests ---------------------------------------------------------------------

    def test_a_real_run_has_all_its_charts(self):
        self.open(os.path.join(self.real, "report.html"))
        document = read(os.path.join(self.real, "results.json"))
        self.expect_drawn(["throughput", "cost", "switches", "memory"])
        self.expect_numbers(document)

    def expect_numbers(self, document, letter="A"):
        """The table of medians and that of all runs have the JSON's numbers."""
        medians = {each["run_name"]: each for each in document["benchmarks"] if each.get("aggregate_name") == "median"}
        summary = self.table(f"table-summary-{letter}")
        self.assertEqual(sorted(row[0] for row in summary["rows"]), sorted(medians))
        keys = {"Lines/s": "items_per_second", "Lowest run": "items_per_second_min", "Highest run": "items_per_second_max",
                "To best blocking": "ratio_to_best_blocking", "CPU time per line": "cpu_time",
                "Waits per 1000": "voluntary_context_switches_per_1000_items",
                "Put aside per 1000": "involuntary_context_switches_per_1000_items", "Peak memory": "peak_memory_bytes"}
        for title, key in keys.items():
            column = summary["heads"].index(title)
            for row in summary["rows"]:
                self.expect_close(row[column], medians[row[0]].get(key))
        for name, wanted in (("runs", "iteration"), ("aggregates", "aggregate")):
            entries = [each for each in document["benchmarks"] if each["run_type"] == wanted]
            table = self.table(f"table-{name}-{letter}")
            self.assertEqual(len(table["rows"]), len(entries))
            compared = 0
            for row, entry in zip(table["rows"], entries):
                for head, cell in zip(table["heads"], row):
                    value = entry.get(head.replace(" ", "_"))
                    if isinstance(value, (int, float)) and not isinstance(value, bool):
                        self.assertEqual(float(cell), value, head)
                        compared += 1
            self.assertGreaterEqual(compared, 8 * len(entries))

    def test_the_page_holds_the_json(self):
        documents = self.report("plain", "other")
        self.assertEqual(self.ask("JSON.parse(document.getElementById('data').textContent).map(each => each.document)"), documents)
        downloads = os.path.join(self.folder, "downloads")
        os.makedirs(downloads, exist_ok=True)
        self.browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=downloads)
        self.ask("document.querySelector('.files a').click()")
        while self.browser.wait_for("Page.downloadProgress")["state"] != "completed":
            pass
        self.assertEqual(read(os.path.join(downloads, "results-A.json")), documents[0])

    def test_buttons_switch_series(self):
        self.report("sweep")
        everything = {each["card"]: each["series"] for each in self.canvases()}
        name = "blocking.bounded_queue"
        button = f"#sweep button[data-series='{name}']"
        self.press(button)
        self.assertEqual({each["card"]: each["series"] for each in self.canvases()}, {card: n - 1 for card, n in everything.items()})
        # In every legend at once, for eyes and for screen readers.
        pressed = f"[...document.querySelectorAll(\"button[data-series='{name}']\")].map(b => b.getAttribute('aria-pressed'))"
        self.assertEqual(set(self.ask(pressed)), {"false"})
        self.assertTrue(self.ask(f"document.activeElement === document.querySelector({json.dumps(button)})"), "focus stays")
        self.press(button)
        self.assertEqual({each["card"]: each["series"] for each in self.canvases()}, everything)
        self.press("[aria-label=Shown] [data-value=none]")
        self.assertEqual({each["series"] for each in self.canvases()}, {0})
        self.press("[aria-label=Shown] [data-value=all]")
        self.assertEqual({each["card"]: each["series"] for each in self.canvases()}, everything)

    def labels(self, card):
        """Whom a chart of lines shows."""
        return set(self.ask(f"Chart.getChart(document.querySelector('#{card} .plot canvas')).data.datasets.map(set => set.label)"))

    def selected(self):
        """What each row of buttons that select says is selected."""
        rows = self.ask("[...document.querySelectorAll('[aria-label=Shown]')].map(row => [...row.querySelectorAll("
                        "'[aria-pressed=true]')].map(button => button.dataset.value))")
        self.assertEqual(len({json.dumps(row) for row in rows}), 1, "all rows say the same")
        return rows[0]

    def test_few_series_are_all_there_at_first(self):
        self.report("sweep")
        self.assertEqual(self.labels("sweep"), set(report_samples.QUEUES))
        self.assertEqual(self.selected(), ["all"])
        self.assertEqual(self.ask("document.querySelectorAll('[data-value=best], details.others').length"), 0)
        self.assertEqual(self.ask("document.querySelector('[role=status]').textContent"),
                         "All 8 implementations are in the charts.")

    def test_of_many_series_the_best_are_there_at_first(self):
        for sample, card in (("crowd", "sweep"), ("crowd_latency", "latency")):
            document, = self.report(sample)
            crowd = set(report_samples.CROWD)
            best = self.labels(card)
            self.assertEqual(len(best), 8)
            self.assertEqual(self.selected(), ["best"])
            # What is advised, at each point too; what is the reader's own; and the best of each kind.
            advice = document["context"]["advice"]
            advised = {each["choice"] for each in [advice, *advice.get("points", [])]} - {None}
            self.assertLessEqual(advised | {"mine.ring"}, best)
            for kind in ("lockfree.", "blocking."):
                self.assertTrue(any(name.startswith(kind) for name in best), kind)
            if card == "latency":
                tails = {each["implementation"]: each["latency_ns"]["p99"] for each in document["benchmarks"]
                         if each["run_type"] == "aggregate"}
                for kind in ("lockfree.", "blocking."):
                    self.assertIn(min((name for name in crowd if name.startswith(kind)), key=tails.get), best)
                # Whatever room is left has the best of the others.
                places = sorted(crowd, key=tails.get)
                self.assertLessEqual(set(places[:4]), best)
            # Nothing is hidden: the tables have all, the legend has all, and a line says how many there are.
            self.assertEqual({row[0] for row in self.table(f"table-{card}-A")["rows"]}, crowd)
            legend = "[...document.querySelectorAll('#%s button.series')].map(b => [b.dataset.series, b.getAttribute('aria-pressed')])"
            self.assertEqual(dict(self.ask(legend % card)), {name: str(name in best).lower() for name in crowd})
            says = "document.querySelector('[role=status]').textContent"
            self.assertEqual(self.ask(says), "8 of 25 implementations are in the charts; the tables have all.")
            folded = f"document.querySelector('#{card} details.others').open"
            self.assertFalse(self.ask(folded))
            self.assertEqual(self.ask(f"document.querySelector('#{card} details.others summary').textContent"), "17 more")
            # By keyboard, in the card as at the top.
            self.press(f"#{card} [aria-label=Shown] [data-value=ours]")
            self.assertEqual(self.labels(card), {name for name in crowd if name.startswith(("lockfree.", "blocking."))})
            self.assertEqual(self.selected(), ["ours"])
            self.assertTrue(self.ask(folded), "what is shown is not folded away")
            self.press("main > .row [data-value=all]")
            self.assertEqual(self.labels(card), crowd)
            self.assertEqual(self.selected(), ["all"])
            self.assertEqual(self.ask(says), "All 25 implementations are in the charts.")
            self.press(f"#{card} [data-value=best]")
            self.assertEqual(self.labels(card), best)
            # One by one: then it is none of the selections.
            other = sorted(crowd - best)[0]
            self.press(f"#{card} button[data-series='{other}']")
            self.assertEqual(self.labels(card), best | {other})
            self.assertEqual(self.selected(), [])
            self.assertEqual(self.ask(says), "9 of 25 implementations are in the charts; the tables have all.")
            # Those shown at first are as different as can be.
            self.press(f"#{card} [data-value=best]")
            looks = self.ask(f"Chart.getChart(document.querySelector('#{card} .plot canvas')).data.datasets"
                             ".map(set => set.borderColor)")
            self.assertGreaterEqual(len(set(looks)), 7, "colours")

    def test_buttons_switch_axes(self):
        self.report("latency")
        self.assertEqual(self.canvases("latency")[0]["axes"]["y"], "logarithmic")
        for card, key, others in (("latency", "y", "logarithmic"), ("throughput", "x", "linear"), ("cost", "x", "linear"),
                                  ("cost", "y", "linear"), ("switches", "x", "linear"), ("memory", "x", "linear")):
            place = list(self.canvases(card)[0]["axes"]).index(key) if card == "cost" else 0
            for kind in ("logarithmic", "linear", others):
                self.press(f"#{card} .row:nth-child({place + 1}) > .choice [data-value={kind}]")
                self.assertEqual(self.canvases(card)[0]["axes"][key], kind, (card, key))
                self.assertEqual(self.ask(f"[...document.querySelectorAll('#{card} header > .row > .row')][{place}]"
                                          ".querySelector('[aria-pressed=true]').dataset.value"), kind)
        self.expect_drawn([each["card"] for each in self.canvases()])

    def test_headings_sort(self):
        self.report("plain")
        self.assertEqual(self.table("table-summary-A")["sorts"][2], "descending")
        for column, first, kind in ((0, "ascending", str), (2, "descending", number), (4, "descending", number)):
            head = f"#table-summary-A thead th:nth-child({column + 1}) button"
            for direction in (first, {"ascending": "descending", "descending": "ascending"}[first]):
                self.press(head)
                table = self.table("table-summary-A")
                self.assertEqual([sort for sort in table["sorts"] if sort != "none"], [direction])
                self.assertEqual(table["sorts"][column], direction)
                values = [kind(row[column]) for row in table["rows"]]
                self.assertEqual(values, sorted(values, reverse=direction == "descending"))
                self.assertGreater(len(set(values)), 1)

    def test_a_sweep_shows_each_point(self):
        document, = self.report("sweep")
        self.expect_drawn(["throughput", "sweep", "cost", "switches", "memory"])
        rates = {(each["implementation"], each["point"]): each["items_per_second"]
                 for each in document["benchmarks"] if each["run_type"] == "aggregate"}
        points = sorted({point for _, point in rates})
        table = self.table("table-sweep-A")
        self.assertEqual(table["heads"][1:], [str(point) for point in points])
        for row in table["rows"]:
            for point, cell in zip(points, row[1:]):
                self.expect_close(cell, rates[row[0], point])
        for point in points:
            self.press(f".choice[aria-label=Threads] [data-value='{point}']")
            for row in self.table("table-summary-A")["rows"]:
                self.expect_close(row[2], rates[row[0], point])
        lines = self.ask("Chart.getChart(document.querySelector('#sweep canvas:not([aria-hidden])')).data.datasets"
                         ".map(set => [set.label, set.data.map(at => [at.x, at.y])])")
        self.assertEqual({(name, x): y for name, data in lines for x, y in data}, rates)
        self.assertEqual(len({json.dumps(each) for each in self.ask(
            "Chart.getChart(document.querySelector('#sweep canvas:not([aria-hidden])')).data.datasets"
            ".map(set => [set.borderColor, set.pointStyle, set.borderDash])")}), len(lines), "each looks different")

    def test_latency_percentiles(self):
        document, = self.report("latency")
        self.expect_drawn(["throughput", "latency", "cost", "switches", "memory"])
        known = {each["implementation"]: each["latency_ns"] for each in document["benchmarks"] if each["run_type"] == "aggregate"}
        table = self.table("table-latency-A")
        self.assertEqual(table["heads"], ["Implementation", "Count", "Min", "Mean", "P50", "P90", "P99", "P99.9", "P99.99", "Max"])
        for row in table["rows"]:
            for head, cell in zip(table["heads"][1:], row[1:]):
                self.expect_close(cell, known[row[0]][head.lower()])
        told = self.ask("Chart.getChart(document.querySelector('#latency .plot canvas')).data.datasets"
                        ".map(set => [set.label, set.data.filter(at => at.told).map(at => [at.told, at.x, at.y])])")
        for name, marks in told:
            self.assertEqual([(mark, y) for mark, _, y in marks],
                             [(mark, known[name][mark]) for mark in ("p50", "p90", "p99", "p99.9", "p99.99")])
            for mark, x, _ in marks:
                self.assertAlmostEqual(x, -math.log10(1 - float(mark[1:]) / 100), places=6)

    def test_several_stand_side_by_side(self):
        first, second = self.report("plain", "other")
        self.expect_drawn([card for card in ("throughput", "cost", "switches", "memory") for _ in range(2)])
        self.expect_numbers(first, "A")
        rates = [{each["run_name"]: each["items_per_second"] for each in document["benchmarks"] if each["run_type"] == "aggregate"}
                 for document in (first, second)]
        for row in self.table("table-side-by-side")["rows"]:
            a, b = rates[0].get(row[0]), rates[1].get(row[0])
            self.expect_close(row[1], a)
            if row[2] != "✗ WRONG":
                self.expect_close(row[2], b)
            self.expect_close(row[3], b / a if a and b else None)
        # The same colours on both sides, and the same ends of the axes.
        colours = self.ask("[...document.querySelectorAll('#cost .plot canvas')].map(canvas => Object.fromEntries("
                           "Chart.getChart(canvas).data.datasets.map(set => [set.label, set.borderColor])))")
        common = set(colours[0]) & set(colours[1])
        self.assertGreater(len(common), 2)
        self.assertEqual([colours[0][name] for name in common], [colours[1][name] for name in common])
        self.assertEqual(len(set(self.ask("[...document.querySelectorAll('#throughput .plot canvas')].map(c => Chart.getChart(c).scales.x.max)"))), 1)
        marked = self.ask("[...document.querySelectorAll('#table-context tr.differs')].map(row => row.dataset.key)")
        self.assertIn("host_name", marked)
        self.assertNotIn("compiler", marked)

    def test_wrong_answers_are_plain(self):
        self.report("plain", "other")
        self.assertIn(report_samples.WRONG, self.ask("document.querySelector('.wrong').innerText"))
        row = next(row for row in self.table("table-summary-B")["rows"] if row[0] == "std.bounded_queue")
        self.assertEqual(row[2], "✗ WRONG")
        self.assertEqual(row[-1], "✗ WRONG: " + report_samples.WRONG)
        self.assertEqual(set(row[3:-1]), {"–"})
        self.assertEqual(self.ask("document.querySelectorAll('b').length"), 0, "a name is no markup")

    def test_without_the_library(self):
        empty = os.path.join(self.folder, "empty.js")
        open(empty, "w").close()
        document, = self.report("plain", library=empty)
        self.assertEqual(self.ask("document.querySelectorAll('.no-charts').length"), 1)
        self.assertEqual(self.ask("document.querySelectorAll('.plot').length"), 0)
        self.expect_numbers(document)

    def test_no_word_about_what_is_not_there(self):
        self.report("bare")
        self.assertEqual(self.canvases(), [])
        self.assertEqual(self.ask("document.querySelectorAll('.advice, .wrong, .notice').length"), 0)
        self.assertNotRegex(self.ask("document.body.innerText"), r"undefined|NaN|\[object|Infinity")

    def test_advice_is_at_the_top(self):
        document, = self.report("sweep")
        said = self.ask("[...document.querySelectorAll('.advice p')].map(p => p.textContent)")
        self.assertEqual(said, document["context"]["advice"]["sentences"])
        self.assertLess(self.ask("document.querySelector('.advice').getBoundingClientRect().bottom"), 900)
        for point in document["context"]["advice"]["points"]:
            self.assertIn(f"At threads {point['at']}: ", self.ask("document.querySelector('.advice ul').innerText"))

    def test_says_what_was_cut_and_where_each_choice_holds(self):
        document, = self.report("crowd")
        self.assertEqual(self.ask("[...document.querySelectorAll('.notice')].map(note => note.textContent)"),
                         document["context"]["notes"])
        self.assertIn("At 4 a side: lockfree.bounded_queue", self.ask("document.querySelector('.advice ul').innerText"))
        self.assertEqual(self.ask("document.querySelectorAll('#table-context [data-key=notes]').length"), 0)

    def test_fits_every_screen(self):
        for names in (("plain",), ("sweep",), ("latency",), ("plain", "other"), ("crowd",)):
            self.report(*names)
            for device, width in WIDTHS.items():
                self.browser.resize(width, 900, mobile=device == "phone")
                for scheme in ("light", "dark"):
                    self.browser.media(prefers_color_scheme=scheme)
                    self.assertEqual(self.ask("document.documentElement.scrollWidth"), width, "nothing sticks out")
                    self.expect_drawn([each["card"] for each in self.canvases()])
                    for each in self.canvases():
                        self.assertLess(each["width"], width)
                        self.assertGreater(each["width"], 0.6 * width / len(names) - 60)
                    self.picture(f"{'-'.join(names)}-{device}-{scheme}")

    def test_dark_mode_follows(self):
        self.report("plain")
        look = ("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,"
                " Chart.getChart(document.querySelector('#cost .plot canvas')).data.datasets[0].borderColor]")
        light = self.ask(look)
        self.browser.media(prefers_color_scheme="dark")
        dark = self.ask(look)
        for one, other in zip(light, dark):
            self.assertNotEqual(one, other)
        self.browser.media(prefers_color_scheme="light")
        self.assertEqual(self.ask(look), light)

    def test_contrast_suffices(self):
        """4.5 to 1 for text, 3 to 1 for the colours of series (WCAG 2, AA)."""
        def luminance(colour):
            parts = [int(part) / 255 for part in colour]
            parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055)**2.4 for part in parts]
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

        def contrast(one, other):
            low, high = sorted((luminance(one), luminance(other)))
            return (high + 0.05) / (low + 0.05)

        texts = """[...document.querySelectorAll('p, li, h1, h2, h3, a, button, th, td, summary, caption, footer')]
          .filter(each => each.innerText && each.offsetParent).map(each => {
            let on = each;
            while (on && getComputedStyle(on).backgroundColor === 'rgba(0, 0, 0, 0)') on = on.parentElement;
            const numbers = colour => colour.match(/[\\d.]+/g).map(Number).slice(0, 3);
            return [each.innerText.slice(0, 40), numbers(getComputedStyle(each).color),
                    numbers(getComputedStyle(on || document.body).backgroundColor)]; })"""
        self.report("plain", "other")
        self.press("#throughput .choice [data-value=logarithmic]")
        for scheme in ("light", "dark"):
            self.browser.media(prefers_color_scheme=scheme)
            found = self.ask(texts)
            self.assertGreater(len(found), 100)
            for text, colour, on in found:
                self.assertGreaterEqual(contrast(colour, on), 4.5, (scheme, text))
            card = [int(part) for part in re.findall(r"\d+", self.ask("getComputedStyle(document.querySelector('.card')).backgroundColor"))[:3]]
            for family in self.ask("Object.values(families).flatMap(each => each.colours)"):
                colour = family[scheme == "dark"]
                self.assertGreaterEqual(contrast([int(colour[i:i + 2], 16) for i in (1, 3, 5)], card), 3, (scheme, colour))

    def test_is_for_keyboards_and_screen_readers(self):
        for sample in ("sweep", "crowd"):
            with self.subTest(sample):
                self.expect_usable_without_eyes_and_mouse(sample)

    def expect_usable_without_eyes_and_mouse(self, sample):
        self.report(sample)
        # Landmarks and headings, none of them skipped.
        self.assertEqual(self.ask("['header', 'main', 'footer', 'h1'].map(tag => document.querySelectorAll(`body > ${tag}, body > header > ${tag}`).length)"), [1, 1, 1, 1])
        levels = self.ask("[...document.querySelectorAll('h1, h2, h3')].map(head => Number(head.tagName[1]))")
        self.assertEqual(levels[0], 1)
        self.assertTrue(all(after <= before + 1 for before, after in zip(levels, levels[1:])), levels)
        # Every table has a caption, and every box that scrolls can be scrolled to and has a name.
        self.assertEqual(self.ask("[...document.querySelectorAll('table')].filter(table => !table.caption.textContent).length"), 0)
        self.assertEqual(self.ask("[...document.querySelectorAll('.scroll')].filter(box => box.tabIndex !== 0 || !box.getAttribute('aria-label')).length"), 0)
        self.assertEqual(self.ask("[...document.querySelectorAll('button, a')].filter(each => each.tabIndex !== 0 || !each.textContent.trim()).length"), 0)
        # Links within the page lead somewhere, also those to the tables.
        self.assertEqual(self.ask("[...document.querySelectorAll('a[href^=\"#\"]')].filter(each => !document.querySelector(each.getAttribute('href'))).length"), 0)
        # The first thing Tab comes to is the way past the heading; what has the focus shows it.
        for kind in ("keyDown", "keyUp"):
            self.browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        self.assertEqual(self.ask("document.activeElement.className"), "skip")
        self.assertEqual(self.ask("getComputedStyle(document.activeElement).outlineStyle"), "solid")
        self.assertGreaterEqual(self.ask("document.activeElement.getBoundingClientRect().left"), 0)
        unique = "new Set([...document.querySelectorAll('[id]')].map(each => each.id)).size - document.querySelectorAll('[id]').length"
        self.assertEqual(self.ask(unique), 0)

    def test_prints(self):
        self.report("latency")
        self.browser.media(prefers_color_scheme="dark")
        before = self.ask("matchMedia('print').matches")
        pages = base64.b64decode(self.browser.call("Page.printToPDF", printBackground=True)["data"])
        with open(os.path.join(self.pictures, "latency.pdf"), "wb") as file:
            file.write(pages)
        self.assertFalse(before)
        self.assertGreater(len(re.findall(rb"/Type\s*/Page\b", pages)), 2)
        # Afterwards it is as it was.
        self.browser.settle()
        self.assertFalse(self.ask("document.documentElement.classList.contains('on-paper')"))
        self.expect_drawn([each["card"] for each in self.canvases()])


if __name__ == "__main__":
    missing = [name for name in ("SWITCHYARD_COMPARE", "SWITCHYARD_REPORT", "SWITCHYARD_CHROMIUM")
               if not os.access(os.environ.get(name, ""), os.X_OK)]
    if missing:
        sys.exit("not tested: no program where these say: " + ", ".join(missing))
    # Paths are relative to where the test starts.
    for name in ("SWITCHYARD_COMPARE", "SWITCHYARD_REPORT"):
        os.environ[name] = os.path.abspath(os.environ[name])
    unittest.main(verbosity=2)
