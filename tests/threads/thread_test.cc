// GUIDE 1.1, "Thread": a test for each behaviour, and for each wrong use.

#include "switchyard/threads/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/threads/exception_hook.h"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

/// Something that a thread waits for and a test opens.
class gate {
 public:
  void open() {
    open_.store(1);
    futex_wake(open_, 1000);
  }
  void wait() const {
    while (open_.load() == 0) futex_wait(open_, 0, deadline::never());
  }

 private:
  atomic<std::uint32_t> open_{0};
};

std::string kernel_name_of_this_thread() {
  char name[16] = {};
  pthread_getname_np(pthread_self(), name, sizeof name);
  return name;
}

bool is_listed(const thread_info& info) {
  const auto all = thread::enumerate();
  return std::find(all.begin(), all.end(), info) != all.end();
}

/// While it lives, what threads throw is kept here and not printed.
class caught_by_hook {
 public:
  caught_by_hook()
      : before_(set_exception_hook([this](const thread_failure& failure) {
          const std::lock_guard hold(lock_);
          failures_.push_back(failure);
        })) {}
  ~caught_by_hook() { set_exception_hook(before_); }

  std::vector<thread_failure> failures() {
    const std::lock_guard hold(lock_);
    return failures_;
  }

 private:
  std::mutex lock_;
  std::vector<thread_failure> failures_;
  exception_hook before_;
};

std::string message_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return error.what();
  }
}

