// `switchyard::expected`: std::expected where the standard library has it, otherwise tl::expected.
//
// Only members that both have are used in this project.
#pragma once

#include <version>

#if defined(__cpp_lib_expected) && __cpp_lib_expected >= 202202L

#include <expected>

namespace switchyard {
using std::expected;
using std::unexpected;
}  // namespace switchyard

#else

#include <tl/expected.hpp>

namespace switchyard {
using tl::expected;
using tl::unexpected;
}  // namespace switchyard

#endif
