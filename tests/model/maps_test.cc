// lockfree::hash_map and lockfree::ordered_map under the model checker.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/hash_map.h"
#include "switchyard/lockfree/ordered_map.h"
#include "switchyard/threads/random.h"
#include "tests/model/model_support.h"
#include "tests/model/reclaim_at_once.h"

namespace switchyard::model {
namespace {

using key = std::uint64_t;

/// Whose mixed hash is the key, so that the list is in the order of the keys.
struct by_order {
  static constexpr std::uint64_t inverse = [] {
    std::uint64_t x = 1;
    for (int i = 0; i < 6; ++i) x *= 2 - x * 0x9e3779b97f4a7c15;
    return x;
  }();
  std::size_t operator()(key order) const noexcept {
    const std::uint64_t h = order * inverse;
    return h ^ h >> 32;
  }
};
constexpr key half = key{1} << 63;      // where the second of two buckets begins
constexpr key quarter = key{1} << 62;   // and the second of four

using hash_map = lockfree::hash_map<key, int, by_order, std::equal_to<key>, std::allocator<int>, reclaim_at_once::means>;
using ordered_map = lockfree::ordered_map<key, int, std::less<key>, std::allocator<int>, reclaim_at_once::means>;

/// This thread's next node is as high as that, in an ordered_map.
void next_height(unsigned height) {
  for (std::uint64_t seed = 1;; ++seed) {
    std::uint64_t x = seed;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    if (lockfree::detail::random_height<3>(x) != height) continue;
    of_this_thread<switchyard::detail::random_state>().value = seed;
    return;
  }
}

/// A hash map in which the tests' small keys are in one bucket, of as many as there will be.
struct one_bucket {
  one_bucket() {
    for (const key k : {half + 1, half + 2, half + 3}) map.insert(k, 0);
    for (const key k : {half + 1, half + 2, half + 3}) map.erase(k);
  }
  hash_map map;
};
struct low {
  ordered_map map;
  static void prepare() { next_height(1); }
};
struct high {
  ordered_map map;
  static void prepare() { next_height(2); }
};

/// The map under test, with the bookkeeping of one execution; nodes of all threads are of one height.
template <class Kind>
class tested {
 public:
  tested() = default;
  bool insert(key k, int value) {
    prepare();
    return kind_.map.insert(k, value);
  }
  bool assign(key k, int value) {
    prepare();
    return kind_.map.insert_or_assign(k, value);
  }
  bool add(key k, int n) {
    prepare();
    return kind_.map.update(k, [n](int& x) { x += n; });
  }
  bool erase(key k) { return kind_.map.erase(k); }
  int find(key k) const { return kind_.map.find(k).value_or(0); }
  auto& map() { return kind_.map; }
  int sum() const {
    int all = 0;
    kind_.map.for_each([&](key, int value) { all += value; });
    return all;
  }

 private:
  static void prepare() {
    if constexpr (requires { Kind::prepare(); }) Kind::prepare();
  }
  reclaim_at_once domain_;
  Kind kind_;
};

template <class Kind>
class maps : public testing::Test {};
using kinds = testing::Types<one_bucket, low, high>;
TYPED_TEST_SUITE(maps, kinds);

TYPED_TEST(maps, AKeyIsInsertedOnce) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        bool theirs = false;
        thread other([&] { theirs = m.insert(2, 10); });
        const bool mine = m.insert(2, 20);
        other.join();
        require(mine != theirs, "one of them");
        require(m.find(2) == (mine ? 20 : 10) && m.map().size_approx() == 1, "whose it was");
      },
      {.preemptions = 2});
}

TYPED_TEST(maps, NeighboursAreInserted) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(5, 5);
        thread other([&] { require(m.insert(2, 2), "inserted"); });
        require(m.insert(3, 3), "inserted");
        other.join();
        require(m.find(2) == 2 && m.find(3) == 3 && m.find(5) == 5 && m.sum() == 10, "all");
      },
      {.preemptions = 2});
}

TYPED_TEST(maps, AKeyIsErasedOnce) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(2, 2);
        m.insert(3, 3);
        bool theirs = false;
        thread other([&] { theirs = m.erase(2); });
        const bool mine = m.erase(2);
        other.join();
        require(mine != theirs, "one of them");
        require(m.find(2) == 0 && m.find(3) == 3 && m.sum() == 3, "the rest");
      },
      {.preemptions = 2});
}

