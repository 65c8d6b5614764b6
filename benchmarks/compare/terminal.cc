#include "switchyard/benchmarks/compare/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "switchyard/benchmarks/compare/strings.h"

namespace switchyard::compare {
namespace {

// Empty if it is not set.
std::string_view value_of(const environment& variable, const char* name) {
  const char* const value = variable(name);
  return value == nullptr ? std::string_view() : value;
}

bool speaks_utf8(const environment& variable) {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view locale = value_of(variable, name);
    if (locale.empty()) continue;
    const std::string lower = absl::AsciiStrToLower(as_absl(locale));
    return absl::StrContains(lower, "utf-8") || absl::StrContains(lower, "utf8");
  }
  return false;
}

// All bytes of a character but the first are 10xxxxxx.
bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
}

// What is left of `text` behind its first `width` columns.
std::string_view last_columns(std::string_view text, std::size_t width) {
  const std::size_t all = width_of(text);
  return text.substr(first_columns(text, all - std::min(all, width)).size());
}

}  // namespace

appearance appearance_for(bool is_terminal, std::size_t columns, const environment& variable) {
  appearance looks;
  looks.utf8 = speaks_utf8(variable);
  looks.colour = is_terminal && value_of(variable, "NO_COLOR").empty() && value_of(variable, "TERM") != "dumb";
  std::uint32_t wanted = 0;
  if (!absl::SimpleAtoi(as_absl(value_of(variable, "COLUMNS")), &wanted)) wanted = 0;
  looks.width = wanted;
  if (is_terminal) looks.width = columns > 0 ? columns : wanted > 0 ? wanted : 80;
  return looks;
}

appearance appearance_of_output() {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return appearance_for(::isatty(STDOUT_FILENO) == 1, known ? size.ws_col : 0,
                        [](const char* name) { return std::getenv(name); });
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string_view first_columns(std::string_view text, std::size_t width) {
  std::size_t taken = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins_character(text[i]) && taken++ == width) return text.substr(0, i);
  }
  return text;
}

std::string shortened(std::string_view text, std::size_t width, bool utf8) {
  if (width_of(text) <= width) return std::string(text);
  const std::string_view gap = utf8 ? "…" : "..";
  if (width <= width_of(gap) + 1) return std::string(first_columns(text, width));
  // More of the end: there are several in each folder, and the last words tell them apart.
  const std::size_t kept = width - width_of(gap);
  const std::size_t head = kept * 2 / 5;
  return absl::StrCat(as_absl(first_columns(text, head)), as_absl(gap), as_absl(last_columns(text, kept - head)));
}

std::string wrapped(std::string_view text, std::size_t width, std::string_view indent) {
  if (width == 0) return absl::StrCat(as_absl(text), "\n");
  std::string all;
  std::string line;
  bool has_word = false;
  for (const absl::string_view part : absl::StrSplit(as_absl(text), ' ', absl::SkipEmpty())) {
    const std::string_view word(part.data(), part.size());
    if (has_word && width_of(line) + 1 + width_of(word) > width) {
      absl::StrAppend(&all, line, "\n");
      line = indent;
      has_word = false;
    }
    absl::StrAppend(&line, has_word ? " " : "", as_absl(word));
    has_word = true;
  }
  return absl::StrCat(all, line, "\n");
}

}  // namespace switchyard::compare
