// The command line.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "switchyard/benchmarks/compare/layout.h"

namespace switchyard::compare {

/// Numbered from 0, in the order of `workloads`.
enum class workload { pipeline, counter, threadpool, semaphore, barrier, transfer, synchronized, lazy };

inline constexpr std::array workloads = {workload::pipeline,  workload::counter,  workload::threadpool,
                                         workload::semaphore, workload::barrier,  workload::transfer,
                                         workload::synchronized, workload::lazy};

std::string_view to_string(workload which);

/// What is counted in it: "line", "word" or "round".
std::string_view item_of(workload which);

/// What was asked for; the defaults stand with the flags, in options.cc.
struct options {
  bool help = false;
  bool list = false;
  std::string input;  ///< a path, "-" for standard input, empty for a generated log
  std::uint64_t seed = 0;
  std::uint64_t generate_bytes = 0;
  workload which = workload::pipeline;
  std::string impl;  ///< globs, separated by commas
  worker_layout layout;
  std::size_t repetitions = 0;
  std::string out;  ///< the folder for results.json; empty: none is written
};

/// Reads the arguments (without the program's name): `--flag=value`, `--flag value`, and `--list` or
/// `--nolist` for those that are on or off. Throws `bad_request` for a flag that is unknown, a value that
/// cannot work, or an argument that is no flag. With `--help` or `--list` among them, values go unchecked
/// as far as they can be read.
options parse_options(std::span<const char* const> arguments);

/// What `--help` prints.
std::string help_text();

}  // namespace switchyard::compare
