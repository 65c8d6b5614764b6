// promise, future, wait_any and as_completed, without a pool.
#include "switchyard/threads/future.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/tests/blocking/accounting_allocator.h"
#include "switchyard/threads/exception_hook.h"
#include "switchyard/threads/wait_any.h"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

// Long enough for a thread to fall asleep; nothing is concluded from it but what is true at any speed.
constexpr auto a_moment = 20ms;

TEST(future, ValueGoesThrough) {
  promise<std::string> p;
  future<std::string> f = p.get_future();
  EXPECT_TRUE(f.valid());
  EXPECT_FALSE(f.is_ready());
  EXPECT_EQ(f.state(), future_state::pending);
  p.set_value(3, 'x');
  EXPECT_TRUE(f.is_ready());
  EXPECT_EQ(f.state(), future_state::done);
  EXPECT_EQ(f.exception(), nullptr);
  EXPECT_EQ(f.get(), "xxx");
  EXPECT_FALSE(f.valid());
}

TEST(future, TakesItsMemoryFromThePromisesAllocator) {
  using allocator = blocking::accounting_allocator<std::byte>;
  blocking::ledger book;
  struct alignas(64) wide {
    int number;
  };
  future<wide> f;
  {
    promise<wide> p(std::allocator_arg, allocator(book));
    f = p.get_future();
    EXPECT_EQ(book.calls, 1U);
    EXPECT_GE(book.bytes, sizeof(wide));
    p.set_value(wide{7});
  }
  EXPECT_NE(book.bytes, 0U) << "the future has it still";
  EXPECT_EQ(f.get().number, 7);
  EXPECT_EQ(book.bytes, 0U);

  promise<int> first(std::allocator_arg, allocator(book));
  future<int> last = first.get_future().then([](int x) { return x + 1; });
  first.set_value(1);
  first = promise<int>();
  EXPECT_EQ(last.get(), 2);
  EXPECT_EQ(book.bytes, 0U);

  book.calls_left = book.calls;
  EXPECT_THROW(promise<int>(std::allocator_arg, allocator(book)), std::bad_alloc);
  EXPECT_EQ(book.bytes, 0U);
}

TEST(future, OfVoidReferencesAndWhatCanOnlyBeMoved) {
  promise<void> v;
  auto fv = v.get_future();
  v.set_value();
  fv.get();
  promise<int&> r;
  auto fr = r.get_future();
  int here = 0;
  r.set_value(here);
  EXPECT_EQ(&fr.get(), &here);
  promise<std::unique_ptr<int>> m;
  auto fm = m.get_future();
  m.set_value(std::make_unique<int>(4));
  EXPECT_EQ(*fm.get(), 4);
  struct alignas(128) wide {
    int x = 6;
  };
  promise<wide> w;
  auto fw = w.get_future();
  w.set_value();
  EXPECT_EQ(fw.get().x, 6);
}

TEST(future, GetThrowsWhatWasSet) {
  promise<int> p;
  auto f = p.get_future();
  p.set_exception(std::make_exception_ptr(std::out_of_range("far")));
  EXPECT_NE(f.exception(), nullptr);
  EXPECT_THROW(f.get(), std::out_of_range);
  EXPECT_THROW(f.get(), no_state);
}

TEST(future, UsedAsItCannotBe) {
  future<int> none;
  EXPECT_FALSE(none.valid());
  EXPECT_THROW(none.get(), no_state);
  EXPECT_THROW(none.wait(), future_error);
  EXPECT_THROW((void)none.wait_for(1s), no_state);
  EXPECT_THROW((void)none.cancel(), no_state);
  EXPECT_THROW((void)none.is_ready(), no_state);
  EXPECT_THROW(none.on_ready([] {}), no_state);
  EXPECT_THROW((void)none.then([](int) {}), no_state);
  promise<int> p;
  auto f = p.get_future();
  EXPECT_THROW((void)p.get_future(), future_already_retrieved);
  EXPECT_THROW(p.set_exception(nullptr), std::invalid_argument);
  p.set_value(1);
  EXPECT_THROW(p.set_value(2), already_set);
  EXPECT_THROW(p.set_exception(std::make_exception_ptr(1)), already_set);
  EXPECT_FALSE(p.try_set_value(2));
  EXPECT_EQ(f.get(), 1);
  promise<int> moved = std::move(p);
  EXPECT_THROW(p.set_value(1), no_state);  // NOLINT: that is what is tested
}

