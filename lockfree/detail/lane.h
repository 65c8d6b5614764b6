// A queue without a limit for one producer at a time and any number of consumers: what `relaxed_queue` is made of.
//
// Source: our own. Blocks in a list as in Michael and Scott's queue (PODC 1996), each with many places as in Ladan-Mozes
//   and Shavit's and later ones; places are claimed by one index as in Chase and Lev's deque (SPAA 2005); who is inside
//   a block is counted beside the pointer to it and in it (split reference counts, as in Williams' "C++ Concurrency in
//   Action"); how far the producer has come is written beside the elements, as in `spsc_queue`.
// When: not for users.
// Progress: the producer's members are wait-free, apart from the allocator; those of consumers are lock-free, and only
//   go round again if another consumer has claimed something.
// Ordering: first in, first out. A push happens before the pop of its element.
// Cost: a push is two plain stores besides the element's own; a pop, or a run of pops inside a block, one
//   compare-and-swap; once a block a consumer makes three or four read-modify-writes more. A block has about 4 KiB.
//   A consumer keeps at most one block from being used again, the one that it was in last.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/close_gate.h"

namespace switchyard::lockfree::detail {

/// What became of an attempt to take an element from the block a consumer is in.
enum class taking {
  got,        // one, or as many as could be had
  none,       // there was none in the lane
  exhausted,  // all of this block have been claimed; there may be more in the next
};

/// Elements are counted for ever: the n-th of the lane has number n, and its place follows from that.
///
/// Invariant "inside": a block that a consumer is inside of, or that is the first of the lane, is not used again.
/// Invariant "behind": the first block is that of element number `claimed_`, or one before it.
template <class T, class Allocator>
class alignas(cache_padding) lane {
  static_assert(std::is_nothrow_destructible_v<T>, "an element must not throw when destroyed");

  // Elements, and the number of those in the lane when the producer last filled a place here: so a consumer finds in the
  // line that it is about to read whether there is something to be read.
  struct alignas(line_size) alignas(T) line {
#ifdef SWITCHYARD_MODEL
    static constexpr std::size_t size = 2;
#else
    // One cache line, or as many as three elements need.
    static constexpr std::size_t bytes =
        (sizeof(std::uint64_t) + 3 * sizeof(plain<T>) + line_size - 1) / line_size * line_size;
    static constexpr std::size_t size = std::max<std::size_t>(3, (bytes - sizeof(std::uint64_t)) / sizeof(plain<T>));
#endif

    atomic<std::uint64_t> count{0};  // when the block is used again, what was here is less than any number to come
    plain<T> elements[size];
  };

#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t lines = 1;
  static constexpr std::size_t spares = 1;
#else
  static constexpr std::size_t lines = std::clamp<std::size_t>(4096 / sizeof(line), 8, 64);
  static constexpr std::size_t spares = 4;
#endif
  static constexpr std::size_t length = lines * line::size;

  struct block {
    block() noexcept { first.construct(0); }

    plain<std::uint64_t> first;      // the number of its first element
    atomic<block*> next{nullptr};    // once it is full
    // From when it is not the first any more: who has not left; less than 0 before. When nobody is in it any more, 0.
    atomic<std::int64_t> inside{0};
    line at[lines];
  };
  using block_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<block>;
  using traits = std::allocator_traits<block_allocator>;

 public:
  /// The block that a consumer is inside of, or none.
  class place {
   public:
    explicit operator bool() const noexcept { return in_ != nullptr; }

   private:
    friend class lane;
    block* in_ = nullptr;
    std::uint64_t first_ = 0;  // the number of its first element
  };

  /// Throws what the allocator throws.
  explicit lane(const Allocator& allocator) : allocator_(allocator), last_(make_block()) {
    start(last_, 0);
    head_.store(word(last_), memory_order_relaxed);
  }
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;
  /// Destroys the elements left. All consumers have left.
  ~lane();

  // -- Producer -------------------------------------------------------------------------------------------------

  /// What it comes in by, so that who closes the queue knows when it has left.
  entrance& door() noexcept { return door_; }
  const entrance& door() const noexcept { return door_; }