template <class Exception, class F>
std::string message(F f) {
  try {
    f();
  } catch (const Exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

static_assert(std::movable<thread> && !std::copyable<thread>);
static_assert(!std::constructible_from<thread, thread_options>);
static_assert(std::derived_from<thread_error, std::logic_error>);

// --- Starting ---

TEST(Thread, GetsItsArguments) {
  std::string result;
  auto moved = std::make_unique<int>(3);
  thread worker(
      [](std::string text, std::unique_ptr<int> number, std::string& out) { out = text + std::to_string(*number); },
      "text", std::move(moved), std::ref(result));
  worker.join();
  EXPECT_EQ(result, "text3");
  EXPECT_EQ(moved, nullptr);

  struct counter {
    int n = 0;
    void add(int by) { n += by; }
  } object;
  thread(&counter::add, &object, 5).join();
  EXPECT_EQ(object.n, 5);
}

TEST(Thread, GivesAStopTokenToAFunctionThatTakesOne) {
  gate begun;
  bool stopped = false;
  int argument = 0;
  {
    thread worker(
        [&](std::stop_token stop, int n) {
          argument = n;
          begun.open();
          while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
          stopped = true;
        },
        7);
    begun.wait();
    EXPECT_TRUE(worker.get_stop_token().stop_possible());
    EXPECT_FALSE(worker.get_stop_token().stop_requested());
  }  // asks it to stop, and joins
  EXPECT_TRUE(stopped);
  EXPECT_EQ(argument, 7);
}

TEST(Thread, RequestStopWorksFromOutside) {
  thread worker([](std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
  });
  EXPECT_TRUE(worker.request_stop());
  EXPECT_FALSE(worker.request_stop()) << "only the first asks";
  worker.join();
}

TEST(Thread, ADeferredThreadWaitsForItsStart) {
  atomic<bool> ran{false};
  thread worker({.deferred = true}, [&] { ran.store(true); });
  EXPECT_FALSE(worker.joinable());
  EXPECT_FALSE(worker.is_alive());
  EXPECT_EQ(worker.native_id(), 0);
  EXPECT_EQ(worker.get_id(), std::thread::id());
  EXPECT_FALSE(is_listed(worker.info())) << "not started, so not listed";
  worker.start();
  EXPECT_NE(worker.native_id(), 0) << "good from the start on";
  worker.join();
  EXPECT_TRUE(ran.load());
}

TEST(Thread, ADeferredThreadThatNeverStartsLeavesNothing) {
  auto argument = std::make_shared<int>(1);
  { thread worker({.deferred = true}, [argument] { FAIL(); }); }
  EXPECT_EQ(argument.use_count(), 1);
}

TEST(Thread, StartingTwiceIsRefused) {
  thread worker({.name = "once"}, [] {});
  EXPECT_EQ(message<already_started>([&] { worker.start(); }), "thread once has been started before");
  worker.join();
  EXPECT_THROW(worker.start(), already_started) << "also when it has ended";
  EXPECT_THROW(thread().start(), not_joinable);
}

TEST(Thread, AFailedStartSaysWhichThreadAndLosesNothing) {
  const std::size_t before = thread::active_count();
  const auto argument = std::make_shared<int>(1);
  // More stack than there are addresses.
  thread_options huge{.name = "huge", .deferred = true, .stack_size = std::size_t{1} << 60};
  thread worker(huge, [argument] {});
  for (int i = 0; i < 2; ++i) {
    try {
      worker.start();
      FAIL() << "it started";
    } catch (const std::system_error& error) {
      EXPECT_NE(std::string(error.what()).find("thread huge cannot be started"), std::string::npos) << error.what();
      EXPECT_NE(error.code().value(), 0);
    }
    EXPECT_FALSE(worker.joinable());
    EXPECT_EQ(thread::active_count(), before) << "not listed";
    EXPECT_EQ(argument.use_count(), 2) << "the function is still there";
  }
  huge.deferred = false;
  EXPECT_THROW(thread(huge, [argument] {}), std::system_error);
  EXPECT_EQ(argument.use_count(), 2);
}

TEST(Thread, AStackThatIsTooSmallIsRefused) {
  EXPECT_THROW(thread({.stack_size = 1}, [] {}), std::invalid_argument);
  thread({.stack_size = 1 << 20}, [] {}).join();
}

TEST(Thread, AnArgumentThatThrowsWhenCopiedStartsNothing) {
  struct refuses {
    refuses() = default;
    refuses(const refuses&) { throw std::runtime_error("no copies"); }
  } argument;
  const std::size_t before = thread::active_count();
  EXPECT_THROW(thread([](const refuses&) {}, argument), std::runtime_error);
  EXPECT_EQ(thread::active_count(), before);
}

// --- Names ---

TEST(Thread, HasANameOfItsOwnByDefault) {
  thread first([] {});
  thread second([] {});
  EXPECT_EQ(first.name().rfind("thread-", 0), 0U) << first.name();
  EXPECT_NE(first.name(), second.name());
}

TEST(Thread, NamesNeedNotBeUnique) {
  thread first({.name = "same"}, [] {});
  thread second({.name = "same"}, [] {});
  EXPECT_EQ(first.name(), second.name());
}

TEST(Thread, TheKernelKnowsTheNameCutAt15Bytes) {
  const auto kernels = [](std::string name) {
    std::string result;
    thread worker({.name = name}, [&] { result = kernel_name_of_this_thread(); });
    worker.join();
    EXPECT_EQ(worker.name(), name) << "ours is not cut";
    return result;
  };
  EXPECT_EQ(kernels("short"), "short");
  EXPECT_EQ(kernels("exactly-fifteen"), "exactly-fifteen");
  EXPECT_EQ(kernels("exactly-sixteen!"), "exactly-sixteen");
  EXPECT_EQ(kernels("a-name-of-more-than-that"), "a-name-of-more-");
  EXPECT_EQ(kernels("fourteen-bytes\u00e9"), "fourteen-bytes") << "no character is cut in two";
  EXPECT_EQ(kernels("only-thirteen\u00e9x"), "only-thirteen\u00e9");
}

TEST(Thread, CanBeRenamedAtAnyTime) {
  gate begun;
  gate renamed;
  std::string inside;
  std::string kernels;
  thread worker({.name = "before", .deferred = true}, [&] {
    begun.open();
    renamed.wait();
    inside = thread::current().name();
    kernels = kernel_name_of_this_thread();
  });
  worker.set_name("earlier");
  worker.start();
  begun.wait();
  EXPECT_EQ(worker.name(), "earlier");
  worker.set_name("after");
  renamed.open();
  worker.join();
  EXPECT_EQ(inside, "after");
  EXPECT_EQ(kernels, "after");
  worker.set_name("afterwards");
  EXPECT_EQ(worker.name(), "afterwards");
}

// --- Joining ---

TEST(Thread, CanBeJoinedManyTimesByManyThreads) {
  gate go;
  thread worker([&] { go.wait(); });
  std::vector<thread> joiners;
  atomic<int> joined{0};
  for (int i = 0; i < 4; ++i) {
    joiners.emplace_back([&] {
      worker.join();
      joined.fetch_add(1);
    });
  }
  EXPECT_EQ(joined.load(), 0);
  go.open();
  joiners.clear();
  EXPECT_EQ(joined.load(), 4);
  worker.join();
  EXPECT_TRUE(worker.joinable()) << "and again";
}

TEST(Thread, JoinWithALimit) {
  gate go;
  thread worker([&] { go.wait(); });
  EXPECT_TRUE(worker.is_alive());
  const auto before = std::chrono::steady_clock::now();
  EXPECT_FALSE(worker.join_for(20ms));
  EXPECT_GE(std::chrono::steady_clock::now() - before, 20ms);
  EXPECT_FALSE(worker.join_until(std::chrono::system_clock::now() + 1ms));
  EXPECT_FALSE(worker.join_for(0ms));
  EXPECT_FALSE(worker.join_for(-1h)) << "a negative time counts as none";
  EXPECT_TRUE(worker.is_alive()) << "nothing came of it";
  go.open();
  EXPECT_TRUE(worker.join_for(1h));
  EXPECT_FALSE(worker.is_alive());
  EXPECT_TRUE(worker.join_for(-1h)) << "has ended";
}

TEST(Thread, JoinSeesWhatThreadLocalDestructorsDid) {
  struct last_words {
    std::string* out = nullptr;
    ~last_words() {
      std::this_thread::sleep_for(5ms);
      *out = thread::current().name();
    }
  };
  std::string words;
  thread worker({.name = "dying"}, [&] {
    static thread_local last_words mine;
    mine.out = &words;
  });
  ASSERT_TRUE(worker.join_for(1h));
  EXPECT_EQ(words, "dying") << "known by its name to the end";
}

TEST(Thread, JoiningOneselfIsRefused) {
  gate ready;
  thread worker;
  std::string what;
  thread* const self = &worker;
  worker = thread({.name = "ouroboros"}, [&, self] {
    ready.wait();
    what = message<joins_itself>([&] { self->join(); });
    EXPECT_THROW(self->join_for(1ms), joins_itself);
    EXPECT_THROW(self->get(), joins_itself);
  });
  ready.open();
  worker.join();
  EXPECT_EQ(what, "thread ouroboros cannot join itself");
}

TEST(Thread, JoiningWhatIsNotJoinableIsRefused) {
  EXPECT_THROW(thread().join(), not_joinable);
  EXPECT_THROW(thread().get(), not_joinable);
  EXPECT_THROW(thread().set_name("x"), not_joinable);
  EXPECT_THROW(thread().info(), not_joinable);
  thread deferred({.name = "later", .deferred = true}, [] {});
  EXPECT_EQ(message<not_joinable>([&] { deferred.join(); }),
            "thread later cannot be joined: it has not been started");
  EXPECT_THROW(deferred.join_for(1s), not_joinable);
  thread moved_from([] {});
  const thread target = std::move(moved_from);
  EXPECT_THROW(moved_from.join(), not_joinable);
  EXPECT_TRUE(target.joinable());
}

TEST(Thread, AssigningStopsAndJoinsTheOldOne) {
  atomic<bool> ended{false};
  thread worker([&](std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
    ended.store(true);
  });
  worker = thread([] {});
  EXPECT_TRUE(ended.load());
  thread other([] {});
  const std::string name = other.name();
  worker.swap(other);
  EXPECT_EQ(worker.name(), name);
}

TEST(Thread, MayDestroyItsOwnObject) {
  const std::size_t before = thread::active_count();
  gate handed_over;
  gate done;
  auto self = std::make_shared<std::optional<thread>>();
  self->emplace([self, &handed_over, &done]() mutable {
    handed_over.wait();
    self->reset();
    self.reset();
    done.open();
  });
  self.reset();
  handed_over.open();
  done.wait();
  while (thread::active_count() != before) yield();  // nobody joins it, and the next tests count
}

// --- Exceptions ---

TEST(Thread, AnExceptionReachesTheHookAndGetThrowsIt) {
  caught_by_hook hook;
  thread worker({.name = "clumsy"}, [] { throw std::runtime_error("dropped it"); });
  const auto id = worker.get_id();
  worker.join();  // says nothing
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(message<std::runtime_error>([&] { worker.get(); }), "dropped it");
  }
  const auto failures = hook.failures();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].name, "clumsy");
  EXPECT_EQ(failures[0].id, id);
  EXPECT_EQ(message_of(failures[0].exception), "dropped it");
}

