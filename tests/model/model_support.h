// What the model tests of structures have in common.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "switchyard/model/check.h"

namespace switchyard::model {

/// Every execution of `body` is right, and all were seen, up to `options.preemptions`. The number of executions is the
/// limit, not the time, which depends on what else the machine does.
inline void expect_proved(const std::function<void()>& body, options o = {}) {
  o.time = std::chrono::hours(1);
  const result r = check(o, body);
  EXPECT_TRUE(r.ok()) << r.report;
  EXPECT_TRUE(r.complete) << r.summary();
  EXPECT_GE(r.preemptions, o.preemptions) << r.summary();
  testing::Test::RecordProperty("proof", r.summary());
}

/// Every one of `options.random` executions of `body` is right: for what has too many to see them all.
inline void expect_right_at_random(const std::function<void()>& body, options o) {
  o.time = std::chrono::hours(1);
  const result r = check(o, body);
  EXPECT_TRUE(r.ok()) << r.report;
}

/// Whichever thread is frozen, and wherever, the others come to their end.
inline void expect_lock_free(const std::function<void()>& body, unsigned preemptions = 1) {
  expect_proved(body, {.preemptions = preemptions, .freeze = true});
}

}  // namespace switchyard::model
