#include "switchyard/benchmarks/compare/arrivals.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/strings.h"

namespace switchyard::compare {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

// Digits, and more behind a point.
std::optional<std::uint64_t> nanoseconds_of(std::string_view text) {
  // So that all fits into 63 bits: some two hundred years.
  constexpr std::uint64_t most = 9'000'000'000;
  std::uint64_t seconds = 0;
  std::size_t at = 0;
  const auto digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  for (; digit(); ++at) {
    seconds = seconds * 10 + static_cast<std::uint64_t>(text[at] - '0');
    if (seconds > most) return std::nullopt;
  }
  if (at == 0) return std::nullopt;
  std::uint64_t fraction = 0;
  std::uint64_t worth = second;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digit()) return std::nullopt;
    for (; digit(); ++at) {
      worth /= 10;
      fraction += worth * static_cast<std::uint64_t>(text[at] - '0');
    }
  }
  if (at != text.size()) return std::nullopt;
  return seconds * second + fraction;
}

std::string seconds_of(std::uint64_t nanoseconds) {
  return absl::StrFormat("%d.%09d", nanoseconds / second, nanoseconds % second);
}

struct closes {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::string reason(int error) {
  return std::generic_category().message(error);
}

}  // namespace

arrival_times read_arrivals(const std::string& path, const atomic<bool>& stop) {
  const mapped_text file = mapped_text::open(path, stop);
  return parse_arrivals(file.text(), file.name());
}

arrival_times parse_arrivals(std::string_view text, std::string_view name) {
  arrival_times times;
  std::uint64_t first = 0;
  std::uint64_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == text.npos ? text.size() : newline + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('#')) continue;
    const auto refuse = [&](const std::string& why) {
      throw bad_request(absl::StrCat(as_absl(name), ":", number, ": ", why));
    };
    const std::optional<std::uint64_t> time = nanoseconds_of(line);
    if (!time) {
      refuse(absl::StrCat("\"", shown(line.substr(0, 40)), "\" is not a time in seconds, such as 12.000250"));
    }
    if (times.empty()) first = *time;
    if (!times.empty() && *time - first < times.back()) refuse("is earlier than the time before");
    if (*time < first) refuse("is earlier than the time before");
    times.push_back(*time - first);
  }
  if (times.empty() || times.back() == 0) {
    throw bad_request(absl::StrCat(as_absl(name), ": needs two different times at least, one a line"));
  }
  return times;
}

void keep_first(arrival_times& times, std::chrono::nanoseconds most) {
  const auto second_time = std::upper_bound(times.begin(), times.end(), times.front());
  const std::uint64_t last = std::max(*second_time, static_cast<std::uint64_t>(most.count()));
  times.erase(std::upper_bound(times.begin(), times.end(), last), times.end());
}

recording record_arrivals(int from, const std::string& path, const atomic<bool>& stop) {
  const std::unique_ptr<std::FILE, closes> file(std::fopen(path.c_str(), "we"));
  const auto failed = [&] {
    return bad_request(absl::StrCat("--record=", path, ": cannot be written to: ", reason(errno)));
  };
  if (!file) throw failed();
  std::fputs("# When lines arrived, in seconds; for --replay.\n", file.get());

  using clock = std::chrono::steady_clock;
  recording made;
  clock::time_point first;
  std::uint64_t millisecond = 0;
  std::uint64_t in_millisecond = 0;
  const auto note = [&](clock::time_point when) {
    if (made.lines++ == 0) first = when;
    made.nanoseconds = static_cast<std::uint64_t>(std::chrono::nanoseconds(when - first).count());
    in_millisecond = made.nanoseconds / 1'000'000 == millisecond ? in_millisecond + 1 : 1;
    millisecond = made.nanoseconds / 1'000'000;
    made.most_at_once = std::max(made.most_at_once, in_millisecond);
    std::fputs((seconds_of(made.nanoseconds) + "\n").c_str(), file.get());
  };

  std::vector<char> buffer(std::size_t{64} << 10);
  bool unfinished = false;  // the last line has no newline yet
  clock::time_point now;
  while (!stop.load(memory_order_relaxed)) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw bad_request(absl::StrCat("standard input: ", reason(errno)));
    if (got == 0) break;
    now = clock::now();
    const char* at = buffer.data();
    const char* const last = at + got;
    // All that one read brought arrived together.
    while (const void* newline = std::memchr(at, '\n', static_cast<std::size_t>(last - at))) {
      note(now);
      at = static_cast<const char*>(newline) + 1;
    }
    unfinished = at != last;
    // So that what there is so far survives whatever happens.
    if (std::fflush(file.get()) != 0) throw failed();
  }
  if (unfinished) note(now);
  if (std::fflush(file.get()) != 0) throw failed();
  if (made.lines == 0) throw bad_request("standard input: no line arrived, so there is nothing to record");
  return made;
}

}  // namespace switchyard::compare
