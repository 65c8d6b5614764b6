// The checker's inside, which its source files share. Not for users.
//
// One execution at a time, on the thread that called `check`.
//
// Memory. Every atomic is a location with its stores in modification order, each with a key that grows along it. A
// view gives, for each location, the key that a thread must not read before, and for each thread, the time up to
// which its plain accesses are known to have happened before. A release store carries its thread's view as a
// message; an acquire load takes it in. The order of seq_cst operations is the order of execution: `strong_` holds,
// for each location, what fences and seq_cst stores oblige later seq_cst loads and fences to have seen. As stores
// need not come last in modification order, nor loads read the newest store, an execution is an interleaving and a
// choice at each load and store.
//
// Schedules. `point` is called before each step of a thread; all threads stand there, so each one's next step is
// known. Choices make a path, and `explore` visits all of them depth-first.
//
// Reduction. After a thread's next step has been explored from some state, other orders need not begin with it until
// something happens on which it depends: the thread sleeps. Steps are labelled with the store read, or followed: a
// load of an old store could as well have come first. So when somebody adds a store, a sleeping thread is woken
// only for what is new: its step must read, or follow, a store younger than its sleep ("half asleep"). A step whose
// exploration met the bound on preemptions was not explored in full and does not put its thread to sleep; so a
// bound is complete for what it says.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <utility>
#include <vector>

#include "switchyard/model/check.h"
#include "switchyard/model/engine.h"
#include "switchyard/model/fiber.h"

namespace switchyard::model::detail {

using mask = std::uint32_t;   // a bit for each thread
using stamp = std::uint32_t;  // a key in a modification order, or a thread's time

constexpr int max_threads = 8;
constexpr std::size_t max_slots = 2048;  // of a view: the threads' times, then the locations
constexpr stamp key_gap = 1 << 12;       // between stores that come last, so that others fit between
constexpr int nobody = -1;

constexpr mask bit_of(int thread) { return mask{1} << thread; }

inline bool has_acquire(memory_order order) {
  return order == memory_order::acquire || order == memory_order::acq_rel || order == memory_order::seq_cst ||
         order == memory_order::consume;
}
inline bool has_release(memory_order order) {
  return order == memory_order::release || order == memory_order::acq_rel || order == memory_order::seq_cst;
}

/// Numbers that look random (Steele, Lea and Flood's SplitMix64, OOPSLA 2014).
struct random_numbers {
  std::uint64_t state = 0;
  std::uint64_t operator()() noexcept {
    std::uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
};

/// Memory that is given back all at once.
class arena {
 public:
  explicit arena(std::size_t size) : size_(size) {
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    begin_ = static_cast<char*>(memory);
  }
  ~arena() { ::munmap(begin_, size_); }
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;

  void* take(std::size_t size, std::size_t alignment) noexcept {
    const std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
    if (size > size_ || at > size_ - size) return nullptr;
    used_ = at + size;
    return begin_ + at;
  }
  void clear() noexcept { used_ = 0; }
  bool owns(const void* p) const noexcept {
    return reinterpret_cast<std::uintptr_t>(p) - reinterpret_cast<std::uintptr_t>(begin_) < size_;
  }

 private:
  char* begin_ = nullptr;
  std::size_t size_;
  std::size_t used_ = 0;
};

/// Addresses to records of an execution; emptied in no time.
template <class Record>
class table {
 public:
  table() : entries_(1 << 10) {}

  Record* find(const void* address) noexcept {
    for (std::size_t i = hash(address);; ++i) {
      entry& e = entries_[i & (entries_.size() - 1)];
      if (e.round != round_) return nullptr;
      if (e.address == address) return e.record;
    }
  }
  void set(const void* address, Record* record) {
    if (used_ * 2 > entries_.size()) grow();
    for (std::size_t i = hash(address);; ++i) {
      entry& e = entries_[i & (entries_.size() - 1)];
      if (e.round == round_ && e.address != address) continue;
      if (e.round != round_) ++used_;
      e = {address, record, round_};
      return;
    }
  }
  void clear() noexcept {
    ++round_;
    used_ = 0;
  }

