// Deadlock prevention: transfers between accounts, in both directions at once. The order of the locks is update's business.

#include <stdexcept>

#include "examples/guide/check.h"
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

int main() {
  no_deadlock_and_no_money_lost<switchyard::blocking::synchronized<long>>();
  no_deadlock_and_no_money_lost<switchyard::lockfree::synchronized<long>>();
}
