// What atomics hold, who may see it, and the heap.
#include <cstring>

#include "switchyard/model/engine_impl.h"

namespace switchyard::model::detail {

// -- Memory --------------------------------------------------------------------------------------------------

/// Room for `count` T and `more` bytes, until the execution ends.
template <class T>
T* engine::take(std::size_t count, std::size_t more) {
  void* const memory = memory_.take(count * sizeof(T) + more, alignof(T));
  if (memory == nullptr) fail("out of the checker's memory", {});
  return static_cast<T*>(memory);
}

location& engine::make_location(const void* address, bits value, bool two_parts) {
  auto* const l = take<location>();
  const std::size_t slots = two_parts ? 2 : 1;
  if (slots_ + slots > max_slots) fail("too many atomics for the checker", {});
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

// The location of the current thread's next step, when that step is to be taken.
location& engine::approach(const void* address, std::size_t size, bool two_parts, kind what, bool strong, where at) {
  location& l = find(address, size, two_parts, at);
  point({what, strong, &l}, at);
  if (!l.alive) fail("use after free of an atomic", at);  // since `find`
  return l;
}

written* engine::insert(location& l, std::size_t at, bits value) {
  if (l.count == l.room) {
    const std::uint32_t room = l.room == 0 ? 8 : l.room * 2;
    auto** const order = take<written*>(room);
    std::copy_n(l.order, l.count, order);
    l.order = order;
    l.room = room;
  }
  auto* const w = take<written>();
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

message* engine::empty_message() {
  auto* const m = take<message>(1, slots_ * sizeof(stamp));
  m->size = static_cast<std::uint32_t>(slots_);
  return m;
}

const message* engine::snapshot(const stamp* view) {
  message* const m = empty_message();
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
const message* engine::message_for(memory_order order, const message* inherited) {
  const message* const own = has_release(order) ? snapshot(me().view) : me().released;
  if (own == nullptr || inherited == nullptr) return own == nullptr ? inherited : own;
  message* const m = empty_message();
  std::fill_n(m->at, slots_, 0);
  join(m->at, own);
  join(m->at, inherited);
  return m;
}

void engine::take_in(const written& w, memory_order order) {
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

static bool same(const bits& a, const bits& b, part which) { return which == part::first ? a.low == b.low : a == b; }

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
    if (what == use::compare && w.followed && same(w.value, *expected, which)) continue;
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
  location& l = approach(address, size, which != part::all, kind::load, strong, at);
  const written& w = *l.order[choose_store(l, which, strong, use::read)];
  const std::uint32_t slot = which == part::second ? l.slot + 1 : l.slot;
  me().view[slot] = std::max(me().view[slot], w.key);
  mark_read(slot, w.key);
  take_in(w, order);
  if (tracing_) {
    note(at, "%s%s = %s %s, from %u", name_of(address),
         which == part::all     ? ""
         : which == part::first ? ".first"
                                : ".second",
         describe(which == part::second ? bits{w.value.high, 0} : w.value, 1).c_str(), name_of(order), w.step);
  }
  return w.value;
}

void engine::store(void* address, std::size_t size, bits value, memory_order order, where at) {
  order = weakened(order, 0, at);
  const bool strong = order == memory_order::seq_cst;
  location& l = approach(address, size, false, kind::store, strong, at);
  written* const w = add(l, choose_store(l, part::all, strong, use::follow), value, strong);
  w->carries = message_for(order, nullptr);
  if (tracing_) note(at, "%s := %s %s", name_of(address), describe(value, l.parts).c_str(), name_of(order));
}

bits engine::exchange_by(void* address, std::size_t size, bits (*next)(bits, bits), bits operand,
                         memory_order order, where at) {
  order = weakened(order, 0, at);
  const bool strong = order == memory_order::seq_cst;
  location& l = approach(address, size, false, kind::store, strong, at);
  const std::size_t read = choose_store(l, part::all, strong, use::modify);
  written& before = *l.order[read];
  before.followed = true;
  take_in(before, order);
  written* const w = add(l, read, next(before.value, operand), strong);
  w->carries = message_for(order, before.carries);
  mark_read(l.slot, w->key);
  if (tracing_) {
    note(at, "%s: %s -> %s %s, from %u", name_of(address), describe(before.value, 1).c_str(),
         describe(w->value, 1).c_str(), name_of(order), before.step);
  }
  return before.value;
}

bool engine::compare_exchange(void* address, std::size_t size, bits& expected, bits desired, bool two_parts,
                              part which, bool may_fail, memory_order success, memory_order failure, where at) {
  success = weakened(success, 0, at);
  failure = weakened(failure, 1, at);
  const bool strong = success == memory_order::seq_cst || failure == memory_order::seq_cst;
  location& l = approach(address, size, two_parts, kind::store, strong, at);
  const std::size_t read = choose_store(l, which, strong, use::compare, &expected);
  written& before = *l.order[read];
  const bool matches = same(before.value, expected, which);
  const bool fails_for_nothing = may_fail && matches && weak_failures_ < options_.weak_failures && choose_any(2) == 1;
  weak_failures_ += fails_for_nothing;
  if (which == part::first) desired.high = before.value.high;
  if (matches && !fails_for_nothing) {
    before.followed = true;
    take_in(before, success);
    written* const w = add(l, read, desired, strong);
    w->carries = message_for(success, before.carries);
    for (std::uint32_t i = 0; i < l.parts; ++i) mark_read(l.slot + i, w->key);
    if (tracing_) {
      note(at, "%s: %s -> %s %s, from %u", name_of(address), describe(before.value, l.parts).c_str(),
           describe(desired, l.parts).c_str(), name_of(success), before.step);
    }
    return true;
  }
  for (std::uint32_t i = 0; i < l.parts; ++i) {
    me().view[l.slot + i] = std::max(me().view[l.slot + i], before.key);
    mark_read(l.slot + i, before.key);
  }
  take_in(before, failure);
  wake_dependents({kind::load, strong, &l});
  if (tracing_) {
    note(at, "%s is %s, not %s, %s, from %u", name_of(address), describe(before.value, l.parts).c_str(),
         describe(expected, l.parts).c_str(), name_of(failure), before.step);
  }
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
  if (tracing_) note(at, "fence %s", name_of(order));
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
      s = take<slot_record>();
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

}  // namespace switchyard::model::detail
