// The checker itself: memory, schedules, choices. One execution at a time, on the thread that called `check`.
//
// Memory. Every atomic is a location with its stores in modification order, each with a key that grows along it. A
// view gives, for each location, the key that a thread must not read before, and for each thread, the time up to
// which its plain accesses are known to have happened before. A release store carries its thread's view as a
// message; an acquire load takes it in. The order of seq_cst operations is the order of execution: `sc` holds,
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
#include "switchyard/model/engine.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/model/check.h"
#include "switchyard/model/fiber.h"

namespace switchyard::model {
namespace detail {
namespace {

using mask = std::uint32_t;   // a bit for each thread
using stamp = std::uint32_t;  // a key in a modification order, or a thread's time

constexpr int max_threads = 8;
constexpr std::size_t max_slots = 2048;  // of a view: the threads' times, then the locations
constexpr stamp key_gap = 1 << 12;       // between stores that come last, so that others fit between
constexpr int nobody = -1;

constexpr mask bit_of(int thread) { return mask{1} << thread; }

bool has_acquire(memory_order order) {
  return order == memory_order::acquire || order == memory_order::acq_rel || order == memory_order::seq_cst ||
         order == memory_order::consume;
}
bool has_release(memory_order order) {
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
                        bool may_fail, memory_order success, memory_order failure, where at);
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
  location& make_location(const void* address, bits value, bool two_parts);
  written* insert(location& l, std::size_t at, bits value);
  written* add(location& l, std::size_t after, bits value, bool strong);
  const message* snapshot(const stamp* view);
  const message* message_for(location& l, stamp key, memory_order order, const message* inherited);
  void join(stamp* into, const message* from);
  void join(stamp* into, const stamp* from, std::size_t first);
  void take_in(const written& w, location& l, memory_order order);
  void strong_fence();
  void keep_memory(location& l);
  stamp least(const location& l, part which, bool strong);
  enum class use : std::uint8_t { read, modify, compare, follow };
  std::size_t choose_store(location& l, part which, bool strong, use what, const bits* expected = nullptr);
  void mark_read(std::uint32_t slot, stamp key);
  bool spun_on(std::uint32_t slot, stamp key) const;
  template <class... Args>
  void note(where at, const char* format, Args... args);
  memory_order weakened_slowly(memory_order order, unsigned which, where at, bool asymmetric);
  memory_order weakened(memory_order order, unsigned which, where at, bool asymmetric = false) {
    if (mutations_.empty() && sites_ == nullptr) [[likely]] return order;
    return weakened_slowly(order, which, at, asymmetric);
  }
  bool dropped(where at);
  const char* name_of(const void* address);
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
  unsigned idle_rounds_ = 0;
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

engine* the_engine = nullptr;

// -- An execution --------------------------------------------------------------------------------------------

outcome engine::run(const std::function<void()>& body) {
  body_ = &body;
  memory_.clear();
  heap_.clear();
  locations_.clear();
  slots_table_.clear();
  all_locations_.clear();
  all_slots_.clear();
  blocks_ = nullptr;
  live_blocks_ = 0;
  for (int t = 0; t < thread_count_; ++t) threads_[t].locals.clear();
  std::fill_n(strong_.begin(), most_slots_, 0);
  std::fill_n(light_.begin(), most_slots_, 0);
  std::fill_n(heavy_.begin(), most_slots_, 0);
  slots_ = max_threads;
  thread_count_ = 0;
  ready_ = paused_ = waiting_ = alive_ = asleep_ = half_ = 0;
  depth_ = 0;
  preemptions_ = spurious_ = idle_rounds_ = 0;
  frozen_ = nobody;
  steps_ = serial_ = 0;
  sleepers_ = 0;
  now_ = time_point(std::chrono::hours(1));
  outcome_ = outcome::running;
  script_at_ = 0;
  if (random_) {
    for (auto& p : priority_) p = (generator_() >> 1) | (std::uint64_t{1} << 62);
    for (auto& c : change_at_) c = static_cast<std::uint32_t>(generator_() % expected_steps_);
  }
  if (tracing_) {
    events_.clear();
    path_.clear();
    names_.clear();
  }

  thread_state& first = threads_[0];
  std::fill_n(first.view, most_slots_, 0);
  first.run = [](void* self) { (*static_cast<engine*>(self)->body_)(); };
  first.argument = this;
  thread_count_ = 1;
  first.stack.prepare(&engine::enter);
  first.now = state::ready;
  first.starting = false;
  first.starter = nobody;
  first.next = {};
  first.alone = 0;
  first.steps = first.step_limit = 0;
  first.has_pending = false;
  first.released = nullptr;
  first.read_count = first.spun_count = 0;
  first.view[0] = 1;
  ready_ = alive_ = bit_of(0);
  current_ = 0;
  fiber::change(main_, first.stack);
  current_ = nobody;
  internal_ = 0;  // it may have ended anywhere

  for (const saved_bytes& s : statics_) std::memcpy(s.address, s.bytes.data(), s.size);
  statics_.clear();
  expected_steps_ = std::max(expected_steps_, steps_);
  return outcome_;
}

// Where every thread begins.
void engine::enter() {
  engine& e = *the_engine;
  try {
    thread_state& self = e.me();
    self.run(self.argument);
  } catch (const std::exception& thrown) {
    e.fail(std::string("an exception left the thread: ") + thrown.what(), {});
  } catch (...) {
    e.fail("an exception left the thread", {});
  }
  thread_state& self = e.me();
  while (!self.locals.empty()) {
    const local_object last = self.locals.back();
    self.locals.pop_back();
    last.destroy(last.object);
  }
  e.finish_thread();
}

void engine::end(outcome how) {
  outcome_ = how;
  fiber::change(me().stack, main_);
  std::abort();
}

void engine::finish_thread() {
  thread_state& self = me();
  self.now = state::finished;
  ready_ &= ~bit_of(current_);
  alive_ &= ~bit_of(current_);
  if (tracing_) note({}, "ends");
  for (int t = 0; t < thread_count_; ++t) {
    thread_state& other = threads_[t];
    if (other.now == state::joining && other.target == current_) {
      other.now = state::ready;
      other.next = {};
      ready_ |= bit_of(t);
    }
  }
  if (self.starting) {
    // It had nothing to show: back to who started it.
    self.starting = false;
    current_ = self.starter;
    fiber::change(self.stack, threads_[current_].stack);
    std::abort();
  }
  if (alive_ == 0) {
    check_leaks();
    end(outcome::finished);
  }
  switch_to(pick(false));
  std::abort();
}

void engine::check_leaks() {
  if (live_blocks_ == 0) return;
  const heap_block* b = blocks_;
  while (b->state != block_live) b = b->next;
  char text[160];
  std::snprintf(text, sizeof text, "leak: %zu bytes, allocated at step %u, were never freed (%llu blocks in all)",
                b->size, b->step, static_cast<unsigned long long>(live_blocks_));
  fail(text, {});
}

void engine::fail(std::string_view what, where at) {
  {
    inside i(*this);
    failure_ = what;
    if (tracing_) note(at, "FAILS: %s", failure_.c_str());
  }
  end(outcome::failed);
}

// -- Schedules -----------------------------------------------------------------------------------------------

// Every step begins here. Returns when the step is to be taken.
void engine::point(step next, where at) {
  thread_state& self = me();
  self.next = next;
  self.at = at;
  if (self.starting) {
    // The first step is known now; its turn will come.
    self.starting = false;
    switch_to(self.starter);
  } else if (ready_ != bit_of(current_) || waiting_ != 0 || options_.freeze) {
    if (++self.alone > 200) pause();  // it spins without saying so
    switch_to(pick(true));
  }
  self.alone = self.alone + 1;
  if (++steps_ > options_.steps) fail("does not end: too many steps in one execution", at);
  if (frozen_ != nobody && steps_ - frozen_since_ > options_.steps_when_frozen) {
    fail("not lock-free: others do not come to their end while a thread is frozen", at);
  }
  if (self.step_limit != 0 && ++self.steps > self.step_limit) fail("not wait-free: more steps than it may take", at);
  wake_dependents(next);
}

void engine::switch_to(int thread) {
  if (thread == current_) return;
  fiber& from = me().stack;
  current_ = thread;
  threads_[thread].alone = 0;
  fiber::change(from, threads_[thread].stack);
}

// Those that could take a step now, not counting sleepers who may be woken by time or for nothing.
mask engine::runnable_threads() {
  if (paused_ != 0) {
    for (mask m = paused_; m != 0; m &= m - 1) {
      const int t = std::countr_zero(m);
      if (threads_[t].paused_at != serial_) paused_ &= ~bit_of(t);  // somebody has stored since
    }
  }
  return ready_ & ~paused_;
}

// The thread to go on with. `may_stay`: the current one has a step to take.
int engine::pick(bool may_stay) {
  mask runnable = runnable_threads();
  mask timed = 0;
  mask idle = 0;
  for (mask m = waiting_; m != 0; m &= m - 1) {
    const int t = std::countr_zero(m);
    if (threads_[t].timed) {
      timed |= bit_of(t);
    } else {
      idle |= bit_of(t);
    }
  }
  if (runnable == 0 && timed == 0) {
    if (ready_ == 0) deadlock();
    // All spin. Their loads may have been of old stores, so let them look again, but not for ever.
    if (++idle_rounds_ > 8) {
      fail(frozen_ == nobody ? "does not end: every thread waits for another"
                             : "not lock-free: every thread waits for another, and one is frozen", me().at);
    }
    paused_ = 0;
    runnable = ready_;
  }
  if (frozen_ != nobody) {
    const int t = pick_frozen(runnable != 0 ? runnable : timed);
    if ((waiting_ & bit_of(t)) != 0) unblock(t, wait_result::timed_out);
    return t;
  }
  mask possible = runnable | timed;
  if (runnable != 0 && spurious_ < options_.spurious_wakeups) possible |= idle;

  std::array<std::uint8_t, 2 * max_threads> candidates;
  std::uint8_t count = 0;
  const bool here = may_stay && (runnable & bit_of(current_)) != 0;
  const mask awake = possible & ~asleep_;
  const bool at_bound = here && preemptions_ >= bound_;
  if (here && (awake & bit_of(current_)) != 0) candidates[count++] = static_cast<std::uint8_t>(current_);
  const mask others = awake & (here ? ~bit_of(current_) : ~mask{0});
  if (others != 0) {
    if (at_bound) {
      mark_cut();
    } else {
      // Those after the current one first.
      for (int i = 1; i <= max_threads; ++i) {
        const int t = (current_ + i) % max_threads;
        if ((others & bit_of(t)) != 0) candidates[count++] = static_cast<std::uint8_t>(t);
      }
    }
  }
  if (options_.freeze) {
    for (mask m = runnable & ~bit_of(0); m != 0; m &= m - 1) {
      candidates[count++] = static_cast<std::uint8_t>(std::countr_zero(m) + max_threads);
    }
  }
  if (count == 0) end(outcome::pruned);
  int t = pick_candidate(candidates, count);
  if (t >= max_threads) {
    t -= max_threads;
    frozen_ = t;
    frozen_since_ = steps_;
    threads_[t].now = state::frozen;
    ready_ &= ~bit_of(t);
    if (tracing_) note(threads_[t].at, "thread %d is frozen before its next step", t);
    return pick(may_stay && t != current_);
  }
  if (here && t != current_) ++preemptions_;
  if ((waiting_ & bit_of(t)) != 0) {
    if (threads_[t].timed) {
      unblock(t, wait_result::timed_out);
    } else {
      ++spurious_;
      unblock(t, wait_result::woken);
    }
  }
  return t;
}

// Round-robin among the others: one after the other as far as it gets.
int engine::pick_frozen(mask runnable) {
  if (runnable == 0) deadlock();
  if ((runnable & bit_of(current_)) != 0 && threads_[current_].alone < 20) return current_;
  for (int i = 1;; ++i) {
    const int t = (current_ + i) % max_threads;
    if ((runnable & bit_of(t)) != 0) return t;
  }
}

int engine::pick_candidate(const std::array<std::uint8_t, 2 * max_threads>& candidates, std::uint8_t count) {
  std::uint8_t chosen = 0;
  if (replaying_) {
    const int wanted = script_at_ < script_.size() ? script_[script_at_++] - 'a' : candidates[0];
    while (chosen < count && candidates[chosen] != wanted) ++chosen;
    if (chosen == count) chosen = 0;
  } else if (random_) {
    for (unsigned i = 0; i + 1 < options_.depth && i < change_at_.size(); ++i) {
      if (change_at_[i] == steps_) priority_[static_cast<std::size_t>(current_)] = i;  // lower than any
    }
    for (std::uint8_t i = 1; i < count; ++i) {
      if (priority_[candidates[i] % max_threads] > priority_[candidates[chosen] % max_threads]) chosen = i;
    }
    if (options_.freeze && candidates[count - 1] >= max_threads && generator_() % (2 * expected_steps_) < 3) {
      chosen = static_cast<std::uint8_t>(count - 1);
    }
  } else if (count > 1) {
    if (depth_ == path_choices_.size()) {
      inside i(*this);
      path_choices_.push_back({true, false, 0, count, candidates, asleep_, half_, slept_at_, serial_});
    }
    const choice& c = path_choices_[depth_++];
    asleep_ = c.asleep;
    half_ = c.half;
    slept_at_ = c.slept_at;
    chosen = c.chosen;
  }
  print_label(static_cast<char>('a' + candidates[chosen]));
  return candidates[chosen];
}

// The bound has left something out, so what is being explored here is not complete.
void engine::mark_cut() {
  cut_anything_ = true;
  for (std::size_t i = depth_; i-- > 0 && !path_choices_[i].cut;) path_choices_[i].cut = true;
}

// Moves on to the next path. False: there is none.
bool engine::next_path() {
  while (!path_choices_.empty()) {
    choice& c = path_choices_.back();
    if (c.chosen + 1 < c.count) {
      if (c.of_thread && !c.cut && options_.reduce && !options_.freeze) {
        const int explored = c.candidates[c.chosen];
        c.asleep |= bit_of(explored);
        c.half &= ~bit_of(explored);
        c.slept_at[static_cast<std::size_t>(explored)] = c.serial;
      }
      c.cut = false;
      ++c.chosen;
      return true;
    }
    path_choices_.pop_back();
  }
  return false;
}

// A choice that is no thread. With `newest_first`, 0 is the likeliest.
std::size_t engine::choose(std::size_t count, bool newest_first) {
  if (count == 1) return 0;
  if (frozen_ != nobody) return 0;
  if (random_) return newest_first && generator_() % 2 == 0 ? 0 : generator_() % count;
  if (depth_ == path_choices_.size()) {
    inside i(*this);
    path_choices_.push_back({false, false, 0, static_cast<std::uint8_t>(std::min<std::size_t>(count, 255)), {}, 0, 0, {}, 0});
  }
  return path_choices_[depth_++].chosen;
}

// The current thread has taken its step and must wait. Returns when it has been picked again.
void engine::block(state how) {
  me().now = how;
  ready_ &= ~bit_of(current_);
  if (how == state::waiting) {
    waiting_ |= bit_of(current_);
    me().since = ++sleepers_;
  }
  switch_to(pick(false));
}

void engine::unblock(int thread, wait_result how) {
  thread_state& t = threads_[thread];
  if (how == wait_result::timed_out) now_ = std::max(now_, t.limit);
  t.woken_by = how;
  t.now = state::ready;
  t.next = {};
  waiting_ &= ~bit_of(thread);
  ready_ |= bit_of(thread);
}

void engine::deadlock() {
  inside i(*this);
  std::string text;
  bool stuck = false;
  for (int t = 0; t < thread_count_; ++t) {
    const thread_state& s = threads_[t];
    const char* what = nullptr;
    if (s.now == state::waiting) what = "sleeps for ever";
    if (s.now == state::locking) what = "waits for a lock";
    stuck = stuck || what != nullptr;
    if (s.now == state::joining) what = "joins";
    if (s.now == state::frozen) what = "is frozen";
    if (what == nullptr) continue;
    const char* const slash = std::strrchr(s.at.file, '/');
    text += "; thread " + std::to_string(t) + ' ' + what + " at " + (slash != nullptr ? slash + 1 : s.at.file) +
            ':' + std::to_string(s.at.line);
  }
  if (frozen_ != nobody && !stuck) end(outcome::finished);  // all others have done what they can
  fail((frozen_ != nobody ? "not lock-free, a thread waits for a frozen one" : "deadlock") + text, me().at);
}

// After a step other than a store: who sleeps because its step was independent, and now is not, wakes.
void engine::wake_dependents(const step& done) {
  asleep_ &= ~bit_of(current_);
  if (asleep_ == 0 || done.what == kind::local) return;
  if (done.what == kind::heavy) {
    asleep_ = 0;
    return;
  }
  for (mask m = asleep_; m != 0; m &= m - 1) {
    const int t = std::countr_zero(m);
    const thread_state& other = threads_[t];
    const step& next = other.next;
    const bool same = next.where_to == done.where_to && next.where_to != nullptr;
    bool wakes = false;
    switch (done.what) {
      case kind::load:
        wakes = done.strong && (next.what == kind::fence || next.what == kind::heavy ||
                                (same && next.strong && next.what == kind::store));
        break;
      case kind::fence:
        wakes = next.strong || next.what == kind::fence || next.what == kind::heavy;
        break;
      case kind::wait:
        wakes = same && next.what != kind::load;
        break;
      case kind::wake:
        wakes = (same && (next.what == kind::wait || next.what == kind::wake)) ||
                (other.now == state::waiting && other.sleeps_on == done.where_to);
        break;
      case kind::lock:
        wakes = same;
        break;
      case kind::store:  // woken by `add`, if a store is added; as a load, otherwise
      case kind::heavy:
      case kind::local:
        break;
    }
    if (wakes) asleep_ &= ~bit_of(t);
  }
}

// -- Memory --------------------------------------------------------------------------------------------------

location& engine::make_location(const void* address, bits value, bool two_parts) {
  auto* const l = static_cast<location*>(memory_.take(sizeof(location), alignof(location)));
  const std::size_t slots = two_parts ? 2 : 1;
  if (l == nullptr || slots_ + slots > max_slots) fail("too many atomics for the checker", {});
  *l = location{};
  l->address = address;
  l->slot = static_cast<std::uint32_t>(slots_);
  l->parts = static_cast<std::uint8_t>(slots);
  l->alive = true;
  l->holder = nobody;
  for (; slots_ < l->slot + slots; ++slots_) {
    if (slots_ < most_slots_) continue;
    most_slots_ = slots_ + 1;
    strong_[slots_] = light_[slots_] = heavy_[slots_] = 0;
    for (thread_state& t : threads_) t.view[slots_] = t.pending[slots_] = 0;
  }
  insert(*l, 0, value);
  inside i(*this);
  locations_.set(address, l);
  all_locations_.push_back(l);
  return *l;
}

void engine::construct(void* address, std::size_t size, bits value, bool two_parts) {
  location& l = make_location(address, value, two_parts);
  l.size = static_cast<std::uint8_t>(size);
  l.maker = static_cast<std::int8_t>(current_);
  l.made = me().view[current_];
  for (std::size_t i = 0; i < l.parts; ++i) me().view[l.slot + i] = l.order[0]->key;
}

location& engine::find(const void* address, std::size_t size, bool two_parts, where at) {
  location* l = locations_.find(address);
  if (l == nullptr) {
    // Not made in this execution: a static one, or one from outside, to be put back as it was.
    if (heap_.owns(address)) fail("an atomic is used that was never constructed", at);
    bits value;
    std::memcpy(&value, address, size);
    l = &make_location(address, value, two_parts);
    l->size = static_cast<std::uint8_t>(size);
    inside i(*this);
    saved_bytes saved{const_cast<void*>(address), size, {}};
    std::memcpy(saved.bytes.data(), address, size);
    statics_.push_back(saved);
  }
  if (!l->alive) fail("use after free of an atomic", at);
  if (me().view[l->maker] < l->made) fail("data race: an atomic is used, and its construction may not have happened", at);
  l->seen[current_] = me().view[current_];
  return *l;
}

written* engine::insert(location& l, std::size_t at, bits value) {
  if (l.count == l.room) {
    const std::uint32_t room = l.room == 0 ? 8 : l.room * 2;
    auto** const order = static_cast<written**>(memory_.take(room * sizeof(written*), alignof(written*)));
    if (order == nullptr) fail("out of the checker's memory", {});
    std::copy_n(l.order, l.count, order);
    l.order = order;
    l.room = room;
  }
  auto* const w = static_cast<written*>(memory_.take(sizeof(written), alignof(written)));
  if (w == nullptr) fail("out of the checker's memory", {});
  stamp key = key_gap;
  if (at == l.count && at != 0) key = l.order[at - 1]->key + key_gap;
  if (at < l.count) key = l.order[at - 1]->key + (l.order[at]->key - l.order[at - 1]->key) / 2;
  *w = {value, key, serial_, steps_, false, nullptr};
  std::copy_backward(l.order + at, l.order + l.count, l.order + l.count + 1);
  l.order[at] = w;
  ++l.count;
  return w;
}

// A store that follows number `after`.
written* engine::add(location& l, std::size_t after, bits value, bool strong) {
  ++serial_;
  idle_rounds_ = 0;
  written* const w = insert(l, after + 1, value);
  for (std::uint32_t i = 0; i < l.parts; ++i) {
    me().view[l.slot + i] = w->key;
    if (strong) strong_[l.slot + i] = std::max(strong_[l.slot + i], w->key);
  }
  for (mask m = asleep_; m != 0; m &= m - 1) {
    const int t = std::countr_zero(m);
    const step& next = threads_[t].next;
    if (strong && (next.what == kind::fence || next.what == kind::heavy)) asleep_ &= ~bit_of(t);
    if (next.where_to != &l) continue;
    if (next.what == kind::load || next.what == kind::store) half_ |= bit_of(t);
    asleep_ &= ~bit_of(t);
  }
  if (w == l.order[l.count - 1]) keep_memory(l);
  return w;
}

// What is outside the checker sees the newest value.
void engine::keep_memory(location& l) {
  std::memcpy(const_cast<void*>(l.address), &l.order[l.count - 1]->value, l.size);
}

const message* engine::snapshot(const stamp* view) {
  auto* const m = static_cast<message*>(memory_.take(sizeof(message) + slots_ * sizeof(stamp), alignof(message)));
  if (m == nullptr) fail("out of the checker's memory", {});
  m->size = static_cast<std::uint32_t>(slots_);
  std::copy_n(view, slots_, m->at);
  ++me().view[current_];  // what comes now is not covered
  return m;
}

void engine::join(stamp* into, const message* from) {
  for (std::size_t i = 0; i < from->size; ++i) into[i] = std::max(into[i], from->at[i]);
}
void engine::join(stamp* into, const stamp* from, std::size_t first) {
  for (std::size_t i = first; i < slots_; ++i) into[i] = std::max(into[i], from[i]);
}

// What a store carries; `inherited` from the store that a read-modify-write read, whose release sequence it continues.
const message* engine::message_for(location&, stamp, memory_order order, const message* inherited) {
  const message* const own = has_release(order) ? snapshot(me().view) : me().released;
  if (own == nullptr || inherited == nullptr) return own == nullptr ? inherited : own;
  auto* const m = static_cast<message*>(memory_.take(sizeof(message) + slots_ * sizeof(stamp), alignof(message)));
  if (m == nullptr) fail("out of the checker's memory", {});
  m->size = static_cast<std::uint32_t>(slots_);
  std::fill_n(m->at, slots_, 0);
  join(m->at, own);
  join(m->at, inherited);
  return m;
}

void engine::take_in(const written& w, location&, memory_order order) {
  if (w.carries == nullptr) return;
  thread_state& self = me();
  if (has_acquire(order)) {
    join(self.view, w.carries);
  } else {
    if (!self.has_pending) std::fill_n(self.pending, most_slots_, 0);
    self.has_pending = true;
    join(self.pending, w.carries);
  }
}

// The oldest key that the current thread may read, or follow.
stamp engine::least(const location& l, part which, bool strong) {
  const auto of = [&](std::uint32_t slot) {
    return strong ? std::max(me().view[slot], strong_[slot]) : me().view[slot];
  };
  if (which == part::second) return of(l.slot + 1);
  if (which == part::first || l.parts == 1) return of(l.slot);
  return std::max(of(l.slot), of(l.slot + 1));
}

bool engine::spun_on(std::uint32_t slot, stamp key) const {
  const thread_state& self = threads_[current_];
  for (std::size_t i = 0; i < self.spun_count; ++i) {
    if (self.spun[i].slot == slot && key <= self.spun[i].key) return true;
  }
  return false;
}

void engine::mark_read(std::uint32_t slot, stamp key) {
  thread_state& self = me();
  if (self.read_count < self.reads.size()) self.reads[self.read_count++] = {slot, key};
}

// Which store is read, or followed; an index into `l.order`.
std::size_t engine::choose_store(location& l, part which, bool strong, use what, const bits* expected) {
  const stamp bound = least(l, which, strong);
  const bool new_only = (half_ & bit_of(current_)) != 0;
  half_ &= ~bit_of(current_);
  std::array<std::uint8_t, 26> possible;  // a letter each, in the path to replay
  std::size_t count = 0;
  const std::uint32_t slot = which == part::second ? l.slot + 1 : l.slot;
  for (std::uint32_t i = l.count; i-- > 0 && count < possible.size();) {
    const written& w = *l.order[i];
    const bool newest = i + 1 == l.count;
    if (w.key < bound && !newest) break;
    if (new_only && w.serial < slept_at_[static_cast<std::size_t>(current_)]) continue;
    if (what != use::follow && !newest && spun_on(slot, w.key)) break;
    if (what == use::modify && w.followed) continue;
    if (what == use::compare && w.followed && w.value == *expected) continue;
    if (what == use::follow && !newest && (w.followed || l.order[i + 1]->key - w.key < 2)) continue;
    possible[count++] = static_cast<std::uint8_t>(l.count - 1 - i);
  }
  if (count == 0) end(outcome::pruned);  // an older one was explored before
  const std::size_t age = replaying_ && l.count > 1 ? std::min<std::size_t>(replayed_number(), l.count - 1)
                          : replaying_             ? 0
                                                   : possible[choose(count, true)];
  if (l.count > 1) print_label(static_cast<char>('A' + age));
  return l.count - 1 - age;
}

bits engine::load(const void* address, std::size_t size, part which, memory_order order, where at) {
  order = weakened(order, 0, at);
  const bool strong = order == memory_order::seq_cst;
  location& l = find(address, size, which != part::all, at);
  point({kind::load, strong, &l}, at);
  if (!l.alive) fail("use after free of an atomic", at);
  const written& w = *l.order[choose_store(l, which, strong, use::read)];
  const std::uint32_t slot = which == part::second ? l.slot + 1 : l.slot;
  me().view[slot] = std::max(me().view[slot], w.key);
  mark_read(slot, w.key);
  take_in(w, l, order);
  if (tracing_) note(at, "%s%s = %s%s", name_of(address), which == part::all ? "" : which == part::first ? ".first" : ".second",
       which == part::second ? describe({w.value.high, 0}, 1).c_str() : describe(w.value, 1).c_str(), "");
  return w.value;
}

void engine::store(void* address, std::size_t size, bits value, memory_order order, where at) {
  order = weakened(order, 0, at);
  const bool strong = order == memory_order::seq_cst;
  location& l = find(address, size, false, at);
  point({kind::store, strong, &l}, at);
  if (!l.alive) fail("use after free of an atomic", at);
  written* const w = add(l, choose_store(l, part::all, strong, use::follow), value, strong);
  w->carries = message_for(l, w->key, order, nullptr);
  if (tracing_) note(at, "%s := %s", name_of(address), describe(value, l.parts).c_str());
}

bits engine::exchange_by(void* address, std::size_t size, bits (*next)(bits, bits), bits operand,
                         memory_order order, where at) {
  order = weakened(order, 0, at);
  const bool strong = order == memory_order::seq_cst;
  location& l = find(address, size, false, at);
  point({kind::store, strong, &l}, at);
  if (!l.alive) fail("use after free of an atomic", at);
  const std::size_t read = choose_store(l, part::all, strong, use::modify);
  written& before = *l.order[read];
  before.followed = true;
  take_in(before, l, order);
  written* const w = add(l, read, next(before.value, operand), strong);
  w->carries = message_for(l, w->key, order, before.carries);
  mark_read(l.slot, w->key);
  if (tracing_) note(at, "%s: %s -> %s", name_of(address), describe(before.value, 1).c_str(), describe(w->value, 1).c_str());
  return before.value;
}

bool engine::compare_exchange(void* address, std::size_t size, bits& expected, bits desired, bool two_parts,
                              bool, memory_order success, memory_order failure, where at) {
  success = weakened(success, 0, at);
  failure = weakened(failure, 1, at);
  const bool strong = success == memory_order::seq_cst || failure == memory_order::seq_cst;
  location& l = find(address, size, two_parts, at);
  point({kind::store, strong, &l}, at);
  if (!l.alive) fail("use after free of an atomic", at);
  const std::size_t read = choose_store(l, part::all, strong, use::compare, &expected);
  written& before = *l.order[read];
  if (before.value == expected) {
    before.followed = true;
    take_in(before, l, success);
    written* const w = add(l, read, desired, strong);
    w->carries = message_for(l, w->key, success, before.carries);
    for (std::uint32_t i = 0; i < l.parts; ++i) mark_read(l.slot + i, w->key);
    if (tracing_) note(at, "%s: %s -> %s", name_of(address), describe(before.value, l.parts).c_str(),
         describe(desired, l.parts).c_str());
    return true;
  }
  for (std::uint32_t i = 0; i < l.parts; ++i) {
    me().view[l.slot + i] = std::max(me().view[l.slot + i], before.key);
    mark_read(l.slot + i, before.key);
  }
  take_in(before, l, failure);
  wake_dependents({kind::load, strong, &l});
  if (tracing_) note(at, "%s is %s, not %s", name_of(address), describe(before.value, l.parts).c_str(),
       describe(expected, l.parts).c_str());
  expected = before.value;
  return false;
}

// Both ways: who comes later in the single order has seen what those before had.
void engine::strong_fence() {
  join(me().view, strong_.data(), max_threads);
  join(strong_.data(), me().view, max_threads);
}

void engine::fence(memory_order order, where at) {
  order = weakened(order, 0, at);
  if (order == memory_order::seq_cst) point({kind::fence, true, nullptr}, at);
  thread_state& self = me();
  if (has_acquire(order) && self.has_pending) {
    join(self.view, self.pending, 0);
    self.has_pending = false;
  }
  if (order == memory_order::seq_cst) strong_fence();
  if (has_release(order)) self.released = snapshot(self.view);
  if (tracing_) note(at, "fence %s", order == memory_order::seq_cst ? "seq_cst" : has_release(order) ? "release" : "acquire");
}

// The two asymmetric fences order each other as seq_cst ones would; light ones do not order one another.
void engine::light_fence(where at) {
  if (dropped(at)) return;
  join(me().view, heavy_.data(), max_threads);
  join(light_.data(), me().view, max_threads);
  for (mask m = asleep_; m != 0; m &= m - 1) {
    const int t = std::countr_zero(m);
    if (threads_[t].next.what == kind::heavy) asleep_ &= ~bit_of(t);
  }
}
void engine::heavy_fence(where at) {
  if (dropped(at)) return;
  point({kind::heavy, true, nullptr}, at);
  thread_state& self = me();
  if (self.has_pending) join(self.view, self.pending, 0);
  self.has_pending = false;
  strong_fence();
  join(self.view, light_.data(), max_threads);
  join(heavy_.data(), self.view, max_threads);
  strong_fence();
  self.released = snapshot(self.view);
  if (tracing_) note(at, "heavy fence");
}

void engine::pause() {
  thread_state& self = me();
  paused_ |= bit_of(current_);
  self.paused_at = serial_;
  self.spun = self.reads;
  self.spun_count = self.read_count;
  self.read_count = 0;
  self.alone = 0;
}

void engine::access(const void* address, slot_access what, where at) {
  thread_state& self = me();
  slot_record* s = slots_table_.find(address);
  if (s == nullptr || what == slot_access::create) {
    if (s == nullptr) {
      s = static_cast<slot_record*>(memory_.take(sizeof(slot_record), alignof(slot_record)));
      if (s == nullptr) fail("out of the checker's memory", at);
      inside i(*this);
      slots_table_.set(address, s);
      all_slots_.push_back(s);
    }
    *s = slot_record{};
    s->address = address;
    s->alive = true;
    s->writer = static_cast<std::int8_t>(current_);
    s->written_at = what == slot_access::create ? self.view[current_] : 0;
    if (what == slot_access::create) return;
  }
  if (!s->alive) fail("use after free of a slot", at);
  static constexpr const char* names[] = {"create", "construct", "read", "write", "destroy"};
  if (tracing_) note(at, "%s %s", names[static_cast<int>(what)], name_of(address));
  const bool fills = what == slot_access::construct;
  if (!fills && !s->full) fail("a slot is used that holds no object", at);
  if (self.view[s->writer] < s->written_at) fail("data race on a slot, with a write", at);
  if (what == slot_access::read) {
    s->read_at[current_] = self.view[current_];
    return;
  }
  for (int t = 0; t < thread_count_; ++t) {
    if (self.view[t] < s->read_at[t]) fail("data race on a slot, with a read", at);
    s->read_at[t] = 0;
  }
  s->writer = static_cast<std::int8_t>(current_);
  s->written_at = self.view[current_];
  s->full = what != slot_access::destroy;
}

// -- The heap ------------------------------------------------------------------------------------------------

void* engine::allocate(std::size_t size, std::size_t alignment) {
  alignment = std::max(alignment, alignof(heap_block));
  const std::size_t before = (sizeof(heap_block) + alignment - 1) & ~(alignment - 1);
  char* const memory = static_cast<char*>(heap_.take(before + std::max<std::size_t>(size, 1), alignment));
  if (memory == nullptr) return nullptr;
  char* const object = memory + before;
  auto* const b = reinterpret_cast<heap_block*>(object - sizeof(heap_block));
  *b = {size, blocks_, steps_, block_live};
  blocks_ = b;
  ++live_blocks_;
  std::memset(object, 0xCD, std::min<std::size_t>(size, 256));
  return object;
}

bool engine::release(void* p) {
  if (!heap_.owns(p)) return false;
  if (current_ == nobody) return true;  // the execution it was made in is over
  auto* const b = reinterpret_cast<heap_block*>(static_cast<char*>(p) - sizeof(heap_block));
  if (b->state == block_dead) fail("double free", me().at);
  if (b->state != block_live) fail("free of what was never allocated", me().at);
  b->state = block_dead;
  --live_blocks_;
  const char* const begin = static_cast<char*>(p);
  const auto contains = [&](const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(begin) < b->size;
  };
  thread_state& self = me();
  for (location* l : all_locations_) {
    if (!l->alive || !contains(l->address)) continue;
    for (int t = 0; t < thread_count_; ++t) {
      if (self.view[t] < l->seen[t]) fail("use after free: an atomic is freed while another thread may still use it", self.at);
    }
    l->alive = false;
  }
  for (slot_record* s : all_slots_) {
    if (!s->alive || !contains(s->address)) continue;
    if (self.view[s->writer] < s->written_at) fail("use after free: a slot is freed while another thread may still use it", self.at);
    for (int t = 0; t < thread_count_; ++t) {
      if (self.view[t] < s->read_at[t]) fail("use after free: a slot is freed while another thread may still use it", self.at);
    }
    s->alive = false;
  }
  std::memset(p, 0xDD, std::min<std::size_t>(b->size, 256));
  return true;
}

// -- Sleeping, locks, threads --------------------------------------------------------------------------------

wait_result engine::futex_wait(const void* address, std::uint32_t expected, bool, time_point limit, where at) {
  location& l = find(address, 4, false, at);
  point({kind::wait, false, &l}, at);
  if (!l.alive) fail("use after free of an atomic", at);
  // The kernel looks at the newest value, and what this thread loads later is no older.
  const written& newest = *l.order[l.count - 1];
  for (std::uint32_t i = 0; i < l.parts; ++i) me().view[l.slot + i] = newest.key;
  const auto value = static_cast<std::uint32_t>(newest.value.low);
  if (value != expected) {
    if (tracing_) note(at, "%s is not %u: no sleep", name_of(address), expected);
    return wait_result::woken;
  }
  thread_state& self = me();
  self.timed = limit != time_point::max();
  self.limit = limit;
  if (self.timed && limit <= now_) return wait_result::timed_out;
  if (tracing_) note(at, "sleeps on %s", name_of(address));
  self.sleeps_on = &l;
  self.next = {};
  block(state::waiting);
  if (tracing_) note(at, me().woken_by == wait_result::woken ? "wakes" : "wakes: time is over");
  return me().woken_by;
}

std::uint32_t engine::futex_wake(const void* address, std::uint32_t count, where at) {
  location& l = find(address, 4, false, at);
  point({kind::wake, false, &l}, at);
  std::uint32_t woken = 0;
  for (; woken < count; ++woken) {
    int oldest = nobody;
    for (mask m = waiting_; m != 0; m &= m - 1) {
      const int t = std::countr_zero(m);
      if (threads_[t].sleeps_on != &l) continue;
      if (oldest == nobody || threads_[t].since < threads_[oldest].since) oldest = t;
    }
    if (oldest == nobody) break;
    unblock(oldest, wait_result::woken);
  }
  if (tracing_) note(at, "wakes %u on %s", woken, name_of(address));
  if (woken != 0) idle_rounds_ = 0;
  return woken;
}

void engine::lock(const void* mutex, where at) {
  location* l = locations_.find(mutex);
  if (l == nullptr) l = &make_location(mutex, {}, false);
  for (;;) {
    point({kind::lock, false, l}, at);
    if (l->holder == nobody) break;
    if (l->holder == current_) fail("deadlock: a thread locks what it has locked", at);
    me().sleeps_on = l;
    block(state::locking);
  }
  l->holder = current_;
  if (l->left != nullptr) join(me().view, l->left);
  if (tracing_) note(at, "locks %s", name_of(mutex));
}

void engine::unlock(const void* mutex, where at) {
  location* const l = locations_.find(mutex);
  if (l == nullptr || l->holder != current_) fail("a lock is unlocked by who does not hold it", at);
  l->left = snapshot(me().view);
  l->holder = nobody;
  if (tracing_) note(at, "unlocks %s", name_of(mutex));
  for (int t = 0; t < thread_count_; ++t) {
    if (threads_[t].now == state::locking && threads_[t].sleeps_on == l) {
      threads_[t].now = state::ready;
      threads_[t].next = {kind::lock, false, l};
      ready_ |= bit_of(t);
    }
  }
}

int engine::start_thread(void (*function)(void*), void* argument, where at) {
  if (thread_count_ == max_threads) fail("too many threads for the checker", at);
  const int id = thread_count_++;
  thread_state& parent = me();
  thread_state& t = threads_[id];
  if (tracing_) note(at, "starts thread %d", id);
  {
    inside i(*this);
    t.stack.prepare(&engine::enter);
  }
  t.now = state::ready;
  t.next = {};
  t.starting = true;
  t.run = function;
  t.argument = argument;
  t.starter = current_;
  t.alone = 0;
  t.steps = t.step_limit = 0;
  t.has_pending = false;
  t.released = nullptr;
  t.read_count = t.spun_count = 0;
  t.at = at;
  std::copy_n(parent.view, slots_, t.view);
  std::fill(t.view + slots_, t.view + most_slots_, 0);
  t.view[id] = 1;
  ++parent.view[current_];
  ready_ |= bit_of(id);
  alive_ |= bit_of(id);
  current_ = id;
  fiber::change(parent.stack, t.stack);
  return id;
}

void engine::join_thread(int thread, where at) {
  thread_state& self = me();
  thread_state& other = threads_[thread];
  self.at = at;
  if (other.now != state::finished) {
    self.target = thread;
    if (self.starting) {
      // Its first step is to wait.
      self.starting = false;
      self.now = state::joining;
      ready_ &= ~bit_of(current_);
      switch_to(self.starter);
    } else {
      block(state::joining);
    }
  }
  join(self.view, other.view, 0);
  if (tracing_) note(at, "joins thread %d", thread);
}

void* engine::find_local(const void* key) noexcept {
  for (const local_object& l : me().locals) {
    if (l.key == key) return l.object;
  }
  return nullptr;
}
void engine::add_local(const void* key, void* object, void (*destroy)(void*), bool last) {
  inside i(*this);
  auto& all = me().locals;
  all.insert(last ? all.begin() : all.end(), {key, object, destroy});
}

std::uint64_t engine::limit_steps(std::uint64_t limit) noexcept {
  const std::uint64_t before = me().step_limit;
  me().step_limit = limit;
  me().steps = 0;
  return before;
}

std::size_t engine::replayed_number() {
  const bool there = script_at_ < script_.size() && script_[script_at_] >= 'A' && script_[script_at_] <= 'Z';
  return there ? static_cast<std::size_t>(script_[script_at_++] - 'A') : 0;
}

std::size_t engine::choose_any(std::size_t count) {
  if (count == 0 || count > 26) fail("a choice must be of 1 to 26", me().at);
  const std::size_t chosen = replaying_ ? replayed_number() : choose(count, false);
  print_label(static_cast<char>('A' + chosen));
  return chosen;
}

// -- Orders to weaken ----------------------------------------------------------------------------------------

// SWITCHYARD_MODEL_MUTATE=file:line:column:which:order:weaker, and SWITCHYARD_MODEL_SITES=file to list where orders are met.
memory_order engine::weakened_slowly(memory_order order, unsigned which, where at, bool asymmetric) {
  static constexpr std::string_view names[] = {"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};
  const std::string_view name = asymmetric ? "asymmetric" : names[static_cast<int>(order)];
  if (sites_ != nullptr) {
    inside i(*this);
    const std::string site = std::string(at.file) + ':' + std::to_string(at.line) + ':' + std::to_string(at.column) + ':' +
                             std::to_string(which) + ':' + std::string(name);
    if (std::find(sites_seen_.begin(), sites_seen_.end(), site) == sites_seen_.end()) {
      sites_seen_.push_back(site);
      std::fprintf(sites_, "%s\n", site.c_str());
      std::fflush(sites_);
    }
  }
  for (const mutation& m : mutations_) {
    if (m.line != at.line || m.column != at.column || m.which != which || m.order != name || m.file != at.file) continue;
    for (int i = 0; i < 6; ++i) {
      if (m.weaker == names[i]) return static_cast<memory_order>(i);
    }
  }
  return order;
}

bool engine::dropped(where at) { return weakened(memory_order::seq_cst, 0, at, true) == memory_order::relaxed; }

// -- Reports -------------------------------------------------------------------------------------------------

template <class... Args>
void engine::note(where at, const char* format, Args... args) {
  inside i(*this);
  char text[200];
  if constexpr (sizeof...(args) == 0) {
    std::snprintf(text, sizeof text, "%s", format);
  } else {
    std::snprintf(text, sizeof text, format, args...);
  }
  events_.push_back({current_, steps_, text, at});
}

void engine::name(const void* object, const char* name) {
  if (!tracing_) return;
  inside i(*this);
  names_.emplace_back(object, name);
}

const char* engine::name_of(const void* address) {
  inside i(*this);
  for (const auto& [object, name] : names_) {
    if (object == address) return name.c_str();
  }
  names_.reserve(1000);  // the names handed out stay where they are
  names_.emplace_back(address, "@" + std::to_string(names_.size() + 1));
  return names_.back().second.c_str();
}

std::string engine::describe(bits value, int parts) {
  const auto number = [](std::uint64_t n) {
    char text[32];
    const auto negative = static_cast<std::int64_t>(n);
    if (negative < 0 && negative > -1'000'000) {
      std::snprintf(text, sizeof text, "%lld", static_cast<long long>(negative));
    } else if (n < 1'000'000'000) {
      std::snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(n));
    } else {
      std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(n));
    }
    return std::string(text);
  };
  return parts == 2 ? "{" + number(value.low) + ", " + number(value.high) + "}" : number(value.low);
}

// The interleaving, a column for each thread.
std::string engine::columns(std::string_view how) const {
  constexpr int width = 34;
  std::string out = "model: " + failure_ + "\n\n  step ";
  char text[256];
  for (int t = 0; t < thread_count_; ++t) {
    std::snprintf(text, sizeof text, "| %-*s", width, ("thread " + std::to_string(t)).c_str());
    out += text;
  }
  out += "| where\n";
  constexpr std::size_t shown_first = 30;
  constexpr std::size_t shown_last = 90;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    if (events_.size() > shown_first + shown_last + 1 && i == shown_first) {
      i = events_.size() - shown_last;
      out += "       ... " + std::to_string(i - shown_first) + " more\n";
    }
    const event& e = events_[i];
    std::snprintf(text, sizeof text, "  %4u ", e.step);
    out += text;
    // What does not fit goes on in the next line.
    std::string_view rest = e.text;
    for (bool first = true; first || !rest.empty(); first = false) {
      if (!first) out += "       ";
      for (int t = 0; t < thread_count_; ++t) {
        const std::string_view part = t == e.thread ? rest.substr(0, width) : std::string_view();
        std::snprintf(text, sizeof text, "| %-*.*s", width, static_cast<int>(part.size()), part.data());
        out += text;
      }
      rest.remove_prefix(std::min<std::size_t>(rest.size(), width));
      if (first && e.at.line != 0) {
        const char* const slash = std::strrchr(e.at.file, '/');
        std::snprintf(text, sizeof text, "| %s:%u", slash != nullptr ? slash + 1 : e.at.file, e.at.line);
        out += text;
      }
      out += '\n';
    }
  }
  out += '\n';
  out += how;
  return out;
}

// A letter that comes n times is written once, with n before it.
std::string shortened(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size();) {
    const std::size_t end = std::min(path.find_first_not_of(path[i], i), path.size());
    if (end - i > 1) out += std::to_string(end - i);
    out += path[i];
    i = end;
  }
  return out;
}
std::string expanded(std::string_view path) {
  std::string out;
  std::size_t count = 0;
  for (const char c : path) {
    if (c >= '0' && c <= '9') {
      count = count * 10 + static_cast<std::size_t>(c - '0');
    } else {
      out.append(std::clamp<std::size_t>(count, 1, 100'000), c);
      count = 0;
    }
  }
  return out;
}

// The failing execution is in `path_choices_`: runs it again, taking notes.
void engine::show(result& r) {
  tracing_ = true;
  run(*body_);
  tracing_ = false;
  r.failure = failure_;
  r.replay = shortened(path_);
  r.report = columns("To see this execution alone, under a debugger: options::replay, or the environment variable\n"
                     "SWITCHYARD_MODEL_REPLAY, = \"" + r.replay + "\"\n");
}

// Looks for a failure in fewer steps near the one that was found.
void engine::shorten(result& r) {
  std::vector<choice> best = path_choices_;
  std::uint32_t least = steps_;
  for (int i = 0; i < 3000 && next_path(); ++i) {
    if (run(*body_) == outcome::failed && steps_ < least) {
      best = path_choices_;
      least = steps_;
    }
    ++r.executions;
  }
  path_choices_ = std::move(best);
}

// Every path with so many preemptions. False: the limits were reached, or a failure.
bool engine::explore(unsigned bound, result& r, std::chrono::steady_clock::time_point until) {
  bound_ = bound;
  cut_anything_ = false;
  path_choices_.clear();
  do {
    const outcome how = run(*body_);
    r.steps += steps_;
    if (how == outcome::pruned) {
      ++r.pruned;
    } else {
      ++r.executions;
    }
    if (how == outcome::failed) {
      shorten(r);
      show(r);
      return false;
    }
    if (r.executions >= options_.executions) return false;
    if ((r.executions + r.pruned) % 1024 == 0 && std::chrono::steady_clock::now() > until) return false;
  } while (next_path());
  return true;
}

result engine::check(const options& o, const std::function<void()>& body) {
  if (current_ != nobody) fail("a check within a check", {});
  options_ = o;
  body_ = &body;
  if (!mutations_read_) {
    mutations_read_ = true;
    if (const char* const text = std::getenv("SWITCHYARD_MODEL_MUTATE")) {
      mutation m;
      char file[512];
      char order[32];
      char weaker[32];
      if (std::sscanf(text, "%511[^:]:%u:%u:%u:%31[^:]:%31s", file, &m.line, &m.column, &m.which, order, weaker) == 6) {
        m.file = file;
        m.order = order;
        m.weaker = weaker;
        mutations_.push_back(m);
      } else {
        std::fprintf(stderr, "SWITCHYARD_MODEL_MUTATE is not file:line:column:which:order:weaker: %s\n", text);
        std::exit(2);
      }
    }
    if (const char* const file = std::getenv("SWITCHYARD_MODEL_SITES")) sites_ = std::fopen(file, "a");
  }
  const char* const replay = std::getenv("SWITCHYARD_MODEL_REPLAY");
  const auto start = std::chrono::steady_clock::now();
  result r;
  random_ = false;
  replaying_ = false;
  path_choices_.clear();
  failure_.clear();
  if (!o.replay.empty() || replay != nullptr) {
    script_ = expanded(replay != nullptr ? replay : o.replay);
    replaying_ = true;
    bound_ = unlimited;
    tracing_ = true;
    const outcome how = run(body);
    tracing_ = false;
    replaying_ = false;
    r.executions = 1;
    if (how == outcome::failed) r.failure = failure_;
    r.report = columns("");
  } else if (o.random != 0) {
    random_ = true;
    bound_ = unlimited;
    for (; r.executions < o.random && std::chrono::steady_clock::now() < start + o.time; ++r.executions) {
      generator_.state = o.seed * 0x9E3779B97F4A7C15u + r.executions;
      const random_numbers before = generator_;
      const std::uint32_t expected = expected_steps_;
      const outcome how = run(body);
      r.steps += steps_;
      if (how == outcome::failed) {
        generator_ = before;
        expected_steps_ = expected;
        show(r);
        break;
      }
    }
    random_ = false;
    r.preemptions = 0;
  } else {
    // Few preemptions first: most mistakes need no more, and are easier to read with fewer.
    r.preemptions = 0;
    bool any = false;
    for (unsigned bound : {0u, 1u, 2u, o.preemptions}) {
      if (bound > o.preemptions || (any && bound <= r.preemptions)) continue;
      if (!explore(bound, r, start + o.time)) break;
      r.complete = true;
      any = true;
      r.preemptions = cut_anything_ ? bound : unlimited;
      if (!cut_anything_) break;
    }
  }
  r.time = std::chrono::steady_clock::now() - start;
  return r;
}

engine& instance() {
  if (the_engine == nullptr) the_engine = new engine;  // never destroyed: it owns memory that others may free late
  return *the_engine;
}

}  // namespace

bool active() noexcept { return the_engine != nullptr && the_engine->active(); }
void construct(void* address, std::size_t size, bits value, bool two_parts) noexcept {
  the_engine->construct(address, size, value, two_parts);
}
bits load(const void* address, std::size_t size, part which, memory_order order, where at) {
  return the_engine->load(address, size, which, order, at);
}
void store(void* address, std::size_t size, bits value, memory_order order, where at) {
  the_engine->store(address, size, value, order, at);
}
bits exchange_by(void* address, std::size_t size, bits (*next)(bits, bits), bits operand, memory_order order,
                 where at) {
  return the_engine->exchange_by(address, size, next, operand, order, at);
}
bool compare_exchange(void* address, std::size_t size, bits& expected, bits desired, bool two_parts, bool may_fail,
                      memory_order success, memory_order failure, where at) {
  return the_engine->compare_exchange(address, size, expected, desired, two_parts, may_fail, success, failure, at);
}
void fence(memory_order order, where at) { the_engine->fence(order, at); }
void light_fence(where at) { the_engine->light_fence(at); }
void heavy_fence(where at) { the_engine->heavy_fence(at); }
void pause() noexcept { the_engine->pause(); }
void access(const void* slot, slot_access kind, where at) { the_engine->access(slot, kind, at); }
wait_result futex_wait(const void* address, std::uint32_t expected, bool two_parts, time_point limit, where at) {
  return the_engine->futex_wait(address, expected, two_parts, limit, at);
}
std::uint32_t futex_wake(const void* address, std::uint32_t count, where at) {
  return the_engine->futex_wake(address, count, at);
}
time_point now() noexcept { return the_engine->now(); }
void lock(const void* mutex, where at) { the_engine->lock(mutex, at); }
void unlock(const void* mutex, where at) { the_engine->unlock(mutex, at); }
int start_thread(void (*run)(void*), void* argument, where at) { return the_engine->start_thread(run, argument, at); }
void join_thread(int thread, where at) { the_engine->join_thread(thread, at); }
int this_thread() noexcept { return the_engine->this_thread(); }
void* find_thread_local(const void* key) noexcept { return the_engine->find_local(key); }
void add_thread_local(const void* key, void* object, void (*destroy)(void*), bool last) {
  the_engine->add_local(key, object, destroy, last);
}
void fail(const char* what, where at) {
  if (!active()) {
    std::fprintf(stderr, "%s:%u: outside of a check: %s\n", at.file, at.line, what);
    std::abort();
  }
  the_engine->fail(what, at);
}
std::uint64_t limit_steps(std::uint64_t limit) noexcept { return the_engine->limit_steps(limit); }
void restore_step_limit(std::uint64_t limit) noexcept { the_engine->restore_step_limit(limit); }
void name(const void* object, const char* name) {
  if (active()) the_engine->name(object, name);
}
std::size_t choose(std::size_t count) { return the_engine->choose_any(count); }

namespace {

// The program's heap while it is being checked; the real one otherwise.
void* allocate(std::size_t size, std::size_t alignment) {
  if (active()) return the_engine->allocate(size, alignment);
  if (size == 0) size = 1;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* const p = allocate(size, alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
void release(void* p) noexcept {
  if (p == nullptr || (the_engine != nullptr && the_engine->release(p))) return;
  std::free(p);
}

}  // namespace
}  // namespace detail

result check(const options& options, const std::function<void()>& body) {
  return detail::instance().check(options, body);
}

std::string result::summary() const {
  const double seconds = std::chrono::duration<double>(time).count();
  char text[200];
  std::snprintf(text, sizeof text, "%llu executions and %llu cut as repeating others, in %.2f s",
                static_cast<unsigned long long>(executions), static_cast<unsigned long long>(pruned), seconds);
  std::string out = text;
  if (!ok()) return out + ": FAILED";
  if (!complete) return out + ": not complete";
  if (preemptions == unlimited) return out + ": complete";
  return out + ": complete up to preemption bound " + std::to_string(preemptions);
}

}  // namespace switchyard::model

// A program that links the checker gets these.
namespace detail = switchyard::model::detail;
void* operator new(std::size_t size) { return detail::allocate_or_throw(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return detail::allocate_or_throw(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t a) {
  return detail::allocate_or_throw(size, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t size, std::align_val_t a) {
  return detail::allocate_or_throw(size, static_cast<std::size_t>(a));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return detail::allocate(size, alignof(std::max_align_t));
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return detail::allocate(size, alignof(std::max_align_t));
}
void operator delete(void* p) noexcept { detail::release(p); }
void operator delete[](void* p) noexcept { detail::release(p); }
void operator delete(void* p, std::size_t) noexcept { detail::release(p); }
void operator delete[](void* p, std::size_t) noexcept { detail::release(p); }
void operator delete(void* p, std::align_val_t) noexcept { detail::release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { detail::release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { detail::release(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { detail::release(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { detail::release(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { detail::release(p); }
