// What the locks throw when they are used in a way that their state does not allow.
#pragma once

#include <stdexcept>
#include <string>

namespace switchyard {

/// A lock is used as only the thread that holds it may, by one that does not.
class not_owner : public std::logic_error {
 public:
  explicit not_owner(const std::string& what) : std::logic_error(what) {}
};

/// A thread waits for a lock that it holds itself: it would wait for ever.
class would_deadlock : public std::logic_error {
 public:
  explicit would_deadlock(const std::string& what) : std::logic_error(what) {}
};

}  // namespace switchyard