TYPED_TEST(maps, NeighboursAreErased) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        for (int i = 1; i <= 3; ++i) m.insert(static_cast<key>(i), i);
        thread other([&] { require(m.erase(2), "was there"); });
        require(m.erase(1), "was there");
        other.join();
        require(m.find(1) == 0 && m.find(2) == 0 && m.find(3) == 3 && m.sum() == 3, "the rest");
      },
      {.preemptions = 2});
}

TYPED_TEST(maps, InsertedBehindWhatIsErased) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(1, 1);
        thread other([&] { require(m.erase(1), "was there"); });
        require(m.insert(2, 2), "was not there");
        require(m.find(2) == 2, "mine");
        other.join();
        require(m.find(1) == 0 && m.find(2) == 2 && m.sum() == 2, "the other");
      },
      {.preemptions = 3});
}

TYPED_TEST(maps, ReplacedAndErased) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(2, 1);
        bool erased = false;
        thread other([&] { erased = m.erase(2); });
        const bool added = m.assign(2, 5);
        other.join();
        require(erased, "was there");
        require(m.find(2) == (added ? 5 : 0) && m.sum() == (added ? 5 : 0), "one after the other");
      },
      {.preemptions = 3});
}

TYPED_TEST(maps, NoUpdateIsLost) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(2, 1);
        thread other([&] { require(m.add(2, 10), "is there"); });
        require(m.add(2, 100), "is there");
        other.join();
        require(m.find(2) == 111 && m.sum() == 111, "both");
      },
      {.preemptions = 2});
}

// What is replaced is there all the time, and what is read does not go back.
TYPED_TEST(maps, ReadWhileItIsReplaced) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(2, 1);
        thread other([&] {
          m.assign(2, 2);
          m.assign(2, 3);
        });
        const int first = m.find(2);
        const int second = m.find(2);
        require(first >= 1 && second >= first, "in order");
      },
      {.preemptions = 2});
}

TYPED_TEST(maps, ReadWhileNeighboursComeAndGo) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(1, 1);
        m.insert(3, 3);
        thread other([&] {
          m.insert(2, 2);
          m.erase(1);
          m.erase(2);
        });
        require(m.find(3) == 3, "is there");
      },
      {.preemptions = 2});
}

// Gone, and come again: who finds neither has looked in between.
TYPED_TEST(maps, ErasedAndInsertedAgain) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(2, 1);
        thread other([&] {
          m.erase(2);
          m.insert(2, 5);
        });
        const int first = m.find(2);
        const int second = m.find(2);
        require(first != 5 || second == 5, "in order");
        require(first != 0 || second != 1, "in order");
      },
      {.preemptions = 2});
}

// What was done before a change is seen by who sees the change.
TYPED_TEST(maps, AChangePublishes) {
  const auto program = [](auto change, auto is_seen) {
    expect_proved([=] {
      plain<int> data;
      data.construct(0);
      {
        tested<TypeParam> m;
        m.insert(2, 1);
        thread writer([&] {
          data.write() = 1;
          change(m);
        });
        if (is_seen(m)) require(data.read() == 1, "seen");
      }
      data.destroy();
    }, {.preemptions = 3});
  };
  program([](auto& m) { m.insert(3, 2); }, [](auto& m) { return m.find(3) != 0; });
  program([](auto& m) { m.assign(2, 2); }, [](auto& m) { return m.find(2) == 2; });
  program([](auto& m) { m.erase(2); }, [](auto& m) { return m.find(2) == 0; });
  program([](auto& m) { m.erase(2); }, [](auto& m) { return m.insert(2, 5); });
  program([](auto& m) { m.map().clear(); }, [](auto& m) { return m.find(2) == 0; });
}

TYPED_TEST(maps, ClearedWhileOthersInsert) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(1, 1);
        m.insert(3, 3);
        thread other([&] { m.insert(2, 2); });
        m.map().clear();
        other.join();
        require(m.find(1) == 0 && m.find(3) == 0, "were there");
        require(m.map().size_approx() == (m.find(2) != 0 ? 1 : 0), "counted");
      },
      {.preemptions = 2});
}

// What others have put at the very front.
TYPED_TEST(maps, ClearedWhileOthersInsertTheFirst) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(3, 3);
        thread other([&] { m.insert(2, 2); });
        m.map().clear();
        other.join();
        require(m.find(3) == 0, "was there");
        require(m.map().size_approx() == (m.find(2) != 0 ? 1 : 0), "counted");
      },
      {.preemptions = 2});
}

