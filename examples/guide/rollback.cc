// Atomic operations: what fails half-way has changed nothing.

#include <map>
#include <stdexcept>
#include <string>

#include "examples/guide/check.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/lockfree/synchronized.h"

using stock = std::map<std::string, int>;

template <class Synchronized>  // of either side
void all_or_nothing() {
  Synchronized shelf(stock{{"apples", 3}});
  const auto sell = [](stock& now) {
    --now.at("apples");
    --now.at("pears");  // throws if there are none
  };
  try {
    shelf.update(sell);
    check(false, "throws");
  } catch (const std::out_of_range&) {  // the exception passes on
    check(shelf.read([](const stock& now) { return now.at("apples"); }) == 3, "no apple is gone");
  }

  shelf.update([](stock& now) { now["pears"] = 1; });
  shelf.update(sell);
  check(shelf.load() == stock{{"apples", 2}, {"pears", 0}}, "both");
}

int main() {
  all_or_nothing<switchyard::blocking::synchronized<stock>>();
  all_or_nothing<switchyard::lockfree::synchronized<stock>>();
}
