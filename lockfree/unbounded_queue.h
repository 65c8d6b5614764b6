// A first-in-first-out queue without a limit, for any number of producers and consumers that no stopped thread can block.
//
// Source: our own; a list of segments as in LCRQ (Morrison and Afek, PPoPP 2013) and FAAArrayQueue (Ramalhete, 2016),
//   whose slots are taken by compare-and-swap and found by hints, as in Tsigas and Zhang's ring (SPAA 2001). See
//   `detail/once_slots.h`, `detail/segment_list.h`.
// When: a producer must never wait, and something else keeps the queue from growing for ever. Where nothing does,
//   `bounded_queue` makes the producer wait instead of filling the memory. `blocking::unbounded_queue` has the same
//   members.
// Progress: lock-free, apart from the allocator: a thread stopped for ever anywhere stops no other; members that wait
//   block when there is nothing to take.
// Ordering: linearizable FIFO. A push happens before the pop of its element. While pushes that began before a close are
//   under way, of elements that are not trivially copyable or are built from something else, "empty" may be returned
//   instead of "closed".
// Exceptions: an element that throws while it is handed over to who pops it is lost, as in P0260. What moves an element
//   without throwing must not use the queue that it is in; constructors from anything else may.
// Cost: one compare-and-swap a push and one a pop, and 8 bytes an element, for up to 8 trivially copyable bytes. Another
//   compare-and-swap and 4 bytes for others; and a piece of memory each, if moving them can throw. Memory is taken 16 KB
//   at a time: by the constructor, then as it is needed, with one such segment in reserve for each thread that pushes, up
//   to eight for each that pops, and half a megabyte to be used again. What is more is given back as it is emptied; to the
//   system itself, where the allocator is the standard one.
//
//   unbounded_queue<event> events;
//   /* anybody */ events.push(event());  /* one or more threads */ while (auto e = events.pop()) handle(*e);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/detail/once_slots.h"
#include "switchyard/lockfree/detail/segment_list.h"
#include "switchyard/lockfree/detail/words.h"
#include "switchyard/lockfree/waiting.h"

namespace switchyard::lockfree {

/// Models `timed_queue`, `bulk_queue` and `sized_queue`; see `waiting_queue` for most members. It is never `full`; a push
/// throws what the allocator throws, and has then changed nothing.
template <class T, class Allocator = std::allocator<T>>
class unbounded_queue : public waiting_queue<unbounded_queue<T, Allocator>, T> {
  static_assert(std::is_nothrow_destructible_v<T>, "an element must not throw when destroyed");

 public:
  using allocator_type = Allocator;

  /// An empty queue.
  explicit unbounded_queue(const Allocator& allocator = Allocator()) : list_(allocator) {}
  unbounded_queue(const unbounded_queue&) = delete;
  unbounded_queue& operator=(const unbounded_queue&) = delete;
  ~unbounded_queue() {
    if constexpr (way == kept::in_slots && !std::is_trivially_destructible_v<T>) {
      list_.for_each([](plain<T>& element) { element.destroy(); });
    } else if constexpr (way == kept::in_nodes) {
      list_.for_each([&](std::uint64_t word) {
        to_node(word)->destroy();
        free(to_node(word));
      });
    }
  }

  bool is_closed() const noexcept { return list_.is_closed(); }
  allocator_type get_allocator() const noexcept { return list_.get_allocator(); }

  /// Exact where operations have not overlapped.
  std::size_t size_approx() const noexcept { return list_.size_approx(); }

 private:
  friend class waiting_queue<unbounded_queue, T>;

  // How elements are kept: as words, in the slots as they are, or each in a node, which is a word.
  enum class kept { as_words, in_slots, in_nodes };
  static constexpr kept way = detail::fits_word<T>                       ? kept::as_words
                              : std::is_nothrow_move_constructible_v<T> ? kept::in_slots
                                                                        : kept::in_nodes;
#ifdef SWITCHYARD_MODEL
  static constexpr std::uint32_t words = 2;
  static constexpr std::uint32_t objects = 2;
#else
  // A segment takes four pages: all but these bytes of them.
  static constexpr std::size_t slot_bytes = 4 * 4096 - 4 * cache_padding;
  static constexpr std::uint32_t words = slot_bytes / sizeof(std::uint64_t);
  static constexpr std::uint32_t objects =
      static_cast<std::uint32_t>(std::max<std::size_t>(slot_bytes / ((sizeof(T) + alignof(T) + 3) / 4 * 4), 16));
#endif
  using slots = std::conditional_t<way == kept::in_slots, detail::object_slots<T, objects>, detail::word_slots<words>>;
  using list = detail::segment_list<slots, Allocator>;
  using part = typename list::part;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args);
  template <class Sink>
  conqueue_status pop_once(Sink&& sink);
  template <class In>
  void push_batch_once(In& first, std::size_t n, std::size_t& done);
  template <class Out>
  void pop_batch_once(Out& out, std::size_t max, std::size_t& done);
  void close_once() noexcept { list_.close(); }

  template <class... Args>
  conqueue_status push_one(part& mine, Args&&... args);
  template <class Sink>
  bool pop_one(part& mine, Sink& sink);
  template <class Sink>
  conqueue_status look_again(part& mine, Sink& sink);

  /// What a push brings, to be moved into a slot, and back if that was given up, and into another.
  struct made {
    std::optional<T> object;