TYPED_TEST(maps, ForEachWhileOthersInsert) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(3, 3);
        thread other([&] {
          m.insert(2, 2);
          m.insert(4, 4);
        });
        const int sum = m.sum();
        require(sum == 3 || sum == 5 || sum == 7 || sum == 9, "what stays");
      },
      {.preemptions = 2});
}

TYPED_TEST(maps, ThreeThreads) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(1, 1);
        m.insert(2, 2);
        thread a([&] { require(m.erase(1), "was there"); });
        thread b([&] { require(m.erase(2), "was there"); });
        require(m.insert(3, 3), "was not there");
        a.join();
        b.join();
        require(m.find(3) == 3 && m.sum() == 3, "the rest");
      },
      {.preemptions = 1});
}

TYPED_TEST(maps, AFrozenThreadStopsNobody) {
  expect_lock_free([] {
    tested<TypeParam> m;
    m.insert(2, 2);
    const auto use = [&](key mine) {
      m.insert(mine, 1);
      m.assign(2, 3);
      m.erase(mine);
      (void)m.find(2);
    };
    thread other([&] { use(1); });
    use(3);
  });
}

// --- The table of a hash_map ---------------------------------------------------------------------------------------

struct growing {
  reclaim_at_once domain;
  hash_map map;
};

// The second element makes two buckets, the third four; the posts are linked while others look for their places.
TEST(hash_map, GrowsWhileOthersInsert) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(half + quarter + 1, 1);
        thread other([&] { require(g.map.insert(half + 1, 2), "was not there"); });
        require(g.map.insert(quarter + 1, 3), "was not there");
        other.join();
        int sum = 0;
        g.map.for_each([&](key, int value) { sum += value; });
        require(sum == 6, "all");
        for (const key k : {half + quarter + 1, half + 1, quarter + 1}) require(g.map.contains(k), "found");
      },
      {.preemptions = 2});
}

TEST(hash_map, GrowsWhileOthersRead) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(half + quarter + 1, 1);
        thread other([&] {
          g.map.insert(half + 1, 2);
          g.map.insert(half + 2, 3);
        });
        require(g.map.contains(half + quarter + 1), "is there");
        if (g.map.contains(half + 2)) require(g.map.contains(half + 1), "came before");
      },
      {.preemptions = 2});
}

TEST(hash_map, GrowsWhileOthersErase) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(half - 1, 1);
        g.map.insert(half + 1, 2);  // the second bucket is there
        g.map.insert(quarter + 1, 3);
        thread other([&] {
          require(g.map.erase(half - 1), "was there");
          require(g.map.erase(quarter + 1), "was there");
        });
        g.map.insert(quarter + 2, 4);
        other.join();
        require(g.map.contains(half + 1) && g.map.contains(quarter + 2) && !g.map.contains(quarter + 1), "the rest");
      },
      {.preemptions = 1});
}

// Two want to link the same post.
TEST(hash_map, APostIsLinkedOnce) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(1, 1);
        thread other([&] { g.map.insert(half + 1, 2); });
        g.map.insert(half + 2, 3);
        other.join();
        require(g.map.contains(half + 1) && g.map.contains(half + 2) && g.map.contains(1), "all");
      },
      {.preemptions = 2});
}

TEST(hash_map, ForEachWhileItGrows) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(1, 1);
        thread other([&] { g.map.insert(half + 1, 10); });
        int sum = 0;
        g.map.for_each([&](key, int value) { sum += value; });
        require(sum == 1 || sum == 11, "what stays, once");
      },
      {.preemptions = 3});
}

// Whoever stops while it links posts, others reach the buckets by those before.
TEST(hash_map, AFrozenGrowthStopsNobody) {
  expect_lock_free([] {
    growing g;
    g.map.insert(1, 1);
    thread other([&] { g.map.insert(half + 1, 2); });
    g.map.insert(half + 2, 3);
    require(g.map.contains(half + 2), "mine");
  });
  // Two that grow at a time, the next level as well.
  expect_lock_free(
      [] {
        growing g;
        g.map.insert(1, 1);
        thread other([&] {
          g.map.insert(half + 1, 2);
          g.map.insert(quarter + 1, 2);
        });
        g.map.insert(half + quarter + 2, 3);
        require(g.map.contains(half + quarter + 2), "mine");
        require(g.map.erase(half + quarter + 2), "mine");
      },
      0);
}

