// What ends the program early.
#pragma once

#include <stdexcept>

namespace switchyard::compare {

/// A request that cannot work, or input that cannot be used: `what()` is the one line that the user is
/// shown, and the exit status is 2.
class bad_request : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user asked to stop (Ctrl-C) before there was anything to show.
class interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

}  // namespace switchyard::compare
