// Lines and words of a text, exactly as `wc` counts them in the C locale.
//
// A text may be larger than memory: no function here holds on to it, and those that may walk far call
// `passed(position)` every `stride` bytes, so that the caller can give back the pages before `position`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace switchyard::compare {

/// How many bytes are walked between two calls of `passed`.
inline constexpr std::size_t stride = std::size_t{1} << 20;

/// For texts that are held in memory anyway.
inline constexpr auto keep_all = [](const char*) {};

/// The end of the line that begins at `first`: just behind its newline, or `last` if it has none.
template <class Passed>
const char* line_end(const char* first, const char* last, Passed passed) {
  while (first != last) {
    const std::size_t rest = static_cast<std::size_t>(last - first);
    const std::size_t piece = rest < stride ? rest : stride;
    if (const void* newline = std::memchr(first, '\n', piece)) return static_cast<const char*>(newline) + 1;
    first += piece;
    if (first != last) passed(first);
  }
  return last;
}

namespace detail {

// What `wc` sees in a byte. In the C locale every byte above 126 is like a control character.
inline constexpr std::uint8_t white_space = 1;
inline constexpr std::uint8_t printable = 2;

inline constexpr std::array<std::uint8_t, 256> byte_kinds = [] {
  std::array<std::uint8_t, 256> kinds{};
  for (std::size_t byte = '!'; byte <= '~'; ++byte) kinds[byte] = printable;
  for (const char byte : {' ', '\t', '\n', '\v', '\f', '\r'})
    kinds[static_cast<std::uint8_t>(byte)] = white_space;
  return kinds;
}();

inline std::uint8_t kind_of(char byte) {
  return byte_kinds[static_cast<std::uint8_t>(byte)];
}

}  // namespace detail

/// Calls `on_word(std::string_view)` for each word of `text`, in order. A word is a longest run of bytes
/// that are not white space, if one of them is printable: a run of control characters or of bytes above
/// 126 alone is no word (GNU `wc` does not count it either), but within a word they belong to it.
template <class OnWord, class Passed>
void for_each_word(std::string_view text, OnWord on_word, Passed passed) {
  const char* at = text.data();
  const char* const last = at + text.size();
  const char* word = nullptr;  // where the word that we are in began; null between words
  std::uint8_t seen = 0;       // the kinds of its bytes
  while (at != last) {
    const char* const limit = static_cast<std::size_t>(last - at) > stride ? at + stride : last;
    while (at != limit) {
      if (word == nullptr) {
        while (at != limit && detail::kind_of(*at) == detail::white_space) ++at;
        if (at == limit) break;
        word = at;
        seen = 0;
      }
      while (at != limit && detail::kind_of(*at) != detail::white_space) seen |= detail::kind_of(*at++);
      // At the limit the word may go on behind it.
      if (at == limit) break;
      if (seen & detail::printable) on_word(std::string_view(word, static_cast<std::size_t>(at - word)));
      word = nullptr;
    }
    if (at != last) passed(at);
  }
  if (word != nullptr && (seen & detail::printable)) {
    on_word(std::string_view(word, static_cast<std::size_t>(last - word)));
  }
}

/// Cuts `text` into `parts` contiguous parts of about the same size, in order, each of whole lines; some
/// are empty if there are fewer lines. Together they are `text`. Precondition: parts >= 1.
template <class Passed>
std::vector<std::string_view> cut_at_lines(std::string_view text, std::size_t parts, Passed passed) {
  std::vector<std::string_view> ranges;
  ranges.reserve(parts);
  const char* const last = text.data() + text.size();
  const char* begin = text.data();
  for (std::size_t part = 1; part <= parts; ++part) {
    // Where this part would end if lines did not matter; the division first, as text may be huge.
    const char* const target =
        text.data() + (text.size() / parts) * part + (text.size() % parts) * part / parts;
    const char* const end = target <= begin ? begin : line_end(target - 1, last, passed);
    ranges.emplace_back(begin, static_cast<std::size_t>(end - begin));
    begin = end;
  }
  return ranges;
}

}  // namespace switchyard::compare
