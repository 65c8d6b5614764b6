// Threads, and whose turn it is.
#include <cstdlib>
#include <cstring>
#include <exception>

#include "switchyard/model/engine_impl.h"

namespace switchyard::model::detail {

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
  until_the_end_.clear();
  std::fill_n(strong_.begin(), most_slots_, 0);
  std::fill_n(light_.begin(), most_slots_, 0);
  std::fill_n(heavy_.begin(), most_slots_, 0);
  slots_ = max_threads;
  thread_count_ = 0;
  ready_ = paused_ = waiting_ = alive_ = asleep_ = half_ = 0;
  depth_ = 0;
  preemptions_ = spurious_ = weak_failures_ = idle_rounds_ = 0;
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
  thread_count_ = 1;
  prepare_thread(0, [](void* self) { (*static_cast<engine*>(self)->body_)(); }, this, nobody);
  current_ = 0;
  fiber::change(main_, first.stack);
  current_ = nobody;
  internal_ = 0;  // it may have ended anywhere

  for (const saved_bytes& s : statics_) std::memcpy(s.address, s.bytes.data(), s.size);
  statics_.clear();
  expected_steps_ = std::max(expected_steps_, steps_);
  return outcome_;
}

// A thread that is about to begin, with the view that it has been given.
void engine::prepare_thread(int id, void (*function)(void*), void* argument, int starter) {
  thread_state& t = threads_[id];
  {
    inside i(*this);
    t.stack.prepare(&engine::enter);
  }
  t.now = state::ready;
  t.next = {};
  t.starting = starter != nobody;
  t.run = function;
  t.argument = argument;
  t.starter = starter;
  t.alone = 0;
  t.steps = t.step_limit = 0;
  t.has_pending = false;
  t.released = nullptr;
  t.read_count = t.spun_count = 0;
  t.view[id] = 1;
  ready_ |= bit_of(id);
  alive_ |= bit_of(id);
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
  e.destroy_all(e.me().locals);
  if (e.alive_ == bit_of(e.current_)) e.destroy_all(e.until_the_end_);
  e.finish_thread();
}

// The last first; what that adds, too.
void engine::destroy_all(std::vector<local_object>& objects) {
  while (!objects.empty()) {
    const local_object last = objects.back();
    objects.pop_back();
    last.destroy(last.object);
  }
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
    text += "; thread " + std::to_string(t) + ' ' + what + " at " + name_of_file(s.at.file) + ':' +
            std::to_string(s.at.line);
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

// -- Sleeping, locks, threads --------------------------------------------------------------------------------

wait_result engine::futex_wait(const void* address, std::uint32_t expected, bool, time_point limit, where at) {
  location& l = approach(address, 4, false, kind::wait, false, at);
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
  // The kernel is told an address and looks at nothing there: the word may be gone, with nobody asleep on it.
  location* const known = locations_.find(address);
  location& l = known != nullptr ? *known : find(address, 4, false, at);
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
  t.at = at;
  std::copy_n(parent.view, slots_, t.view);
  std::fill(t.view + slots_, t.view + most_slots_, 0);
  prepare_thread(id, function, argument, current_);
  ++parent.view[current_];
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
void engine::at_end(void* object, void (*destroy)(void*)) {
  inside i(*this);
  until_the_end_.push_back({nullptr, object, destroy});
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

}  // namespace switchyard::model::detail
