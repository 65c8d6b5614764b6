// Deadlock prevention: transfers between accounts, in both directions at once. The order of the locks is update's business.

#include <mutex>
#include <stdexcept>
#include <string>

#include "examples/guide/check.h"
#include "switchyard/blocking/lock_order.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/update.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/lockfree/update.h"
#include "switchyard/threads/thread.h"

// Of either side: update is found in the namespace of the accounts.
template <class Account>
void transfer_money(Account& account1, Account& account2, long amount) {
  update(account1, account2, [&](long& from, long& to) {
    if (from < amount) throw std::runtime_error("not enough");
    from -= amount;
    to += amount;
  });
}

template <class Account>
void no_deadlock_and_no_money_lost() {
  Account one(1000L);
  Account two(1000L);
  const auto send = [](Account& from, Account& to) {
    for (int i = 0; i < 500; ++i) transfer_money(from, to, 1);
  };
  switchyard::thread there([&] { send(one, two); });
  switchyard::thread back([&] { send(two, one); });
  there.get();
  back.get();
  check(one.load() == 1000 && two.load() == 1000, "as much as before");

  try {
    transfer_money(one, two, 5000);
    check(false, "refused");
  } catch (const std::runtime_error&) {
    check(one.load() == 1000 && two.load() == 1000, "and nothing has changed");
  }
}

// Two locks by hand, in two orders. It went well this time; the checker does not wait for the time when it does not.
void find_the_wrong_order() {
  using switchyard::blocking::lock_cycle;
  using checked = switchyard::blocking::order_checked<switchyard::blocking::mutex>;

  const auto by_default = switchyard::blocking::set_lock_order_handler([](const lock_cycle& cycle) {
    throw std::logic_error(cycle.text());  // by default the text is printed, with both stacks, and the program ends
  });
  checked account1;
  checked account2;
  {
    const std::lock_guard first(account1);
    const std::lock_guard second(account2);
  }
  try {
    const std::lock_guard first(account2);
    const std::lock_guard second(account1);
    check(false, "refused");
  } catch (const std::logic_error& told) {
    check(std::string(told.what()).find("is about to be taken while") != std::string::npos, "before it locks");
  }
  switchyard::blocking::set_lock_order_handler(by_default);
}

int main() {
  no_deadlock_and_no_money_lost<switchyard::blocking::synchronized<long>>();
  no_deadlock_and_no_money_lost<switchyard::lockfree::synchronized<long>>();
  find_the_wrong_order();
}
