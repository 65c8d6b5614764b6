#include "switchyard/benchmarks/compare/signals.h"

#include <signal.h>
#include <unistd.h>

#include <string_view>

namespace switchyard::compare {
namespace {

// Written by the handler. Relaxed everywhere: nothing is handed over with them, and who reads them does so
// again and again.
constinit atomic<bool> stop{false};
constinit atomic<int> number{SIGINT};
constinit atomic<bool> told{false};
static_assert(atomic<bool>::is_always_lock_free && atomic<int>::is_always_lock_free,
              "a signal handler must not meet a lock");

void on_stop(int signal) {
  number.store(signal, memory_order_relaxed);
  stop.store(true, memory_order_relaxed);
}

void on_bus_error(int) {
  // Several threads may come upon it at once: one says so, the others wait for the end.
  while (told.exchange(true, memory_order_relaxed)) ::pause();
  constexpr std::string_view message =
      "compare: the input was cut short, or cannot be read, while it was in use\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, message.data(), message.size());
  ::_exit(2);
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void handle_signals() {
  stop.store(false, memory_order_relaxed);
  // Calls that wait are not restarted, so that the program looks at what was asked.
  handle(SIGINT, on_stop, static_cast<int>(SA_RESETHAND));
  handle(SIGTERM, on_stop, static_cast<int>(SA_RESETHAND));
  handle(SIGBUS, on_bus_error, 0);
  handle(SIGPIPE, SIG_IGN, 0);
}

const atomic<bool>& stop_requested() noexcept {
  return stop;
}

int stop_status() noexcept {
  return 128 + number.load(memory_order_relaxed);
}

}  // namespace switchyard::compare
