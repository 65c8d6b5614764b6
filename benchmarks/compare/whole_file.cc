#include "switchyard/benchmarks/compare/whole_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <ios>
#include <stdexcept>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace switchyard::compare {

void write_whole_file(const std::string& path, std::string_view text) {
  const std::string unfinished = path + ".part";
  std::ofstream stream(unfinished, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(unfinished.c_str());
    throw std::runtime_error(
        absl::StrCat(path, ": cannot be written: ", std::generic_category().message(error)));
  }
}

}  // namespace switchyard::compare
