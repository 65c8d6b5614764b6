// hazard_pointer: the standard's interface, bounded garbage, ends of threads, bad use.

#include "switchyard/lockfree/hazard_pointer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree {
namespace {

/// Counts those that live.
struct node : hazard_pointer_obj_base<node> {
  explicit node(atomic<int>& count) : living(&count) { count.fetch_add(1); }
  node(const node& other) : hazard_pointer_obj_base<node>(other), living(other.living) { living->fetch_add(1); }
  node& operator=(const node&) = default;
  ~node() { living->fetch_sub(1); }

  atomic<int>* living;
  std::uint64_t number = 0;
};

/// So many that every list is gone through. Some of these outlive the call.
void retire_many(int n = 2000) {
  static atomic<int> living{0};
  for (int i = 0; i < n; ++i) (new node(living))->retire();
}

// -- C++26 ----------------------------------------------------------------------------------------------------

struct keeps {
  void operator()(node*) const noexcept {}
};
struct with_keeps : hazard_pointer_obj_base<with_keeps, keeps> {};

static_assert(std::is_default_constructible_v<hazard_pointer>);
static_assert(std::is_nothrow_default_constructible_v<hazard_pointer>);
static_assert(std::is_nothrow_move_constructible_v<hazard_pointer>);
static_assert(std::is_nothrow_move_assignable_v<hazard_pointer>);
static_assert(std::is_nothrow_destructible_v<hazard_pointer>);
static_assert(!std::is_copy_constructible_v<hazard_pointer> && !std::is_copy_assignable_v<hazard_pointer>);
static_assert(noexcept(std::declval<const hazard_pointer&>().empty()));
static_assert(std::same_as<decltype(std::declval<const hazard_pointer&>().empty()), bool>);
static_assert(std::same_as<decltype(static_cast<bool (hazard_pointer::*)(node*&, const atomic<node*>&) noexcept>(
                               &hazard_pointer::try_protect<node>)),
                           bool (hazard_pointer::*)(node*&, const atomic<node*>&) noexcept>);
static_assert(std::same_as<decltype(static_cast<node* (hazard_pointer::*)(const atomic<node*>&) noexcept>(
                               &hazard_pointer::protect<node>)),
                           node* (hazard_pointer::*)(const atomic<node*>&) noexcept>);
static_assert(std::same_as<decltype(static_cast<void (hazard_pointer::*)(const node*) noexcept>(
                               &hazard_pointer::reset_protection<node>)),
                           void (hazard_pointer::*)(const node*) noexcept>);
static_assert(noexcept(std::declval<hazard_pointer&>().reset_protection()));
static_assert(noexcept(std::declval<hazard_pointer&>().reset_protection(nullptr)));
static_assert(std::same_as<decltype(&hazard_pointer::swap), void (hazard_pointer::*)(hazard_pointer&) noexcept>);
static_assert(std::same_as<decltype(&make_hazard_pointer), hazard_pointer (*)()>);
static_assert(std::same_as<decltype(static_cast<void (*)(hazard_pointer&, hazard_pointer&) noexcept>(&swap)),
                           void (*)(hazard_pointer&, hazard_pointer&) noexcept>);
static_assert(std::same_as<decltype(&make_hazard_pointer_batch), void (*)(std::span<hazard_pointer>)>);
static_assert(
    std::same_as<decltype(&clear_hazard_pointer_batch), void (*)(std::span<hazard_pointer>) noexcept>);
static_assert(noexcept(std::declval<node&>().retire()));
static_assert(noexcept(std::declval<node&>().retire(std::default_delete<node>())));
static_assert(noexcept(std::declval<with_keeps&>().retire(keeps())));
static_assert(!std::is_default_constructible_v<hazard_pointer_obj_base<node>>);  // protected
static_assert(!std::is_destructible_v<hazard_pointer_obj_base<node>>);

TEST(hazard_pointer, DefaultIsEmpty) {
  hazard_pointer none;
  EXPECT_TRUE(none.empty());
  hazard_pointer one = make_hazard_pointer();
  EXPECT_FALSE(one.empty());
  swap(none, one);
  EXPECT_FALSE(none.empty());
  EXPECT_TRUE(one.empty());
  one = std::move(none);
  EXPECT_FALSE(one.empty());
  one = hazard_pointer();
  EXPECT_TRUE(one.empty());
}

TEST(hazard_pointer, Batches) {
  std::vector<hazard_pointer> batch(20);
  make_hazard_pointer_batch(batch);
  for (const auto& h : batch) EXPECT_FALSE(h.empty());
  clear_hazard_pointer_batch(std::span(batch).first(5));
  for (std::size_t i = 0; i < batch.size(); ++i) EXPECT_EQ(batch[i].empty(), i < 5);
  make_hazard_pointer_batch(std::span<hazard_pointer>());
}

// -- Protection -----------------------------------------------------------------------------------------------

TEST(hazard_pointer, ProtectsFromProtectToReset) {
  atomic<int> living{0};
  atomic<node*> at{new node(living)};
  hazard_pointer h = make_hazard_pointer();
  node* const seen = h.protect(at);
  EXPECT_EQ(seen, at.load());
  at.exchange(nullptr)->retire();
  retire_many();
  EXPECT_EQ(living.load(), 1);
  h.reset_protection();
  retire_many();
  EXPECT_EQ(living.load(), 0);
  EXPECT_EQ(h.protect(at), nullptr);
}

TEST(hazard_pointer, TryProtectSaysWhatIsThereInstead) {
  atomic<int> living{0};
  node first(living);
  node second(living);
  atomic<node*> at{&first};
  hazard_pointer h = make_hazard_pointer();
  node* guess = &second;
  EXPECT_FALSE(h.try_protect(guess, at));
  EXPECT_EQ(guess, &first);
  EXPECT_TRUE(h.try_protect(guess, at));
  EXPECT_EQ(guess, &first);
}

TEST(hazard_pointer, ProtectionMovesAlong) {
  atomic<int> living{0};
  atomic<node*> at{new node(living)};
  hazard_pointer h = make_hazard_pointer();
  h.protect(at);
  at.exchange(nullptr)->retire();
  hazard_pointer other = make_hazard_pointer();
  swap(h, other);
  hazard_pointer third(std::move(other));
  h = hazard_pointer();
  retire_many();
  EXPECT_EQ(living.load(), 1);
  third = make_hazard_pointer();
  retire_many();
  EXPECT_EQ(living.load(), 0);
}

TEST(hazard_pointer, ResetProtectionToAnother) {
  atomic<int> living{0};
  auto* const first = new node(living);
  auto* const second = new node(living);
  hazard_pointer h = make_hazard_pointer();
  h.reset_protection(first);
  h.reset_protection(second);
  first->retire();
  second->retire();
  retire_many();
  EXPECT_EQ(living.load(), 1);
  h.reset_protection(nullptr);
  retire_many();
  EXPECT_EQ(living.load(), 0);
}

// More than are looked at in one round.
TEST(hazard_pointer, ManyHazards) {
  atomic<int> living{0};
  std::vector<hazard_pointer> all(700);
  make_hazard_pointer_batch(all);
  std::vector<node*> nodes;
  for (auto& h : all) {
    nodes.push_back(new node(living));
    h.reset_protection(nodes.back());
  }
  for (node* n : nodes) n->retire();
  retire_many(5000);
  EXPECT_EQ(living.load(), 700);
  for (std::size_t i = 0; i < 350; ++i) all[2 * i].reset_protection();
  retire_many(5000);
  EXPECT_EQ(living.load(), 350);
  clear_hazard_pointer_batch(all);
  retire_many(5000);
  EXPECT_EQ(living.load(), 0);
}

/// The base need not come first.
struct elsewhere {
  std::uint64_t filling[4] = {};
};
struct second_base : elsewhere, hazard_pointer_obj_base<second_base> {
  explicit second_base(bool& flag) : gone(&flag) {}
  ~second_base() { *gone = true; }
  bool* gone;
};
TEST(hazard_pointer, BaseAtAnOffset) {
  bool gone = false;
  atomic<second_base*> at{new second_base(gone)};
  hazard_pointer h = make_hazard_pointer();
  h.protect(at);
  at.exchange(nullptr)->retire();
  retire_many();
  EXPECT_FALSE(gone);
  h.reset_protection();
  retire_many();
  EXPECT_TRUE(gone);
}

struct counted;
struct counting_deleter {
  int* calls = nullptr;
  std::unique_ptr<int> moved_only;
  void operator()(counted* object) const noexcept;
};
struct counted : hazard_pointer_obj_base<counted, counting_deleter> {};
void counting_deleter::operator()(counted* object) const noexcept {
  *calls += *moved_only;
  delete object;
}
TEST(hazard_pointer, DeletersMayHaveStateAndBeMovedOnly) {
  int calls = 0;
  (new counted)->retire(counting_deleter{&calls, std::make_unique<int>(3)});
  retire_many();
  EXPECT_EQ(calls, 3);
}

TEST(hazard_pointer, ACopyOfARetiredObjectCanBeRetired) {
  atomic<int> living{0};
  hazard_pointer h = make_hazard_pointer();
  auto* const original = new node(living);
  h.reset_protection(original);
  original->retire();
  auto* const copy = new node(*original);
  *copy = *original;
  copy->retire();
  retire_many();
  EXPECT_EQ(living.load(), 1);
  h.reset_protection();
  retire_many();
  EXPECT_EQ(living.load(), 0);
}

// -- Garbage --------------------------------------------------------------------------------------------------

// With n hazard pointers, no more than max(batch, 2 n) wait in one thread, whatever readers do.
TEST(hazard_pointer, GarbageIsBounded) {
  atomic<int> living{0};
  hazard_pointer h = make_hazard_pointer();
  auto* const held = new node(living);
  h.reset_protection(held);
  held->retire();
  int most = 0;
  for (int i = 0; i < 100'000; ++i) {
    (new node(living))->retire();
    most = std::max(most, living.load());
  }
  // The hazard pointers of all tests so far are some hundreds.
  EXPECT_LE(most, 2000);
  EXPECT_GE(most, 2);
  h.reset_protection();
  retire_many();
  EXPECT_EQ(living.load(), 0);
}

struct link : hazard_pointer_obj_base<link> {
  link(atomic<int>& count, link* after) : living(&count), next(after) { count.fetch_add(1); }
  ~link() {
    living->fetch_sub(1);
    if (next != nullptr) next->retire();
  }
  atomic<int>* living;
  link* next;
};
TEST(hazard_pointer, ALongChainOfDeletersDoesNotOverflowTheStack) {
  atomic<int> living{0};
  std::thread([&] {
    link* first = nullptr;
    for (int i = 0; i < 100'000; ++i) first = new link(living, first);
    first->retire();
  }).join();
  EXPECT_EQ(living.load(), 0);
}

TEST(hazard_pointer, AThreadThatEndsLeavesNothing) {
  atomic<int> living{0};
  std::thread([&] {
    for (int i = 0; i < 10; ++i) (new node(living))->retire();
  }).join();
  EXPECT_EQ(living.load(), 0);
}

TEST(hazard_pointer, WhatIsProtectedOutlivesTheThreadThatRetiredIt) {
  atomic<int> living{0};
  atomic<node*> at{new node(living)};
  {
    hazard_pointer h = make_hazard_pointer();
    h.protect(at);
    std::thread([&] { at.exchange(nullptr)->retire(); }).join();
    EXPECT_EQ(living.load(), 1);
  }
  retire_many();  // whoever looks next
  EXPECT_EQ(living.load(), 0);
}

TEST(hazard_pointer, AHazardPointerMayEndInAnotherThread) {
  atomic<int> living{0};
  atomic<node*> at{new node(living)};
  hazard_pointer h = make_hazard_pointer();
  h.protect(at);
  std::thread([h = std::move(h)] {}).join();
  at.exchange(nullptr)->retire();
  retire_many();
  EXPECT_EQ(living.load(), 0);
}

// -- The end --------------------------------------------------------------------------------------------------

/// Objects that use hazard pointers as late as they can, and say on standard error what came of it.
struct late {
  hazard_pointer h;
  atomic<int> living{0};

  late() {}  // not trivial, so that it is destroyed after what `begin` makes
  void begin() {
    h = make_hazard_pointer();
    auto* const held = new node(living);
    h.reset_protection(held);
    held->retire();
  }
  ~late() {
    h = hazard_pointer();          // the last to hold it
    (new node(living))->retire();  // and this one nobody holds
    std::fprintf(stderr, "%d left at the end\n", living.load());
    std::fflush(stderr);
  }
};
TEST(hazard_pointer_death_test, StaticDestructorsMayUseThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        static late at_exit;
        at_exit.begin();
        std::exit(3);
      },
      testing::ExitedWithCode(3), "^0 left at the end");
}

TEST(hazard_pointer_death_test, ThreadLocalDestructorsMayUseThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::thread([] {
          thread_local late at_thread_exit;
          at_thread_exit.begin();
        }).join();
        std::exit(3);
      },
      testing::ExitedWithCode(3), "^0 left at the end");
}

#ifndef NDEBUG
TEST(hazard_pointer_death_test, RetiringTwice) {
  atomic<int> living{0};
  EXPECT_DEATH(
      {
        auto* const n = new node(living);
        hazard_pointer h = make_hazard_pointer();
        h.reset_protection(n);
        n->retire();
        n->retire();
      },
      "an object is retired twice");
}

TEST(hazard_pointer_death_test, EmptyIsUsed) {
  atomic<int> living{0};
  node n(living);
  atomic<node*> at{&n};
  hazard_pointer none;
  EXPECT_DEATH(none.protect(at), "an empty hazard_pointer is used");
  EXPECT_DEATH(none.reset_protection(&n), "an empty hazard_pointer is used");
}
#endif

}  // namespace
}  // namespace switchyard::lockfree
