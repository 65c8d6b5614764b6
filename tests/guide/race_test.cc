// The counter of the guide that loses increments is seen by ThreadSanitizer, and those that do not are not.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using testing::HasSubstr;

#if defined(__SANITIZE_THREAD__)
constexpr bool sees_races = true;
#elif defined(__has_feature)
constexpr bool sees_races = __has_feature(thread_sanitizer);
#else
constexpr bool sees_races = false;
#endif

struct outcome {
  int status;
  std::string printed;
};

// Runs examples/guide:counter.
outcome run(const std::string& arguments) {
  const char* const counter = std::getenv("SWITCHYARD_COUNTER");
  const std::string command = (counter == nullptr ? std::string("counter") : std::string(counter)) + arguments + " 2>&1";
  outcome result{-1, ""};
  std::FILE* const output = ::popen(command.c_str(), "r");
  if (output == nullptr) return result;
  std::array<char, 4096> some{};
  while (const std::size_t n = std::fread(some.data(), 1, some.size(), output)) result.printed.append(some.data(), n);
  result.status = ::pclose(output);
  return result;
}

TEST(Race, TheSafeCountersLoseNothingAndNoRaceIsSeen) {
  const outcome safe = run("");
  EXPECT_EQ(safe.status, 0) << safe.printed;
}

TEST(Race, TheRacyCounterIsReported) {
  if (!sees_races) GTEST_SKIP() << "only ThreadSanitizer sees it for certain: --config=tsan";
  const outcome racy = run(" --racy");
  EXPECT_NE(racy.status, 0);
  EXPECT_THAT(racy.printed, HasSubstr("WARNING: ThreadSanitizer: data race"));
  EXPECT_THAT(racy.printed, HasSubstr("racy_counter::increment"));
}

}  // namespace