 private:
  struct entry {
    const void* address = nullptr;
    Record* record = nullptr;
    std::uint64_t round = 0;
  };
  static std::size_t hash(const void* address) noexcept {
    return static_cast<std::size_t>((reinterpret_cast<std::uintptr_t>(address) * 0x9E3779B97F4A7C15u) >> 40);
  }
  void grow() {
    std::vector<entry> old(entries_.size() * 2);
    old.swap(entries_);
    const std::uint64_t round = round_;
    clear();
    for (const entry& e : old) {
      if (e.round == round) set(e.address, e.record);
    }
  }

  std::vector<entry> entries_;
  std::uint64_t round_ = 1;
  std::size_t used_ = 0;
};

/// What a store carries for who acquires it.
struct message {
  std::uint32_t size;
  stamp at[1];  // `size` of them
};

struct written {
  bits value;
  stamp key;
  std::uint32_t serial;    // in the order of execution
  std::uint32_t step;      // for reports; 0: at construction
  bool followed;           // a read-modify-write has read it, and nothing comes between
  const message* carries;  // or null
};

struct location {
  const void* address;
  written** order;  // modification order
  std::uint32_t count;
  std::uint32_t room;
  std::uint32_t slot;  // in views; a double word has two
  std::uint8_t parts;
  bool alive;
  std::int8_t maker;
  stamp made;
  stamp seen[max_threads];  // each thread's last access
  std::uint8_t size;
  int holder;               // of a lock
  const message* left;      // by its last holder
};

struct slot_record {
  const void* address;
  bool alive;  // the slot's memory
  bool full;   // an object lives in it
  std::int8_t writer;
  stamp written_at;
  stamp read_at[max_threads];
};

struct heap_block {
  std::size_t size;
  heap_block* next;
  std::uint32_t step;
  std::uint32_t state;  // see below
};
constexpr std::uint32_t block_live = 0xB10C11FE;
constexpr std::uint32_t block_dead = 0xB10CDEAD;

// What a thread is about to do, as far as others' steps may depend on it.
enum class kind : std::uint8_t { local, load, store, fence, heavy, wait, wake, lock };
struct step {
  kind what = kind::local;
  bool strong = false;  // seq_cst
  location* where_to = nullptr;
};

enum class state : std::uint8_t { unused, ready, waiting, joining, locking, finished, frozen };

struct local_object {
  const void* key;
  void* object;
  void (*destroy)(void*);
};

struct read_mark {
  std::uint32_t slot;
  stamp key;
};

struct thread_state {
  fiber stack;
  state now = state::unused;
  step next;
  bool starting = false;
  void (*run)(void*) = nullptr;
  void* argument = nullptr;
  int starter = nobody;
  int target = nobody;         // of a join
  location* sleeps_on = nullptr;
  bool timed = false;
  time_point limit;
  std::uint64_t since = 0;     // when it fell asleep
  wait_result woken_by = wait_result::woken;
  std::uint32_t paused_at = 0; // the serial of the newest store then
  std::uint32_t alone = 0;     // steps since another thread's
  std::uint64_t steps = 0;
  std::uint64_t step_limit = 0;
  where at;
  stamp view[max_slots];
  stamp pending[max_slots];    // what relaxed loads have read, for an acquire fence
  bool has_pending = false;
  const message* released = nullptr;  // at the last release fence
  std::vector<local_object> locals;
  std::array<read_mark, 32> reads;    // since the last pause
  std::size_t read_count = 0;
  std::array<read_mark, 32> spun;     // before it: not to be read again if there is anything newer
  std::size_t spun_count = 0;
};

// A choice that was made, and what else there was.
struct choice {
  bool of_thread;
  bool cut;  // the bound left something out below the present alternative
  std::uint8_t chosen;
  std::uint8_t count;
  std::array<std::uint8_t, 2 * max_threads> candidates;  // threads; + max_threads: freeze it
  mask asleep;
  mask half;
  std::array<std::uint32_t, max_threads> slept_at;  // the serial of the store that came next
  std::uint32_t serial;
};

enum class outcome : std::uint8_t { running, finished, pruned, failed };

struct event {
  int thread;
  std::uint32_t step;
  std::string text;
  where at;
};

// One order to weaken, for `tools/mutate_orders`.
struct mutation {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  unsigned which = 0;
  std::string order;
  std::string weaker;
};

class engine {
 public:
  result check(const options& o, const std::function<void()>& body);

