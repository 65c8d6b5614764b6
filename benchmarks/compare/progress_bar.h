// A line on the terminal that says how far the work is.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace switchyard::compare {

/// The line, at most `width` characters: "[#######.......]  50%  about 12 s left  lockfree.bounded_queue".
/// `left` below zero: nothing is said about it.
std::string progress_line(double fraction, double seconds_left, std::string_view what, std::size_t width);

/// Draws that line on standard error, over and over in the same place, if that is a terminal and no dumb one
/// (TERM). Otherwise it does nothing.
class progress_bar {
 public:
  progress_bar();
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;
  ~progress_bar() { clear(); }

  bool shown() const noexcept { return terminal_; }

  /// At most ten times a second; other calls return at once.
  void show(double fraction, double seconds_left, std::string_view what);

  /// Leaves an empty line for other output.
  void clear();

 private:
  const bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace switchyard::compare
