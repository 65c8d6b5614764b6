// A lock-free ring of elements of any type, on a ring of words.
//
// Source: `slot_ring.h`; the exchange of nodes is our own.
//
// An element of up to eight trivially copyable bytes is a word, and so is what a `std::unique_ptr` without a deleter's
// state points to. Any other lives in a node, and the word is the node's address. Every slot always has a node, full or free, and every thread has one to spare: a put builds
// its element in the spare node and exchanges it for the free one in the slot, a take exchanges its spare node
// for the full one. So nodes need no free list that threads would contend for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/detail/slot_ring.h"
#include "switchyard/lockfree/detail/slots.h"
#include "switchyard/lockfree/detail/words.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree::detail {

/// How a T becomes a word and the word a T: `of` what the T would be made of, `after` the word has been put, or has not, and
/// `back`.
template <class T>
struct as_word;

template <class T>
concept is_word = requires(std::uint64_t word) { as_word<T>::back(word); };

template <class T>
  requires fits_word<T>
struct as_word<T> {
  template <class... Args>
  static std::uint64_t of(Args&&... args) {
    const T value(std::forward<Args>(args)...);
    return to_word(value);
  }
  template <class... Args>
  static void after(bool, std::uint64_t, Args&...) noexcept {}

  static T back(std::uint64_t word) noexcept { return from_word<T>(word); }
};

/// The object stays its source's until the word has been put: a put that fails has left the source as it was.
template <class Object, class Deleter>
  requires(std::is_pointer_v<typename std::unique_ptr<Object, Deleter>::pointer> && std::is_empty_v<Deleter> &&
           std::is_nothrow_default_constructible_v<Deleter>)
struct as_word<std::unique_ptr<Object, Deleter>> {
  using owner = std::unique_ptr<Object, Deleter>;
  using pointer = typename owner::pointer;

  template <class... Args>
  static std::uint64_t of(Args&&... args) {
    static_assert(std::is_constructible_v<owner, Args...>);
    if constexpr (requires { seen_in(args...); }) {
      return to_word(seen_in(args...));
    } else {
      return to_word(owner(std::forward<Args>(args)...).release());
    }
  }
  template <class... Args>
  static void after(bool put, std::uint64_t word, Args&... args) noexcept {
    if constexpr (requires { seen_in(args...); }) {
      if (put) (let_go(args), ...);
    } else if (!put) {
      static_cast<void>(back(word));
    }
  }

  static owner back(std::uint64_t word) noexcept { return owner(reinterpret_cast<pointer>(word)); }

 private:
  static std::uint64_t to_word(pointer object) noexcept { return reinterpret_cast<std::uintptr_t>(object); }

  // Sources that can be looked at first and taken from later. Of any other, an owner is made, which is gone if not put.
  static pointer seen_in(pointer source = nullptr) noexcept { return source; }
  template <class Other, class D>
  static pointer seen_in(const std::unique_ptr<Other, D>& source) noexcept {
    return source.get();
  }
  static void let_go(const auto&) noexcept {}
  template <class Other, class D>
  static void let_go(std::unique_ptr<Other, D>& source) noexcept {
    static_cast<void>(source.release());
  }
};

/// Elements that are words.
template <class T, class Allocator>
class word_store {
 public:
  using ring = slot_ring<Allocator, false>;

  explicit word_store(ring&) noexcept {}

  /// The word of one element, while it is put or taken.
  struct hand {
    explicit hand(word_store&) noexcept {}
    std::uint64_t word = 0;
  };

  template <class... Args>
  static void build(std::uint64_t& word, Args&&... args) {
    word = as_word<T>::of(std::forward<Args>(args)...);
  }
  template <class... Args>
  static void after(bool put, std::uint64_t word, Args&... args) noexcept {
    as_word<T>::after(put, word, args...);
  }

  template <class Sink>
  static void move_out(std::uint64_t word, Sink& sink) {
    sink(as_word<T>::back(word));
  }
};

/// Elements in nodes. A thread's first operation allocates its spare one, and may throw std::bad_alloc.
template <class T, class Allocator>
class node_store {
  struct node {
    node() noexcept {}
    ~node() {}
    union {
      node* next = nullptr;  // while among the `more`
      plain<T> element;
    };
  };
  // More than one only if building an element, or moving one out, pushes or pops another.
  struct spare_nodes {
    node* one = nullptr;
    node* more = nullptr;
  };

 public:
  using ring = slot_ring<Allocator, true>;

  explicit node_store(ring& r)
      : ring_(r), nodes_(r.size(), r.get_allocator()), allocator_(r.get_allocator()) {
    for (std::size_t i = 0; i < r.size(); ++i) r.keep(i, to_word(&nodes_[i]));
  }
  node_store(const node_store&) = delete;
  node_store& operator=(const node_store&) = delete;

  /// No element is left, so every node is in a slot or spare.
  ~node_store() {
    for (std::size_t i = 0; i < ring_.size(); ++i) release(to_node(ring_.word_of(i)));
    spares_.for_each([this](const spare_nodes& spares) {
      if (spares.one != nullptr) release(spares.one);
      for (node* n = spares.more; n != nullptr;) release(std::exchange(n, n->next));
    });
  }