TEST(Thread, GetOfAThreadThatWentWellThrowsNothing) {
  thread worker([] {});
  EXPECT_NO_THROW(worker.get());
}

TEST(Thread, TheHookRunsInTheThreadThatFailed) {
  std::string name;
  const exception_hook before =
      set_exception_hook([&](const thread_failure&) { name = thread::current().name(); });
  thread({.name = "where"}, [] { throw 1; }).join();
  set_exception_hook(before);
  EXPECT_EQ(name, "where");
}

TEST(Thread, TheDefaultHookPrints) {
  testing::internal::CaptureStderr();
  thread({.name = "loud"}, [] { throw std::runtime_error("heard"); }).join();
  thread({.name = "odd"}, [] { throw 5; }).join();
  const std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_NE(printed.find("Exception in thread loud: std::runtime_error: heard\n"), std::string::npos) << printed;
  EXPECT_NE(printed.find("Exception in thread odd: int\n"), std::string::npos) << printed;
}

TEST(Thread, AHookThatThrowsIsReportedToo) {
  testing::internal::CaptureStderr();
  const exception_hook before =
      set_exception_hook([](const thread_failure&) { throw std::logic_error("hook broke"); });
  thread worker({.name = "unlucky"}, [] { throw std::runtime_error("the first"); });
  worker.join();
  set_exception_hook(before);
  const std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_NE(printed.find("unlucky: std::runtime_error: the first\n"), std::string::npos) << printed;
  EXPECT_NE(printed.find("unlucky: std::logic_error: hook broke\n"), std::string::npos) << printed;
  EXPECT_THROW(worker.get(), std::runtime_error) << "still the thread's own";
}

