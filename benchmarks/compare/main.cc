#include "switchyard/adapters/registry.h"
#include "switchyard/benchmarks/compare/program.h"

int main(int argc, char** argv) {
  return switchyard::compare::run_program(argc, argv,
                                          switchyard::adapters::queue_registry<std::string_view>::builtin(),
                                          switchyard::adapters::counter_registry::builtin());
}
