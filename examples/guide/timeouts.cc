// Time-outs: every wait can have a limit, and can be ended from outside by a stop token.

#include <chrono>
#include <stop_token>

#include "examples/guide/check.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/event.h"
#include "switchyard/blocking/latch.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/semaphore.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/event.h"
#include "switchyard/lockfree/latch.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/threads/thread.h"

using namespace std::chrono_literals;
using switchyard::conqueue_status;

template <class Semaphore, class Event, class Latch, class Queue>
void limits() {
  Semaphore semaphore(0);
  Event event;
  Latch latch(1);
  Queue queue(1);

  // For so long, or until a moment on any clock. One that has passed means: look, and do not wait.
  check(!semaphore.try_acquire_for(1ms), "no permit has come");
  check(!event.wait_until(std::chrono::system_clock::now() + 1ms), "it has not been set");
  check(!latch.wait_for(-1s), "it has not been counted down");
  check(queue.try_pop_for(1ms).error() == conqueue_status::empty, "nothing has been pushed");
  check(queue.try_push_for(1, 1ms) == conqueue_status::success, "there is room");
  check(queue.try_push_for(2, 1ms) == conqueue_status::full, "and no more");
}

template <class Event>
void ended_from_outside() {
  Event never;
  bool was_set = true;
  switchyard::thread waiter([&](std::stop_token stop) { was_set = never.wait(stop); });
  waiter.request_stop();  // the thread's own token; any other does as well
  waiter.join();
  check(!was_set, "it gave up because it was asked to");
}

void a_lock_with_a_limit() {
  switchyard::blocking::mutex lock;
  lock.lock();
  switchyard::thread other([&] { check(!lock.try_lock_for(1ms), "held by somebody else"); });
  other.get();
  lock.unlock();
}

int main() {
  using namespace switchyard;
  limits<blocking::semaphore, blocking::event, blocking::latch, blocking::bounded_queue<int>>();
  limits<lockfree::semaphore, lockfree::event, lockfree::latch, lockfree::bounded_queue<int>>();
  ended_from_outside<blocking::event>();
  ended_from_outside<lockfree::event>();
  a_lock_with_a_limit();
}