  /// Throws what the allocator or the element does; nothing has changed then.
  template <class... Args>
  void push(Args&&... args) {
    if (at_ == end_) [[unlikely]] add_block();
    at_->elements[filled_].construct(std::forward<Args>(args)...);
    publish(1);
  }

  /// Moves `first` and `done` on for each, so that they are right when one throws.
  template <class In>
  void push_n(In& first, std::size_t n, std::size_t& done);

  // -- Consumers ------------------------------------------------------------------------------------------------

  /// Whether it is worth the while to enter. A push that has happened before this, and whose element is there, is seen.
  bool looks_empty() const noexcept { return size_approx() == 0; }
  std::size_t size_approx() const noexcept {
    const std::uint64_t claimed = claimed_.load(memory_order_relaxed);
    const auto n = static_cast<std::int64_t>(tail_.load(memory_order_relaxed) - claimed);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }

  /// Enters the first block; `at` is in none.
  void enter(place& at) noexcept {
    // By this it stays, whoever leaves: nobody can tell who is counted for what.
    const std::uint64_t seen = head_.fetch_add(one_inside, memory_order_acquire);  // (1) with (2)
    at.in_ = pointer(seen);
    at.first_ = at.in_->first.read();
  }

  /// For who has found its block exhausted. True: it has left that, and the first is another. False: there is no
  /// element, nor another block.
  bool advance(place& at) noexcept;

  void leave(place& at) noexcept;

  /// Calls sink(T&&) once if there is an element. If that throws, the element is gone.
  template <class Sink>
  taking pop(place& at, Sink&& sink) {
    std::uint64_t claimed = claimed_.load(memory_order_relaxed);  // as in claim_some
    for (backoff races;; races.lost_race()) {
      if (claimed - at.first_ >= length) return taking::exhausted;
      const auto offset = static_cast<std::uint32_t>(claimed - at.first_);
      line& of = at.in_->at[offset / line::size];
      if (!is_filled(of, claimed)) return taking::none;
      if (claimed_.compare_exchange_strong(claimed, claimed + 1, memory_order_relaxed, memory_order_relaxed)) [[likely]] {
        const destroyed_at_exit end{of.elements[offset % line::size]};
        sink(std::move(end.element.write()));
        return taking::got;
      }
    }
  }

  /// Up to `max - done` elements that follow each other, to `out`, none of which throws.
  template <class Out>
  taking pop_n(place& at, Out& out, std::size_t max, std::size_t& done) noexcept {
    const claim mine = claim_some(at, max - done);
    Out to = std::move(out);
    line* from = at.in_->at + mine.offset / line::size;
    std::size_t index = mine.offset % line::size;
    for (std::size_t left = mine.n; left != 0; ++from, index = 0) {
      const std::size_t end = std::min(index + left, line::size);
      left -= end - index;
      for (; index != end; ++index, ++to) {
        plain<T>& element = from->elements[index];
        *to = std::move(element.write());
        element.destroy();
      }
    }
    out = std::move(to);
    done += mine.n;
    return mine.result;
  }

 private:
  struct claim {
    taking result;
    std::uint32_t offset = 0;  // in the block
    std::size_t n = 0;
  };
  struct destroyed_at_exit {
    plain<T>& element;
    ~destroyed_at_exit() { element.destroy(); }
  };

  // {how many have entered by this and not left, address of the block}
  static constexpr unsigned address_bits = 48;
  static constexpr std::uint64_t one_inside = std::uint64_t{1} << address_bits;
  static std::uint64_t word(block* b) noexcept {
    assert(reinterpret_cast<std::uintptr_t>(b) >> address_bits == 0 && "address wider than 48 bits");
    return reinterpret_cast<std::uintptr_t>(b);
  }
  static block* pointer(std::uint64_t w) noexcept { return reinterpret_cast<block*>(w & (one_inside - 1)); }
  static std::int64_t count(std::uint64_t w) noexcept { return static_cast<std::int64_t>(w >> address_bits); }

  // Whether the element of this number, which belongs into this line, has been pushed.
  static bool is_filled(const line& of, std::uint64_t number) noexcept {
    return static_cast<std::int64_t>(of.count.load(memory_order_acquire) - number) > 0;  // (4) with (3)
  }

