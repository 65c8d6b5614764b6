// Small things about text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace switchyard::compare {

/// For arguments of Abseil's functions: in some builds of Abseil its string_view is not std's, and does not
/// convert from it.
inline absl::string_view as_absl(std::string_view text) {
  return {text.data(), text.size()};
}

/// "1 producer", "2 producers".
inline std::string counted(std::uint64_t number, std::string_view what) {
  return absl::StrCat(number, " ", as_absl(what), number == 1 ? "" : "s");
}

/// "a", "a and b", "a, b and c".
inline std::string listed(const std::vector<std::string>& parts) {
  if (parts.size() < 2) return absl::StrJoin(parts, "");
  return absl::StrCat(absl::StrJoin(parts.begin(), parts.end() - 1, ", "), " and ", parts.back());
}

/// The same of the first few, and how many more there are: "a, b, c and 9 more".
inline std::string few_of(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 3;
  if (names.size() <= shown + 1) return listed(names);
  std::vector<std::string> parts(names.begin(), names.begin() + shown);
  parts.push_back(absl::StrCat(names.size() - shown, " more"));
  return listed(parts);
}

/// `text` on one line: line breaks and other control characters become spaces.
inline std::string one_line(std::string_view text) {
  std::string line(absl::StripAsciiWhitespace(as_absl(text)));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char byte) { return absl::ascii_iscntrl(byte); }, ' ');
  return line;
}

/// `word` for a message: what is not UTF-8, or would move the cursor, is escaped.
inline std::string shown(std::string_view word) {
  return absl::StrReplaceAll(absl::Utf8SafeCEscape(as_absl(word)), {{"\\\"", "\""}, {"\\'", "'"}});
}

}  // namespace switchyard::compare
