// promise and future under the model checker: set against cancel, wait and call-backs; nobody sleeps for ever, whoever
// finds it ready sees what was done before, everything is called and destroyed once.

#include "switchyard/threads/future.h"

#include <array>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/threads/detail/future_core.h"
#include "switchyard/threads/wait_any.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

TEST(future, WaitsForTheValue) {
  expect_proved([] {
    promise<int> p;
    future<int> f = p.get_future();
    thread setter([p = std::make_shared<promise<int>>(std::move(p))] { p->set_value(1); });
    require(f.get() == 1, "the value");
  });
}

TEST(future, WhoFindsItReadySeesTheValue) {
  expect_proved([] {
    promise<int> p;
    future<int> f = p.get_future();
    thread setter([&] { p.set_value(1); });
    if (f.is_ready()) require(f.get() == 1, "the value");
  });
}

TEST(future, WaitsWithALimit) {
  expect_proved([] {
    promise<int> p;
    future<int> f = p.get_future();
    thread setter([&] { p.set_value(1); });
    if (f.wait_for(std::chrono::milliseconds(1))) require(f.get() == 1, "the value");
  });
}

TEST(future, TwoWait) {
  expect_proved(
      [] {
        promise<int> p;
        future<int> f = p.get_future();
        thread first([&] { f.wait(); });
        thread second([&] { f.wait(); });
        p.set_value(1);
      },
      {.preemptions = 2});
}

// The promise goes first, or the future: whoever is last ends the core.
TEST(future, WhoeverIsLastEndsIt) {
  expect_proved([] {
    auto p = std::make_unique<promise<int>>();
    auto f = std::make_unique<future<int>>(p->get_future());
    thread other([&] {
      p->set_value(1);
      p.reset();
    });
    f.reset();
  });
}

TEST(future, ABrokenPromiseWakes) {
  expect_proved([] {
    auto p = std::make_unique<promise<int>>();
    future<int> f = p->get_future();
    thread other([&] { p.reset(); });
    f.wait();
    require(f.exception() != nullptr, "broken");
  });
}

TEST(future, SetAgainstCancel) {
  expect_proved([] {
    promise<int> p;
    future<int> f = p.get_future();
    bool set = false;
    thread setter([&] { set = p.try_set_value(1); });
    const bool cancelled = f.cancel();
    f.wait();
    setter.join();
    require(set != cancelled, "one of the two");
    require(f.is_cancelled() == cancelled, "and that one");
  });
}

TEST(future, CancelAgainstWait) {
  expect_proved(
      [] {
        promise<int> p;
        future<int> f = p.get_future();
        plain<int> data;
        data.construct(0);
        thread canceller([&] {
          data.write() = 1;
          f.cancel();
        });
        f.wait();
        require(data.read() == 1, "what came before the cancellation");
      },
      {.preemptions = 3});
}

TEST(future, TwoSetOne) {
  expect_proved([] {
    promise<int> p;
    future<int> f = p.get_future();
    bool first = false;
    thread other([&] { first = p.try_set_value(1); });
    const bool second = p.try_set_value(2);
    other.join();
    require(first != second, "one of the two");
    require(f.get() == (first ? 1 : 2), "and that one");
  });
}

// Throws when it is half made, and has left traces.
struct throws_once {
  throws_once(plain<int>& trace, bool throws) {
    ++trace.write();
    if (throws) throw std::runtime_error("not this time");
  }
};

TEST(future, AFailedValueLeavesItsPlaceToTheNext) {
  expect_proved([] {
    promise<throws_once> p;
    plain<int> trace;
    trace.construct(0);
    bool set = false;
    thread other([&] {
      try {
        p.try_set_value(trace, true);
      } catch (const std::runtime_error&) {
      }
    });
    set = p.try_set_value(trace, false);
    other.join();
    future<throws_once> f = p.get_future();
    require(set == f.is_ready(), "set or as it was");
  });
}

// A call-back is called once, whoever comes first, and sees what came before the completion.
TEST(future, CallBackAgainstCompletion) {
  expect_proved([] {
    promise<void> p;
    future<void> f = p.get_future();
    plain<int> data;
    data.construct(0);
    int called = 0;
    thread setter([&] {
      data.write() = 1;
      p.set_value();
    });
    f.on_ready([&] {
      require(data.read() == 1, "what came before");
      ++called;
    });
    setter.join();
    require(called == 1, "once");
  });
}

