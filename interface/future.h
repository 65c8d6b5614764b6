// How far a future has come, and the named errors of futures and promises.
#pragma once

#include <cstdint>
#include <stdexcept>

namespace switchyard {

/// What `get` throws of a future that has been cancelled.
struct future_cancelled : std::runtime_error {
  future_cancelled() : runtime_error("the future has been cancelled") {}
};
/// What is set in a future whose promise, or pool, has gone without setting anything.
struct broken_promise : std::runtime_error {
  broken_promise() : runtime_error("the promise has gone without a value") {}
};
/// A limit has passed where a value had to be returned.
struct future_timeout : std::runtime_error {
  using runtime_error::runtime_error;
};
/// A future or promise is used in a way that its state does not allow.
struct future_error : std::logic_error {
  using logic_error::logic_error;
};
struct no_state : future_error {  ///< it was made without, moved from, or `get` has been called
  no_state() : future_error("there is no result to wait for: moved away, or had before") {}
};
struct already_set : future_error {  ///< it has a value or an exception, or has been cancelled
  already_set() : future_error("the promise has been kept before, or its future cancelled") {}
};
struct future_already_retrieved : future_error {
  future_already_retrieved() : future_error("a promise has one future, which has been had") {}
};

/// How far a future has come: `done` with a value or an exception.
enum class future_state : std::uint8_t { pending, running, cancelled, done };

/// A task waits for its own future, or for that of a task which waits until this one has returned: for ever.
struct waits_for_itself : std::logic_error {
  waits_for_itself() : logic_error("a task waits for a future that cannot be ready before the task has returned") {}
};

}  // namespace switchyard
