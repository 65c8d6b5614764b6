// A zoo of broken structures, each a mistake that has been made for real, beside its right twin. The checker must
// find every broken one within a second, say what is wrong with it, and find nothing in the twin.
//
// Written for this purpose and as short as they can be: `Fixed` is the one difference between the two.

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/model/check.h"

namespace switchyard::model {
namespace {

constexpr auto relaxed = memory_order_relaxed;
constexpr auto acquire = memory_order_acquire;
constexpr auto release = memory_order_release;
constexpr auto acq_rel = memory_order_acq_rel;
constexpr auto seq_cst = memory_order_seq_cst;

constexpr memory_order either(bool fixed, memory_order right, memory_order wrong) { return fixed ? right : wrong; }

// One producer, one consumer, two places; the index must be published with release.
template <bool Fixed>
void spsc_ring() {
  plain<int> slots[2];
  atomic<unsigned> tail{0};
  thread producer([&] {
    for (unsigned i = 0; i < 2; ++i) {
      slots[i].construct(static_cast<int>(i));
      tail.store(i + 1, either(Fixed, release, relaxed));
    }
  });
  for (unsigned head = 0; head < tail.load(acquire); ++head) require(slots[head].read() == static_cast<int>(head), "in order");
}

// Vyukov's bounded ring: every slot has a sequence number, which hands the slot over.
template <bool Fixed>
struct vyukov_ring {
  struct slot {
    atomic<unsigned> sequence{0};
    plain<int> value;
  };
  std::array<slot, 2> slots;
  atomic<unsigned> tail{0};
  atomic<unsigned> head{0};

