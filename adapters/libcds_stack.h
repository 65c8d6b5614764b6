// cds::container::TreiberStack behind this package's interface, with and without elimination.
//
// Source: Max Khizhinsky's libcds; Treiber (1986) with hazard pointers (Michael 2004), and Hendler, Shavit and
//   Yerushalmi (2004) for threads that meet and hand an element over beside the stack.
// When: to compare, or where that library is in use already. Otherwise use `lockfree::stack`, which needs
//   no set-up, waits, and ends.
// Progress: lock-free without elimination. With it, not: libcds has a spin lock for each place to meet at, and
//   an element's node may hang on a thread that waits there.
// Ordering: last in, first out, and linearizable.
// Cost: a node from operator new for each element, a full fence for each pop; with elimination also a draw of
//   std::rand's kind and a wait, after each compare-and-swap that failed.
// Set-up: libcds must be initialised, and each thread told to it. The first operation of a thread does so, and
//   its end takes it back. Threads that use one at the same time: at most 100.
//
//   switchyard::adapters::libcds_stack<int> stack;
#pragma once

#include <cds/container/treiber_stack.h>
#include <cds/gc/hp.h>

#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/adapters/detail/libcds_in_use.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {

namespace detail {

struct libcds_with_elimination : cds::container::treiber_stack::traits {
  static constexpr const bool enable_elimination = true;
};

}  // namespace detail

/// What libcds does when two threads want the top at once: meet beside the stack, or try again.
enum class libcds_elimination { off, on };

/// Models `try_queue` only: libcds's stack neither waits nor closes.
template <class T, libcds_elimination Elimination = libcds_elimination::off>
class libcds_stack {
 public:
  using value_type = T;

  libcds_stack() { detail::libcds_in_use::by_this_thread(); }
  libcds_stack(const libcds_stack&) = delete;
  libcds_stack& operator=(const libcds_stack&) = delete;
  ~libcds_stack() { detail::libcds_in_use::by_this_thread(); }

  /// Always `success`. Throws what building the element throws, and std::bad_alloc, with the stack as it was;
  /// in the latter case `value` is as it was, too.
  [[nodiscard]] conqueue_status try_push(const T& value) {
    detail::libcds_in_use::by_this_thread();
    stack_.push(value);
    return conqueue_status::success;
  }
  [[nodiscard]] conqueue_status try_push(T&& value) {
    detail::libcds_in_use::by_this_thread();
    stack_.emplace(std::move(value));
    return conqueue_status::success;
  }

  /// The newest element, or `empty`. If moving it throws, it is lost and its node is, too.
  [[nodiscard]] pop_result<T> try_pop() {
    detail::libcds_in_use::by_this_thread();
    std::optional<T> taken;
    if (!stack_.pop_with([&](T& value) { taken.emplace(std::move(value)); })) {
      return unexpected(conqueue_status::empty);
    }
    return pop_result<T>(*std::move(taken));
  }

 private:
  using traits = std::conditional_t<Elimination == libcds_elimination::on, detail::libcds_with_elimination,
                                    cds::container::treiber_stack::traits>;
  cds::container::TreiberStack<cds::gc::HP, T, traits> stack_;
};

}  // namespace switchyard::adapters
