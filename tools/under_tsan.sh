#!/bin/bash
# Runs a ThreadSanitizer binary: --config=tsan puts this before each test.

# The suppressions lie beside this file among the test's own files. The first
# error ends the test, so that none passes with a report in its log.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export TSAN_OPTIONS="suppressions=$here/tsan.supp halt_on_error=1 second_deadlock_stack=1 ${TSAN_OPTIONS:-}"

# Where the kernel randomises addresses by more bits than this sanitizer knows
# ("unexpected memory mapping"), it works without randomising. Some containers
# forbid to switch that off; then it is left on.
if setarch -R true 2>/dev/null; then
  exec setarch -R "$@"
fi
exec "$@"
