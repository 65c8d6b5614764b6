// What both sides' `joinable` have in common for their users: the kind of shutdown, and a named error.
#pragma once

#include <stdexcept>

namespace switchyard {

/// `queue.shutdown(immediate)`: what is left in the queue is dropped.
struct immediate_t {
  explicit immediate_t() = default;
};
inline constexpr immediate_t immediate{};

/// task_done() has been called more often than elements have been popped.
struct too_many_task_done : std::logic_error {
  using logic_error::logic_error;
};

// What is asked of a queue besides its concept. It answers by `using keeps_what_throws = void;` and
// `using one_consumer = void;`.

/// Whether an element that throws while it is moved out by a pop is still in the queue after that. In P0260 it is lost,
/// and so it is unless a queue says otherwise. Asked only where an element's move may throw.
template <class Queue>
inline constexpr bool keeps_what_throws = requires { typename Queue::keeps_what_throws; };

/// Whether only one thread at a time may pop.
template <class Queue>
inline constexpr bool one_consumer = requires { typename Queue::one_consumer; };

}  // namespace switchyard
