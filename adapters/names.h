// Names of implementations: looking one up, choosing several with globs, and helping who mistyped one.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace switchyard::adapters {

/// No implementation has this name, or matches this glob. `what()` says which name, the nearest known one,
/// and all that are known.
class unknown_name : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

namespace detail {

/// How many characters must be put in, taken out or replaced to turn one into the other. In `glob`, a '*'
/// stands for any characters and a '?' for any one, for nothing.
std::size_t edit_distance(std::string_view glob, std::string_view name);

/// Whether the whole of `name` fits: '*' stands for any characters or none, '?' for any one.
bool glob_matches(std::string_view glob, std::string_view name);

/// Where `name` stands in `known`. Throws unknown_name; `kind` says in its message what was looked for.
std::size_t find_name(std::string_view kind, std::string_view name, std::span<const std::string_view> known);

/// Where the names stand that match one of `globs`, which are separated by commas, spaces around them
/// allowed: in the order of `known`, each once. Throws unknown_name if one of the globs matches nothing.
std::vector<std::size_t> find_globs(std::string_view kind, std::string_view globs,
                                    std::span<const std::string_view> known);

/// Throws std::invalid_argument if `name` is empty or among `known`.
void check_new_name(std::string_view kind, std::string_view name, std::span<const std::string_view> known);

}  // namespace detail
}  // namespace switchyard::adapters
