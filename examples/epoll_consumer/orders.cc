// A desk that takes orders: one thread in an epoll loop, waiting for a timer (it might be a socket) and for a queue.
//
//   tools/test //examples/epoll_consumer --test_output=all
//
// The orders come from a coroutine that waits for room where the queue is full, without a thread of its own: it goes on in
// the loop, whenever the loop has taken an order. Nobody polls, and whoever pushes makes a system call only if the
// loop is asleep.

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/threads/async.h"
#include "switchyard/threads/readiness_fd.h"

using switchyard::conqueue_status;
using switchyard::readiness_fd;
using switchyard::lockfree::bounded_queue;

/// A coroutine that begins at once and is left to itself.
struct errand {
  struct promise_type {
    errand get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

errand place_orders(bounded_queue<int>& orders, int how_many) {
  for (int i = 1; i <= how_many; ++i) {
    const bool taken = co_await orders.async_push(i);
    if (!taken) co_return;
  }
  orders.close();
}

int main() {
  constexpr int how_many = 1000;
  bounded_queue<int> orders(16);

  const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  const itimerspec every_millisecond{{0, 1'000'000}, {0, 1'000'000}};
  ::timerfd_settime(timer, 0, &every_millisecond, nullptr);

  readiness_fd ready(orders);
  const int epoll = ::epoll_create1(0);
  for (const int source : {timer, ready.native_handle()}) {
    epoll_event want{};
    want.events = EPOLLIN;
    want.data.fd = source;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, source, &want);
  }

  long sum = 0;
  long ticks = 0;
  ready.arm();
  for (bool open = true; open;) {
    epoll_event got{};
    if (::epoll_wait(epoll, &got, 1, -1) != 1) continue;
    if (got.data.fd == timer) {
      std::uint64_t times = 0;
      if (::read(timer, &times, sizeof(times)) != sizeof(times)) continue;
      if (++ticks == 1) place_orders(orders, how_many);  // business begins
      continue;
    }
    // All there is, then wait for more.
    for (auto order = orders.try_pop(); open; order = orders.try_pop()) {
      if (order) {
        sum += *order;
        continue;
      }
      open = order.error() != conqueue_status::closed;
      break;
    }
    ready.arm();
  }
  ::close(epoll);
  ::close(timer);
  std::cout << "took orders worth " << sum << " in " << ticks << " ticks\n";
  return sum == long{how_many} * (how_many + 1) / 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
