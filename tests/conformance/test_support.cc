#include "switchyard/tests/conformance/test_support.h"

#include <sys/syscall.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

namespace switchyard::conformance {

watchdog::watchdog() {
  const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string name = std::string(test->test_suite_name()) + "." + test->name();
  thread_ = std::thread([this, name] {
    std::unique_lock lock(mutex_);
    // A second at a time, so that a machine that stops for minutes counts for one.
    for (auto left = patience; left > 0s; left -= 1s) {
      if (over_early_.wait_for(lock, 1s, [this] { return over_; })) return;
    }
    std::fprintf(stderr, "\n%s: still running after %d s: a thread waits for ever or a loop does not end.\n",
                 name.c_str(), static_cast<int>(patience.count()));
    std::fflush(stderr);
    std::abort();
  });
}

watchdog::~watchdog() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  over_early_.notify_one();
  thread_.join();
}

watched_thread::watched_thread(std::function<void()> work)
    : thread_([this, work = std::move(work)] {
        id_.store(static_cast<pid_t>(::syscall(SYS_gettid)), memory_order_release);
        work();
        finished_.store(true, memory_order_release);
      }) {}

std::int64_t watched_thread::times_slept() const {
  const std::string key = "voluntary_ctxt_switches:";
  std::ifstream file("/proc/self/task/" + std::to_string(id_.load(memory_order_acquire)) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::stoll(line.substr(key.size()));
  }
  ADD_FAILURE() << "the thread is not there";
  return 0;
}

bool watched_thread::falls_asleep() const {
  // Asleep: the kernel says S in five looks running, so that a short wait for some mutex does not count. A second of
  // processor time, however long the thread has to wait for that, is too much for one that is about to sleep.
  const long second = ::sysconf(_SC_CLK_TCK);
  for (int looks = 0; looks < 5; std::this_thread::sleep_for(1ms)) {
    if (finished()) return false;
    const pid_t id = id_.load(memory_order_acquire);
    std::ifstream file("/proc/self/task/" + std::to_string(id) + "/stat");
    std::string stat;
    std::getline(file, stat);
    const std::size_t name_end = stat.rfind(')');  // "pid (name) state ...", the 14th and 15th of which are times
    if (id == 0 || name_end == std::string::npos) continue;
    std::istringstream rest(stat.substr(name_end + 1));
    std::string state;
    rest >> state;
    std::string skipped;
    for (int field = 4; field < 14; ++field) rest >> skipped;
    long in_program = 0;
    long in_kernel = 0;
    rest >> in_program >> in_kernel;
    if (in_program + in_kernel > second) return false;
    looks = state == "S" ? looks + 1 : 0;
  }
  return true;
}

std::chrono::nanoseconds watched_thread::cpu_time() const {
  clockid_t clock{};
  timespec time{};
  // native_handle() is not const in the standard library.
  auto& thread = const_cast<std::thread&>(thread_);
  EXPECT_EQ(pthread_getcpuclockid(thread.native_handle(), &clock), 0);
  EXPECT_EQ(clock_gettime(clock, &time), 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

namespace {

template <class T>
bool same(const T& got, const T& wanted, const char* what, where at, int way) {
  if (got == wanted) return true;
  ADD_FAILURE_AT(at.file_name(), at.line())
      << what << " is " << ::testing::PrintToString(got) << ", not " << ::testing::PrintToString(wanted)
      << (way < 0 ? "" : ", in way " + std::to_string(way));
  return false;
}

}  // namespace

bool expect_same(conqueue_status got, conqueue_status wanted, const char* what, where at, int way) {
  return same(got, wanted, what, at, way);
}

bool expect_same(std::uint64_t got, std::uint64_t wanted, const char* what, where at, int way) {
  return same(got, wanted, what, at, way);
}

bool expect_true(bool condition, const char* what, where at) {
  if (!condition) ADD_FAILURE_AT(at.file_name(), at.line()) << what;
  return condition;
}

void wait_a_little() {
  thread_local unsigned turns = 0;
  if (++turns % 64 != 0) {
    spin_pause();
  } else {
    std::this_thread::sleep_for(1us);
  }
}

bool failed() {
  return ::testing::Test::HasFailure();
}

void in_threads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

namespace {

std::string name_of(std::uint64_t item) {
  return "item " + std::to_string(item & 0xffffffff) + " of producer " + std::to_string(item >> 32);
}

}  // namespace

::testing::AssertionResult popped_exactly_once(const std::vector<std::vector<std::uint64_t>>& accepted,
                                               const std::vector<std::vector<std::uint64_t>>& popped) {
  std::map<std::uint64_t, int> balance;  // pushed minus popped, per item
  for (const auto& items : accepted) {
    for (const std::uint64_t item : items) ++balance[item];
  }
  for (const auto& items : popped) {
    for (const std::uint64_t item : items) --balance[item];
  }
  for (const auto& [item, left] : balance) {
    if (left > 0) return ::testing::AssertionFailure() << name_of(item) << " was pushed and never popped";
    if (left < 0)
      return ::testing::AssertionFailure() << name_of(item) << " was popped without being pushed, or twice";
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult popped_in_producers_order(const std::vector<std::vector<std::uint64_t>>& popped) {
  for (std::size_t consumer = 0; consumer < popped.size(); ++consumer) {
    std::map<std::uint64_t, std::uint64_t> latest;  // per producer
    for (const std::uint64_t item : popped[consumer]) {
      const auto [seen, first] = latest.try_emplace(item >> 32, item);
      if (!first && item <= seen->second) {
        return ::testing::AssertionFailure() << "consumer " << consumer << " got " << name_of(item)
                                             << " after item " << (seen->second & 0xffffffff);
      }
      seen->second = item;
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace switchyard::conformance
