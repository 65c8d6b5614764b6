// How this program was built.
#pragma once

#include <string_view>

namespace switchyard::compare {

/// The flags that the compiler was given besides its toolchain's own and those for warnings, and Bazel's mode:
/// "-O3 -std=c++20 (Bazel's opt)". Written by the build itself (compiler_flags.bzl).
std::string_view compiler_flags();

}  // namespace switchyard::compare
