// What is counted in a text, and the reference that every run is checked against.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/benchmarks/compare/text.h"

namespace switchyard::compare {

/// The words that have a count of their own, numbered from 0.
///
/// Copies of the words, not views into the text: looking one up would bring back the page of the text where
/// it was first seen. Their number is limited, so that a text of words that are all different does not fill
/// the memory; when there would be more, the rarest make room. A word that is more than 2 in `max_words` of
/// the text always has a place (Misra and Gries 1982, in batches).
class vocabulary {
 public:
  static constexpr std::size_t max_words = std::size_t{1} << 17;
  static constexpr std::size_t max_word_bytes = 256;  ///< longer words have no place
  static constexpr std::size_t none = ~std::size_t{0};

  std::size_t size() const noexcept { return words_.size(); }
  std::string_view word(std::size_t number) const { return words_[number]; }

  /// The number of `word`, or `none`. `hash` must be `hash_of(word)`. Any threads may ask at once.
  std::size_t find(std::string_view word, std::size_t hash) const {
    if (word.size() > max_word_bytes) return none;
    const auto found = numbers_.find(as_absl(word), hash);
    return found == numbers_.end() ? none : found->second;
  }

  /// The same for equal words within one run of the program. Of a longer word it looks at the ends only.
  std::size_t hash_of(std::string_view word) const {
    if (word.size() <= max_word_bytes) return numbers_.hash_function()(as_absl(word));
    constexpr std::size_t half = max_word_bytes / 2;
    return word.size() * 31 + hash_of(word.substr(0, half)) * 37 + hash_of(word.substr(word.size() - half));
  }

  /// Adds `word`, which must be no longer than `max_word_bytes` and not in it yet. Returns its number.
  std::size_t add(std::string_view word);

  /// Keeps the words whose `counts` is more than `limit`, in their order, numbers them anew and removes the
  /// other counts.
  void keep_above(std::uint64_t limit, std::vector<std::uint64_t>& counts);

 private:
  std::string_view store(std::string_view word);

  static constexpr std::size_t block_size = std::size_t{1} << 16;
  std::vector<std::unique_ptr<char[]>> blocks_;  // the bytes of the words; the last one is being filled
  std::size_t block_used_ = block_size;
  std::vector<std::string_view> words_;
  absl::flat_hash_map<absl::string_view, std::uint32_t> numbers_;
};

/// What one consumer, or all of them together, counted.
struct tally {
  std::uint64_t lines = 0;  ///< newlines, as `wc -l`
  std::uint64_t words = 0;
  std::uint64_t bytes = 0;
  std::uint64_t fingerprint = 0;      ///< the sum of the hashes of all words, modulo 2^64
  std::vector<std::uint64_t> counts;  ///< how often each word of the vocabulary occurs

  /// Counts one line, with or without its newline.
  template <class Passed>
  void add_line(std::string_view line, const vocabulary& known, Passed passed) {
    bytes += line.size();
    lines += !line.empty() && line.back() == '\n';
    add_words(line, known, passed);
  }

  /// Counts the words of `text` only.
  template <class Passed>
  void add_words(std::string_view text, const vocabulary& known, Passed passed) {
    for_each_word(
        text,
        [&](std::string_view word) {
          const std::size_t hash = known.hash_of(word);
          const std::size_t number = known.find(word, hash);
          ++words;
          fingerprint += hash;
          if (number != vocabulary::none) ++counts[number];
        },
        passed);
  }

  tally& operator+=(const tally& other);
};

/// The right answer, from one sequential pass over the text.
struct reference {
  vocabulary known;
  tally answer;
  std::uint64_t items = 0;             ///< lines to push: `answer.lines`, and one if the last has no newline
  bool every_word = true;              ///< false if some words had no place in `known`
  std::uint64_t left_out_at_most = 0;  ///< how often those may occur (those that are too long: more often)
};

/// Reads the text once; twice if it has more different words than `places`. `progress(fraction)` is called
/// now and then. Throws `bad_request` at a NUL byte, and `interrupted` once `stop` is set.
reference make_reference(const mapped_text& text, const atomic<bool>& stop,
                         const std::function<void(double)>& progress = {},
                         std::size_t places = vocabulary::max_words);

/// The up to `n` most frequent words and their counts, the most frequent first, equal ones in the order of
/// their bytes. Words of no count are left out.
std::vector<std::pair<std::string_view, std::uint64_t>> top_words(const vocabulary& known,
                                                                  const std::vector<std::uint64_t>& counts,
                                                                  std::size_t n);

/// The same of the whole text, but only words that are surely more frequent than all that are not in the
/// result: none if there are too many different words for that. Words that are too long do not take part.
std::vector<std::pair<std::string_view, std::uint64_t>> most_frequent(const reference& of, std::size_t n);

/// What is wrong with `got`, with counts for the vocabulary of `expected`, as the answer of a run that
/// pushed the text `passes` times: "words 120 instead of 121, \"the\" 9 instead of 10". Empty if nothing
/// is.
std::string difference(const tally& got, const reference& expected, std::uint64_t passes);

}  // namespace switchyard::compare
