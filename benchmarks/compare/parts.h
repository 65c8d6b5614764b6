// How the threads of a workload go through the text: each its part, in pieces of whole lines, as often as all agree.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/benchmarks/compare/crew.h"
#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/layout.h"
#include "switchyard/benchmarks/compare/text.h"
#include "switchyard/benchmarks/compare/workload.h"

namespace switchyard::compare {

using text_parts = std::shared_ptr<const std::vector<std::string_view>>;

/// How much text each reader keeps in memory, so that all together keep little.
inline std::size_t window(std::size_t readers) {
  constexpr std::size_t together = std::size_t{32} << 20;
  return std::clamp(together / readers, std::size_t{128} << 10, std::size_t{4} << 20);
}

/// Of no text there is one pass, which takes no time.
inline steady_clock::duration least_time(const work& on) {
  return on.input.text().empty() ? steady_clock::duration::zero() : on.layout.min_time;
}

/// The parts of the text, the same for all contenders. Cutting looks for line ends, which may be far; what it has seen
/// is given back.
inline text_parts cut(const mapped_text& input, std::size_t parts) {
  auto ranges = std::make_shared<const std::vector<std::string_view>>(
      cut_at_lines(input.text(), parts, [&](const char* passed) { input.drop(passed - stride, passed); }));
  input.drop(input.text());
  return ranges;
}

/// The next whole lines of `part`, of about `size` bytes, from `at`, which goes on behind them.
inline std::string_view next_piece(const char*& at, const char* last, std::size_t size, const mapped_text& input) {
  const char* const begin = at;
  if (static_cast<std::size_t>(last - at) > size) {
    at = line_end(at + size - 1, last, [&](const char* passed) { input.drop(begin, passed); });
  } else {
    at = last;
  }
  return std::string_view(begin, static_cast<std::size_t>(at - begin));
}

/// Calls `on_piece(piece)` for pieces of `part`, pass after pass, until the gate says that it is enough: true; or a stop is
/// requested: false.
template <class OnPiece>
bool go_through(std::string_view part, std::size_t piece, const work& on, std::size_t readers, pass_gate& gate,
                steady_clock::time_point started, OnPiece on_piece) {
  page_trail trail(on.input, window(readers), 0);
  const char* const last = part.data() + part.size();
  std::uint64_t done = 0;
  do {
    const char* at = part.data();
    trail.start(at);
    while (at != last) {
      // Looked at once a piece; no word goes on behind a line's end.
      if (on.stop.load(memory_order_relaxed)) return false;
      on_piece(next_piece(at, last, piece, on.input));
      trail.passed(at, 1);
    }
  } while (gate.another(++done, started));
  return true;
}

/// Calls `on_word(word)` for the words of a piece; gives back what is behind in a very long one.
template <class OnWord>
void for_each_word_of(std::string_view piece, const mapped_text& input, OnWord on_word) {
  for_each_word(piece, on_word, [&, begin = piece.data()](const char* passed) { input.drop(begin, passed); });
}

}  // namespace switchyard::compare
