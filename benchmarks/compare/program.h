// The whole program, for any implementations: `main` gives it the built-in ones.
#pragma once

#include "switchyard/benchmarks/compare/implementations.h"

namespace switchyard::compare {

/// Runs the comparison that the command line asks for. Prints to standard output what was found and to
/// standard error what went wrong. Returns the exit status: see `--help`. Never throws.
int run_program(int argc, const char* const* argv, const implementations& all);

}  // namespace switchyard::compare