  bool active() const noexcept { return current_ != nobody && !internal_; }
  int this_thread() const noexcept { return current_; }

  void construct(void* address, std::size_t size, bits value, bool two_parts);
  bits load(const void* address, std::size_t size, part which, memory_order order, where at);
  void store(void* address, std::size_t size, bits value, memory_order order, where at);
  bits exchange_by(void* address, std::size_t size, bits (*next)(bits, bits), bits operand, memory_order order,
                   where at);
  bool compare_exchange(void* address, std::size_t size, bits& expected, bits desired, bool two_parts,
                        part which, bool may_fail, memory_order success, memory_order failure, where at);
  void fence(memory_order order, where at);
  void light_fence(where at);
  void heavy_fence(where at);
  void pause();
  void access(const void* slot, slot_access kind, where at);
  wait_result futex_wait(const void* address, std::uint32_t expected, bool two_parts, time_point limit, where at);
  std::uint32_t futex_wake(const void* address, std::uint32_t count, where at);
  time_point now() const noexcept { return now_; }
  void lock(const void* mutex, where at);
  void unlock(const void* mutex, where at);
  int start_thread(void (*run)(void*), void* argument, where at);
  void join_thread(int thread, where at);
  void* find_local(const void* key) noexcept;
  void add_local(const void* key, void* object, void (*destroy)(void*), bool last);
  void at_end(void* object, void (*destroy)(void*));
  [[noreturn]] void fail(std::string_view what, where at);
  std::uint64_t limit_steps(std::uint64_t limit) noexcept;
  void restore_step_limit(std::uint64_t limit) noexcept { me().step_limit = limit; }
  void name(const void* object, const char* name);
  std::size_t choose_any(std::size_t count);

  void* allocate(std::size_t size, std::size_t alignment);
  bool release(void* p);  // false: not ours

 private:
  // While set, operator new is the real one and atomics are memory.
  struct inside {
    explicit inside(engine& e) : e_(e) { ++e_.internal_; }
    ~inside() { --e_.internal_; }
    engine& e_;
  };

  thread_state& me() noexcept { return threads_[current_]; }

  // An execution.
  outcome run(const std::function<void()>& body);
  void destroy_all(std::vector<local_object>& objects);
  void prepare_thread(int id, void (*run)(void*), void* argument, int starter);
  static void enter();
  [[noreturn]] void end(outcome how);
  [[noreturn]] void finish_thread();
  void check_leaks();

  // Schedules.
  void point(step next, where at);
  void switch_to(int thread);
  int pick(bool may_stay);
  int pick_frozen(mask runnable);
  mask runnable_threads();
  int pick_candidate(const std::array<std::uint8_t, 2 * max_threads>& candidates, std::uint8_t count);
  void block(state how);
  void unblock(int thread, wait_result how);
  void wake_dependents(const step& done);
  void deadlock();
  void mark_cut();
  bool next_path();
  std::size_t choose(std::size_t count, bool newest_first);
  std::size_t replayed_number();
  void print_label(char c) {
    if (tracing_) {
      inside i(*this);
      path_.push_back(c);
    }
  }