// Who comes by way of the list upon a post that another is just linking, and goes on from what is behind it.
TEST(hash_map, APostIsConfirmedByOthers) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(1, 1);
        thread other([&] {
          g.map.insert(half + 1, 2);
          g.map.insert(quarter + 1, 2);
        });
        g.map.insert(half + 2, 3);
        g.map.insert(half + quarter + 2, 3);
        require(g.map.erase(half + 2), "mine");
      },
      {.preemptions = 0});
}

// What is behind a post was put there by somebody else than who linked the post, and a third comes by way of the table.
TEST(hash_map, APostLeadsToWhatOthersInsert) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(1, 1);
        thread inserter([&] { g.map.insert(half + 1, 3); });
        thread reader([&] { (void)g.map.contains(half + 1); });
        g.map.insert(half + 8, 2);
      },
      {.preemptions = 1});
}

// The first bucket has none, so that the walk goes on behind the post.
TEST(hash_map, ForEachBehindAPost) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(half + 3, 3);
        g.map.insert(half + 4, 4);
        thread other([&] { g.map.insert(half + 1, 5); });
        int sum = 0;
        g.map.for_each([&](key, int value) { sum += value; });
        require(sum == 7 || sum == 12, "what stays");
      },
      {.preemptions = 2});
}

// Who looks for what is not there stops at the next bucket's post; unless its own has become two meanwhile.
TEST(hash_map, LookedForWhileTheBucketIsDivided) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(1, 1);
        g.map.insert(half + quarter + 1, 2);  // two buckets
        thread other([&] { g.map.insert(half + quarter + 2, 3); });  // four
        require(g.map.contains(half + quarter + 1), "is there");
        require(!g.map.contains(quarter + 1), "is not");
        require(!g.map.insert(half + quarter + 1, 4), "is there");
      },
      {.preemptions = 2});
}

// The next level, by a thread that has seen nothing of how the one before came.
TEST(hash_map, TheNextLevel) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(half + quarter + 1, 1);
        thread other([&] { g.map.insert(half + 1, 2); });
        g.map.insert(half + quarter + 5, 3);
        other.join();
        for (const key k : {half + quarter + 1, half + 1, half + quarter + 5}) require(g.map.contains(k), "found");
      },
      {.preemptions = 2});
}

TEST(hash_map, BehindAPost) {
  const auto program = [](auto call) {
    expect_proved(
        [=] {
          growing g;
          g.map.insert(1, 1);
          g.map.insert(half + 3, 3);
          thread other([&] { g.map.insert(half + 1, 5); });
          call(g.map);
        },
        {.preemptions = 2});
  };
  program([](hash_map& m) { m.clear(); });
  program([](hash_map& m) {
    int sum = 0;
    m.for_each([&](key, int value) { sum += value; });
    require(sum == 4 || sum == 9, "what stays");
  });
}

TEST(hash_map, ReadingIsWaitFree) {
  expect_proved(
      [] {
        growing g;
        g.map.insert(half + 1, 1);
        thread other([&] {
          g.map.insert(half + 2, 2);
          g.map.insert_or_assign(half + 1, 3);
        });
        const bool found = within_steps(30, [&] { return g.map.contains(half + 1); });
        require(found, "is there");
      },
      {.preemptions = 2});
}

// --- The order of an ordered_map -----------------------------------------------------------------------------------

using order_kinds = testing::Types<low, high>;
template <class Kind>
class ordered : public testing::Test {};
TYPED_TEST_SUITE(ordered, order_kinds);

// The first is the first at one moment: what comes in before it, and then it goes, is one after the other.
TYPED_TEST(ordered, TheFirst) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(3, 3);
        m.insert(4, 4);
        thread other([&] {
          m.insert(2, 2);
          m.erase(3);
        });
        const auto first = m.map().first();
        require(first && first->first != 4, "there was always one before");
        const auto bound = m.map().lower_bound(2);
        require(bound && bound->first != 4, "there was always one before");
      },
      {.preemptions = 3});
}

TYPED_TEST(ordered, InARange) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        m.insert(4, 4);
        m.insert(8, 8);
        thread other([&] { m.insert(2, 2); });
        int sum = 0;
        m.map().for_each_in(1, 8, [&](key, int value) { sum += value; });
        require(sum == 4 || sum == 6, "what stays");
      },
      {.preemptions = 2});
}

TYPED_TEST(ordered, TheFirstIsPoppedOnce) {
  expect_proved(
      [] {
        tested<TypeParam> m;
        for (int i = 1; i <= 3; ++i) m.insert(static_cast<key>(i), i);
        int theirs = 0;
        thread other([&] { theirs = m.map().pop_first()->second; });
        const int mine = m.map().pop_first()->second;
        other.join();
        require(mine + theirs == 3 && m.sum() == 3, "the first two");
      },
      {.preemptions = 2});
}