// The one on the list has what was done before it was given.
TEST(future, TwoCallBacksAgainstCompletion) {
  expect_proved(
      [] {
        promise<void> p;
        future<void> f = p.get_future();
        atomic<int> called{0};
        thread other([&] { f.on_ready([&, mine = std::make_unique<int>(1)] { called += *mine; }); });
        thread setter([&] { p.set_value(); });
        f.on_ready([&, mine = std::make_unique<int>(2)] { called += *mine; });
        other.join();
        setter.join();
        require(called.load(memory_order_relaxed) == 3, "both, once");
      },
      {.preemptions = 3});
}

TEST(future, CallBacksKeepTheirOrder) {
  expect_proved([] {
    promise<void> p;
    future<void> f = p.get_future();
    int called = 0;
    f.on_ready([&] { require(called++ == 0, "first"); });
    f.on_ready([&] { require(called++ == 1, "second"); });
    thread setter([&] { p.set_value(); });
    f.wait();
    setter.join();
    require(called == 2, "both");
  });
}

TEST(future, ThenAgainstCompletion) {
  expect_proved(
      [] {
        promise<int> p;
        future<int> f = p.get_future();
        thread setter([&] { p.set_value(1); });
        future<int> g = f.then([](int x) { return x + 1; });
        require(g.get() == 2, "what follows");
      },
      {.preemptions = 3});
}

TEST(future, ThenAgainstItsOwnCancellation) {
  expect_proved(
      [] {
        promise<int> p;
        future<int> f = p.get_future();
        int called = 0;
        future<void> g = f.then([&, mine = std::make_unique<int>(1)](int) { called += *mine; });
        thread setter([&] { p.set_value(1); });
        const bool cancelled = g.cancel();
        g.wait();
        setter.join();
        require(called == (cancelled ? 0 : 1), "called or cancelled");
      },
      {.preemptions = 3});
}

TEST(wait_any, IsWokenByTheFirst) {
  expect_proved(
      [] {
        promise<int> p;
        promise<int> q;
        std::array<future<int>, 2> f{p.get_future(), q.get_future()};
        thread setter([&] { q.set_value(1); });
        require(wait_any(f) == 1, "the one that is ready");
        require(f[1].get() == 1, "the value");
      },
      {.preemptions = 3});
}

TEST(wait_any, TwoAreSet) {
  expect_proved(
      [] {
        promise<int> p;
        promise<int> q;
        std::array<future<int>, 2> f{p.get_future(), q.get_future()};
        thread first([&] { p.set_value(1); });
        thread second([&] { q.set_value(1); });
        require(f[wait_any(f)].get() == 1, "the value");
      },
      {.preemptions = 2});
}

TEST(wait_any, TwoWaitOnOne) {
  expect_proved(
      [] {
        promise<int> p;
        future<int> f = p.get_future();
        thread other([&] { wait_any(f); });
        thread setter([&] { p.set_value(1); });
        wait_any(f);
      },
      {.preemptions = 1});
}

// One gives up as the completion comes; its place in the future goes to the next.
TEST(wait_any, GivingUpLeavesItsPlaceToTheNext) {
  expect_proved(
      [] {
        promise<int> p;
        std::array<future<int>, 1> f{p.get_future()};
        thread setter([&] { p.set_value(1); });
        (void)wait_any_for(f, std::chrono::milliseconds(1));
        wait_any(f);
      },
      {.preemptions = 3});
}

TEST(wait_any, PlacesAreTakenByTwo) {
  expect_proved(
      [] {
        promise<int> p;
        std::array<future<int>, 1> f{p.get_future()};
        (void)wait_any_for(f, std::chrono::milliseconds(1));
        thread other([&] { wait_any(f); });
        thread setter([&] { p.set_value(1); });
        wait_any(f);
      },
      {.preemptions = 1});
}

// A stopped thread holds nobody up who does not wait: not in completing, cancelling, nor giving call-backs.
TEST(future, IsLockFree) {
  expect_lock_free([] {
    promise<int> p;
    future<int> f = p.get_future();
    thread setter([&] { p.try_set_value(1); });
    thread canceller([&] { f.cancel(); });
    f.on_ready([] {});
    (void)f.is_ready();
  });
}

TEST(wait_any, IsLockFreeForThoseWhoSet) {
  expect_lock_free([] {
    promise<int> p;
    std::array<future<int>, 1> f{p.get_future()};
    thread waiting([&] { (void)wait_any_for(f, std::chrono::milliseconds(1)); });
    thread setter([&] { p.try_set_value(1); });
  });
}

}  // namespace
}  // namespace switchyard::model