  // Memory.
  location& find(const void* address, std::size_t size, bool two_parts, where at);
  location& approach(const void* address, std::size_t size, bool two_parts, kind what, bool strong, where at);
  location& make_location(const void* address, bits value, bool two_parts);
  written* insert(location& l, std::size_t at, bits value);
  written* add(location& l, std::size_t after, bits value, bool strong);
  const message* snapshot(const stamp* view);
  const message* message_for(memory_order order, const message* inherited);
  message* empty_message();
  template <class T>
  T* take(std::size_t count = 1, std::size_t more = 0);
  void join(stamp* into, const message* from);
  void join(stamp* into, const stamp* from, std::size_t first);
  void take_in(const written& w, memory_order order);
  void strong_fence();
  void keep_memory(location& l);
  stamp least(const location& l, part which, bool strong);
  enum class use : std::uint8_t { read, modify, compare, follow };
  std::size_t choose_store(location& l, part which, bool strong, use what, const bits* expected = nullptr);
  void mark_read(std::uint32_t slot, stamp key);
  bool spun_on(std::uint32_t slot, stamp key) const;
  [[gnu::format(printf, 3, 4)]] void note(where at, const char* format, ...);
  memory_order weakened_slowly(memory_order order, unsigned which, where at, bool asymmetric);
  memory_order weakened(memory_order order, unsigned which, where at, bool asymmetric = false) {
    if (mutations_.empty() && sites_ == nullptr) [[likely]] return order;
    return weakened_slowly(order, which, at, asymmetric);
  }
  bool dropped(where at);
  const char* name_of(const void* address);
  static const char* name_of(memory_order order);
  std::string columns(std::string_view how) const;
  bool explore(unsigned bound, result& r, std::chrono::steady_clock::time_point until);
  void shorten(result& r);
  void show(result& r);
  std::string describe(bits value, int parts);

  // Of the whole check.
  options options_;
  const std::function<void()>* body_ = nullptr;
  std::vector<choice> path_choices_;
  unsigned bound_ = unlimited;
  bool cut_anything_ = false;
  bool random_ = false;
  random_numbers generator_;
  std::uint32_t expected_steps_ = 30;
  std::vector<mutation> mutations_;
  bool mutations_read_ = false;
  std::FILE* sites_ = nullptr;
  std::vector<std::string> sites_seen_;

  // Of one execution.
  fiber main_;
  std::array<thread_state, max_threads> threads_;
  int current_ = nobody;
  int internal_ = 0;
  int thread_count_ = 0;
  mask ready_ = 0;
  mask paused_ = 0;
  mask waiting_ = 0;
  mask alive_ = 0;
  mask asleep_ = 0;
  mask half_ = 0;
  std::array<std::uint32_t, max_threads> slept_at_{};
  std::size_t depth_ = 0;
  unsigned preemptions_ = 0;
  unsigned spurious_ = 0;
  unsigned weak_failures_ = 0;
  unsigned idle_rounds_ = 0;
  std::vector<local_object> until_the_end_;
  int frozen_ = nobody;
  std::uint32_t frozen_since_ = 0;
  std::uint32_t steps_ = 0;
  std::uint32_t serial_ = 0;
  std::uint64_t sleepers_ = 0;
  time_point now_;
  outcome outcome_ = outcome::running;
  std::array<std::uint64_t, max_threads> priority_{};
  std::array<std::uint32_t, 8> change_at_{};

  std::size_t slots_ = max_threads;
  std::size_t most_slots_ = max_threads;
  std::array<stamp, max_slots> strong_{};  // what seq_cst operations must have seen
  std::array<stamp, max_slots> light_{};
  std::array<stamp, max_slots> heavy_{};
  table<location> locations_;
  table<slot_record> slots_table_;
  std::vector<location*> all_locations_;
  std::vector<slot_record*> all_slots_;
  arena memory_{std::size_t{1} << 28};
  arena heap_{std::size_t{1} << 30};
  heap_block* blocks_ = nullptr;
  std::uint64_t live_blocks_ = 0;

  struct saved_bytes {
    void* address;
    std::size_t size;
    std::array<unsigned char, 16> bytes;
  };
  std::vector<saved_bytes> statics_;

  // Of the execution that is shown.
  bool tracing_ = false;
  std::vector<event> events_;
  std::string failure_;
  std::string path_;
  std::string script_;
  std::size_t script_at_ = 0;
  bool replaying_ = false;
  std::vector<std::pair<const void*, std::string>> names_;
};

/// There is one, once there has been a check.
inline engine* the_engine = nullptr;

/// The name of a file without its folders.
const char* name_of_file(const char* path);

/// A letter that comes n times is written once, with n before it; and back.
std::string shortened(std::string_view path);
std::string expanded(std::string_view path);

}  // namespace switchyard::model::detail
