// Paths, one after the other; and the names under which everything else reaches the engine.
#include <cstdlib>
#include <new>

#include "switchyard/model/engine_impl.h"

namespace switchyard::model {
namespace detail {

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

namespace {

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
bool compare_exchange(void* address, std::size_t size, bits& expected, bits desired, bool two_parts, part which,
                      bool may_fail, memory_order success, memory_order failure, where at) {
  return the_engine->compare_exchange(address, size, expected, desired, two_parts, which, may_fail, success, failure,
                                      at);
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
void at_end(void* object, void (*destroy)(void*)) { the_engine->at_end(object, destroy); }
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
