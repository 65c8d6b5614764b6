// GUIDE 1.3, "local".

#include "switchyard/threads/thread_specific.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/threads/thread.h"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

// Counts its objects. Not movable.
struct counted {
  static inline atomic<int> alive{0};
  static inline atomic<int> made{0};
  explicit counted(int from = 0) : value(from) { alive.fetch_add(1), made.fetch_add(1); }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { alive.fetch_sub(1); }
  atomic<int> value;
};

TEST(ThreadSpecific, EachThreadHasItsOwnValueBuiltByTheFactory) {
  thread_specific<counted> object([] { return counted(7); });
  object.local().value = 1;
  EXPECT_EQ(object->value.load(), 1);
  thread([&] {
    EXPECT_EQ(object.local().value.load(), 7) << "the others' values are not seen";
    object->value = 2;
    EXPECT_EQ((*object).value.load(), 2);
  }).get();
  EXPECT_EQ(object.local().value.load(), 1);
}

TEST(ThreadSpecific, TheFactoryRunsOncePerThreadInThatThread) {
  atomic<int> calls{0};
  thread_specific object([&] {
    calls.fetch_add(1);
    return std::this_thread::get_id();
  });
  EXPECT_EQ(calls.load(), 0) << "nobody has asked";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(object.local(), std::this_thread::get_id());
  EXPECT_EQ(calls.load(), 1);
  std::thread([&] { EXPECT_EQ(object.local(), std::this_thread::get_id()); }).join();
  EXPECT_EQ(calls.load(), 2) << "in threads made elsewhere, too";
}

TEST(ThreadSpecific, WithoutAFactoryTheDefault) {
  thread_specific<int> number;
  EXPECT_EQ(*number, 0);
  thread_specific<std::unique_ptr<int>> pointer;
  EXPECT_EQ(*pointer, nullptr);
}

TEST(ThreadSpecific, EachObjectHasItsOwnValues) {
  thread_specific<int> a;
  thread_specific<int> b;
  *a = 1;
  EXPECT_EQ(*b, 0);
}

TEST(ThreadSpecific, ValuesAreDestroyedWhenTheirThreadExits) {
  const int before = counted::alive.load();
  thread_specific<counted> object;
  object.local();
  thread worker([&] {
    object.local();
    EXPECT_EQ(counted::alive.load(), before + 2);
  });
  worker.join();
  EXPECT_EQ(counted::alive.load(), before + 1);
  EXPECT_EQ(object.size_approx(), 1U);
}

TEST(ThreadSpecific, ANewThreadGetsANewValueThoughItTakesOverThePlace) {
  const int made = counted::made.load();
  thread_specific<counted> object;
  for (int i = 0; i < 20; ++i) {
    thread([&] { EXPECT_EQ(object.local().value.exchange(5), 0); }).get();
  }
  EXPECT_EQ(counted::made.load(), made + 20);
}

TEST(ThreadSpecific, ValuesAreDestroyedWithTheObjectWhileTheirThreadsLive) {
  const int before = counted::alive.load();
  auto object = std::make_unique<thread_specific<counted>>();
  atomic<int> step{0};
  thread longer([&] {
    object->local();
    step.store(1);
    while (step.load() != 2) yield();
  });
  while (step.load() != 1) yield();
  object->local();
  EXPECT_EQ(counted::alive.load(), before + 2);
  object.reset();
  EXPECT_EQ(counted::alive.load(), before) << "the other thread's, too";
  step.store(2);
  longer.get();
  EXPECT_EQ(counted::alive.load(), before);
}

TEST(ThreadSpecific, TheOwnerCanVisitAllValues) {
  thread_specific<counted> object;
  atomic<int> ready{0};
  atomic<bool> go{false};
  std::vector<thread> workers;
  for (int i = 1; i <= 3; ++i) {
    workers.emplace_back([&, i] {
      object.local().value = i;
      ready.fetch_add(1);
      while (!go.load()) yield();
    });
  }
  while (ready.load() != 3) yield();
  int sum = 0;
  object.for_each([&](counted& each) { sum += each.value.load(); });
  EXPECT_EQ(sum, 6);
  EXPECT_EQ(object.size_approx(), 3U);
  go.store(true);
  workers.clear();
  const auto& constant = object;
  constant.for_each([](const counted&) { FAIL() << "the value of a thread that has ended"; });
}

