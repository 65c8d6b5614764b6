// Creating threads; arguments and names. The same for both sides: threads belong to neither.
//
//   tools/test //examples/guide:threads --test_output=all

#include <chrono>
#include <functional>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>

#include "examples/guide/check.h"
#include "switchyard/threads/thread.h"
#include "switchyard/threads/timer.h"

using namespace std::chrono_literals;

void creating_a_thread() {
  int answer = 0;
  switchyard::thread worker([&] { answer = 42; });  // runs from here on
  worker.join();                                    // wait for the thread to complete
  check(answer == 42, "join sees what the thread has done");
}

void thread_with_arguments() {
  const auto worker = [](std::string name, int count, int& sum) {
    for (int i = 0; i < count; ++i) sum += i;
    std::cout << name + " has counted\n";
  };
  int sum = 0;
  switchyard::thread thread({.name = "WorkerThread"}, worker, "Thread-1", 5, std::ref(sum));
  check(thread.name() == "WorkerThread", "the name it was given");
  thread.join();
  check(sum == 10, "it got its arguments");
}

void a_thread_that_can_be_asked_to_stop() {
  switchyard::thread worker([](std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
  });
  check(!worker.join_for(5ms), "it goes on");  // what join(timeout) and is_alive() say together
  worker.request_stop();
  worker.join();
  check(!worker.is_alive(), "it has ended");
}  // and had we not asked, its destructor would have: no thread is left behind

void a_thread_that_starts_later() {
  bool rang = false;
  switchyard::thread worker({.name = "later", .deferred = true}, [&] { rang = true; });
  check(!worker.is_alive() && !worker.joinable(), "not started");
  worker.start();
  worker.join();
  check(rang, "started");

  switchyard::timer alarm(1h, [&] { rang = false; });
  check(alarm.cancel(), "in time: it will not be called");
  alarm.join();
  check(rang, "it was not called");
}

int main() {
  creating_a_thread();
  thread_with_arguments();
  a_thread_that_can_be_asked_to_stop();
  a_thread_that_starts_later();
}
