"""Documents for the tests of the report, with all that results.json may have: sweeps, latencies, advice, wrong answers.

As a program it writes them into a folder: report_samples.py FOLDER
"""

import json
import math
import os
import random
import sys

QUEUES = {"lockfree.bounded_queue": "lock_free", "lockfree.spsc_queue": "wait_free", "blocking.bounded_queue": "blocking",
          "blocking.spsc_queue": "blocking", "moodycamel.concurrent_queue": "not_lock_free",
          "moodycamel.blocking_concurrent_queue": "not_lock_free", "std.bounded_queue": "blocking",
          "absl.bounded_queue": "blocking"}
# As many as a run of `compare` has, and one of a reader's own.
CROWD = {**QUEUES, **{name: "lock_free" for name in (
    "lockfree.unbounded_queue", "lockfree.unbounded_spsc_queue", "lockfree.mpsc_queue", "lockfree.relaxed_queue",
    "boost.spsc_queue", "boost.queue", "libcds.vyukov_mpmc_cycle_queue", "libcds.moir_queue", "libcds.optimistic_queue",
    "tbb.concurrent_queue", "tbb.concurrent_bounded_queue", "moodycamel.reader_writer_queue", "mine.ring")},
    **{name: "blocking" for name in ("blocking.unbounded_queue", "blocking.unbounded_spsc_queue", "blocking.mpsc_queue",
                                     "blocking.relaxed_queue")}}
WRONG = 'words 120 instead of 121, "</script><b>the</b>" 9 instead of 10'


def context(**more):
    made = {"date": "2026-11-23T06:32:25+00:00", "host_name": "vm", "executable": "compare", "num_cpus": 2,
            "cpu": "Example Processor 9000 @ 2.70GHz", "kernel": "Linux 6.1.0", "library_build_type": "release",
            "compiler": "g++ 12.2.0", "compiler_flags": "-std=c++20 -O3 -DNDEBUG", "commit": "666cb8a-dirty",
            "command_line": "compare --quick --out=x", "input": "generated log, seed 1", "lines": 14137,
            "words": 237094, "bytes": 2000000, "top_words": [{"word": "</script><!--", "count": 9}], "workload": "pipeline",
            "item": "line", "producers": 1, "consumers": 1, "capacity": 1024, "batch": 1, "repetitions": 5,
            "interrupted": False, "pace": "quick"}
    made.update(more)
    return made


def runs(name, rate, chance, point=None, latency=False):
    """Five runs of about `rate` items a second, and their median."""
    made = []
    for i in range(5):
        items = rate * chance.uniform(0.85, 1.1)
        made.append({"name": name, "run_name": name, "run_type": "iteration", "repetitions": 5, "repetition_index": i,
                     "threads": 2, "iterations": 100000 + i, "real_time": 1e9 / items,
                     "cpu_time": 1.9e9 / items * chance.uniform(0.9, 1.1), "time_unit": "ns", "items_per_second": items,
                     "voluntary_context_switches": chance.randrange(40), "involuntary_context_switches": 300,
                     "peak_memory_bytes": 9740000 + chance.randrange(9) * 4096, "answers_agree": True})
    middle = sorted(made, key=lambda each: each["items_per_second"])
    median = dict(middle[2], name=name + "_median", run_type="aggregate", aggregate_name="median", aggregate_unit="time",
                  iterations=5, items_per_second_min=middle[0]["items_per_second"],
                  items_per_second_max=middle[4]["items_per_second"], items_per_second_low=middle[1]["items_per_second"],
                  items_per_second_high=middle[3]["items_per_second"], ratio_to_best_blocking=rate / 2.4e6,
                  voluntary_context_switches_per_1000_items=chance.choice([0, 0.2, 174.25]),
                  involuntary_context_switches_per_1000_items=2.04)
    for key in ("repetition_index", "voluntary_context_switches", "involuntary_context_switches"):
        del median[key]
    made.append(median)
    for each in made:
        each.update(implementation=name, progress=CROWD[name])
        if point is not None:
            each["point"] = point
            each["run_name"] = f"{name}/threads:{point}"
            each["name"] = each["run_name"] + each["name"][len(name):]
        if latency:
            each["latency_ns"], buckets = latencies(name, chance)
            if each is median:
                each["latency_histogram"] = buckets
            else:
                each["rate_kept"] = 0.999
    return made


