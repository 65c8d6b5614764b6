// tools/compare with one queue more.
//
//   bazel run -c opt //examples/bring_your_own_queue:compare -- --workload=latency --impl='mine.*,*.spsc_queue'

#include "examples/bring_your_own_queue/ring.h"
#include "switchyard/benchmarks/compare/implementations.h"
#include "switchyard/benchmarks/compare/program.h"

int main(int argc, char** argv) {
  auto all = switchyard::compare::builtin_implementations();
  all.add_queue<mine::ring>({
      .name = "mine.ring",
      .summary = "one producer, one consumer, exact bound",
      .multi_producer = false,
      .multi_consumer = false,
      .guarantee = switchyard::adapters::progress::wait_free,
  });
  return switchyard::compare::run_program(argc, argv, all);
}