  // The places that have been filled since the last time are the consumers'.
  void publish(std::size_t n) noexcept {
    const std::uint64_t tail = tail_.load(memory_order_relaxed) + n;
    at_->count.store(tail, memory_order_release);  // (3) with (4)
    tail_.store(tail, memory_order_relaxed);
    filled_ += n;
    if (filled_ == line::size) {
      filled_ = 0;
      ++at_;
    }
  }

  static std::size_t available(const place& at, std::uint32_t offset, std::size_t wanted) noexcept;
  claim claim_some(const place& at, std::size_t wanted) noexcept;

  [[gnu::noinline]] void add_block();
  void start(block* b, std::uint64_t first) noexcept {
    b->first.write() = first;
    at_ = b->at;
    end_ = b->at + lines;
  }
  block* make_block() { return std::construct_at(std::to_address(traits::allocate(allocator_, 1))); }
  void free_block(block* b) noexcept {
    std::destroy_at(b);
    traits::deallocate(allocator_, std::pointer_traits<typename traits::pointer>::pointer_to(*b), 1);
  }
  void keep_or_free(block* b) noexcept;

  // The producer's.
  entrance door_;
  [[no_unique_address]] block_allocator allocator_;
  atomic<std::uint64_t> tail_{0};  // how many have been pushed; read by who asks
  std::size_t filled_ = 0;         // places of the line `at_`, which is in the block `last_`
  line* at_ = nullptr;
  line* end_ = nullptr;
  block* last_;

  // The consumers'.
  alignas(cache_padding) atomic<std::uint64_t> claimed_{0};  // how many have been claimed
  atomic<std::uint64_t> head_{0};                            // the first block, and who has entered it

