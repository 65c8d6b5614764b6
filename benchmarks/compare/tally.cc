#include "switchyard/benchmarks/compare/tally.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/strings.h"

namespace switchyard::compare {

std::size_t vocabulary::add(std::string_view word) {
  const std::string_view copy = store(word);
  const std::size_t number = words_.size();
  words_.push_back(copy);
  numbers_.emplace(as_absl(copy), static_cast<std::uint32_t>(number));
  return number;
}

std::string_view vocabulary::store(std::string_view word) {
  if (block_size - block_used_ < word.size()) {
    blocks_.push_back(std::make_unique<char[]>(block_size));
    block_used_ = 0;
  }
  char* const copy = blocks_.back().get() + block_used_;
  std::memcpy(copy, word.data(), word.size());
  block_used_ += word.size();
  return {copy, word.size()};
}

void vocabulary::keep_above(std::uint64_t limit, std::vector<std::uint64_t>& counts) {
  vocabulary kept;
  std::vector<std::uint64_t> kept_counts;
  for (std::size_t number = 0; number < words_.size(); ++number) {
    if (counts[number] <= limit) continue;
    kept.add(words_[number]);
    kept_counts.push_back(counts[number]);
  }
  *this = std::move(kept);
  counts = std::move(kept_counts);
}

tally& tally::operator+=(const tally& other) {
  lines += other.lines;
  words += other.words;
  bytes += other.bytes;
  fingerprint += other.fingerprint;
  counts.resize(std::max(counts.size(), other.counts.size()));
  for (std::size_t number = 0; number < other.counts.size(); ++number) counts[number] += other.counts[number];
  return *this;
}

namespace {

// The first pass: all totals, and the vocabulary. Its counts are right if every word found a place.
class first_pass {
 public:
  first_pass(reference& into, std::size_t places) : into_(into), places_(places) {}

  void add(std::string_view word) {
    tally& answer = into_.answer;
    const std::size_t hash = into_.known.hash_of(word);
    ++answer.words;
    answer.fingerprint += hash;
    const std::size_t number = into_.known.find(word, hash);
    if (number != vocabulary::none) {
      ++answer.counts[number];
    } else if (word.size() > vocabulary::max_word_bytes) {
      into_.every_word = false;
    } else {
      if (into_.known.size() == places_) make_room();
      into_.known.add(word);
      answer.counts.push_back(1);
    }
  }

 private:
  // Takes the same from every count, so much that at least half of them come to nothing. So no word loses
  // more, all in all, than `left_out_at_most`: each taking of m takes at least m * places_ / 2 from the
  // whole.
  void make_room() {
    std::vector<std::uint64_t>& counts = into_.answer.counts;
    std::vector<std::uint64_t> sorted = counts;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    const std::uint64_t taken = *middle;
    into_.known.keep_above(taken, counts);
    for (std::uint64_t& count : counts) count -= taken;
    into_.every_word = false;
    into_.left_out_at_most += taken;
  }

  reference& into_;
  const std::size_t places_;
};

}  // namespace

reference make_reference(const mapped_text& input, const atomic<bool>& stop,
                         const std::function<void(double)>& progress, std::size_t places) {
  const std::string_view text = input.text();
  reference result;
  tally& answer = result.answer;

  // After each stride: whether to go on, what to show, and the memory back.
  auto give_back = [&, last = text.data()](const char* at) mutable {
    if (stop.load(memory_order_relaxed)) throw interrupted();
    if (progress) progress(static_cast<double>(at - text.data()) / static_cast<double>(text.size()));
    input.drop(last, at);
    last = at;
  };

  // Newlines and NUL bytes are counted a stride ahead of the words, so that the page is read once.
  const char* looked_at = text.data();
  const char* const end = text.data() + text.size();
  const auto look_ahead = [&] {
    const std::size_t piece = std::min(stride, static_cast<std::size_t>(end - looked_at));
    if (std::memchr(looked_at, '\0', piece) != nullptr) {
      throw bad_request(absl::StrCat(input.name(), ": is binary (it contains a NUL byte), not text"));
    }
    answer.lines += static_cast<std::uint64_t>(std::count(looked_at, looked_at + piece, '\n'));
    looked_at += piece;
  };
  if (!text.empty()) look_ahead();
  first_pass pass(result, places);
  for_each_word(
      text, [&](std::string_view word) { pass.add(word); },
      [&, give_back](const char* at) mutable {
        look_ahead();
        give_back(at);
      });
  answer.bytes = text.size();
  result.items = answer.lines + (!text.empty() && text.back() != '\n');

  if (!result.every_word) {
    // Counts are too low where room was made: count the words that kept their place again.
    tally again;
    again.counts.resize(result.known.size());
    again.add_words(text, result.known, give_back);
    answer.counts = std::move(again.counts);
  }
  input.drop(text);
  return result;
}

std::vector<std::pair<std::string_view, std::uint64_t>> top_words(const vocabulary& known,
                                                                  const std::vector<std::uint64_t>& counts,
                                                                  std::size_t n) {
  std::vector<std::pair<std::string_view, std::uint64_t>> words;
  for (std::size_t number = 0; number < known.size(); ++number) {
    if (counts[number] > 0) words.emplace_back(known.word(number), counts[number]);
  }
  const auto before = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  n = std::min(n, words.size());
  std::partial_sort(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(n), words.end(), before);
  words.resize(n);
  return words;
}

std::vector<std::pair<std::string_view, std::uint64_t>> most_frequent(const reference& of, std::size_t n) {
  auto words = top_words(of.known, of.answer.counts, n);
  while (!words.empty() && words.back().second <= of.left_out_at_most) words.pop_back();
  return words;
}

std::string difference(const tally& got, const reference& expected, std::uint64_t passes) {
  std::string text;
  const auto check = [&](std::string_view what, std::uint64_t have, std::uint64_t want) {
    if (have != want)
      absl::StrAppend(&text, text.empty() ? "" : ", ", as_absl(what), " ", have, " instead of ", want);
  };
  const tally& answer = expected.answer;
  check("lines", got.lines, answer.lines * passes);
  check("words", got.words, answer.words * passes);
  check("bytes", got.bytes, answer.bytes * passes);
  // The most frequent of the words that are wrong say enough.
  constexpr std::size_t enough = 3;
  std::vector<std::uint64_t> wrong(answer.counts.size());
  for (std::size_t number = 0; number < wrong.size(); ++number) {
    if (got.counts[number] != answer.counts[number] * passes) wrong[number] = answer.counts[number];
  }
  for (const auto& [word, count] : top_words(expected.known, wrong, enough)) {
    const std::size_t number = expected.known.find(word, expected.known.hash_of(word));
    check(absl::StrCat("\"", shown(word), "\""), got.counts[number], count * passes);
  }
  if (text.empty() && got.fingerprint != answer.fingerprint * passes)
    text = "other words than those of the input";
  if (!text.empty() && passes > 1) absl::StrAppend(&text, " (in ", passes, " passes)");
  return text;
}

}  // namespace switchyard::compare