def latencies(name, chance):
    """Percentiles and histogram of waits with a long tail."""
    base = 300 + 40 * len(name)
    waits = sorted(base * math.exp(chance.gauss(0, 0.5)) * (200 if chance.random() < 0.002 else 1) for _ in range(12000))

    def at(share):
        return waits[min(len(waits) - 1, int(share * len(waits)))]

    counts = {}
    for wait in waits:
        bucket = math.floor(math.log2(wait) * 16)
        counts[bucket] = counts.get(bucket, 0) + 1
    return ({"count": len(waits), "min": waits[0], "mean": sum(waits) / len(waits), "p50": at(0.5), "p90": at(0.9),
             "p99": at(0.99), "p99.9": at(0.999), "p99.99": at(0.9999), "max": waits[-1]},
            [[round(2**((bucket + 1) / 16)), counts[bucket]] for bucket in sorted(counts)])


def samples():
    """The documents by name; always the same."""
    chance = random.Random(7)
    rates = {name: 2.5e6 - 2.6e5 * i for i, name in enumerate(QUEUES)}
    advice = {"choice": "lockfree.bounded_queue", "tied": ["lockfree.bounded_queue"], "sentences": [
        "Take lockfree.bounded_queue: it moves 2.50 M lines/s, 1.29 times as many as the best blocking one.",
        "It burns 760 ns of CPU per line, as much as blocking.bounded_queue (790 ns).",
        "blocking.bounded_queue is good enough below 1.9 M lines/s, and gives up nothing but progress without locks."]}
    plain = {"context": context(advice=dict(advice)),
             "benchmarks": [entry for name in QUEUES for entry in runs(name, rates[name], chance)]}

    other = {"context": context(host_name="laptop", cpu="Other <b>Processor</b>", num_cpus=16, producers=2, consumers=2),
             "benchmarks": [entry for name in QUEUES if not name.endswith("spsc_queue") and name != "std.bounded_queue"
                            for entry in runs(name, 0.7 * rates[name], chance)]}
    wrong = runs("std.bounded_queue", 1e6, chance)[0]
    other["benchmarks"] += [wrong, {"name": "std.bounded_queue", "run_name": "std.bounded_queue", "run_type": "iteration",
                                    "repetition_index": 1, "threads": 4, "error_occurred": True, "error_message": WRONG,
                                    "answers_agree": False}]

    latency = {"context": context(workload="latency", rate=200000, advice=dict(advice)),
               "benchmarks": [entry for name in QUEUES for entry in runs(name, 2e5, chance, latency=True)]}

    points = [1, 2, 4, 8]
    sweep = {"context": context(workload="queue", item="item", sweep={"over": "threads", "values": points}, advice=dict(
        advice, points=[{"at": 1, "choice": "blocking.spsc_queue", "tied": ["blocking.spsc_queue"]},
                        {"at": 2, "choice": None, "tied": ["lockfree.bounded_queue", "blocking.bounded_queue"]},
                        {"at": 4, "choice": "lockfree.bounded_queue", "tied": []},
                        {"at": 8, "choice": "lockfree.bounded_queue", "tied": []}])),
             "benchmarks": [entry for point in points for name in QUEUES
                            for entry in runs(name, rates[name] * point**(0.6 if name.startswith("lockfree") else 0.1),
                                              chance, point=point)]}

    # Some as fast as each other, as in a real run; at each point of the crowd's sweep another is the best.
    speeds = {name: 2e6 * chance.uniform(0.2, 1.5) for name in CROWD}
    crowd_latency = {"context": context(workload="latency", rate=200000, advice=dict(advice, choice="tbb.concurrent_queue")),
                     "benchmarks": [entry for name in CROWD for entry in runs(name, 2e5, chance, latency=True)]}
    crowd = {"context": context(workload="queue", item="item", sweep={"over": "threads", "values": points}, notes=[
        "Only 2 of 5 runs of each fit into the time of --quick."], advice=dict(
        advice, choice=None, points=[{"at": point, "where": f"{point} a side", "choice": name, "tied": []} for point, name in zip(points, (
            "boost.spsc_queue", "libcds.moir_queue", "lockfree.bounded_queue", "lockfree.bounded_queue"))])),
             "benchmarks": [entry for point in points for name in CROWD if point == 1 or "spsc" not in name
                            for entry in runs(name, speeds[name] * point**chance.uniform(-0.5, 0.3), chance, point=point)]}

    # What another program of Google Benchmark may write.
    bare = {"context": {}, "benchmarks": [{"name": "BM_push/8", "real_time": 12.5, "cpu_time": 12.0, "time_unit": "ns",
                                           "iterations": 1000}]}
    return {"plain": plain, "other": other, "latency": latency, "sweep": sweep, "crowd": crowd,
            "crowd_latency": crowd_latency, "bare": bare}


if __name__ == "__main__":
    for key, document in samples().items():
        with open(os.path.join(sys.argv[1], key + ".json"), "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
