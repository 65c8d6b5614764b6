// interface/queue_members.h: each member calls what it says, with the arguments as they came.
#include "switchyard/interface/queue_members.h"

#include <gtest/gtest.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "switchyard/interface/queue.h"

namespace switchyard {
namespace {

using namespace std::chrono_literals;  // NOLINT
using clock = deadline::clock;

/// Notes the last call and answers as told.
template <class T>
class recorder : public queue_members<recorder<T>, T> {
 public:
  enum class call { none, try_emplace, try_emplace_until, try_pop, try_pop_until };

  template <class... Args>
  conqueue_status try_emplace(Args&&... args) {
    last = call::try_emplace;
    return build(std::forward<Args>(args)...);
  }
  template <class... Args>
  conqueue_status try_emplace_until(deadline when, Args&&... args) {
    last = call::try_emplace_until;
    limit = when;
    return build(std::forward<Args>(args)...);
  }
  pop_result<T> try_pop() {
    last = call::try_pop;
    return take();
  }
  pop_result<T> try_pop_until(deadline when) {
    last = call::try_pop_until;
    limit = when;
    return take();
  }
  std::size_t size_approx() const noexcept { return element ? 1 : 0; }
  bool is_closed() const noexcept { return answer == conqueue_status::closed; }
  void close() noexcept { answer = conqueue_status::closed; }

  call last = call::none;
  std::optional<deadline> limit;
  std::optional<T> element;
  conqueue_status answer = conqueue_status::success;  // of a push; of a pop without an element
  int moved = 0;