TEST(future, APromiseThatGoesIsBroken) {
  future<int> f;
  {
    promise<int> p;
    f = p.get_future();
  }
  EXPECT_THROW(f.get(), broken_promise);
  promise<int> p;
  f = p.get_future();
  p = promise<int>();
  EXPECT_THROW(f.get(), broken_promise);
}

struct throws_once {
  explicit throws_once(bool throws) {
    if (throws) throw std::runtime_error("not this time");
  }
};

TEST(future, AValueThatCannotBeMadeLeavesThePromiseAsItWas) {
  promise<throws_once> p;
  auto f = p.get_future();
  EXPECT_THROW(p.set_value(true), std::runtime_error);
  EXPECT_EQ(f.state(), future_state::pending);
  p.set_value(false);
  f.get();
  promise<throws_once> again;
  auto g = again.get_future();
  EXPECT_THROW(again.set_value(true), std::runtime_error);
  EXPECT_TRUE(g.cancel());
}

TEST(future, AnUnreadValueIsDestroyed) {
  const auto shared = std::make_shared<int>(1);
  {
    promise<std::shared_ptr<int>> p;
    auto f = p.get_future();
    p.set_value(shared);
    EXPECT_EQ(shared.use_count(), 2);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

struct throws_when_moved {
  explicit throws_when_moved(std::shared_ptr<int> c) : counted(std::move(c)) {}
  throws_when_moved(throws_when_moved&& other) : counted(other.counted) { throw std::runtime_error("no"); }
  std::shared_ptr<int> counted;
};

TEST(future, AValueThatThrowsOnItsWayOutIsGone) {
  const auto shared = std::make_shared<int>(1);
  promise<throws_when_moved> p;
  auto f = p.get_future();
  p.set_value(shared);
  EXPECT_THROW(f.get(), std::runtime_error);
  EXPECT_FALSE(f.valid());
  EXPECT_EQ(shared.use_count(), 1);
}

// -- Waiting ---------------------------------------------------------------------------------------------------------

TEST(future, WaitsInEveryWay) {
  promise<int> p;
  auto f = p.get_future();
  EXPECT_FALSE(f.wait_for(0s));
  EXPECT_FALSE(f.wait_for(-1s));
  EXPECT_FALSE(f.wait_for(1ms));
  EXPECT_FALSE(f.wait_until(std::chrono::steady_clock::now() + 1ms));
  EXPECT_FALSE(f.wait_until(std::chrono::system_clock::now() - 1h));
  EXPECT_THROW((void)f.get_for(1ms), future_timeout);
  std::stop_source stop;
  {
    const std::jthread stopper([&] {
      std::this_thread::sleep_for(a_moment);
      stop.request_stop();
    });
    EXPECT_FALSE(f.wait(stop.get_token()));
  }
  EXPECT_FALSE(f.wait(stop.get_token())) << "stopped before";
  EXPECT_TRUE(f.valid());
  const std::jthread setter([&] {
    std::this_thread::sleep_for(a_moment);
    p.set_value(9);
  });
  EXPECT_TRUE(f.wait(std::stop_source().get_token()));
  EXPECT_TRUE(f.wait(stop.get_token())) << "it is ready";
  EXPECT_TRUE(f.wait_for(0s));
  EXPECT_EQ(f.get_for(0s), 9);
}

TEST(future, ManyMayWait) {
  promise<int> p;
  auto f = p.get_future();
  {
    std::vector<std::jthread> waiting;
    for (int i = 0; i < 4; ++i) {
      waiting.emplace_back([&, i] {
        EXPECT_TRUE(i != 0 || f.wait_for(100s));
        f.wait();
        EXPECT_TRUE(f.is_ready());
      });
    }
    std::this_thread::sleep_for(a_moment);
    p.set_value(1);
  }
  EXPECT_EQ(f.get(), 1);
}

// -- Cancelling ------------------------------------------------------------------------------------------------------

TEST(future, CancelBeforeTheStart) {
  promise<int> p;
  auto f = p.get_future();
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(f.is_cancelled());
  EXPECT_EQ(f.state(), future_state::cancelled);
  EXPECT_TRUE(p.is_cancelled());
  EXPECT_FALSE(p.start());
  EXPECT_FALSE(p.try_set_value(1));
  EXPECT_THROW(p.set_value(1), already_set);
  EXPECT_THROW((void)f.exception(), future_cancelled);
  EXPECT_THROW(f.get(), future_cancelled);
}

TEST(future, NoCancelAfterTheStart) {
  promise<int> p;
  auto f = p.get_future();
  EXPECT_TRUE(p.start());
  EXPECT_EQ(f.state(), future_state::running);
  EXPECT_FALSE(f.cancel());
  p.set_value(1);
  EXPECT_FALSE(f.cancel());
  EXPECT_EQ(f.get(), 1);
}

TEST(future, CancelWakesWhoWaits) {
  promise<int> p;
  auto f = p.get_future();
  const std::jthread waiting([&] { f.wait(); });
  std::this_thread::sleep_for(a_moment);
  EXPECT_TRUE(f.cancel());
}

// -- Call-backs ------------------------------------------------------------------------------------------------------

TEST(future, CallBacksComeInTheirOrderFromWhoCompletes) {
  promise<int> p;
  auto f = p.get_future();
  std::vector<int> order;
  std::thread::id in;
  f.on_ready([&] { order.push_back(1); });
  f.on_ready([&](future_state s) { order.push_back(s == future_state::done ? 2 : -2); });
  f.on_ready([&, counted = std::make_unique<int>(3)] {
    order.push_back(*counted);
    in = std::this_thread::get_id();
  });
  std::thread setter([&] { p.set_value(1); });
  const auto id = setter.get_id();
  setter.join();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
  EXPECT_EQ(in, id);
  f.on_ready([&] { order.push_back(4); });
  EXPECT_EQ(order.back(), 4) << "at once";
}

TEST(future, CallBacksAreToldOfACancellation) {
  promise<int> p;
  auto f = p.get_future();
  future_state seen = future_state::pending;
  f.on_ready([&](future_state s) { seen = s; });
  f.cancel();
  EXPECT_EQ(seen, future_state::cancelled);
}

TEST(future, WhatACallBackThrowsGoesToTheHookAndTheOthersAreCalled) {
  static int reported;
  reported = 0;
  const auto before = set_exception_hook([](const thread_failure&) { ++reported; });
  promise<int> p;
  auto f = p.get_future();
  int called = 0;
  f.on_ready([&] { ++called; });
  f.on_ready([&] { throw std::runtime_error("second"); });
  f.on_ready([&] { ++called; });
  p.set_value(1);
  set_exception_hook(before);
  EXPECT_EQ(called, 2);
  EXPECT_EQ(reported, 1);
  EXPECT_EQ(f.get(), 1);
}

TEST(future, ThenTakesTheValueOrTheFuture) {
  promise<int> p;
  auto text = p.get_future().then([](int x) { return std::to_string(x); });
  EXPECT_FALSE(text.is_ready());
  auto size = text.then([](future<std::string> s) { return s.get().size(); });
  EXPECT_FALSE(text.valid());
  p.set_value(1234);
  EXPECT_EQ(size.get(), 4U);
  promise<void> v;
  v.set_value();
  EXPECT_EQ(v.get_future().then([] { return 5; }).get(), 5);
}

TEST(future, ThenPassesFailuresOn) {
  promise<int> p;
  bool called = false;
  auto f = p.get_future().then([&](int) { called = true; });
  p.set_exception(std::make_exception_ptr(std::out_of_range("first")));
  EXPECT_THROW(f.get(), std::out_of_range);
  EXPECT_FALSE(called);
  promise<int> q;
  auto g = q.get_future().then([](future<int> before) { return before.exception() == nullptr ? 1 : 2; });
  q.set_exception(std::make_exception_ptr(1));
  EXPECT_EQ(g.get(), 2);
  promise<int> r;
  auto h = r.get_future().then([](int) -> int { throw std::domain_error("second"); });
  r.set_value(1);
  EXPECT_THROW(h.get(), std::domain_error);
}

TEST(future, ThenThatIsCancelledIsNotCalled) {
  const auto shared = std::make_shared<int>(1);
  promise<int> p;
  bool called = false;
  auto f = p.get_future().then([&, shared](int) { called = true; });
  EXPECT_EQ(shared.use_count(), 2);
  EXPECT_TRUE(f.cancel());
  EXPECT_EQ(shared.use_count(), 1);
  p.set_value(1);
  EXPECT_FALSE(called);
  EXPECT_THROW(f.get(), future_cancelled);
  promise<int> q;
  auto before = q.get_future();
  before.cancel();
  EXPECT_THROW(before.then([](int x) { return x; }).get(), future_cancelled);
}

TEST(future, ThenWhoseFunctionCannotBeCopiedChangesNothing) {
  struct not_copied {
    not_copied() = default;
    not_copied(const not_copied&) { throw std::length_error("a copy"); }
    int operator()(int x) const { return x; }
  };
  promise<int> p;
  auto f = p.get_future();
  const not_copied function;
  EXPECT_THROW((void)f.then(function), std::length_error);
  ASSERT_TRUE(f.valid());
  p.set_value(3);
  EXPECT_EQ(f.get(), 3);
}

// -- Several ---------------------------------------------------------------------------------------------------------

TEST(wait_any, FindsTheFirst) {
  std::array<promise<int>, 3> p;
  std::vector<future<int>> f;
  for (auto& each : p) f.push_back(each.get_future());
  EXPECT_EQ(wait_any_for(f, 1ms), std::nullopt);
  EXPECT_EQ(wait_any_until(f, std::chrono::steady_clock::now()), std::nullopt);
  std::stop_source stop;
  {
    const std::jthread stopper([&] {
      std::this_thread::sleep_for(a_moment);
      stop.request_stop();
    });
    EXPECT_EQ(wait_any(f, stop.get_token()), std::nullopt);
  }
  {
    const std::jthread setter([&] {
      std::this_thread::sleep_for(a_moment);
      p[1].set_value(1);
    });
    EXPECT_EQ(wait_any(f), 1U);
  }
  promise<std::string> other;
  auto g = other.get_future();
  EXPECT_EQ(wait_any(f[0], g, f[1]), 2U);
  EXPECT_TRUE(f[2].cancel());
  EXPECT_EQ(wait_any(f[0], f[2], f[1]), 1U);
  EXPECT_THROW(wait_any(std::vector<future<int>>()), std::invalid_argument);
  EXPECT_THROW(wait_any(std::vector<future<int>>(2)), no_state);
}

// Places in a future are used again: many waits in vain leave nothing behind, and the last one is woken.
TEST(wait_any, ManyTimes) {
  promise<int> p;
  promise<int> q;
  auto f = p.get_future();
  auto g = q.get_future();
  for (int i = 0; i < 100; ++i) {
    std::array<future<int>, 2> pair{std::move(f), std::move(g)};
    EXPECT_EQ(wait_any_for(pair, 10us), std::nullopt);
    f = std::move(pair[0]);
    g = std::move(pair[1]);
  }
  const std::jthread setter([&] {
    std::this_thread::sleep_for(a_moment);
    q.set_value(1);
  });
  EXPECT_EQ(wait_any(f, g), 1U);
}

TEST(wait_any, AllAndTheFirstFailure) {
  std::array<promise<int>, 3> p;
  std::vector<future<int>> f;
  for (auto& each : p) f.push_back(each.get_future());
  p[0].set_value(0);
  EXPECT_FALSE(wait_all(f, deadline::after(1ms)));
  EXPECT_EQ(wait_first_failure(f, deadline::after(1ms)), std::nullopt);
  const std::jthread setter([&] {
    std::this_thread::sleep_for(a_moment);
    p[2].set_exception(std::make_exception_ptr(1));
    std::this_thread::sleep_for(a_moment);
    p[1].set_value(1);
  });
  EXPECT_EQ(wait_first_failure(f), 2U);
  EXPECT_TRUE(wait_all(f));
  f.pop_back();
  EXPECT_EQ(wait_first_failure(f), std::nullopt);
}

TEST(as_completed, GivesEachWhenItIsReady) {
  std::array<promise<int>, 4> p;
  std::vector<future<int>> f;
  for (auto& each : p) f.push_back(each.get_future());
  p[2].set_value(2);
  std::vector<int> order;
  for (auto& each : as_completed(f)) {
    order.push_back(each.get());
    if (order.size() == 1) p[3].set_value(3);
    if (order.size() == 2) p[1].set_value(1), p[0].set_value(0);
  }
  EXPECT_EQ(order, (std::vector{2, 3, 0, 1}));
  std::vector<future<int>> none;
  EXPECT_TRUE(as_completed(none).begin() == std::default_sentinel);
}

TEST(as_completed, HasALimit) {
  promise<int> p;
  promise<int> q;
  std::array<future<int>, 2> f{p.get_future(), q.get_future()};
  p.set_value(1);
  int seen = 0;
  const auto read = [&] {
    for (auto& each : as_completed(f, deadline::after(5ms))) seen += each.get();
  };
  EXPECT_THROW(read(), future_timeout);
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace switchyard
