// Where in the source an operation stands; what reports and mutations go by.
#pragma once

#ifndef __clang__
#include <source_location>
#endif

namespace switchyard::model {

struct where {
  const char* file = "";
  unsigned line = 0;
  unsigned column = 0;

  /// As a default argument: the place of the call.
#ifdef __clang__
  static constexpr where current(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE(),
                                 unsigned column = __builtin_COLUMN()) noexcept {
    return {file, line, column};
  }
#else
  static constexpr where current(std::source_location at = std::source_location::current()) noexcept {
    return {at.file_name(), at.line(), at.column()};
  }
#endif
};

}  // namespace switchyard::model
