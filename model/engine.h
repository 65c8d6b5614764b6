// What the checker's atomics, slots, futex and threads ask of it. Users include `check.h`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "switchyard/model/where.h"

namespace switchyard::model {

/// A type of its own, since functions of namespace std would be found by std::memory_order.
enum class memory_order { relaxed, consume, acquire, release, acq_rel, seq_cst };

namespace detail {

/// Up to sixteen bytes of a value, padded with zeros.
struct bits {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const bits&, const bits&) noexcept = default;
};

/// True in code that is being checked. Outside, atomics are plain memory.
bool active() noexcept;

/// Which half of a double word a load looks at, or a compare-and-swap is about; any other atomic has one part only.
enum class part : unsigned char { all, first, second };

// Atomics, known by their address. The bytes there are kept up to date with the newest value.
void construct(void* address, std::size_t size, bits value, bool two_parts) noexcept;
bits load(const void* address, std::size_t size, part which, memory_order order, where at);
void store(void* address, std::size_t size, bits value, memory_order order, where at);
bits exchange_by(void* address, std::size_t size, bits (*next)(bits before, bits operand), bits operand,
                 memory_order order, where at);
bool compare_exchange(void* address, std::size_t size, bits& expected, bits desired, bool two_parts, part which,
                      bool may_fail, memory_order success, memory_order failure, where at);
void fence(memory_order order, where at);
void light_fence(where at);
void heavy_fence(where at);
void pause() noexcept;

// Slots that are not atomic.
enum class slot_access : unsigned char { create, construct, read, write, destroy };
void access(const void* slot, slot_access kind, where at);

// Sleeping.
enum class wait_result : unsigned char { woken, timed_out };
using time_point = std::chrono::steady_clock::time_point;
wait_result futex_wait(const void* address, std::uint32_t expected, bool two_parts, time_point limit, where at);
std::uint32_t futex_wake(const void* address, std::uint32_t count, where at);
time_point now() noexcept;

// Threads. `run` is called in the new one; its argument must live until the thread has finished.
int start_thread(void (*run)(void*), void* argument, where at);
void join_thread(int thread, where at);
int this_thread() noexcept;

// An object of each thread, known by its key: made when first asked for, destroyed at the thread's end, after all
// others if `last`.
void* find_thread_local(const void* key) noexcept;
void add_thread_local(const void* key, void* object, void (*destroy)(void*), bool last);

// Has the last thread that ends destroy `object`, after its own thread-locals.
void at_end(void* object, void (*destroy)(void*));

// Ends the execution as a failure.
[[noreturn]] void fail(const char* what, where at);

// Counts this thread's steps from here: more than `limit` is a failure. Returns what it was set to.
std::uint64_t limit_steps(std::uint64_t limit) noexcept;
void restore_step_limit(std::uint64_t limit) noexcept;

// A lock known by its address.
void lock(const void* mutex, where at);
void unlock(const void* mutex, where at);

void name(const void* object, const char* name);
std::size_t choose(std::size_t count);

}  // namespace detail
}  // namespace switchyard::model