TEST(Thread, SettingAHookReturnsTheOneBefore) {
  int called = 0;
  EXPECT_FALSE(set_exception_hook([&](const thread_failure&) { ++called; })) << "none: the default";
  const exception_hook mine = set_exception_hook(nullptr);
  ASSERT_TRUE(mine);
  mine({"", {}, std::make_exception_ptr(1)});
  EXPECT_EQ(called, 1);
}

TEST(Thread, CancellingIsNoException) {
  caught_by_hook hook;
  bool unwound = false;
  thread worker([&] {
    struct at_exit {
      bool& flag;
      ~at_exit() { flag = true; }
    } mark{unwound};
    pthread_exit(nullptr);
  });
  worker.get();
  EXPECT_TRUE(unwound);
  EXPECT_TRUE(hook.failures().empty());
}

// --- Who there is ---

TEST(Thread, EnumerateListsTheLivingAndNoOthers) {
  const std::size_t before = thread::active_count();
  gate go;
  thread worker({.name = "listed"}, [&] { go.wait(); });
  const thread_info info = worker.info();
  EXPECT_TRUE(is_listed(info));
  EXPECT_EQ(thread::active_count(), before + 1);
  EXPECT_EQ(thread::enumerate().size(), before + 1);
  EXPECT_EQ(info.name(), "listed");
  EXPECT_EQ(info.id(), worker.get_id());
  EXPECT_EQ(info.native_id(), worker.native_id());
  EXPECT_TRUE(info.is_alive());
  EXPECT_FALSE(info.is_alien());
  go.open();
  worker.join();
  EXPECT_FALSE(is_listed(info));
  EXPECT_EQ(thread::active_count(), before);
  EXPECT_FALSE(info.is_alive()) << "can be asked when the thread is gone";
}