  // Blocks that wait to be used again: consumers fill a place that is empty, the producer empties one that is full.
  alignas(cache_padding) atomic<block*> spare_[spares] = {};
};

template <class T, class Allocator>
template <class In>
void lane<T, Allocator>::push_n(In& first, std::size_t n, std::size_t& done) {
  while (done < n) {
    if (at_ == end_) add_block();
    // What fits in this line, published together.
    const std::size_t fit = std::min(n - done, line::size - filled_);
    plain<T>* to = at_->elements + filled_;
    if constexpr (std::is_nothrow_constructible_v<T, decltype(*first)> && noexcept(*first) && noexcept(++first) &&
                  std::is_nothrow_move_constructible_v<In> && std::is_nothrow_move_assignable_v<In>) {
      In from = std::move(first);
      for (std::size_t left = fit; left != 0; --left, ++to, ++from) to->construct(*from);
      first = std::move(from);
      publish(fit);
      done += fit;
    } else {
      // Or, if one throws, those before it.
      struct publish_at_exit {
        lane& self;
        std::size_t built = 0;
        ~publish_at_exit() {
          if (built != 0) self.publish(built);
        }
      } some{*this};
      for (std::size_t left = fit; left != 0; --left, ++to) {
        to->construct(*first);
        ++some.built;
        ++done;
        ++first;
      }
    }
  }
}

// How many of the block, from `offset` on, have been pushed, as far as `wanted`.
template <class T, class Allocator>
std::size_t lane<T, Allocator>::available(const place& at, std::uint32_t offset, std::size_t wanted) noexcept {
  const std::size_t end = offset + std::min(wanted, length - offset);
  std::size_t have = offset;
  for (const line* of = at.in_->at + offset / line::size; have < end; ++of) {
    const std::uint64_t tail = of->count.load(memory_order_acquire);  // (4) with (3)
    const std::uint64_t number = at.first_ + have;
    if (static_cast<std::int64_t>(tail - number) <= 0) break;
    have += static_cast<std::size_t>(tail - number);
    if (have % line::size != 0) break;  // the line is not full
  }
  return std::min(have, end) - offset;
}

template <class T, class Allocator>
auto lane<T, Allocator>::claim_some(const place& at, std::size_t wanted) noexcept -> claim {
  // Relaxed: what is claimed is read by way of (4), and used again by way of (1) to (8). By (1) it is not before the
  // block's first element (invariant "behind").
  std::uint64_t claimed = claimed_.load(memory_order_relaxed);
  for (backoff races;; races.lost_race()) {
    if (claimed - at.first_ >= length) return {taking::exhausted};
    const auto offset = static_cast<std::uint32_t>(claimed - at.first_);
    const std::size_t n = available(at, offset, wanted);
    if (n == 0) return {taking::none};
    if (claimed_.compare_exchange_strong(claimed, claimed + n, memory_order_relaxed, memory_order_relaxed)) {
      return {taking::got, offset, n};
    }
  }
}

template <class T, class Allocator>
bool lane<T, Allocator>::advance(place& at) noexcept {
  block* const next = at.in_->next.load(memory_order_acquire);  // (5) with (6)
  if (next == nullptr) return false;
  std::uint64_t seen = head_.load(memory_order_relaxed);
  while (pointer(seen) == at.in_) {
    // Release: with (1), so that who enters `next` sees it, and that all before have been claimed. Acquire: with (7).
    if (head_.compare_exchange_weak(seen, word(next), memory_order_acq_rel, memory_order_relaxed)) {  // (2)
      // Of those who entered it while it was the first, and did not leave before, all others are still to leave.
      block* const old = std::exchange(at.in_, nullptr);
      const std::int64_t others = count(seen) - 1;
      if (old->inside.fetch_add(others, memory_order_acq_rel) == -others) keep_or_free(old);  // (8) with itself
      return true;
    }
  }
  leave(at);
  return true;
}

template <class T, class Allocator>
void lane<T, Allocator>::leave(place& at) noexcept {
  block* const in = std::exchange(at.in_, nullptr);
  std::uint64_t seen = head_.load(memory_order_relaxed);
  while (pointer(seen) == in) {
    if (head_.compare_exchange_weak(seen, seen - one_inside, memory_order_release, memory_order_relaxed)) {  // (7) with (2)
      return;
    }
  }
  // It is not the first any more. Who moved on from it has added, or will, how many must leave this way.
  if (in->inside.fetch_sub(1, memory_order_acq_rel) == 1) keep_or_free(in);  // (8) with itself
}

// Producer. If it throws, nothing has changed.
template <class T, class Allocator>
void lane<T, Allocator>::add_block() {
  block* fresh = nullptr;
  for (atomic<block*>& spare : spare_) {
    fresh = spare.load(memory_order_acquire);  // (9) with (10)
    if (fresh == nullptr) continue;
    spare.store(nullptr, memory_order_relaxed);
    fresh->next.store(nullptr, memory_order_relaxed);
    break;
  }
  if (fresh == nullptr) fresh = make_block();
  start(fresh, tail_.load(memory_order_relaxed));
  // From then on the old block is the consumers' alone.
  std::exchange(last_, fresh)->next.store(fresh, memory_order_release);  // (6) with (5)
}

// Nobody is in it, nor will be.
template <class T, class Allocator>
void lane<T, Allocator>::keep_or_free(block* b) noexcept {
  for (atomic<block*>& spare : spare_) {
    block* none = nullptr;
    if (spare.load(memory_order_relaxed) == nullptr &&
        spare.compare_exchange_strong(none, b, memory_order_release, memory_order_relaxed)) {  // (10) with (9)
      return;
    }
  }
  free_block(b);
}

// Relaxed: every call has ended, and the thread that is here knows.
template <class T, class Allocator>
lane<T, Allocator>::~lane() {
  std::uint64_t number = claimed_.load(memory_order_relaxed);
  const std::uint64_t tail = tail_.load(memory_order_relaxed);
  for (block* b = pointer(head_.load(memory_order_relaxed)); b != nullptr;) {
    for (; number != tail && number - b->first.read() < length; ++number) {
      const auto offset = static_cast<std::size_t>(number - b->first.read());
      b->at[offset / line::size].elements[offset % line::size].destroy();
    }
    free_block(std::exchange(b, b->next.load(memory_order_relaxed)));
  }
  for (atomic<block*>& spare : spare_) {
    if (block* const b = spare.load(memory_order_relaxed)) free_block(b);
  }
}

}  // namespace switchyard::lockfree::detail
