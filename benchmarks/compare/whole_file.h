// Files that are there whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace switchyard::compare {

/// Makes `text` the file's contents, in the place of what was there: it is written beside it and renamed.
/// Throws std::runtime_error, which names the file, if that fails; then the file is as it was.
void write_whole_file(const std::string& path, std::string_view text);

}  // namespace switchyard::compare
