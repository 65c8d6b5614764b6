// The results of a thread pool's `map`, in the order of its input.
//
// Source: CPython's Executor.map.
// When: inside the thread pools.
// Progress: blocking: ++ waits for the next result; in a worker of the pool, by running its tasks.
// Cost: a task of the pool for each chunk, with an allocation for its elements and one for its results.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/interface/deadline.h"
#include "switchyard/interface/future.h"
#include "switchyard/interface/thread_pool.h"
#include "switchyard/threads/detail/future_value.h"
#include "switchyard/threads/future.h"

namespace switchyard::detail {

/// `Inputs` are lvalue references to ranges, or ranges to keep. An input range of what `F` returns, by value; of `nothing`s, if it returns void. It begins once.
template <class Pool, class F, class... Inputs>
class map_results {
  using element = std::tuple<std::ranges::range_value_t<Inputs>...>;
  using returned = std::invoke_result_t<const F&, std::ranges::range_value_t<Inputs>...>;

 public:
  using value_type = std::conditional_t<std::is_void_v<returned>, nothing, std::remove_cvref_t<returned>>;

  /// Takes from the inputs and submits, as far as it may look ahead. Throws what reading them throws, and what `submit`
  /// throws; what has been submitted is cancelled then.
  map_results(Pool& pool, const map_options& options, F f, Inputs&&... inputs)
      : pool_(&pool),
        chunk_(positive(options.chunk, "a chunk has at least 1 element")),
        look_ahead_(positive(options.look_ahead, "map must look at least 1 element ahead")),
        limit_(deadline::after(options.time_limit)),
        f_(std::make_shared<const F>(std::move(f))),
        source_(std::make_unique<source>(std::forward<Inputs>(inputs)...)) {
    or_end([this] { submit_more(); });
  }
  map_results(map_results&&) noexcept = default;
  map_results& operator=(map_results&& other) noexcept {
    cancel();
    pool_ = other.pool_;
    chunk_ = other.chunk_;
    look_ahead_ = other.look_ahead_;
    limit_ = other.limit_;
    f_ = std::move(other.f_);
    source_ = std::move(other.source_);
    under_way_ = std::move(other.under_way_);
    ahead_ = other.ahead_;
    results_ = std::move(other.results_);
    at_ = other.at_;
    return *this;
  }
  /// Cancels what has not begun; does not wait for the rest.
  ~map_results() { cancel(); }

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = map_results::value_type;
    using difference_type = std::ptrdiff_t;

    value_type& operator*() const { return of_->results_.values[of_->at_].value; }
    value_type* operator->() const { return std::addressof(**this); }
    iterator& operator++() {
      of_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !of_->has_result(); }

   private:
    friend class map_results;
    explicit iterator(map_results* of) : of_(of) {}
    map_results* of_;
  };

  /// Waits for the first result.
  iterator begin() {
    if (!has_result()) find_result();
    return iterator(this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  // Not a value_type itself: a vector of bool has no elements.
  struct one_result {
    value_type value;
  };
  /// Of one chunk: what comes before the exception, if there is one.
  struct chunk_results {
    std::vector<one_result> values;
    std::exception_ptr thrown;
  };

  // The inputs and how far they have been read. It stays in its place, as iterators may point into it.
  class source {
   public:
    explicit source(Inputs&&... from) : ranges_(std::forward<Inputs>(from)...) {}

    /// Goes to the next element; false: there is none.
    bool next() {
      return next(std::index_sequence_for<Inputs...>());
    }
    element read() const {
      return std::apply([](const auto&... at) { return element(**at...); }, at_);
    }

   private:
    template <std::size_t... I>
    bool next(std::index_sequence<I...>) {
      if (std::exchange(begun_, true)) {
        (++*std::get<I>(at_), ...);
      } else {
        (std::get<I>(at_).emplace(std::ranges::begin(std::get<I>(ranges_))), ...);
      }
      return (... && (*std::get<I>(at_) != std::ranges::end(std::get<I>(ranges_))));
    }

    std::tuple<Inputs...> ranges_;
    std::tuple<std::optional<std::ranges::iterator_t<Inputs>>...> at_;
    bool begun_ = false;
  };

  static std::size_t positive(std::size_t n, const char* what) {
    if (n == 0) throw std::invalid_argument(what);
    return n;
  }

  bool has_result() const noexcept { return at_ < results_.values.size(); }
  void advance() {
    ++at_;
    --ahead_;
    or_end([this] { submit_more(); });
    find_result();
  }

  // Waits for the next chunk if the present one has been had.
  void find_result() {
    or_end([this] {
      while (!has_result()) {
        if (results_.thrown != nullptr) std::rethrow_exception(results_.thrown);
        if (under_way_.empty()) return;
        if (!under_way_.front().wait_until(limit_)) throw future_timeout("a result of map has not come in time");
        results_ = under_way_.front().get();
        under_way_.pop_front();
        at_ = 0;
      }
    });
  }

  // Whole chunks only, but for the last, as far as it may look ahead.
  void submit_more() {
    const std::size_t size = std::min(chunk_, look_ahead_);
    while (source_ != nullptr && look_ahead_ - ahead_ >= size) {
      std::vector<element> elements;
      while (elements.size() < size && source_ != nullptr) {
        source_->next() ? elements.push_back(source_->read()) : source_.reset();
      }
      if (elements.empty()) return;
      ahead_ += elements.size();
      under_way_.emplace_back();  // first: without a place for its future, nobody could cancel it
      under_way_.back() = pool_->submit([f = f_, elements = std::move(elements)]() mutable { return run(*f, elements); });
    }
  }

  static chunk_results run(const F& f, std::vector<element>& elements) {
    chunk_results results;
    try {
      results.values.reserve(elements.size());
      for (element& each : elements) {
        std::apply(
            [&](auto&... parts) {
              if constexpr (std::is_void_v<returned>) {
                std::invoke(f, std::move(parts)...);
                results.values.emplace_back();
              } else {
                results.values.push_back(one_result{std::invoke(f, std::move(parts)...)});
              }
            },
            each);
      }
    } catch (...) {
      results.thrown = std::current_exception();
      if (results.thrown == nullptr) throw;  // pthread_exit or pthread_cancel, which may not be stopped
    }
    return results;
  }

  // An exception is the end.
  template <class Step>
  void or_end(Step step) {
    try {
      step();
    } catch (...) {
      cancel();
      throw;
    }
  }
  void cancel() noexcept {
    for (auto& each : under_way_) {
      if (each.valid()) each.cancel();
    }
    under_way_.clear();
    source_.reset();
    results_ = {};
    at_ = 0;
  }

  Pool* pool_;
  std::size_t chunk_;
  std::size_t look_ahead_;
  deadline limit_;
  std::shared_ptr<const F> f_;
  std::unique_ptr<source> source_;  // null: it has been read to its end
  std::deque<future<chunk_results>> under_way_;
  std::size_t ahead_ = 0;  // elements taken from the input whose results have not been had
  chunk_results results_;
  std::size_t at_ = 0;
};

}  // namespace switchyard::detail