TEST(ThreadSpecific, AFactoryThatThrowsIsCalledAgain) {
  int calls = 0;
  thread_specific<int> object([&]() -> int {
    if (++calls < 3) throw std::runtime_error("not yet");
    return calls;
  });
  EXPECT_THROW(object.local(), std::runtime_error);
  EXPECT_THROW(object.local(), std::runtime_error);
  EXPECT_EQ(object.size_approx(), 0U);
  EXPECT_EQ(object.local(), 3);
  EXPECT_EQ(object.local(), 3);
}

TEST(ThreadSpecific, AFactoryThatAsksForItsOwnValueIsRefused) {
  thread_specific<int>* self = nullptr;
  thread_specific<int> object([&] { return self->local() + 1; });
  self = &object;
  EXPECT_THROW(object.local(), recursive_factory);
  EXPECT_THROW(object.local(), recursive_factory) << "again, and nothing hangs";
}

TEST(ThreadSpecific, FindAndReset) {
  const int before = counted::alive.load();
  thread_specific<counted> object;
  EXPECT_EQ(object.find(), nullptr) << "makes none";
  object.reset();
  counted& mine = object.local();
  EXPECT_EQ(object.find(), &mine);
  mine.value = 3;
  object.reset();
  EXPECT_EQ(counted::alive.load(), before);
  EXPECT_EQ(object.find(), nullptr);
  EXPECT_EQ(object.local().value.load(), 0);
}

TEST(ThreadSpecific, OverAlignedValues) {
  struct alignas(512) wide {
    int value = 1;
  };
  thread_specific<wide> object;
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&object.local()) % 512, 0U);
}

// Values whose destructors look at the other values, in threads that end together.
struct sociable {
  thread_specific<sociable>* all;
  atomic<int> seen{0};
  explicit sociable(thread_specific<sociable>* object) : all(object) {}
  ~sociable() {
    all->for_each([](sociable& other) { other.seen.fetch_add(1); });
  }
};

TEST(ThreadSpecific, DestructorsMayVisitTheOthers) {
  for (int round = 0; round < 50; ++round) {
    thread_specific<sociable>* self = nullptr;
    thread_specific<sociable> object([&] { return sociable(self); });
    self = &object;
    atomic<int> ready{0};
    std::vector<thread> workers;
    for (int i = 0; i < 4; ++i) {
      workers.emplace_back([&] {
        object.local();
        ready.fetch_add(1);
        while (ready.load() != 4) yield();
      });
    }
    workers.clear();
  }
}

// The object and its threads end at the same moment: each value is destroyed once, and before the object has gone.
TEST(ThreadSpecific, TheObjectMayEndWhileItsThreadsDo) {
  struct slow {
    atomic<int>* alive;
    explicit slow(atomic<int>* count) : alive(count) { alive->fetch_add(1); }
    slow(const slow&) = delete;
    ~slow() {
      std::this_thread::sleep_for(100us);
      alive->fetch_sub(1);
    }
  };
  for (int round = 0; round < 50; ++round) {
    auto alive = std::make_unique<atomic<int>>(0);
    auto object = std::make_unique<thread_specific<slow>>([&] { return slow(alive.get()); });
    atomic<int> ready{0};
    std::vector<thread> workers;
    for (int i = 0; i < 3; ++i) {
      workers.emplace_back([&, i] {
        object->local();
        ready.fetch_add(1);
        std::this_thread::sleep_for(std::chrono::microseconds(50 * i));
      });
    }
    while (ready.load() != 3) yield();
    object.reset();
    EXPECT_EQ(alive->load(), 0);
    alive.reset();  // whoever is late meets the address sanitizer
  }
}

TEST(ThreadSpecific, ObjectsThatComeAndGoLeaveNothingBehind) {
  const int before = counted::alive.load();
  thread([] {
    for (int i = 0; i < 2000; ++i) {
      thread_specific<counted> object([i] { return counted(i); });
      EXPECT_EQ(object.local().value.load(), i);
    }
  }).get();
  EXPECT_EQ(counted::alive.load(), before);
}

// A thread that asks when its other thread-local objects have gone already.
struct late {
  thread_specific<counted>& object;
  ~late() { EXPECT_EQ(object.local().value.exchange(1), 0); }
};

TEST(ThreadSpecific, AskingWhileTheThreadEnds) {
  const int before = counted::alive.load();
  {
    thread_specific<counted> object;
    thread([&] {
      static thread_local late last{object};
      object.local().value = 1;
      static_cast<void>(last.object);
    }).get();
    EXPECT_LE(object.size_approx(), 1U) << "stays until the object goes";
  }
  EXPECT_EQ(counted::alive.load(), before);
}

}  // namespace
}  // namespace switchyard