    void move_to(plain<T>& room) noexcept { room.construct(std::move(*object)); }
    void move_back(plain<T>& room) noexcept { object.emplace(room.take()); }
  };
  /// The same, which begins as a T that is elsewhere.
  template <class Arg>
  struct given : made {
    Arg&& argument;

    void move_to(plain<T>& room) noexcept {
      if (this->object) [[unlikely]] return made::move_to(room);
      room.construct(std::forward<Arg>(argument));
    }
  };

  // Whether `Args` are a T, and making another T of it cannot fail.
  template <class... Args>
  static constexpr bool are_an_element =
      (std::is_same_v<std::remove_cvref_t<Args>, T> && ...) && sizeof...(Args) == 1 &&
      std::is_nothrow_constructible_v<T, Args...>;

  template <class... Args>
  auto make(Args&&... args);

  using node = plain<T>;
  using node_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<node>;
  using node_traits = std::allocator_traits<node_allocator>;
  static node* to_node(std::uint64_t word) noexcept { return reinterpret_cast<node*>(word); }
  void free(node* unused) noexcept {
    node_allocator allocator(list_.get_allocator());
    std::destroy_at(unused);
    node_traits::deallocate(allocator, std::pointer_traits<typename node_traits::pointer>::pointer_to(*unused), 1);
  }

  list list_;
};

template <class T, class Allocator>
template <class... Args>
conqueue_status unbounded_queue<T, Allocator>::emplace_once(Args&&... args) {
  return push_one(list_.local(), std::forward<Args>(args)...);
}

template <class T, class Allocator>
template <class Sink>
conqueue_status unbounded_queue<T, Allocator>::pop_once(Sink&& sink) {
  part& mine = list_.local();
  if (pop_one(mine, sink)) [[likely]] return conqueue_status::success;
  return look_again(mine, sink);
}

// Who has found nothing.
template <class T, class Allocator>
template <class Sink>
[[gnu::noinline]] conqueue_status unbounded_queue<T, Allocator>::look_again(part& mine, Sink& sink) {
  if (!list_.is_drained()) return conqueue_status::empty;
  // Nobody puts any more: if there is nothing now, that is for good.
  return pop_one(mine, sink) ? conqueue_status::success : conqueue_status::closed;
}

template <class T, class Allocator>
template <class In>
void unbounded_queue<T, Allocator>::push_batch_once(In& first, std::size_t n, std::size_t& done) {
  for (part& mine = list_.local(); done < n && push_one(mine, *first) == conqueue_status::success; ++first) ++done;
}

template <class T, class Allocator>
template <class Out>
void unbounded_queue<T, Allocator>::pop_batch_once(Out& out, std::size_t max, std::size_t& done) {
  const auto sink = [&](T&& element) {
    *out = std::move(element);
    ++out;
  };
  for (part& mine = list_.local(); done < max && pop_one(mine, sink);) ++done;
}

template <class T, class Allocator>
template <class... Args>
conqueue_status unbounded_queue<T, Allocator>::push_one(part& mine, Args&&... args) {
  if constexpr (are_an_element<Args...> && std::is_trivially_copyable_v<T> && way != kept::in_nodes) {
    auto element = make(std::forward<Args>(args)...);
    if (!list_.put(mine, element)) return conqueue_status::closed;
  } else {
    const entrance::pass inside = list_.enter(mine);
    if (!inside) return conqueue_status::closed;
    // Whatever may fail comes first: once the arguments are used, the element will be in the queue.
    list_.prepare(mine);
    if constexpr (are_an_element<Args...> && way == kept::in_slots) {
      auto element = make(std::forward<Args>(args)...);
      list_.put_for_sure(mine, element);
    } else {
      auto element = [&] {
        const typename list::aside reserved(list_, mine);
        return make(std::forward<Args>(args)...);
      }();
      list_.put_for_sure(mine, element);
    }
  }
  mine.count(1);
  return conqueue_status::success;
}

template <class T, class Allocator>
template <class... Args>
auto unbounded_queue<T, Allocator>::make(Args&&... args) {
  if constexpr (way == kept::as_words) {
    const T value(std::forward<Args>(args)...);
    return detail::to_word(value);
  } else if constexpr (way == kept::in_slots && are_an_element<Args...>) {
    return given<Args...>{{}, std::forward<Args>(args)...};
  } else if constexpr (way == kept::in_slots) {
    return made{std::optional<T>(std::in_place, std::forward<Args>(args)...)};
  } else {
    node_allocator allocator(list_.get_allocator());
    node* const n = std::construct_at(std::to_address(node_traits::allocate(allocator, 1)));
    try {
      n->construct(std::forward<Args>(args)...);
    } catch (...) {
      free(n);
      throw;
    }
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(n));
  }
}

template <class T, class Allocator>
template <class Sink>
bool unbounded_queue<T, Allocator>::pop_one(part& mine, Sink& sink) {
  typename list::element taken{};
  if (!list_.take(mine, taken)) return false;
  mine.count(-1);
  if constexpr (way == kept::as_words) {
    sink(detail::from_word<T>(taken));
  } else if constexpr (way == kept::in_slots) {
    sink(std::move(*taken));
  } else {
    struct at_exit {
      unbounded_queue& self;
      node* n;
      ~at_exit() {
        n->destroy();
        self.free(n);
      }
    } end{*this, to_node(taken)};
    sink(std::move(end.n->write()));
  }
  return true;
}

}  // namespace switchyard::lockfree
