// The text that a comparison runs on: a file, standard input or a generated log, mapped and not read whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "switchyard/atomics/atomic.h"

namespace switchyard::compare {

/// A read-only text that stays where it is for the life of this object, and that may be larger than memory:
/// pages are read when they are looked at, and given back with `drop`.
class mapped_text {
 public:
  /// Maps the file `path`; "-" is standard input, kept in an unlinked temporary file until the end. Of what is longer than
  /// `most` bytes only the first whole lines are used, and the name says so. Throws `bad_request` if it is missing,
  /// unreadable or not a regular file, and `interrupted` once `stop` is set.
  static mapped_text open(const std::string& path, const atomic<bool>& stop,
                          std::uint64_t most = std::numeric_limits<std::uint64_t>::max());

  /// A log of exactly `size` bytes made from `seed` (see log_generator.h), in an unlinked temporary file.
  static mapped_text generate(std::uint64_t seed, std::uint64_t size, const atomic<bool>& stop);

  /// `text`, in an unlinked temporary file.
  static mapped_text copy_of(std::string_view text);

  /// No text, for work that needs none.
  static mapped_text none() { return mapped_text("none"); }

  mapped_text(mapped_text&& other) noexcept;
  mapped_text& operator=(mapped_text&&) = delete;
  ~mapped_text();

  std::string_view text() const noexcept { return text_; }

  /// What to call it in messages: the path, "standard input" or "generated log, seed 1"; with
  /// ", its first 4194300 bytes" behind it where there are more.
  const std::string& name() const noexcept { return name_; }

  /// Gives back the memory of the pages that lie wholly in [first, last). Reading them is still allowed,
  /// and fetches them again. Any thread may call it at any time.
  void drop(const char* first, const char* last) const noexcept;
  void drop(std::string_view part) const noexcept { drop(part.data(), part.data() + part.size()); }

 private:
  explicit mapped_text(std::string name) : name_(std::move(name)) {}
  mapped_text(int descriptor, std::string name);  // maps what is in it; the descriptor stays the caller's

  void keep_first(std::uint64_t most);

  std::string_view text_;
  std::size_t mapped_ = 0;  // bytes from its beginning on, which may be more than are used
  std::string name_;
};

/// Follows one reader through a text and drops what lies far enough behind it.
///
/// The reader hands items on, and whoever gets them reads them again a little later. So a stretch of text
/// is dropped only when `in_flight` more items have been passed since.
class page_trail {
 public:
  /// At most about `window` bytes, and what is in flight, stay in memory.
  page_trail(const mapped_text& text, std::size_t window, std::uint64_t in_flight)
      : text_(text), window_(window), in_flight_(in_flight) {}

  /// The reader goes on from `position`, at the beginning or after a jump.
  void start(const char* position) noexcept { first_ = position; }

  /// The reader has passed `items` more items and is at `position` now.
  void passed(const char* position, std::uint64_t items) {
    items_ += items;
    if (static_cast<std::size_t>(position - first_) >= window_) turn_over(position);
  }

 private:
  struct stretch {
    const char* first;
    const char* last;
    std::uint64_t passed_at;  // how many items had been passed when the reader left it
  };

  void turn_over(const char* position);

  const mapped_text& text_;
  const std::size_t window_;
  const std::uint64_t in_flight_;
  const char* first_ = nullptr;  // where the stretch began that the reader is in
  std::uint64_t items_ = 0;
  std::deque<stretch> behind_;  // passed but not dropped, oldest first
};

}  // namespace switchyard::compare