TEST(Thread, CurrentIsTheThreadItself) {
  std::optional<thread_info> inside;
  pid_t number = 0;
  thread worker([&] {
    inside = thread::current();
    number = ::gettid();
  });
  worker.join();
  EXPECT_EQ(*inside, worker.info());
  EXPECT_EQ(worker.native_id(), number);
  EXPECT_EQ(thread::current(), thread::current());
  EXPECT_NE(thread::current(), worker.info());
}

TEST(Thread, TheMainThreadIsKnown) {
  std::size_t mains = 0;
  thread([&] {
    for (const thread_info& each : thread::enumerate()) mains += each.is_main() ? 1 : 0;
  }).join();
  EXPECT_EQ(mains, 1U);
  EXPECT_TRUE(thread::current().is_main());
  EXPECT_EQ(thread::current().name(), "main");
  EXPECT_EQ(thread::current().id(), std::this_thread::get_id());
}

TEST(Thread, AlienThreadsHaveARecord) {
  const std::size_t before = thread::active_count();
  std::optional<thread_info> alien;
  std::thread([&] {
    EXPECT_EQ(thread::active_count(), before) << "not yet";
    alien = thread::current();
    EXPECT_EQ(*alien, thread::current());
    EXPECT_EQ(thread::active_count(), before + 1);
    EXPECT_TRUE(is_listed(*alien));
    EXPECT_TRUE(alien->is_alien());
    EXPECT_TRUE(alien->is_alive());
    EXPECT_EQ(alien->id(), std::this_thread::get_id());
    EXPECT_EQ(alien->native_id(), ::gettid());
    alien->set_name("named");
    EXPECT_EQ(kernel_name_of_this_thread(), "named");
  }).join();
  EXPECT_FALSE(alien->is_alive());
  EXPECT_EQ(thread::active_count(), before);
  alien->set_name("too late");  // no harm
}

TEST(Thread, AnAlienMayAskWhileItEnds) {
  struct late {
    ~late() { EXPECT_TRUE(thread::current().is_alien()); }
  };
  const std::size_t before = thread::active_count();
  std::thread([] {
    static thread_local late last;
    static_cast<void>(last);
    static_cast<void>(thread::current());  // made later, so gone earlier
  }).join();
  EXPECT_EQ(thread::active_count(), before);
}

TEST(Thread, ManyComeAndGo) {
  const std::size_t before = thread::active_count();
  for (int round = 0; round < 20; ++round) {
    std::vector<thread> workers;
    for (int i = 0; i < 8; ++i) {
      workers.emplace_back([] {
        bool found = false;
        for (const thread_info& each : thread::enumerate()) found |= each == thread::current();
        EXPECT_TRUE(found);
      });
    }
    for (thread& worker : workers) static_cast<void>(worker.name());
  }
  EXPECT_EQ(thread::active_count(), before);
}

}  // namespace
}  // namespace switchyard
