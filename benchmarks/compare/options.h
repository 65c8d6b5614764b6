// The command line.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/benchmarks/compare/layout.h"

namespace switchyard::compare {

/// Numbered from 0, in the order of `workloads`.
enum class workload {
  pipeline, counter, threadpool, semaphore, barrier, transfer, synchronized, lazy, queue, latency, stack, map
};

inline constexpr std::array workloads = {workload::pipeline,     workload::counter,  workload::threadpool,
                                         workload::semaphore,    workload::barrier,  workload::transfer,
                                         workload::synchronized, workload::lazy,     workload::queue,
                                         workload::latency,      workload::stack,    workload::map};

std::string_view to_string(workload which);

/// What is counted in it: "line", "word", "round", "item" or "pair".
std::string_view item_of(workload which);

/// Whether it works on a text.
bool has_text(workload which);

/// Whether some threads hand to others, so that there are producers and consumers; else all do the same.
bool has_two_sides(workload which);

/// One number of the request takes several values, one after the other.
struct sweep {
  std::string over;  ///< "threads", "item_size", "burst" or "rate"
  std::vector<std::uint64_t> values;
};

/// How much time is taken: enough to see about how it is, as much as is usual, or enough to be sure.
enum class pace { quick, usual, thorough };

std::string_view to_string(pace how);

/// What was asked for; the defaults stand with the flags, in options.cc.
struct options {
  bool help = false;
  bool list = false;
  std::string input;  ///< a path, "-" for standard input, empty for a generated log
  std::uint64_t seed = 0;
  std::uint64_t generate_bytes = 0;
  std::uint64_t most_input = std::numeric_limits<std::uint64_t>::max();  ///< no more bytes of a file are used
  workload which = workload::pipeline;
  std::string impl;  ///< globs, separated by commas
  worker_layout layout;
  pace how = pace::usual;
  std::size_t repetitions = 0;
  std::string out;  ///< the folder for results.json; empty: none is written
  std::optional<sweep> swept;
  std::string replay;  ///< the file of arrivals in place of a rate; who runs `options` reads it
  std::string record;  ///< the file to write arrivals to; nothing else is done then
};

/// Reads the arguments (without the program's name): `--flag=value`, `--flag value`, and `--list` or
/// `--nolist` for those that are on or off. Throws `bad_request` for a flag that is unknown, a value that
/// cannot work, or an argument that is no flag. With `--help` or `--list` among them, values go unchecked
/// as far as they can be read.
options parse_options(std::span<const char* const> arguments);

/// The same at one value of its sweep. With two sides there are so many threads on each, else so many in all.
options at_point(const options& asked, std::uint64_t value);

/// What `--help` prints.
std::string help_text();

}  // namespace switchyard::compare
