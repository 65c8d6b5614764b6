// What the advice goes by in each workload.
#pragma once

#include "switchyard/benchmarks/compare/advice.h"
#include "switchyard/benchmarks/compare/implementations.h"
#include "switchyard/benchmarks/compare/options.h"

namespace switchyard::compare {

/// Which figure counts, and what the implementations promise that take part. Refers to `all`.
question question_of(const options& asked, const implementations& all);

}  // namespace switchyard::compare
