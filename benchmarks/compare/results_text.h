// Results as people read them on a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/benchmarks/compare/advice.h"
#include "switchyard/benchmarks/compare/statistics.h"
#include "switchyard/benchmarks/compare/terminal.h"

namespace switchyard::compare {

/// A table with a row for each of `lines`, as `summarize` has them, and what its columns mean. Where latency was measured
/// it has p50, p99 and p99.9. `show_runs` adds how many runs there were, for when not all have as many. Those called
/// `good` stand out, where there is colour.
///
/// Of a sweep over `swept`: tables of implementations and points, one for each figure.
std::string results_text(const std::vector<summary>& lines, std::string_view swept, bool show_runs,
                         const recommendation& good, const appearance& looks);

/// The sentences under a heading; of a sweep the choice at each point too. `partial` stands in the heading: "after 3 of 6
/// runs"; it may be empty.
std::string advice_text(const advice& what, std::string_view partial, const appearance& looks);

/// How wide the lines of a text are made: they are easier to read if they are not too long.
std::size_t text_width(const appearance& looks);

}  // namespace switchyard::compare
