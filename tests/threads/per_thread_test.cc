#include "switchyard/threads/per_thread.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"

namespace switchyard {
namespace {

// Counts its objects, to see when cells are freed.
struct counted {
  static inline atomic<int> alive{0};
  counted() { alive.fetch_add(1); }
  ~counted() { alive.fetch_sub(1); }
  int value = 0;
};

template <class Cell>
int cells_of(const per_thread<Cell>& object) {
  int n = 0;
  object.for_each([&](const Cell&) { ++n; });
  return n;
}

TEST(PerThread, AThreadFindsItsOwnCellAgain) {
  per_thread<counted> object;
  counted& mine = object.local();
  mine.value = 5;
  EXPECT_EQ(&object.local(), &mine);
  std::thread([&] { EXPECT_NE(&object.local(), &mine); }).join();
  EXPECT_EQ(object.local().value, 5);
}

TEST(PerThread, EachObjectHasItsOwn) {
  per_thread<counted> a;
  per_thread<counted> b;
  EXPECT_NE(&a.local(), &b.local());
}

TEST(PerThread, ACellIsTakenOverAsItWasLeft) {
  per_thread<counted> object;
  for (int i = 0; i < 100; ++i) {
    std::thread([&] { EXPECT_EQ(object.local().value++, i); }).join();
  }
  EXPECT_EQ(cells_of(object), 1);
}

TEST(PerThread, ManyObjectsInOneThread) {
  // More than the table of recent entries holds, so that they displace each other.
  std::vector<std::unique_ptr<per_thread<counted>>> objects;
  for (int i = 0; i < 300; ++i) {
    objects.push_back(std::make_unique<per_thread<counted>>());
    objects.back()->local().value = i;
  }
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 300; ++i) ASSERT_EQ(objects[static_cast<std::size_t>(i)]->local().value, i);
  }
}

TEST(PerThread, ObjectsThatComeAndGoLeaveNothingBehind) {
  const int before = counted::alive.load();
  std::thread([] {
    for (int i = 0; i < 1000; ++i) {
      per_thread<counted> object;
      EXPECT_EQ(object.local().value, 0) << "an old object's cell";
      object.local().value = 1;
    }
  }).join();
  EXPECT_EQ(counted::alive.load(), before);
}

TEST(PerThread, DeadObjectsDoNotPileUpInALivingThread) {
  std::thread([] {
    const int before = counted::alive.load();
    for (int i = 0; i < 10'000; ++i) {
      per_thread<counted> object;
      object.local().value = 1;
    }
    EXPECT_LT(counted::alive.load() - before, 100);
  }).join();
}

TEST(PerThread, TheThreadMayOutliveTheObjectAndTheReverse) {
  const int before = counted::alive.load();
  auto object = std::make_unique<per_thread<counted>>();
  atomic<int> step{0};
  std::thread longer([&] {
    object->local().value = 1;
    step.store(1);
    while (step.load() != 2) yield();
  });
  std::thread([&] { object->local().value = 2; }).join();
  while (step.load() != 1) yield();
  object.reset();
  step.store(2);
  longer.join();
  EXPECT_EQ(counted::alive.load(), before);
}

// Asks for its cell again when the thread is already cleaning up, and has let go of its cells.
struct late {
  per_thread<counted>* object;
  ~late() {
    object->local().value += 10;
    object->local().value += 10;
  }
};

TEST(PerThread, WorksWhileTheThreadEnds) {
  const int before = counted::alive.load();
  {
    per_thread<counted> object;
    std::thread([&] {
      static thread_local late last{&object};
      static_cast<void>(last.object);
      object.local().value = 1;
    }).join();
    int sum = 0;
    object.for_each([&](const counted& cell) { sum += cell.value; });
    EXPECT_EQ(sum, 21);
  }
  EXPECT_EQ(counted::alive.load(), before);
}

// Two objects that share their place among the shortcuts, used in turn by a thread past its clean-up.
struct alternating {
  per_thread<int>& first;
  per_thread<int>& second;
  ~alternating() {
    for (int i = 0; i < 100; ++i) {
      ++first.local();
      ++second.local();
    }
  }
};

TEST(PerThread, AThreadPastItsEndFindsItsCellsAgain) {
  std::vector<std::unique_ptr<per_thread<int>>> objects;
  for (int i = 0; i < 65; ++i) objects.push_back(std::make_unique<per_thread<int>>());
  per_thread<int>& first = *objects.front();
  per_thread<int>& second = *objects.back();
  std::thread([&] {
    static thread_local alternating last{first, second};
    static_cast<void>(last.first);
    ++first.local();  // made later than `last`, so ended before it
  }).join();
  EXPECT_LE(cells_of(first), 2);
  EXPECT_LE(cells_of(second), 2);
  int sum = 0;
  for (auto* const object : {&first, &second}) object->for_each([&](int n) { sum += n; });
  EXPECT_EQ(sum, 201);
}

TEST(PerThread, NoTwoLivingThreadsShareACell) {
  constexpr int threads = 6;
  constexpr int rounds = 200;
  per_thread<atomic<int>> object;
  atomic<int> shared{0};
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        atomic<int>& mine = object.local();
        if (mine.exchange(1, memory_order_relaxed) != 0) shared.fetch_add(1);
        yield();
        mine.store(0, memory_order_relaxed);
      });
    }
    for (auto& worker : workers) worker.join();
  }
  EXPECT_EQ(shared.load(), 0);
  EXPECT_LE(cells_of(object), threads);
}

}  // namespace
}  // namespace switchyard
