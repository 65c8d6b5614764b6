// What the program says before anything runs: what there is to compare, and what was asked for.
#pragma once

#include <string>

#include "switchyard/benchmarks/compare/implementations.h"
#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/options.h"
#include "switchyard/benchmarks/compare/tally.h"

namespace switchyard::compare {

/// What `--list` prints: everything in `all`, and everything that is compared besides.
std::string list_text(const implementations& all);

/// The lines above the table: the input and the right answer, or the items; who works, and how long.
std::string heading(const options& asked, const mapped_text& input, const reference& expected);

}  // namespace switchyard::compare
