// Elements with an address-of and a comma of their own, and with functions beside them that have the names of the standard's.
#include <gtest/gtest.h>

#include <cstddef>

#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/hash_map.h"
#include "switchyard/blocking/ordered_map.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/hash_map.h"
#include "switchyard/lockfree/ordered_map.h"
#include "switchyard/lockfree/seqlock.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/unbounded_queue.h"
#include "switchyard/lockfree/work_stealing_deque.h"

namespace elsewhere {

template <class... Any>
void move(Any&&...) = delete;
template <class... Any>
void forward(Any&&...) = delete;
template <class... Any>
void exchange(Any&&...) = delete;
template <class... Any>
void invoke(Any&&...) = delete;
template <class... Any>
void apply(Any&&...) = delete;
template <class... Any>
void construct_at(Any&&...) = delete;
template <class... Any>
void destroy_at(Any&&...) = delete;
template <class... Any>
void addressof(Any&&...) = delete;

/// Its bytes are all there is of it: it is kept in words.
struct bytes {
  explicit bytes(int n) : number(n) {}
  void operator&() const = delete;
  template <class Other>
  void operator,(Other&&) const = delete;
  friend bool operator<(const bytes& a, const bytes& b) { return a.number < b.number; }
  friend bool operator==(const bytes& a, const bytes& b) { return a.number == b.number; }
  int number;
};
/// It has to be moved.
struct object : bytes {
  using bytes::bytes;
  object(const object& other) : bytes(other.number) {}
  object& operator=(const object& other) {
    number = other.number;
    return *this;
  }
};
struct hash {
  std::size_t operator()(const bytes& x) const { return static_cast<std::size_t>(x.number); }
};

}  // namespace elsewhere

namespace switchyard {
namespace {

template <class T>
class AwkwardTypes : public testing::Test {};
using types = testing::Types<elsewhere::bytes, elsewhere::object>;
TYPED_TEST_SUITE(AwkwardTypes, types);

template <class Queue>
void use_queue(Queue& queue) {
  using T = typename Queue::value_type;
  const T one(1);
  EXPECT_TRUE(queue.push(one));
  EXPECT_TRUE(queue.push(T(2)));
  EXPECT_TRUE(queue.emplace(3));
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(queue.pop()->number, i);
}
TYPED_TEST(AwkwardTypes, InQueues) {
  lockfree::bounded_queue<TypeParam> bounded(4);
  use_queue(bounded);
  lockfree::spsc_queue<TypeParam> spsc(4);
  use_queue(spsc);
  lockfree::unbounded_queue<TypeParam> unbounded;
  use_queue(unbounded);
  blocking::bounded_queue<TypeParam> blocking(4);
  use_queue(blocking);
  lockfree::work_stealing_deque<TypeParam> deque;
  deque.push(TypeParam(1));
  deque.push(TypeParam(2));
  EXPECT_EQ(deque.try_pop()->number, 2);
  EXPECT_EQ(deque.try_steal()->number, 1);
}

template <class Map>
void use_map() {
  using key = typename Map::key_type;
  Map map;
  EXPECT_TRUE(map.insert(key(1), key(2)));
  EXPECT_FALSE(map.insert_or_assign(key(1), key(3)));
  EXPECT_TRUE(map.update(key(1), [](key& value) { value.number += 1; }));
  EXPECT_EQ(map.find(key(1))->number, 4);
  EXPECT_TRUE(map.erase(key(1)));
}
TYPED_TEST(AwkwardTypes, InMaps) {
  use_map<lockfree::hash_map<TypeParam, TypeParam, elsewhere::hash>>();
  use_map<blocking::hash_map<TypeParam, TypeParam, elsewhere::hash>>();
  use_map<lockfree::ordered_map<TypeParam, TypeParam>>();
  use_map<blocking::ordered_map<TypeParam, TypeParam>>();
}

TEST(AwkwardTypes, InASeqlock) {
  lockfree::seqlock<elsewhere::bytes> value(elsewhere::bytes(1));
  value.store(elsewhere::bytes(2));
  value.update([](elsewhere::bytes& x) { x.number += 1; });
  EXPECT_EQ(value.load().number, 3);
}

}  // namespace
}  // namespace switchyard