 private:
  template <class... Args>
  conqueue_status build(Args&&... args) {
    if (answer == conqueue_status::success) element.emplace(std::forward<Args>(args)...);
    return answer;
  }
  pop_result<T> take() {
    if (!element) return unexpected(answer);
    pop_result<T> result(std::move(*element));
    element.reset();
    return result;
  }
};

using call = recorder<std::string>::call;

static_assert(timed_queue<recorder<std::string>>);
static_assert(timed_queue<recorder<std::unique_ptr<int>>>);
static_assert(std::same_as<recorder<int>::value_type, int>);

template <class Q, class T>
concept can_push_copy = requires(Q& q, const T& value) {
  q.push(value);
};
template <class Q, class T>
concept can_try_push_copy = requires(Q& q, const T& value) {
  static_cast<void>(q.try_push(value));
};
template <class Q, class T>
concept can_timed_push_copy = requires(Q& q, const T& value) {
  static_cast<void>(q.try_push_for(value, 1s));
  static_cast<void>(q.try_push_until(value, clock::now()));
};

// What cannot be copied has no members that copy, rather than members that do not compile.
static_assert(can_push_copy<recorder<std::string>, std::string>);
static_assert(can_try_push_copy<recorder<std::string>, std::string>);
static_assert(can_timed_push_copy<recorder<std::string>, std::string>);
static_assert(!can_push_copy<recorder<std::unique_ptr<int>>, std::unique_ptr<int>>);
static_assert(!can_try_push_copy<recorder<std::unique_ptr<int>>, std::unique_ptr<int>>);
static_assert(!can_timed_push_copy<recorder<std::unique_ptr<int>>, std::unique_ptr<int>>);

// Long enough to show, by becoming empty, that it was moved from.
const std::string text = "a text that is too long for the small string optimisation";

TEST(queue_members, PushCopiesOrMoves) {
  recorder<std::string> q;
  std::string value = text;
  EXPECT_TRUE(q.push(std::as_const(value)));
  EXPECT_EQ(value, text);
  EXPECT_EQ(q.element, text);
  EXPECT_TRUE(q.push(std::move(value)));
  EXPECT_EQ(value, "");
  EXPECT_EQ(q.element, text);
  EXPECT_EQ(q.last, call::try_emplace_until);
  EXPECT_TRUE(q.limit->is_never());
}

TEST(queue_members, PushIsFalseWhenClosed) {
  recorder<std::string> q;
  q.close();
  std::string value = text;
  EXPECT_FALSE(q.push(value));
  EXPECT_FALSE(q.push(std::move(value)));
  EXPECT_FALSE(q.emplace(std::move(value)));
  EXPECT_EQ(value, text);
}

TEST(queue_members, EmplacePassesAnyArguments) {
  recorder<std::string> q;
  EXPECT_TRUE(q.emplace());
  EXPECT_EQ(q.element, "");
  EXPECT_TRUE(q.emplace(std::size_t{3}, 'x'));
  EXPECT_EQ(q.element, "xxx");
  EXPECT_TRUE(q.emplace(text, std::size_t{2}, std::size_t{4}));
  EXPECT_EQ(q.element, "text");
  EXPECT_EQ(q.last, call::try_emplace_until);
  EXPECT_TRUE(q.limit->is_never());
}

TEST(queue_members, PopIsNulloptWhenClosed) {
  recorder<std::string> q;
  q.element = text;
  EXPECT_EQ(q.pop(), text);
  EXPECT_EQ(q.last, call::try_pop_until);
  EXPECT_TRUE(q.limit->is_never());
  q.close();
  EXPECT_EQ(q.pop(), std::nullopt);
}

TEST(queue_members, TryPushDoesNotWait) {
  recorder<std::string> q;
  std::string value = text;
  EXPECT_EQ(q.try_push(std::as_const(value)), conqueue_status::success);
  EXPECT_EQ(q.last, call::try_emplace);
  EXPECT_EQ(value, text);
  for (const auto answer : {conqueue_status::full, conqueue_status::closed, conqueue_status::busy}) {
    q.answer = answer;
    EXPECT_EQ(q.try_push(std::as_const(value)), answer);
    EXPECT_EQ(q.try_push(std::move(value)), answer);
    EXPECT_EQ(value, text);
  }
  q.answer = conqueue_status::success;
  EXPECT_EQ(q.try_push(std::move(value)), conqueue_status::success);
  EXPECT_EQ(q.last, call::try_emplace);
  EXPECT_EQ(value, "");
}

TEST(queue_members, TimedPushesHaveTheirLimit) {
  recorder<std::string> q;
  std::string value = text;
  const auto now = clock::now();
  EXPECT_EQ(q.try_push_for(std::as_const(value), 1h), conqueue_status::success);
  EXPECT_EQ(q.last, call::try_emplace_until);
  EXPECT_GE(q.limit->when(), now + 1h);
  EXPECT_LE(q.limit->when(), now + 2h);
  EXPECT_EQ(q.try_push_until(std::as_const(value), now + 3h), conqueue_status::success);
  EXPECT_EQ(q.last, call::try_emplace_until);
  EXPECT_EQ(q.limit->when(), now + 3h);
  EXPECT_EQ(value, text);

  q.answer = conqueue_status::full;
  EXPECT_EQ(q.try_push_for(std::move(value), 5h), conqueue_status::full);
  EXPECT_GE(q.limit->when(), now + 5h);
  EXPECT_EQ(q.try_push_until(std::move(value), now + 6h), conqueue_status::full);
  EXPECT_EQ(q.limit->when(), now + 6h);
  EXPECT_EQ(value, text);

  q.answer = conqueue_status::success;
  EXPECT_EQ(q.try_push_until(std::move(value), std::chrono::system_clock::now() + 1h),
            conqueue_status::success);
  EXPECT_EQ(value, "");
  EXPECT_EQ(q.element, text);
  EXPECT_GE(q.limit->when(), now + 59min);
  EXPECT_EQ(q.try_push_for(text, std::chrono::hours::max()), conqueue_status::success);
  EXPECT_TRUE(q.limit->is_never());
}

TEST(queue_members, TimedPopHasItsLimit) {
  recorder<std::string> q;
  const auto now = clock::now();
  q.element = text;
  EXPECT_EQ(q.try_pop_for(1h), text);
  EXPECT_EQ(q.last, call::try_pop_until);
  EXPECT_GE(q.limit->when(), now + 1h);
  EXPECT_LE(q.limit->when(), now + 2h);
  q.answer = conqueue_status::empty;
  EXPECT_EQ(q.try_pop_for(-1h).error(), conqueue_status::empty);
  EXPECT_TRUE(q.limit->has_passed());
}

TEST(queue_members, EmptyFollowsFromSize) {
  recorder<std::string> q;
  EXPECT_TRUE(q.empty_approx());
  q.element = text;
  EXPECT_FALSE(q.empty_approx());
  static_assert(noexcept(q.empty_approx()));
}

}  // namespace
}  // namespace switchyard
