#include "switchyard/benchmarks/compare/implementations.h"
#include "switchyard/benchmarks/compare/program.h"

int main(int argc, char** argv) {
  return switchyard::compare::run_program(argc, argv, switchyard::compare::builtin_implementations());
}
