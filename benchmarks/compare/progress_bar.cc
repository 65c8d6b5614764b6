#include "switchyard/benchmarks/compare/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "switchyard/benchmarks/compare/strings.h"

namespace switchyard::compare {

std::string progress_line(double fraction, double seconds_left, std::string_view what, std::size_t width) {
  constexpr std::size_t cells = 24;
  fraction = std::clamp(fraction, 0.0, 1.0);
  const auto full = static_cast<std::size_t>(fraction * static_cast<double>(cells));
  std::string line = absl::StrCat("[", std::string(full, '#'), std::string(cells - full, '.'), "]",
                                  absl::StrFormat(" %3.0f%%", std::floor(fraction * 100)));
  if (seconds_left >= 0) {
    // Rounded up: it ends rather a little earlier than said.
    const auto left = static_cast<long long>(std::ceil(seconds_left));
    absl::StrAppend(&line, left < 60 ? absl::StrFormat("  about %d s left", left)
                                     : absl::StrFormat("  about %d:%02d min left", left / 60, left % 60));
  }
  absl::StrAppend(&line, "  ", as_absl(what));
  if (line.size() > width) line.resize(width);
  return line;
}

namespace {

// A line that is drawn over and over needs a terminal that can go back and clear.
bool can_draw() {
  const char* const term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && (term == nullptr || std::string_view(term) != "dumb");
}

}  // namespace

progress_bar::progress_bar() : terminal_(can_draw()) {}

void progress_bar::show(double fraction, double seconds_left, std::string_view what) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  const std::size_t width = known ? size.ws_col - 1u : 79u;
  // To the beginning of the line, draw, and clear what is left of the line before.
  std::fprintf(stderr, "\r%s\x1b[K", progress_line(fraction, seconds_left, what, width).c_str());
  std::fflush(stderr);
}

void progress_bar::clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace switchyard::compare
