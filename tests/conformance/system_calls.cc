#include "switchyard/tests/conformance/system_calls.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <new>

namespace switchyard::conformance {
namespace {

/// Lies in memory that parent and child share, so that reporting needs no system call.
struct report {
  int count;
  int numbers[100];
  bool complete;
};

report* shared_report = nullptr;

/// The kernel sends SIGSYS instead of carrying out a call that the filter does not let through.
void on_trapped_call(int, siginfo_t* info, void*) {
  if (shared_report->count < 100) shared_report->numbers[shared_report->count++] = info->si_syscall;
}

bool trap_system_calls(tolerated allowed) {
  struct sigaction action {};
  action.sa_sigaction = on_trapped_call;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSYS, &action, nullptr) != 0) return false;

  std::vector<unsigned> numbers = {SYS_rt_sigreturn, SYS_exit_group};
  if (allowed != tolerated::nothing) {
    numbers.insert(numbers.end(), {SYS_clock_gettime});
  }
  if (allowed == tolerated::clock_and_memory || allowed == tolerated::clock_memory_and_fences) {
    numbers.insert(numbers.end(), {SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mprotect});
  }
  if (allowed == tolerated::clock_memory_and_fences) {
    numbers.insert(numbers.end(), {SYS_membarrier});
  }
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  for (const unsigned number : numbers) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

std::optional<std::vector<int>> system_calls_of(tolerated allowed, const std::function<void()>& prepare,
                                                const std::function<void()>& work) {
  void* const memory =
      mmap(nullptr, sizeof(report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return std::nullopt;
  shared_report = new (memory) report{};

  const pid_t child = fork();
  if (child == 0) {
    alarm(30);  // a child that hangs ends here, and counts as incomplete
    prepare();
    if (!trap_system_calls(allowed)) _exit(1);
    work();
    shared_report->complete = true;
    _exit(0);
  }
  int status = 0;
  const bool ended = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
  std::optional<std::vector<int>> result;
  if (ended && shared_report->complete) {
    result.emplace(shared_report->numbers, shared_report->numbers + shared_report->count);
  }
  munmap(memory, sizeof(report));
  return result;
}

}  // namespace switchyard::conformance
