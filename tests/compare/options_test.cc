#include "switchyard/benchmarks/compare/options.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/error.h"

namespace switchyard::compare {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

options parse(const std::vector<const char*>& arguments) {
  return parse_options(arguments);
}

std::string refusal(const std::vector<const char*>& arguments) {
  try {
    parse(arguments);
  } catch (const bad_request& refused) {
    return refused.what();
  }
  return "not refused";
}

TEST(Options, HaveDefaults) {
  const options asked = parse({});
  EXPECT_FALSE(asked.help);
  EXPECT_FALSE(asked.list);
  EXPECT_EQ(asked.input, "");
  EXPECT_EQ(asked.generate_bytes, std::uint64_t{64} << 20);
  EXPECT_EQ(asked.which, workload::pipeline);
  EXPECT_EQ(asked.impl, "*");
  EXPECT_EQ(asked.layout.producers, 1u);
  EXPECT_EQ(asked.layout.consumers, 1u);
  EXPECT_EQ(asked.layout.capacity, 1024u);
  EXPECT_EQ(asked.layout.batch, 1u);
  EXPECT_EQ(asked.repetitions, 5u);
  EXPECT_EQ(asked.out, "");
}

TEST(Options, AreRead) {
  const options asked =
      parse({"--input=a b.txt", "--workload=counter", "--impl", "lockfree.*,absl.*", "--producers=2",
             "--consumers", "3", "--capacity=7", "--batch=8", "--repetitions=9", "--min_time=1.5s",
             "--out=results", "--seed=18446744073709551615", "--generate_bytes=0"});
  EXPECT_EQ(asked.input, "a b.txt");
  EXPECT_EQ(asked.which, workload::counter);
  EXPECT_EQ(asked.impl, "lockfree.*,absl.*");
  EXPECT_EQ(asked.layout.producers, 2u);
  EXPECT_EQ(asked.layout.consumers, 3u);
  EXPECT_EQ(asked.layout.capacity, 7u);
  EXPECT_EQ(asked.layout.batch, 8u);
  EXPECT_EQ(asked.layout.min_time, 1500ms);
  EXPECT_EQ(asked.repetitions, 9u);
  EXPECT_EQ(asked.out, "results");
  EXPECT_EQ(asked.seed, ~std::uint64_t{0});
  EXPECT_EQ(asked.generate_bytes, 0u);
  // What one call was told is not known to the next.
  EXPECT_EQ(parse({}).layout.producers, 1u);
}

TEST(Options, KnowTimes) {
  EXPECT_EQ(parse({"--min_time=250ms"}).layout.min_time, 250ms);
  EXPECT_EQ(parse({"--min_time=0.25"}).layout.min_time, 250ms);
  EXPECT_EQ(parse({"--min_time=2"}).layout.min_time, 2s);
  EXPECT_EQ(parse({"--min_time=0"}).layout.min_time, 0s);
  EXPECT_EQ(parse({"--min_time=1h"}).layout.min_time, 1h);
}

TEST(Options, CanBeOnOrOff) {
  EXPECT_TRUE(parse({"--list"}).list);
  EXPECT_TRUE(parse({"--list=true"}).list);
  EXPECT_FALSE(parse({"--list", "--nolist"}).list);
  EXPECT_TRUE(parse({"--help"}).help);
  EXPECT_TRUE(parse({"--help", "--producers=0"}).help) << "help is given to those who got it wrong";
}

TEST(Options, ThatCannotWorkAreRefused) {
  EXPECT_EQ(refusal({"--bogus"}), "unknown flag --bogus (see --help)");
  EXPECT_EQ(refusal({"--bogus=1"}), "unknown flag --bogus (see --help)");
  EXPECT_EQ(refusal({"--nolist=1"}), "unknown flag --nolist (see --help)");
  EXPECT_EQ(refusal({"--noinput"}), "unknown flag --noinput (see --help)");
  EXPECT_EQ(refusal({"file.txt"}), "unexpected argument \"file.txt\" (see --help)");
  EXPECT_EQ(refusal({"--"}), "unexpected argument \"--\" (see --help)");
  EXPECT_EQ(refusal({"-h"}), "unexpected argument \"-h\" (see --help)");
  EXPECT_EQ(refusal({"--input="}), "--input=: must be a file name, or -");
  EXPECT_EQ(refusal({"--input"}), "--input needs a value: a file name, or -");
  EXPECT_EQ(refusal({"--workload=stack"}), "--workload=stack: must be pipeline, counter, threadpool, semaphore, barrier, transfer, synchronized or lazy");
  EXPECT_EQ(refusal({"--list=perhaps"}), "--list=perhaps: must be true or false");
  for (const std::string name : {"producers", "consumers", "capacity", "batch", "repetitions"}) {
    for (const std::string value : {"0", "-1", "", "x", "1.5", "1x", "99999999999", "99999999999999999999"}) {
      const std::string argument = "--" + name + "=" + value;
      EXPECT_THAT(refusal({argument.c_str()}), HasSubstr(argument + ": must be a whole number from 1 to "));
    }
  }
  for (const char* const value : {"-1", "", "x", "-1s", "2h", "nan", "inf", "1e300"}) {
    const std::string argument = std::string("--min_time=") + value;
    EXPECT_THAT(refusal({argument.c_str()}), HasSubstr("must be a time from 0 to 1 hour")) << value;
  }
  for (const char* const argument :
       {"--seed=-1", "--seed=x", "--generate_bytes=-1", "--generate_bytes=1e9"}) {
    EXPECT_THAT(refusal({argument}), HasSubstr("must be a whole number, not negative")) << argument;
  }
}

TEST(Help, NamesEveryFlag) {
  for (const char* const flag :
       {"--input=", "--workload=", "--impl=", "--producers=", "--consumers=", "--capacity=", "--batch=",
        "--repetitions=", "--min_time=", "--out=", "--seed=", "--generate_bytes=", "--list", "--help"}) {
    EXPECT_THAT(help_text(), HasSubstr(std::string("\n  ") + flag));
  }
}

TEST(Options, KnowEveryWorkloadByItsName) {
  for (const workload which : workloads) {
    const std::string flag = "--workload=" + std::string(to_string(which));
    EXPECT_EQ(parse({flag.c_str()}).which, which);
    EXPECT_THAT(help_text(), HasSubstr(std::string(to_string(which))));
    EXPECT_EQ(workloads[static_cast<std::size_t>(which)], which) << "numbered in their order";
  }
  EXPECT_THAT(refusal({"--workload=bogus"}), HasSubstr("threadpool"));
}

}  // namespace
}  // namespace switchyard::compare
