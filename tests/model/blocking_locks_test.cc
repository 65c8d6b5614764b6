// condition, recursive_mutex and shared_mutex under the model checker: exclusion, and nobody sleeps for ever.

#include <chrono>
#include <mutex>
#include <shared_mutex>

#include "switchyard/atomics/plain.h"
#include "switchyard/blocking/condition.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/recursive_mutex.h"
#include "switchyard/blocking/shared_mutex.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using blocking::condition;
using blocking::recursive_mutex;
using blocking::shared_mutex;
using namespace std::chrono_literals;

TEST(recursive_mutex, OneThreadAtATime) {
  expect_proved(
      [] {
        recursive_mutex lock;
        plain<int> shared;
        shared.construct(0);
        const auto add = [&] {
          const std::lock_guard outer(lock);
          shared.write() += 1;
          const std::lock_guard inner(lock);
          shared.write() += 1;
        };
        {
          thread other(add);
          add();
        }
        require(shared.read() == 4 && !lock.locked(), "every addition counts");
      },
      {.preemptions = 3});
}

TEST(condition, NotificationReachesWhoWaits) {
  expect_proved(
      [] {
        blocking::mutex lock;
        condition changed(lock);
        plain<int> data;
        data.construct(0);
        thread other([&] {
          const std::lock_guard hold(lock);
          data.write() = 1;
          changed.notify();
        });
        const std::lock_guard hold(lock);
        changed.wait([&] { return data.read() == 1; });
      },
      {.preemptions = 2});
}

// One has a limit; the notification is for one of both.
TEST(condition, NotificationIsNotLostToOneThatGivesUp) {
  expect_proved(
      [] {
        blocking::mutex lock;
        condition changed(lock);
        plain<int> tokens;
        tokens.construct(0);
        thread impatient([&] {
          const std::lock_guard hold(lock);
          if (tokens.read() == 0 && changed.wait_for(1ms)) {
            require(tokens.read() == 1, "notified for a token");
            changed.notify();  // passes it on
          }
        });
        thread giver([&] {
          const std::lock_guard hold(lock);
          tokens.write() = 1;
          changed.notify();
        });
        const std::lock_guard hold(lock);
        changed.wait([&] { return tokens.read() == 1; });
      },
      {.preemptions = 1, .spurious_wakeups = 0});
}

TEST(shared_mutex, ReadersAndWriters) {
  expect_proved(
      [] {
        shared_mutex lock;
        plain<int> data;
        data.construct(0);
        const auto write = [&] {
          const std::lock_guard hold(lock);
          data.write() += 1;
        };
        {
          thread first(write);
          thread reader([&] {
            const std::shared_lock hold(lock);
            require(data.read() <= 2, "a whole value");
          });
          write();
        }
        require(data.read() == 2, "every addition counts");
        require(std::unique_lock(lock, std::try_to_lock).owns_lock(), "free at the end");
      },
      {.preemptions = 2, .spurious_wakeups = 0});
}

TEST(shared_mutex, AWriterThatGivesUpHoldsNobodyUp) {
  expect_proved(
      [] {
        shared_mutex lock;
        {
          const std::shared_lock hold(lock);
          thread impatient([&] { require(!lock.try_lock_for(1ms), "it is shared all the time"); });
          thread reader([&] { const std::shared_lock shared(lock); });
        }
        require(std::unique_lock(lock, std::try_to_lock).owns_lock(), "free at the end");
      },
      {.preemptions = 2, .spurious_wakeups = 0});
}

// The writer goes after the readers, if it has not given up.
TEST(shared_mutex, AWriterAfterReaders) {
  expect_proved(
      [] {
        shared_mutex lock;
        plain<int> data;
        data.construct(0);
        const auto read = [&] {
          const std::shared_lock hold(lock);
          (void)data.read();
        };
        {
          thread impatient([&] {
            const std::unique_lock hold(lock, 1ms);
            if (hold) data.write() += 1;
          });
          thread reader(read);
          read();
        }
        require(std::unique_lock(lock, std::try_to_lock).owns_lock(), "free at the end");
      },
      {.preemptions = 1, .spurious_wakeups = 0});
}

// One has waited for the writer and gone again: the lock is free for who has never waited.
TEST(shared_mutex, AnUnlockThatFindsNobodyAnyMorePublishes) {
  expect_proved(
      [] {
        shared_mutex lock;
        plain<int> data;
        data.construct(0);
        thread impatient([&] {
          if (lock.try_lock_for(1ms)) lock.unlock();
        });
        thread reader([&] {
          if (!lock.try_lock_shared()) return;
          (void)data.read();
          lock.unlock_shared();
        });
        lock.lock();
        data.write() = 1;
        lock.unlock();
      },
      {.preemptions = 2, .spurious_wakeups = 0});
}

// A reader is handed the lock by a writer that gives up, and has never met the one that wrote.
TEST(shared_mutex, WhoIsHandedTheLockSeesWhatWasWritten) {
  expect_proved(
      [] {
        shared_mutex lock;
        plain<int> data;
        data.construct(0);
        thread impatient([&] {
          if (lock.try_lock_for(1ms)) lock.unlock();
        });
        thread reader([&] {
          const std::shared_lock hold(lock);
          (void)data.read();
        });
        {
          const std::lock_guard hold(lock);
          data.write() = 1;
        }
        const std::shared_lock hold(lock);
      },
      {.preemptions = 1, .spurious_wakeups = 0});
}

}  // namespace
}  // namespace switchyard::model
