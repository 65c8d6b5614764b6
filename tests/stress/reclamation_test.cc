// hazard_pointer and rcu under stress: threads that come and go, that read and replace until the very end, whose
// hazard pointers pass to others, and whose allocations fail. Nothing is freed while it is looked at, and nothing stays.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/lockfree/hazard_pointer.h"
#include "switchyard/lockfree/rcu.h"
#include "switchyard/tests/stress/stress.h"

namespace switchyard::stress {
namespace {

using lockfree::hazard_pointer;
using lockfree::make_hazard_pointer;
using lockfree::rcu_barrier;
using lockfree::rcu_default_domain;

inline constexpr std::size_t shared = 4;

/// What is read and replaced. Says whether it is alive, also after its end; `part` is a plain member that the deleter
/// races with if it comes too early.
template <template <class, class> class Base>
struct object : Base<object<Base>, std::default_delete<object<Base>>> {
  static constexpr std::uint64_t alive = 0x616c6976652e2e2e;

  explicit object(atomic<std::int64_t>& count) : living(&count) { count.fetch_add(1); }
  ~object() {
    EXPECT_EQ(state.exchange(0), alive) << "freed twice";
    part = 1;
    living->fetch_sub(1);
  }
  void look() const {
    EXPECT_EQ(state.load(memory_order_relaxed), alive) << "looked at after its end";
    EXPECT_EQ(part, 0);
  }

  atomic<std::uint64_t> state{alive};
  int part = 0;
  atomic<std::int64_t>* living;
};
using guarded = object<lockfree::hazard_pointer_obj_base>;
using watched = object<lockfree::rcu_obj_base>;

template <class T>
using pointers = std::array<atomic<T*>, shared>;

template <class T>
void replace(atomic<T*>& at, T* by) {
  if (T* const old = at.exchange(by, memory_order_acq_rel)) old->retire();
}

std::size_t below(random_source& random, std::size_t limit) { return random() % limit; }

/// Calls `call`, which may not get the memory that it asks for.
template <class Call>
bool succeeds(random_source& random, Call call) {
  misfortune::in(below(random, 8) == 0 ? 1 : 0);
  try {
    const misfortune::possible here;
    call();
    misfortune::in(0);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

class reclamation_stress : public stress_test {};

TEST_F(reclamation_stress, HazardPointers) {
  for_seeds(scaled(60), [](std::uint64_t seed) {
    atomic<std::int64_t> living{0};
    pointers<guarded> current{};
    std::mutex handing_over;
    std::vector<hazard_pointer> left;  // by threads that have ended, still protecting something
    const auto use = [&](random_source& random) {
      atomic<guarded*>& at = current[below(random, shared)];
      if (below(random, 3) == 0) {
        guarded* fresh = nullptr;
        if (succeeds(random, [&] { fresh = new guarded(living); })) replace(at, fresh);
        return;
      }
      std::array<hazard_pointer, 3> mine;
      if (!succeeds(random, [&] { lockfree::make_hazard_pointer_batch(mine); })) {
        for (const auto& h : mine) EXPECT_TRUE(h.empty());
        return;
      }
      const guarded* const seen = mine[0].protect(at);
      stagger(random);
      if (seen != nullptr) seen->look();
      guarded* other = seen == nullptr ? nullptr : const_cast<guarded*>(seen);
      if (mine[1].try_protect(other, current[below(random, shared)]) && other != nullptr) other->look();
      swap(mine[0], mine[2]);
      stagger(random);
      if (seen != nullptr) seen->look();
      if (below(random, 10) == 0) {
        const std::scoped_lock lock(handing_over);
        left.push_back(std::move(mine[2]));
        if (left.size() > 5) left.erase(left.begin());
      }
    };
    come_and_go(places, seed, [&](int, random_source& random) {
      for (std::uint64_t n = below(random, 60); n > 0; --n) use(random);
      if (below(random, 3) == 0) {
        const std::uint64_t again = below(random, 1'000'000);
        say_last([&, again] {
          random_source last = random_for(again, 0);
          use(last);
          replace(current[0], new guarded(living));
          use(last);
        });
      }
      return below(random, 12) != 0;
    });
    left.clear();
    // The last thread, which finds what the others have left.
    std::thread([&] {
      for (auto& at : current) replace<guarded>(at, nullptr);
      std::make_unique<guarded>(living).release()->retire();
    }).join();
    EXPECT_EQ(living.load(), 0);
  });
}

TEST_F(reclamation_stress, Rcu) {
  for_seeds(scaled(60), [](std::uint64_t seed) {
    atomic<std::int64_t> living{0};
    pointers<watched> current{};
    const auto use = [&](random_source& random) {
      atomic<watched*>& at = current[below(random, shared)];
      const std::uint64_t what = below(random, 20);
      if (what < 6) {
        replace(at, new watched(living));
      } else if (what == 6) {
        if (watched* const old = at.exchange(nullptr, memory_order_acq_rel)) {
          lockfree::rcu_synchronize();
          delete old;
        }
      } else if (what == 7) {
        rcu_barrier();
      } else if (what == 8) {
        { const std::scoped_lock joined(rcu_default_domain()); }  // which takes memory, too
        watched* const one = new watched(living);
        if (!succeeds(random, [&] { lockfree::rcu_retire(one); })) delete one;
      } else {
        const std::scoped_lock reading(rcu_default_domain());
        const watched* const seen = at.load(memory_order_acquire);
        stagger(random);
        if (seen != nullptr) seen->look();
        if (below(random, 5) == 0) {
          const std::scoped_lock again(rcu_default_domain());
          replace(at, new watched(living));
        }
        if (seen != nullptr) seen->look();
      }
    };
    come_and_go(places, seed, [&](int, random_source& random) {
      for (std::uint64_t n = below(random, 60); n > 0; --n) use(random);
      if (below(random, 3) == 0) {
        const std::uint64_t again = below(random, 1'000'000);
        say_last([&, again] {
          random_source last = random_for(again, 0);
          for (int i = 0; i < 5; ++i) use(last);
        });
      }
      return below(random, 12) != 0;
    });
    for (auto& at : current) replace<watched>(at, nullptr);
    rcu_barrier();
    EXPECT_EQ(living.load(), 0);
  });
}

}  // namespace
}  // namespace switchyard::stress