  /// The spare node of the calling thread, or what it has been exchanged for. May have to be allocated.
  class hand {
   public:
    explicit hand(node_store& store) : spares_(store.spares_.local()), word(store.spare(spares_)) {}
    hand(const hand&) = delete;
    hand& operator=(const hand&) = delete;
    ~hand() {
      node* const n = to_node(word);
      if (spares_.one == nullptr) {
        spares_.one = n;  // without touching the node, whose line another processor may have
      } else {
        n->next = std::exchange(spares_.more, n);
      }
    }

   private:
    spare_nodes& spares_;

   public:
    std::uint64_t word;
  };

  template <class... Args>
  static void build(std::uint64_t word, Args&&... args) {
    to_node(word)->element.construct(std::forward<Args>(args)...);
  }
  template <class... Args>
  static void after(bool, std::uint64_t, Args&...) noexcept {}

  template <class Sink>
  static void move_out(std::uint64_t word, Sink& sink) {
    struct destroy_at_exit {
      plain<T>& element;
      ~destroy_at_exit() { element.destroy(); }
    } end{to_node(word)->element};
    sink(std::move(end.element.write()));
  }

 private:
  using traits = typename std::allocator_traits<Allocator>::template rebind_traits<node>;

  static std::uint64_t to_word(node* n) noexcept { return reinterpret_cast<std::uintptr_t>(n); }
  static node* to_node(std::uint64_t word) noexcept { return reinterpret_cast<node*>(word); }

  std::uint64_t spare(spare_nodes& mine) {
    if (mine.one != nullptr) return to_word(std::exchange(mine.one, nullptr));
    if (mine.more != nullptr) return to_word(std::exchange(mine.more, mine.more->next));
    return to_word(std::construct_at(std::to_address(traits::allocate(allocator_, 1))));
  }

  // Gives a node's memory back, unless it is of the first ones.
  void release(node* n) noexcept {
    const node* const first = &nodes_[0];
    if (!std::less<>()(n, first) && std::less<>()(n, first + nodes_.size())) return;
    std::destroy_at(n);
    traits::deallocate(allocator_, std::pointer_traits<typename traits::pointer>::pointer_to(*n), 1);
  }

  ring& ring_;
  slots<node, Allocator> nodes_;
  [[no_unique_address]] typename traits::allocator_type allocator_;
  per_thread<spare_nodes> spares_;
};

/// A slot_ring of T. What it says of progress and order holds here.
template <class T, class Allocator>
class element_ring {
  using store = std::conditional_t<is_word<T>, word_store<T, Allocator>, node_store<T, Allocator>>;

 public:
  element_ring(std::size_t size, start_at start, const Allocator& allocator)
      : ring_(size, start, allocator), store_(ring_) {}
  element_ring(const element_ring&) = delete;
  element_ring& operator=(const element_ring&) = delete;
  ~element_ring() {
    if constexpr (!std::is_trivially_destructible_v<T>) {
      taker all(*this);
      const auto drop = [](T&&) {};
      while (all.try_take(drop) == conqueue_status::success) {
      }
    }
  }

  std::size_t size() const noexcept { return ring_.size(); }
  std::size_t size_approx() const noexcept { return ring_.size_approx(); }
  /// For looking at what a take would find.
  auto words() noexcept { return typename store::ring::taker(ring_); }
  Allocator get_allocator() const noexcept { return ring_.get_allocator(); }
  void close() noexcept { ring_.close(); }
  bool reserve() noexcept { return ring_.reserve(); }
  void give_back() noexcept { ring_.give_back(); }

  /// One put or several one after the other. May throw std::bad_alloc.
  class putter {
   public:
    explicit putter(element_ring& ring) : held_(ring.store_), words_(ring.ring_) {}

    /// `success`, or what a put would be told at this moment.
    conqueue_status refusal() noexcept { return words_.refusal(); }

    /// Appends a T made of `args`: `success`. Or `full` or `closed`, and then the T is gone with what was moved
    /// into it, unless it is a word.
    template <class... Args>
    conqueue_status try_put(Args&&... args) {
      store::build(held_.word, std::forward<Args>(args)...);
      const conqueue_status status = words_.try_put(held_.word);
      store::after(status == conqueue_status::success, held_.word, args...);
      return status;
    }

   private:
    typename store::hand held_;
    typename store::ring::putter words_;
  };

  /// The same for takes.
  class taker {
   public:
    explicit taker(element_ring& ring) : held_(ring.store_), words_(ring.ring_) {}

    /// Removes the oldest element and calls `sink(T&&)` with it: `success`. Or `empty` or `closed`. If `sink`
    /// throws, the element is lost.
    template <class Sink>
    conqueue_status try_take(Sink& sink) {
      const conqueue_status status = words_.try_take(held_.word);
      if (status != conqueue_status::success) return status;
      store::move_out(held_.word, sink);
      return status;
    }

    /// After `empty`, if every put is reserved: whether there is neither an element nor a reservation.
    bool nothing_is_reserved() const noexcept { return words_.nothing_is_reserved(); }

   private:
    typename store::hand held_;
    typename store::ring::taker words_;
  };

 private:
  typename store::ring ring_;
  [[no_unique_address]] store store_;
};

}  // namespace switchyard::lockfree::detail