// A node that leaves the list while it is being linked above.
TEST(ordered_map, LinkedAboveWhileItIsErased) {
  expect_proved(
      [] {
        tested<high> m;
        m.insert(1, 1);
        m.insert(5, 5);
        thread inserter([&] { m.insert(3, 3); });
        (void)m.erase(3);
        m.insert(2, 2);
        inserter.join();
        m.erase(3);
        require(m.find(2) == 2 && m.find(5) == 5 && m.find(3) == 0, "the rest");
      },
      {.preemptions = 3});
}

// Two of one key are on a level for a while: one that is erased, and one that has come again.
TEST(ordered_map, ErasedAndInsertedAgainAbove) {
  expect_proved(
      [] {
        tested<high> m;
        m.insert(1, 1);
        thread inserter([&] { m.insert(3, 3); });
        if (m.erase(3)) m.insert(3, 4);
        inserter.join();
        m.erase(1);
        require(m.find(3) != 0, "is there");
        m.erase(3);
        m.insert(2, 2);
        require(m.find(2) == 2 && m.sum() == 2, "the last");
      },
      {.preemptions = 3});
}

// A search that goes down from a node that is erased meanwhile, and what came after it, too.
TEST(ordered_map, GoesDownFromWhatIsErased) {
  expect_proved(
      [] {
        tested<high> m;
        for (int i = 1; i <= 3; ++i) m.insert(static_cast<key>(i), i);
        thread other([&] {
          m.erase(1);
          m.erase(2);
        });
        require(m.find(3) == 3, "is there");
      },
      {.preemptions = 3});
}

// What an erased node leads to above came by another thread, and is not what it leads to in the list.
TEST(ordered_map, UnlinkedAboveBeforeWhatOthersInsert) {
  expect_proved(
      [] {
        tested<high> m;
        m.insert(1, 1);
        next_height(1);
        m.map().insert(2, 2);
        thread other([&] { m.insert(3, 3); });
        m.erase(1);
        m.insert(5, 5);
        other.join();
        require(m.find(3) == 3 && m.sum() == 10, "the rest");
      },
      {.preemptions = 2});
}

TEST(ordered_map, NeighboursAboveAreErased) {
  expect_proved(
      [] {
        tested<high> m;
        for (int i = 1; i <= 4; ++i) m.insert(static_cast<key>(i), i);
        thread other([&] {
          m.erase(2);
          m.insert(2, 2);
        });
        m.erase(3);
        m.erase(1);
        other.join();
        require(m.find(2) == 2 && m.find(4) == 4 && m.sum() == 6, "the rest");
      },
      {.preemptions = 1});
}

// One that is erased stays on its level while its inserter is at it, and leads, in the list, to what has been freed since:
// nobody may go down from it. Who comes after both erasures sees its mark though it is read with no order.
TEST(ordered_map, NotDownFromWhatWasErasedBefore) {
  expect_proved(
      [] {
        tested<high> m;
        next_height(1);
        m.map().insert(5, 5);
        thread eraser([&] {
          if (m.erase(3)) m.erase(5);
        });
        thread reader([&] { require(m.find(6) == 0, "was never there"); });
        m.insert(3, 3);
      },
      {.preemptions = 2});
}

// Down by two levels, from what is erased meanwhile, to what is.
TEST(ordered_map, ThreeLevels) {
  const auto program = [](std::array<unsigned, 3> heights, auto change) {
    expect_proved(
        [=] {
          tested<low> m;
          for (key k = 1; k <= 3; ++k) {
            next_height(heights[k - 1]);
            m.map().insert(k, static_cast<int>(k));
          }
          thread other([&] { change(m.map()); });
          require(m.find(3) == 3, "is there");
          next_height(3);
          m.map().erase(1);
          other.join();
          require(m.find(3) == 3 && m.find(1) == 0, "the rest");
        },
        {.preemptions = 1});
  };
  const auto erase_both = [](ordered_map& map) {
    map.erase(1);
    map.erase(2);
  };
  const auto replace_one = [](ordered_map& map) {
    map.erase(2);
    next_height(3);
    map.insert(2, 4);
  };
  program({3, 2, 3}, erase_both);
  program({3, 3, 2}, erase_both);
  program({2, 3, 1}, replace_one);
  program({3, 2, 2}, replace_one);
}

}  // namespace
}  // namespace switchyard::model
