// The queues and stacks of libraries that are only compared with, by name, for a registry: those that the machine has.
//
// When: a program that compares implementations. A program that only needs a queue has enough in `registry.h`, which
//   does not need those libraries.
// Cost: of compiling, several seconds.
//
//   auto registry = queue_registry<int>::builtin();  add_peer_queues(registry);
#pragma once

#include <cstddef>
#include <limits>

#include "switchyard/adapters/registry.h"

// Which there are, BUILD.bazel says: a header is found only if its target is among the dependencies. What their queues do,
// the sanitizers cannot follow.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SWITCHYARD_DETAIL_NO_PEERS
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SWITCHYARD_DETAIL_NO_PEERS
#endif
#endif

#ifndef SWITCHYARD_DETAIL_NO_PEERS
#if __has_include("switchyard/adapters/atomic_queue.h")
#define SWITCHYARD_DETAIL_ATOMIC_QUEUE
#include "switchyard/adapters/atomic_queue.h"
#endif
#if __has_include("switchyard/adapters/boost_queue.h")
#define SWITCHYARD_DETAIL_BOOST
#include "switchyard/adapters/boost_queue.h"
#include "switchyard/adapters/boost_stack.h"
#endif
#if __has_include("switchyard/adapters/concurrency_kit_queue.h")
#define SWITCHYARD_DETAIL_CONCURRENCY_KIT
#include "switchyard/adapters/concurrency_kit_queue.h"
#endif
#if __has_include("switchyard/adapters/libcds_queue.h")
#define SWITCHYARD_DETAIL_LIBCDS
#include "switchyard/adapters/libcds_queue.h"
#include "switchyard/adapters/libcds_stack.h"
#endif
#if __has_include("switchyard/adapters/tbb_queue.h")
#define SWITCHYARD_DETAIL_TBB
#include "switchyard/adapters/tbb_queue.h"
#endif
#endif

namespace switchyard::adapters {

/// Adds those that can hold a T. Their names begin with the library's.
template <class T>
void add_peer_queues([[maybe_unused]] queue_registry<T>& to) {
#ifdef SWITCHYARD_DETAIL_TBB
  if constexpr (requires { typename tbb_queue<T>; }) {
    to.template add_queue<tbb_queue<T>>({
        .name = "tbb.concurrent_queue",
        .summary = "oneTBB's, no bound, with close and waiting added",
        .bound = queue_bound::none,
        .guarantee = progress::not_lock_free,
    });
    to.template add_queue<tbb_bounded_queue<T>>({
        .name = "tbb.concurrent_bounded_queue",
        .summary = "oneTBB's, with close added, and our waiting in place of its own",
        .guarantee = progress::not_lock_free,
    });
  }
#endif
#ifdef SWITCHYARD_DETAIL_BOOST
  if constexpr (requires { typename boost_queue<T>; }) {
    to.template add_queue<boost_queue<T>>({
        .name = "boost.queue",
        .summary = "boost::lockfree::queue of a fixed size, with close and waiting added",
        .guarantee = progress::lock_free,
        .max_capacity = boost_queue<T>::max_capacity,
    });
  }
  if constexpr (requires { typename boost_spsc_queue<T>; }) {
    to.template add_queue<boost_spsc_queue<T>>({
        .name = "boost.spsc_queue",
        .summary = "boost::lockfree::spsc_queue, with close and waiting added",
        .multi_producer = false,
        .multi_consumer = false,
        .guarantee = progress::wait_free,
    });
  }
#endif
#ifdef SWITCHYARD_DETAIL_ATOMIC_QUEUE
  if constexpr (requires { typename atomic_queue_ring<T>; }) {
    to.template add_queue<atomic_queue_ring<T>>({
        .name = "atomic_queue.ring",
        .summary = "atomic_queue's AtomicQueueB2 (4096 at least), with close and waiting added",
        .order = queue_order::none,
        .bound = queue_bound::soft,
        .guarantee = progress::not_lock_free,
    });
    to.template add_queue<atomic_queue_spsc_ring<T>>({
        .name = "atomic_queue.spsc_ring",
        .summary = "the same for one producer and one consumer",
        .multi_producer = false,
        .multi_consumer = false,
        .bound = queue_bound::soft,
        .guarantee = progress::not_lock_free,
    });
  }
#endif
#ifdef SWITCHYARD_DETAIL_LIBCDS
  if constexpr (requires { typename libcds_vyukov_queue<T>; }) {
    to.template add_queue<libcds_vyukov_queue<T>>({
        .name = "libcds.vyukov_queue",
        .summary = "libcds's ring of Vyukov's, with close and waiting added",
        .bound = queue_bound::soft,
        .guarantee = progress::not_lock_free,
    });
  }
#endif
#ifdef SWITCHYARD_DETAIL_CONCURRENCY_KIT
  if constexpr (requires { typename concurrency_kit_spsc_ring<T>; }) {
    to.template add_queue<concurrency_kit_spsc_ring<T>>({
        .name = "concurrency_kit.spsc_ring",
        .summary = "Concurrency Kit's ck_ring, with close and waiting added",
        .multi_producer = false,
        .multi_consumer = false,
        .bound = queue_bound::soft,
        .guarantee = progress::wait_free,
        .max_capacity = std::size_t{1} << 29,
    });
    to.template add_queue<concurrency_kit_mpmc_ring<T>>({
        .name = "concurrency_kit.mpmc_ring",
        .summary = "the same for many producers and consumers",
        .bound = queue_bound::soft,
        .guarantee = progress::not_lock_free,
        .max_capacity = std::size_t{1} << 29,
    });
  }
#endif
}

/// The same for stacks.
template <class T>
void add_peer_stacks([[maybe_unused]] queue_registry<T>& to) {
#ifdef SWITCHYARD_DETAIL_BOOST
  to.template add_queue<boost_stack<T>>({
      .name = "boost.stack",
      .summary = "boost::lockfree::stack, with close and waiting added",
      .order = queue_order::lifo,
      .bound = queue_bound::none,
      .guarantee = progress::lock_free,
  });
#endif
#ifdef SWITCHYARD_DETAIL_LIBCDS
  // Each thread that uses one needs a record of its own, and libcds has a hundred.
  constexpr std::size_t threads = 96;
  to.template add_queue<libcds_stack<T>>({
      .name = "libcds.stack",
      .summary = "libcds's TreiberStack, with close and waiting added",
      .order = queue_order::lifo,
      .bound = queue_bound::none,
      .guarantee = progress::lock_free,
      .max_threads = threads,
  });
  to.template add_queue<libcds_stack<T, libcds_elimination::on>>({
      .name = "libcds.elimination_stack",
      .summary = "the same with elimination",
      .order = queue_order::lifo,
      .bound = queue_bound::none,
      .guarantee = progress::not_lock_free,
      .max_threads = threads,
  });
#endif
}

}  // namespace switchyard::adapters

#undef SWITCHYARD_DETAIL_NO_PEERS
#undef SWITCHYARD_DETAIL_ATOMIC_QUEUE
#undef SWITCHYARD_DETAIL_BOOST
#undef SWITCHYARD_DETAIL_CONCURRENCY_KIT
#undef SWITCHYARD_DETAIL_LIBCDS
#undef SWITCHYARD_DETAIL_TBB
