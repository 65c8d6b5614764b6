#include "switchyard/adapters/names.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace switchyard::adapters::detail {

namespace {

[[noreturn]] void throw_unknown(std::string_view kind, std::string_view name,
                                std::span<const std::string_view> known) {
  std::string message = "unknown " + std::string(kind) + " \"" + std::string(name) + "\"";
  const auto nearest = std::ranges::min_element(
      known, {}, [&](std::string_view candidate) { return edit_distance(name, candidate); });
  if (nearest != known.end()) message += "; did you mean \"" + std::string(*nearest) + "\"?";
  message += " known: ";
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (i != 0) message += ", ";
    message += known[i];
  }
  if (known.empty()) message += "none";
  throw unknown_name(message);
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::size_t edit_distance(std::string_view glob, std::string_view name) {
  // Levenshtein's table, a row at a time: row[j] is the distance from what of `glob` has been read so far to
  // the first j characters of `name`.
  std::vector<std::size_t> row(name.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (const char c : glob) {
    const std::size_t any = c == '*' ? 0 : 1;  // what it costs to take c out, or let it stand for more
    std::size_t diagonal = row[0];
    row[0] += any;
    for (std::size_t j = 1; j < row.size(); ++j) {
      const bool same = c == '*' || c == '?' || c == name[j - 1];
      const std::size_t put_in = row[j - 1] + any;
      const std::size_t taken_out = row[j] + any;
      const std::size_t replaced = diagonal + (same ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({put_in, taken_out, replaced});
    }
  }
  return row.back();
}

bool glob_matches(std::string_view glob, std::string_view name) {
  // At a mismatch, let the last star stand for one character more and go on from there.
  std::size_t g = 0, n = 0;
  std::size_t after_star = std::string_view::npos, retry = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      after_star = ++g;
      retry = n;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == name[n])) {
      ++g;
      ++n;
    } else if (after_star != std::string_view::npos) {
      g = after_star;
      n = ++retry;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string_view::npos;
}

std::size_t find_name(std::string_view kind, std::string_view name, std::span<const std::string_view> known) {
  const auto found = std::ranges::find(known, name);
  if (found == known.end()) throw_unknown(kind, name, known);
  return static_cast<std::size_t>(found - known.begin());
}

std::vector<std::size_t> find_globs(std::string_view kind, std::string_view globs,
                                    std::span<const std::string_view> known) {
  std::vector<bool> chosen(known.size(), false);
  for (std::size_t begin = 0; begin <= globs.size();) {
    const std::size_t end = std::min(globs.find(',', begin), globs.size());
    const std::string_view glob = trimmed(globs.substr(begin, end - begin));
    bool matched = false;
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (!glob_matches(glob, known[i])) continue;
      chosen[i] = matched = true;
    }
    if (!matched) throw_unknown(kind, glob, known);
    begin = end + 1;
  }
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) places.push_back(i);
  }
  return places;
}

void check_new_name(std::string_view kind, std::string_view name, std::span<const std::string_view> known) {
  if (name.empty()) throw std::invalid_argument("a " + std::string(kind) + " needs a name");
  if (std::ranges::find(known, name) != known.end()) {
    throw std::invalid_argument("there is a " + std::string(kind) + " \"" + std::string(name) + "\" already");
  }
}

}  // namespace switchyard::adapters::detail
