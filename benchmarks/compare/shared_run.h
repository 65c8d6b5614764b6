// What the workloads have in common in which every thread reads its part of the text and does something with its words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/benchmarks/compare/crew.h"
#include "switchyard/benchmarks/compare/parts.h"
#include "switchyard/benchmarks/compare/primitives.h"
#include "switchyard/benchmarks/compare/workload.h"

namespace switchyard::compare {

/// What the threads of a run share, whatever they do.
class shared_run {
 public:
  explicit shared_run(const work& of) : on(of), gate(least_time(of)) {}

  const work& on;
  pass_gate gate;
  atomic<bool> cut_short{false};
  atomic<std::uint64_t> words{0};  ///< what each thread found is added at its end
  atomic<bool> broken{false};      ///< something was seen that cannot be

  std::size_t readers() const { return on.layout.producers + on.layout.consumers; }

  /// One thread's work: `on_piece(piece)` returns how many words it found.
  template <class OnPiece>
  void read(std::string_view part, std::size_t piece, steady_clock::time_point started, OnPiece on_piece) {
    std::uint64_t mine = 0;
    const bool finished = go_through(part, piece, on, readers(), gate, started,
                                     [&](std::string_view lines) { mine += on_piece(lines); });
    if (!finished) cut_short.store(true, memory_order_relaxed);
    words.fetch_add(mine, memory_order_relaxed);
  }

  /// Runs `reader(part, started)` for each part.
  template <class Reader>
  sample run(const text_parts& parts, const tick_function& tick, Reader reader) {
    on.input.drop(on.input.text());  // what the run before kept does not count
    std::vector<job> jobs;
    for (const std::string_view part : *parts) {
      jobs.push_back([&reader, part](steady_clock::time_point started) { reader(part, started); });
    }
    sample result;
    result.use = run_crew(jobs, tick);
    result.cut_short = cut_short.load(memory_order_relaxed);
    if (result.cut_short) return result;
    result.passes = gate.passes();
    result.items = on.expected.answer.words * result.passes;
    expect(result, "words", words.load(memory_order_relaxed), result.items);
    return result;
  }

  /// Notes in `result` what is wrong, if nothing is noted yet.
  static void expect(sample& result, std::string_view what, std::uint64_t found, std::uint64_t expected) {
    if (found == expected || !result.wrong.empty()) return;
    result.wrong = absl::StrCat(std::string(what), " ", found, " instead of ", expected);
    if (result.passes > 1) absl::StrAppend(&result.wrong, " (in ", result.passes, " passes)");
  }
};

inline constexpr std::size_t usual_piece = std::size_t{64} << 10;

/// Calls `on_word` for the words of a piece and returns how many there were.
template <class OnWord>
std::uint64_t count_words(std::string_view piece, const work& on, OnWord on_word) {
  std::uint64_t n = 0;
  for_each_word_of(piece, on.input, [&](std::string_view word) {
    on_word(word);
    ++n;
  });
  return n;
}

/// Adds an implementation, in a line.
template <class Run>
void add_primitive(primitive_registry& to, std::string name, std::string summary, adapters::progress guarantee, Run run,
                   std::string gives_up = {}) {
  to.add({.name = std::move(name), .summary = std::move(summary), .guarantee = guarantee, .gives_up = std::move(gives_up)},
         run);
}

// Those of each workload, in files of their own: primitives_waiting.cc, primitives_values.cc,
// primitives_maps.cc.
void add_threadpools(primitive_registry& to);
void add_semaphores(primitive_registry& to);
void add_barriers(primitive_registry& to);
void add_transfers(primitive_registry& to);
void add_synchronized(primitive_registry& to);
void add_lazies(primitive_registry& to);
void add_maps(primitive_registry& to);

}  // namespace switchyard::compare
