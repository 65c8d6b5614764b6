// Waiting for several futures: for the first, for all, or for one after the other as they become ready.
//
// Source: CPython's concurrent.futures: `wait` and `as_completed`.
// When: more than one result is on its way, and the order in which they come is not known. Where it is of no matter,
//   `get` them one by one.
// Progress: blocking: a thread sleeps until a future is ready. In a pool's worker, it does the pool's work.
// Ordering: that of `future`.
// Cost: a look at each future; about a microsecond and an allocation for each if the thread has to sleep.
//
//   switch (wait_any(left, right)) { case 0: use(left.get()); break;  case 1: use(right.get()); }
//   for (auto& f : as_completed(futures)) use(f.get());
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <iterator>
#include <limits>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/interface/deadline.h"
#include "switchyard/interface/future.h"
#include "switchyard/threads/detail/future_core.h"
#include "switchyard/threads/detail/wait_for_futures.h"
#include "switchyard/threads/future.h"

namespace switchyard {

namespace detail {

template <class T>
inline constexpr bool is_future = false;
template <class T>
inline constexpr bool is_future<future<T>> = true;

template <class R>
concept range_of_futures =
    std::ranges::forward_range<R> && is_future<std::remove_cvref_t<std::ranges::range_reference_t<R>>>;

template <range_of_futures R>
std::vector<future_core*> cores_of(R& futures) {
  std::vector<future_core*> cores;
  for (auto& f : futures) cores.push_back(&detail_access::core(f));
  return cores;
}

/// The place of the first that is complete.
inline std::optional<std::size_t> wait_for_first(std::span<future_core* const> cores, deadline limit,
                                                 const std::stop_token& stop = {}) {
  if (cores.empty()) throw std::invalid_argument("there is no future to wait for");
  std::size_t first = 0;
  const bool found = wait_for_futures(
      cores,
      [&] {
        for (first = 0; first < cores.size() && !cores[first]->is_complete();) ++first;
        return first < cores.size();
      },
      limit, stop);
  return found ? std::optional(first) : std::nullopt;
}

}  // namespace detail

/// Waits until one of the futures is ready, and returns its place among them. Throws `no_state` if one has none.
template <class... Ts>
std::size_t wait_any(const future<Ts>&... futures) {
  const std::array<detail::future_core*, sizeof...(Ts)> cores{&detail_access::core(futures)...};
  return *detail::wait_for_first(cores, deadline::never());
}

/// The same for a range of futures, up to a limit, or until a stop is requested: nullopt. Throws std::invalid_argument
/// for an empty range.
template <detail::range_of_futures R>
std::size_t wait_any(R&& futures) {
  return *detail::wait_for_first(detail::cores_of(futures), deadline::never());
}
template <detail::range_of_futures R, class Rep, class Period>
std::optional<std::size_t> wait_any_for(R&& futures, const std::chrono::duration<Rep, Period>& limit) {
  return detail::wait_for_first(detail::cores_of(futures), deadline::after(limit));
}
template <detail::range_of_futures R>
std::optional<std::size_t> wait_any_until(R&& futures, deadline when) {
  return detail::wait_for_first(detail::cores_of(futures), when);
}
template <detail::range_of_futures R>
std::optional<std::size_t> wait_any(R&& futures, std::stop_token stop) {
  return detail::wait_for_first(detail::cores_of(futures), deadline::never(), stop);
}

/// Waits until all are ready, or until `limit`: false.
template <detail::range_of_futures R>
bool wait_all(R&& futures, deadline limit = deadline::never()) {
  for (const auto& f : futures) {
    if (!f.wait_until(limit)) return false;
  }
  return true;
}

/// Waits until all are ready, or one of them has an exception, or has been cancelled: its place among them; nullopt: none
/// has, or `limit` has passed.
template <detail::range_of_futures R>
std::optional<std::size_t> wait_first_failure(R&& futures, deadline limit = deadline::never()) {
  const std::vector<detail::future_core*> all = detail::cores_of(futures);
  std::optional<std::size_t> failed;
  detail::wait_for_futures(
      all,
      [&] {
        bool every = true;
        for (std::size_t i = 0; i < all.size(); ++i) {
          const auto now = all[i]->now();
          if (now > detail::future_core::value) return failed = i, true;
          every = every && now == detail::future_core::value;
        }
        return every;
      },
      limit);
  return failed;
}

/// What `as_completed` returns: an input range of references to the futures, each once, when it is ready.
template <class R>
class futures_as_completed {
  using future_type = std::remove_reference_t<std::ranges::range_reference_t<R>>;

 public:
  futures_as_completed(R& futures, deadline limit) : limit_(limit) {
    for (auto& f : futures) waiting_.push_back({&f, detail::core_ref::another(detail_access::core(f))});
  }

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = future_type;
    using difference_type = std::ptrdiff_t;

    future_type& operator*() const { return *of_->ready_.front(); }
    /// Waits for the next. Throws `future_timeout` if none is ready in time.
    iterator& operator++() {
      of_->ready_.pop_front();
      of_->find_ready();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return of_->ready_.empty(); }

   private:
    friend class futures_as_completed;
    explicit iterator(futures_as_completed* of) : of_(of) {}
    futures_as_completed* of_;
  };

  iterator begin() {
    if (ready_.empty()) find_ready();
    return iterator(this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  struct waiting {
    future_type* which;
    detail::core_ref core;
  };

  void find_ready() {
    if (!ready_.empty() || waiting_.empty()) return;
    std::vector<detail::future_core*> cores;
    for (const waiting& w : waiting_) cores.push_back(w.core.get());
    if (!detail::wait_for_first(cores, limit_)) throw future_timeout("not all results have come in time");
    std::erase_if(waiting_, [&](const waiting& w) {
      if (!w.core->is_complete()) return false;
      ready_.push_back(w.which);
      return true;
    });
  }

  std::vector<waiting> waiting_;
  std::deque<future_type*> ready_;  // but not yet seen by the caller
  deadline limit_;
};

/// The futures of `futures`, which must stay where they are, as they become ready; those that are, in their order. Throws
/// `no_state` if one has none, and `future_timeout` from ++ or begin() where the next is not ready by `limit`.
template <detail::range_of_futures R>
futures_as_completed<R> as_completed(R& futures, deadline limit = deadline::never()) {
  return {futures, limit};
}

}  // namespace switchyard