  vyukov_ring() { slots[1].sequence.store(1, relaxed); }
  bool push(int value) {
    for (unsigned at = tail.load(relaxed);;) {
      slot& s = slots[at % 2];
      const unsigned sequence = s.sequence.load(acquire);
      if (sequence == at) {
        if (!tail.compare_exchange_weak(at, at + 1, relaxed, relaxed)) continue;
        s.value.construct(value);
        s.sequence.store(at + 1, either(Fixed, release, relaxed));
        return true;
      }
      if (static_cast<int>(sequence - at) < 0) return false;
      at = tail.load(relaxed);
    }
  }
  int pop() {  // 0: empty
    for (unsigned at = head.load(relaxed);;) {
      slot& s = slots[at % 2];
      const unsigned sequence = s.sequence.load(acquire);
      if (sequence == at + 1) {
        if (!head.compare_exchange_weak(at, at + 1, relaxed, relaxed)) continue;
        const int value = s.value.take();
        s.sequence.store(at + 2, release);
        return value;
      }
      if (static_cast<int>(sequence - at - 1) < 0) return 0;
      at = head.load(relaxed);
    }
  }
};
template <bool Fixed>
void vyukov() {
  vyukov_ring<Fixed> ring;
  thread other([&] { ring.push(1); });
  const int got = ring.pop();
  require(got == 0 || got == 1, "what was pushed");
}

// A stack of node numbers whose nodes are used again: without a count in the top, a pop takes a stale successor.
template <bool Fixed>
void treiber_aba() {
  static constexpr unsigned none = 0xFF;
  struct {
    atomic<unsigned> next[3];
    atomic<unsigned> top{none};  // {count, number}
    atomic<int> owners[3];
    unsigned pop() {
      unsigned t = top.load(acquire);
      while ((t & 0xFF) != none) {
        const unsigned after = next[t & 0xFF].load(relaxed);
        if (top.compare_exchange_weak(t, (Fixed ? (t & ~0xFFu) + 0x100 : 0) | after, acq_rel, acquire)) break;
      }
      const unsigned taken = t & 0xFF;
      if (taken != none) require(owners[taken].exchange(1, relaxed) == 0, "a node has one owner");
      return taken;
    }
    void push(unsigned n) {
      owners[n].store(0, relaxed);
      unsigned t = top.load(relaxed);
      do {
        next[n].store(t & 0xFF, relaxed);
      } while (!top.compare_exchange_weak(t, (Fixed ? (t & ~0xFFu) + 0x100 : 0) | n, release, relaxed));
    }
  } stack;
  for (unsigned n = 0; n < 3; ++n) stack.push(n);
  thread other([&] { stack.pop(); });
  const unsigned first = stack.pop();
  stack.pop();
  if (first != none) stack.push(first);
  other.join();
  while (stack.pop() != none) {
  }
}

// A stack that frees a node which another pop may be looking at; the twin keeps them until the end.
template <bool Fixed>
void treiber_free() {
  struct node {
    atomic<node*> next{nullptr};
    node* garbage = nullptr;
  };
  atomic<node*> top{nullptr};
  atomic<node*> garbage{nullptr};
  const auto push_on = [](atomic<node*>& list, node* n, auto set_next) {
    node* t = list.load(relaxed);
    do set_next(n, t);
    while (!list.compare_exchange_weak(t, n, release, relaxed));
  };
  const auto pop = [&] {
    node* t = top.load(acquire);
    while (t != nullptr && !top.compare_exchange_weak(t, t->next.load(relaxed), acq_rel, acquire)) {
    }
    if (t == nullptr) return;
    if (Fixed) {
      push_on(garbage, t, [](node* n, node* next) { n->garbage = next; });
    } else {
      delete t;
    }
  };
  for (int i = 0; i < 2; ++i) push_on(top, new node, [](node* n, node* next) { n->next.store(next, relaxed); });
  {
    thread other([&] { pop(); });
    pop();
  }
  for (node* n : {top.load(acquire), garbage.load(acquire)}) {
    for (const bool of_garbage = n == garbage.load(acquire); n != nullptr;) {
      node* const next = of_garbage ? n->garbage : n->next.load(relaxed);
      delete n;
      n = next;
    }
  }
}

// Michael and Scott's queue: a pop must see that the tail is not behind, or the head overtakes it.
template <bool Fixed>
void michael_scott() {
  struct node {
    atomic<node*> next{nullptr};
    int value = 0;
  };
  node nodes[3];
  nodes[1].value = 1;
  nodes[2].value = 2;
  atomic<node*> head{&nodes[0]};
  atomic<node*> tail{&nodes[0]};
  const auto push = [&](node& n) {
    for (;;) {
      node* t = tail.load(acquire);
      node* next = t->next.load(acquire);
      if (next == nullptr) {
        if (t->next.compare_exchange_strong(next, &n, release, relaxed)) {
          tail.compare_exchange_strong(t, &n, release, relaxed);
          return;
        }
      } else {
        tail.compare_exchange_strong(t, next, release, relaxed);
      }
    }
  };
  thread producer([&] { push(nodes[1]); });
  for (int tries = 0; tries < 2; ++tries) {
    node* h = head.load(acquire);
    node* t = tail.load(acquire);
    node* next = h->next.load(acquire);
    if (next == nullptr) continue;
    if (Fixed && h == t) tail.compare_exchange_strong(t, next, release, relaxed);
    head.store(next, release);
    // From here on `h` is the consumer's, to free or use again: nobody may come to it by the tail.
    require(tail.load(relaxed) != h, "the tail is left on a node that was popped");
  }
}

// Chase and Lev's deque: the owner takes the last but one without a compare-and-swap, so it must be seen to.
template <bool Fixed>
void chase_lev() {
  atomic<int> top{0};
  atomic<int> bottom{2};
  atomic<int> taken[2];
  const auto steal = [&] {
    int t = top.load(acquire);
    atomic_thread_fence(seq_cst);
    if (t < bottom.load(acquire) && top.compare_exchange_strong(t, t + 1, seq_cst, relaxed)) taken[t].fetch_add(1, relaxed);
  };
  thread thief([&] {
    steal();
    steal();
  });
  const int b = bottom.load(relaxed) - 1;
  bottom.store(b, relaxed);
  if (Fixed) atomic_thread_fence(seq_cst);
  int t = top.load(relaxed);
  if (t < b) {
    taken[b].fetch_add(1, relaxed);
  } else if (t == b && top.compare_exchange_strong(t, t + 1, seq_cst, relaxed)) {
    taken[b].fetch_add(1, relaxed);
  }
  thief.join();
  require(taken[0].load(relaxed) <= 1 && taken[1].load(relaxed) <= 1, "taken once");
}

// A hazard pointer is announced, then looked at again, with a fence between.
template <bool Fixed>
void hazard() {
  struct object {
    atomic<int> alive{1};
  };
  atomic<object*> shared{new object};
  atomic<object*> announced{nullptr};
  thread reader([&] {
    object* const seen = shared.load(acquire);
    announced.store(seen, relaxed);
    if (Fixed) atomic_thread_fence(seq_cst);
    if (seen != nullptr && shared.load(acquire) == seen) require(seen->alive.load(relaxed) == 1, "protected");
    announced.store(nullptr, release);
  });
  object* const old = shared.exchange(nullptr, acq_rel);
  atomic_thread_fence(seq_cst);
  const bool free_now = announced.load(acquire) != old;
  if (free_now) delete old;
  reader.join();
  if (!free_now) delete old;
}

// A seqlock: the reader's second look must not come before its loads of the data.
template <bool Fixed>
void seqlock() {
  atomic<unsigned> sequence{0};
  atomic<int> a{0};
  atomic<int> b{0};
  thread writer([&] {
    sequence.store(1, relaxed);
    atomic_thread_fence(release);
    a.store(1, relaxed);
    b.store(1, relaxed);
    sequence.store(2, release);
  });
  const unsigned before = sequence.load(acquire);
  const int x = a.load(relaxed);
  const int y = b.load(relaxed);
  if (Fixed) atomic_thread_fence(acquire);
  if (before % 2 == 0 && sequence.load(relaxed) == before) require(x == y, "not torn");
}
template <bool Fixed>
void seqlock_writer() {
  atomic<unsigned> sequence{0};
  atomic<int> a{0};
  atomic<int> b{0};
  thread writer([&] {
    sequence.store(1, release);
    if (Fixed) atomic_thread_fence(release);  // a release store keeps what comes before it, not what comes after
    a.store(1, relaxed);
    b.store(1, relaxed);
    sequence.store(2, release);
  });
  const unsigned before = sequence.load(acquire);
  const int x = a.load(relaxed);
  const int y = b.load(relaxed);
  atomic_thread_fence(acquire);
  if (before % 2 == 0 && sequence.load(relaxed) == before) require(x == y, "not torn");
}

// Two flags: each raises its own, then looks at the other's.
template <bool Fixed>
void dekker() {
  atomic<int> flags[2];
  plain<int> shared;
  shared.construct(0);
  const auto enter = [&](int me) {
    flags[me].store(1, either(Fixed, seq_cst, release));
    if (flags[1 - me].load(either(Fixed, seq_cst, acquire)) == 0) shared.write() = me;
    flags[me].store(0, release);
  };
  thread other([&] { enter(1); });
  enter(0);
}
template <bool Fixed>
void peterson() {
  constexpr memory_order store = either(Fixed, seq_cst, release);
  constexpr memory_order load = either(Fixed, seq_cst, acquire);
  atomic<int> wants[2];
  atomic<int> turn{0};
  plain<int> shared;
  shared.construct(0);
  const auto enter = [&](int me) {
    wants[me].store(1, store);
    turn.store(1 - me, store);
    while (wants[1 - me].load(load) == 1 && turn.load(load) == 1 - me) spin_pause();
    shared.write() += 1;
    wants[me].store(0, release);
  };
  {
    thread other([&] { enter(1); });
    enter(0);
  }
  require(shared.read() == 2, "both have been inside");
}

// A waiter that looks before it registers, and not after.
template <bool Fixed>
void event_count() {
  atomic<std::uint32_t> ready{0};
  atomic<std::uint32_t> epoch{0};
  atomic<std::uint32_t> waiters{0};
  thread notifier([&] {
    ready.store(1, relaxed);
    atomic_thread_fence(seq_cst);
    if (waiters.load(relaxed) != 0) {
      epoch.fetch_add(1, relaxed);
      futex_wake(epoch, 1);
    }
  });
  const bool seen = ready.load(relaxed) == 1;
  if (!seen) {
    const std::uint32_t key = epoch.load(relaxed);
    waiters.fetch_add(1, relaxed);
    atomic_thread_fence(seq_cst);
    while (epoch.load(relaxed) == key && !(Fixed && ready.load(relaxed) == 1)) futex_wait(epoch, key, deadline::never());
  }
}

template <bool Fixed>
void double_checked_locking() {
  atomic<int*> instance{nullptr};
  plain<int> value;
  mutex guard;
  int address = 0;
  const auto get = [&] {
    if (instance.load(either(Fixed, acquire, relaxed)) == nullptr) {
      guard.lock();
      if (instance.load(relaxed) == nullptr) {
        value.construct(7);
        instance.store(&address, release);
      }
      guard.unlock();
    }
    require(value.read() == 7, "built");
  };
  thread other(get);
  get();
}

// Two readers that both want to become the writer wait for each other to leave.
template <bool Fixed>
void upgrade() {
  atomic<std::uint32_t> readers{2};
  atomic<std::uint32_t> upgrading{0};
  const auto leave = [&] {
    readers.fetch_sub(1, acq_rel);
    futex_wake(readers, 2);
  };
  const auto upgrade = [&] {
    if (Fixed && upgrading.exchange(1, acq_rel) == 1) return leave();  // refused: one at a time
    for (std::uint32_t n; (n = readers.load(acquire)) != 1;) futex_wait(readers, n, deadline::never());
    leave();
  };
  thread other(upgrade);
  upgrade();
}

// A flag that is raised and lowered: who looks in between sees it, who does not spins for ever.
template <bool Fixed>
void starving_spin() {
  atomic<unsigned> flag{0};
  thread setter([&] {
    flag.fetch_add(1, release);
    if (!Fixed) flag.fetch_sub(1, release);
  });
  while (flag.load(acquire) == 0) spin_pause();
}

// Closing: who pushes must look at the mark and push in one step, or the consumer is gone when the item comes.
template <bool Fixed>
void losing_close() {
  atomic<unsigned> state{0};  // 1: closed; 2: an item
  bool accepted = false;
  thread producer([&] {
    if (Fixed) {
      unsigned seen = state.load(relaxed);
      while ((seen & 1) == 0 && !(accepted = state.compare_exchange_weak(seen, seen | 2, release, relaxed))) {
      }
    } else if ((state.load(acquire) & 1) == 0) {
      state.fetch_or(2, release);
      accepted = true;
    }
  });
  const bool popped = (state.fetch_or(1, acq_rel) & 2) != 0;  // closes, and drains what was there
  producer.join();
  require(popped == accepted, "what was accepted is popped");
}

template <bool Fixed>
void losing_counter() {
  atomic<int> count{0};
  const auto increment = [&] {
    if (Fixed) {
      count.fetch_add(1, relaxed);
    } else {
      count.store(count.load(relaxed) + 1, relaxed);
    }
  };
  {
    thread other(increment);
    increment();
  }
  require(count.load(relaxed) == 2, "every increment counts");
}

// The last reference frees, and must have seen what the others did.
template <bool Fixed>
void reference_count() {
  struct object {
    atomic<int> references{2};
    plain<int> value;
  };
  auto* const shared = new object;
  shared->value.construct(0);
  const auto drop = [=](bool use) {
    if (use) shared->value.write() = 1;
    if (shared->references.fetch_sub(1, either(Fixed, acq_rel, relaxed)) == 1) delete shared;
  };
  thread other([&] { drop(true); });
  drop(false);
}

template <bool Fixed>
void spin_lock() {
  atomic<bool> held{false};
  plain<int> shared;
  shared.construct(0);
  const auto add = [&] {
    while (held.exchange(true, acquire)) spin_pause();
    shared.write() += 1;
    held.store(false, either(Fixed, release, relaxed));
  };
  thread other(add);
  add();
}

// A futex lock whose unlock does not know that somebody sleeps.
template <bool Fixed>
void futex_lock() {
  atomic<std::uint32_t> word{0};  // 1: held; 2: held, and somebody may sleep
  const auto use = [&] {
    std::uint32_t expected = 0;
    if (!word.compare_exchange_strong(expected, 1, acquire, relaxed)) {
      while (word.exchange(Fixed ? 2 : 1, acquire) != 0) futex_wait(word, Fixed ? 2 : 1, deadline::never());
    }
    if (word.exchange(0, release) == 2) futex_wake(word, 1);
  };
  thread other(use);
  use();
}

// A barrier that opens before it is ready for the next round.
template <bool Fixed>
void barrier() {
  atomic<int> left{2};
  atomic<std::uint32_t> round{0};
  const auto arrive = [&] {
    const std::uint32_t mine = round.load(acquire);
    if (left.fetch_sub(1, acq_rel) == 1) {
      if (Fixed) left.store(2, relaxed);
      round.store(mine + 1, release);
      if (!Fixed) left.store(2, relaxed);
    } else {
      while (round.load(acquire) == mine) spin_pause();
    }
  };
  const auto twice = [&] {
    arrive();
    arrive();
  };
  thread other(twice);
  twice();
}

// An object is published before it is built.
template <bool Fixed>
void early_publish() {
  plain<int> value;
  atomic<plain<int>*> shared{nullptr};
  thread writer([&] {
    if (!Fixed) shared.store(&value, release);
    value.construct(7);
    if (Fixed) shared.store(&value, release);
  });
  if (plain<int>* const p = shared.load(acquire)) require(p->read() == 7, "built");
}

// A consumer that counts from one too many.
template <bool Fixed>
void off_by_one() {
  plain<int> slots[2];
  atomic<unsigned> count{0};
  thread writer([&] {
    slots[0].construct(1);
    count.store(1, release);
  });
  const unsigned n = count.load(acquire);
  if (n != 0) slots[Fixed ? n - 1 : n].read();
}

// An atomic that is built by one thread, and used by another that does not know so.
template <bool Fixed>
void unpublished_atomic() {
  atomic<atomic<int>*> shared{nullptr};
  {
    thread writer([&] { shared.store(new atomic<int>(7), either(Fixed, release, relaxed)); });
    if (atomic<int>* const p = shared.load(acquire)) require(p->load(relaxed) == 7, "built");
  }
  delete shared.load(relaxed);
}

template <bool Fixed>
void semaphore() {
  atomic<int> permits{1};
  int taken[2] = {};
  const auto try_acquire = [&](int me) {
    int n = permits.load(relaxed);
    if (n == 0) return;
    if (Fixed) {
      taken[me] = permits.compare_exchange_strong(n, n - 1, acquire, relaxed);
    } else {
      permits.fetch_sub(1, acquire);
      taken[me] = 1;
    }
  };
  {
    thread other([&] { try_acquire(1); });
    try_acquire(0);
  }
  require(taken[0] + taken[1] <= 1, "one permit, one holder");
}

template <bool Fixed>
void lock_order() {
  mutex a;
  mutex b;
  thread other([&] {
    (Fixed ? a : b).lock();
    (Fixed ? b : a).lock();
    b.unlock();
    a.unlock();
  });
  a.lock();
  b.lock();
  b.unlock();
  a.unlock();
}

// Two threads that both believe they took the node.
template <bool Fixed>
void double_free() {
  atomic<int*> shared{new int(1)};
  const auto take = [&] {
    if (Fixed) {
      delete shared.exchange(nullptr, acq_rel);
    } else {
      int* const p = shared.load(acquire);
      shared.store(nullptr, release);
      delete p;
    }
  };
  thread other(take);
  take();
}

template <bool Fixed>
void leak() {
  atomic<int*> shared{nullptr};
  const auto publish = [&] {
    int* mine = new int(1);
    if (Fixed) {
      delete shared.exchange(mine, acq_rel);
    } else {
      shared.store(mine, release);
    }
  };
  {
    thread other(publish);
    publish();
  }
  delete shared.load(acquire);
}

// A failed timed wait must take itself off the count, or the wake-up that was meant for another goes to it.
template <bool Fixed>
void timed_waiter() {
  atomic<std::uint32_t> permits{0};
  atomic<std::uint32_t> handed{0};
  // A hand-over: the giver counts on somebody taking. The taker that gives up must look once more.
  thread giver([&] {
    handed.store(1, release);
    futex_wake(handed, 1);
  });
  bool got = false;
  while (!got) {
    if (handed.load(acquire) == 1) {
      got = true;
    } else if (futex_wait(handed, 0, deadline::after(std::chrono::seconds(1))) == futex_result::timed_out) {
      if (Fixed) got = handed.exchange(2, acq_rel) == 1;
      break;
    }
  }
  giver.join();
  if (!got && !Fixed) require(handed.load(relaxed) != 1, "nothing is handed over to nobody");
  permits.store(1, relaxed);
}

struct animal {
  const char* name;
  void (*broken)();
  void (*fixed)();
  const char* says;
};
void PrintTo(const animal& a, std::ostream* out) { *out << a.name; }

const animal zoo[] = {
    {"spsc_ring_with_relaxed_publish", spsc_ring<false>, spsc_ring<true>, "data race"},
    {"vyukov_ring_with_relaxed_sequence", vyukov<false>, vyukov<true>, "data race"},
    {"treiber_stack_with_aba", treiber_aba<false>, treiber_aba<true>, "one owner"},
    {"treiber_stack_freeing_too_early", treiber_free<false>, treiber_free<true>, "free"},
    {"michael_scott_without_recheck", michael_scott<false>, michael_scott<true>, "popped"},
    {"chase_lev_without_fence", chase_lev<false>, chase_lev<true>, "once"},
    {"hazard_pointer_without_fence", hazard<false>, hazard<true>, "free"},
    {"seqlock_reader_without_fence", seqlock<false>, seqlock<true>, "torn"},
    {"seqlock_writer_without_fence", seqlock_writer<false>, seqlock_writer<true>, "torn"},
    {"dekker_with_release_acquire", dekker<false>, dekker<true>, "data race"},
    {"peterson_with_release_acquire", peterson<false>, peterson<true>, "data race"},
    {"event_count_without_second_look", event_count<false>, event_count<true>, "deadlock"},
    {"double_checked_locking_without_acquire", double_checked_locking<false>, double_checked_locking<true>, "data race"},
    {"reader_writer_upgrade", upgrade<false>, upgrade<true>, "deadlock"},
    {"spin_loop_that_starves", starving_spin<false>, starving_spin<true>, "does not end"},
    {"close_that_loses_an_item", losing_close<false>, losing_close<true>, "accepted"},
    {"counter_that_loses_an_increment", losing_counter<false>, losing_counter<true>, "increment"},
    {"reference_count_all_relaxed", reference_count<false>, reference_count<true>, "free"},
    {"spin_lock_with_relaxed_unlock", spin_lock<false>, spin_lock<true>, "data race"},
    {"futex_lock_that_forgets_sleepers", futex_lock<false>, futex_lock<true>, "deadlock"},
    {"barrier_not_ready_for_the_next_round", barrier<false>, barrier<true>, "does not end"},
    {"published_before_built", early_publish<false>, early_publish<true>, "data race"},
    {"slot_read_before_it_was_filled", off_by_one<false>, off_by_one<true>, "holds no object"},
    {"atomic_published_relaxed", unpublished_atomic<false>, unpublished_atomic<true>, "data race"},
    {"semaphore_that_checks_then_acts", semaphore<false>, semaphore<true>, "one holder"},
    {"locks_in_both_orders", lock_order<false>, lock_order<true>, "deadlock"},
    {"freed_by_two", double_free<false>, double_free<true>, "double free"},
    {"freed_by_nobody", leak<false>, leak<true>, "leak"},
    {"timed_waiter_that_does_not_look_again", timed_waiter<false>, timed_waiter<true>, "nobody"},
};

class zoo_test : public testing::TestWithParam<animal> {};

TEST_P(zoo_test, BrokenIsFoundAndFixedIsNot) {
  const animal& a = GetParam();
  const result broken = check(a.broken);
  EXPECT_FALSE(broken.ok()) << "not found: " << broken.summary();
  EXPECT_NE(broken.failure.find(a.says), std::string::npos) << broken.report;
  EXPECT_LT(broken.executions + broken.pruned, 100'000u) << "more than a second's worth: " << broken.summary();
  // What was printed leads to the same failure.
  const result again = check({.replay = broken.replay}, a.broken);
  EXPECT_EQ(again.failure, broken.failure) << broken.report << again.report;
  const result fixed = check(a.fixed);
  EXPECT_TRUE(fixed.ok()) << fixed.report;
  EXPECT_TRUE(fixed.complete) << fixed.summary();
  EXPECT_EQ(fixed.preemptions, unlimited);
  // At random it is found, too.
  const result at_random = check({.random = 20'000}, a.broken);
  EXPECT_FALSE(at_random.ok()) << "not found at random";
}

INSTANTIATE_TEST_SUITE_P(zoo, zoo_test, testing::ValuesIn(zoo), [](const auto& of) { return std::string(of.param.name); });

// Progress: what claims to be lock-free and is not. A thread is frozen at each of its steps in turn.

// A push that has taken its place and stops there hides all that others push after it.
void vyukov_stalls() {
  vyukov_ring<true> ring;
  thread stalled([&] { ring.push(1); });
  thread other([&] {
    ring.push(2);
    while (ring.pop() == 0) spin_pause();
  });
}

// A ticket for a place, and then wait until it is free.
void ticket_ring_stalls() {
  struct slot {
    atomic<unsigned> turn{0};
    plain<int> value;
  } only;
  atomic<unsigned> tail{0};
  atomic<unsigned> head{0};
  const auto push = [&](int n) {
    const unsigned ticket = tail.fetch_add(1, relaxed);
    while (only.turn.load(acquire) != 2 * ticket) spin_pause();
    only.value.construct(n);
    only.turn.store(2 * ticket + 1, release);
  };
  const auto pop = [&] {
    const unsigned ticket = head.fetch_add(1, relaxed);
    while (only.turn.load(acquire) != 2 * ticket + 1) spin_pause();
    only.value.destroy();
    only.turn.store(2 * ticket + 2, release);
  };
  thread producer([&] {
    push(1);
    push(2);
  });
  thread consumer([&] {
    pop();
    pop();
  });
}

void futex_lock_stalls() {
  atomic<std::uint32_t> word{0};
  const auto use = [&] {
    while (word.exchange(2, acquire) != 0) futex_wait(word, 2, deadline::never());
    word.store(0, release);
    futex_wake(word, 1);
  };
  thread first(use);
  thread second(use);
}

void increments(bool one_step) {
  atomic<int> count{0};
  const auto increment = [&] {
    within_steps(3, [&] {
      if (one_step) {
        count.fetch_add(1, relaxed);
      } else {
        int seen = count.load(relaxed);
        while (!count.compare_exchange_weak(seen, seen + 1, relaxed, relaxed)) {
        }
      }
    });
  };
  thread first(increment);
  thread second(increment);
  thread third(increment);
}

TEST(progress, WhatIsNotLockFreeIsRefused) {
  for (const auto body : {vyukov_stalls, ticket_ring_stalls, futex_lock_stalls}) {
    const result r = check({.preemptions = 1, .freeze = true}, body);
    EXPECT_NE(r.failure.find("not lock-free"), std::string::npos) << r.failure << r.report;
    // It is not for any other reason that it is refused.
    EXPECT_TRUE(check({.preemptions = 1}, body).ok());
  }
}

TEST(progress, WhatIsLockFreeAndNotWaitFree) {
  EXPECT_TRUE(check({.preemptions = 1}, [] { increments(true); }).ok());
  EXPECT_TRUE(check({.preemptions = 1, .freeze = true}, [] { increments(true); }).ok());
  const result r = check({.preemptions = 3}, [] { increments(false); });
  EXPECT_NE(r.failure.find("not wait-free"), std::string::npos) << r.failure << r.report;
}

}  // namespace
}  // namespace switchyard::model
