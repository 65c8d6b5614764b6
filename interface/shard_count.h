// How many parts a relaxed structure has unless it is told.
#pragma once

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <thread>

namespace switchyard {

/// Four for each thread that the machine runs at a time: then two threads seldom meet.
inline std::size_t default_shard_count() noexcept {
  return 4 * std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

/// `count`, or std::invalid_argument if that is 0.
inline std::size_t checked_shard_count(std::size_t count) {
  if (count == 0) throw std::invalid_argument("a relaxed queue must have at least 1 shard");
  return count;
}

}  // namespace switchyard
