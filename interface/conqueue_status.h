// The outcome of an operation on a concurrent queue.
//
// Source: WG21 P0260R20, "C++ Concurrent Queues".
#pragma once

#include <string_view>

namespace switchyard {

/// What a queue operation that can fail says about itself. The enumerators are P0260's.
enum class conqueue_status {
  success,     ///< the element was taken or handed over
  empty,       ///< nothing to pop (a timed pop: nothing until the deadline)
  full,        ///< no room to push (a timed push: none until the deadline)
  closed,      ///< push: the queue is closed; pop: it is closed and empty
  busy,        ///< the operation would have had to wait for another thread inside the queue
  busy_async,  ///< the operation would have had to resume an asynchronous waiter
};

/// The enumerator's own name, for messages; "unknown" for a value that is none of them.
constexpr std::string_view to_string(conqueue_status status) noexcept {
  switch (status) {
    case conqueue_status::success: return "success";
    case conqueue_status::empty: return "empty";
    case conqueue_status::full: return "full";
    case conqueue_status::closed: return "closed";
    case conqueue_status::busy: return "busy";
    case conqueue_status::busy_async: return "busy_async";
  }
  return "unknown";
}

}  // namespace switchyard
