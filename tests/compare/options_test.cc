#include "switchyard/benchmarks/compare/options.h"

#include <chrono>
#include <limits>
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
      parse({"--input=a b.txt", "--workload=pipeline", "--impl", "lockfree.*,absl.*", "--producers=2",
             "--consumers", "3", "--capacity=7", "--batch=8", "--repetitions=9", "--min_time=1.5s",
             "--out=results", "--seed=18446744073709551615", "--generate_bytes=0"});
  EXPECT_EQ(asked.input, "a b.txt");
  EXPECT_EQ(asked.which, workload::pipeline);
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

TEST(Options, HaveAPace) {
  EXPECT_EQ(parse({}).how, pace::usual);
  EXPECT_EQ(parse({"--noquick"}).how, pace::usual);
  const options quick = parse({"--quick"});
  EXPECT_EQ(quick.how, pace::quick);
  EXPECT_EQ(quick.repetitions, 5u);
  EXPECT_EQ(quick.layout.min_time, 60ms);
  EXPECT_EQ(quick.generate_bytes, std::uint64_t{1} << 20);
  EXPECT_EQ(quick.most_input, std::uint64_t{4} << 20);
  EXPECT_EQ(quick.layout.patience, 100ms);
  EXPECT_EQ(parse({}).most_input, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse({"--thorough"}).layout.patience, 1s);
  EXPECT_EQ(parse({"--quick", "--sweep=threads:1,2,4,8"}).layout.min_time, 15ms);
  EXPECT_EQ(parse({"--quick", "--sweep=threads:1,2,3,4,5,6,7,8,9,10,11,12"}).layout.min_time, 10ms);
  const options thorough = parse({"--thorough"});
  EXPECT_EQ(thorough.how, pace::thorough);
  EXPECT_GT(thorough.repetitions, parse({}).repetitions);
  EXPECT_GT(thorough.layout.min_time, parse({}).layout.min_time);
  EXPECT_EQ(thorough.generate_bytes, parse({}).generate_bytes);
  // What is asked for by itself wins, before or after it, and even where it is the default.
  const options own = parse({"--repetitions=7", "--quick", "--min_time=300ms", "--generate_bytes=99"});
  EXPECT_EQ(own.how, pace::quick);
  EXPECT_EQ(own.repetitions, 7u);
  EXPECT_EQ(own.layout.min_time, 300ms);
  EXPECT_EQ(own.generate_bytes, 99u);
  EXPECT_EQ(parse({"--thorough", "--repetitions=2"}).repetitions, 2u);
  EXPECT_EQ(refusal({"--quick", "--thorough"}), "--quick does not go with --thorough (see --help)");
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
  EXPECT_EQ(refusal({"--workload=heap"}), "--workload=heap: must be pipeline, counter, threadpool, semaphore, barrier, transfer, synchronized, lazy, queue, latency, stack or map");
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
        "--repetitions=", "--min_time=", "--out=", "--seed=", "--generate_bytes=", "--quick", "--thorough", "--list", "--help", "--item_size=",
        "--rate=", "--burst=", "--replay=", "--record=", "--sweep="}) {
    EXPECT_THAT(help_text(), HasSubstr(std::string("\n  ") + flag));
  }
}

TEST(Options, OfWorkloadsWithoutAText) {
  const options queue = parse({"--workload=queue", "--item_size=64", "--rate=1e5", "--burst=10"});
  EXPECT_EQ(queue.layout.item_size, 64u);
  EXPECT_EQ(queue.layout.rate, 100'000);
  EXPECT_EQ(queue.layout.burst, 10u);
  EXPECT_EQ(parse({"--workload=queue"}).layout.rate, 0);
  EXPECT_EQ(parse({"--workload=latency"}).layout.rate, 100'000) << "there must be one";
  EXPECT_EQ(parse({"--workload=latency", "--replay=x"}).layout.rate, 0) << "the file says it";
  EXPECT_EQ(parse({"--workload=latency", "--replay=x"}).replay, "x");
  EXPECT_EQ(parse({"--record=x"}).record, "x");
  EXPECT_EQ(parse({"--record=x", "--input=-"}).record, "x");
  for (const char* const size : {"0", "1", "7", "16", "128", "-8", "x"}) {
    const std::string flag = std::string("--item_size=") + size;
    EXPECT_EQ(refusal({"--workload=queue", flag.c_str()}), flag + ": must be 8, 64 or 256");
  }
  for (const char* const rate : {"-1", "x", "nan", "inf", "1e10", ""}) {
    const std::string flag = std::string("--rate=") + rate;
    EXPECT_THAT(refusal({"--workload=queue", flag.c_str()}), HasSubstr("must be a number from 0 to 1e9")) << rate;
  }
  EXPECT_THAT(refusal({"--workload=queue", "--rate=1", "--burst=0"}), HasSubstr("--burst=0: must be"));
}

TEST(Options, OfASweep) {
  EXPECT_FALSE(parse({}).swept.has_value());
  EXPECT_EQ(parse({"--sweep=threads"}).swept->values, (std::vector<std::uint64_t>{1, 2, 4, 8}));
  const options asked = parse({"--sweep=threads:3,1"});
  EXPECT_EQ(asked.swept->over, "threads");
  EXPECT_EQ(asked.swept->values, (std::vector<std::uint64_t>{3, 1}));
  EXPECT_EQ(at_point(asked, 3).layout.producers, 3u);
  EXPECT_EQ(at_point(asked, 3).layout.consumers, 3u);
  const options one_side = parse({"--workload=counter", "--sweep=threads"});
  EXPECT_EQ(at_point(one_side, 4).layout.producers + at_point(one_side, 4).layout.consumers, 4u);
  EXPECT_EQ(at_point(parse({"--workload=queue", "--sweep=item_size"}), 256).layout.item_size, 256u);
  EXPECT_EQ(at_point(parse({"--workload=queue", "--rate=5", "--sweep=burst:7"}), 7).layout.burst, 7u);
  EXPECT_EQ(at_point(parse({"--workload=latency", "--sweep=rate:50"}), 50).layout.rate, 50);
  for (const char* const value : {"", "x", "thread", "threads:", "threads:0", "threads:1,", "threads:1,1", "threads:1025",
                                  "threads:a", "item_size:16", "rate:0", "rate:1e5", "threads,rate"}) {
    const std::string flag = std::string("--sweep=") + value;
    EXPECT_THAT(refusal({"--workload=latency", flag.c_str()}), HasSubstr("must be threads, item_size, burst or rate"))
        << value;
  }
}

TEST(Options, ThatDoNotGoTogetherAreRefused) {
  const std::string no = " (see --help)";
  EXPECT_EQ(refusal({"--rate=5"}), "--rate does not go with --workload=pipeline" + no);
  EXPECT_EQ(refusal({"--workload=counter", "--batch=2"}), "--batch does not go with --workload=counter" + no);
  EXPECT_EQ(refusal({"--workload=lazy", "--capacity=2"}), "--capacity does not go with --workload=lazy" + no);
  EXPECT_EQ(refusal({"--workload=stack", "--capacity=2"}), "--capacity does not go with --workload=stack" + no);
  for (const char* const flag : {"--input=x", "--seed=2", "--generate_bytes=3"}) {
    for (const char* const which : {"--workload=queue", "--workload=latency", "--workload=stack"}) {
      EXPECT_THAT(refusal({which, flag}), HasSubstr("does not go with --workload=")) << flag << which;
    }
  }
  for (const char* const flag : {"--item_size=8", "--rate=1", "--burst=1", "--replay=x"}) {
    for (const char* const which : {"--workload=pipeline", "--workload=counter", "--workload=lazy", "--workload=stack"}) {
      EXPECT_THAT(refusal({which, flag}), HasSubstr("does not go with --workload=")) << flag << which;
    }
  }
  EXPECT_EQ(refusal({"--workload=latency", "--rate=0"}), "--workload=latency needs a --rate above 0");
  EXPECT_EQ(refusal({"--workload=queue", "--burst=2"}), "bursts need a --rate above 0");
  EXPECT_EQ(refusal({"--workload=queue", "--sweep=burst"}), "bursts need a --rate above 0");
  EXPECT_EQ(refusal({"--workload=queue", "--replay=x", "--rate=1"}), "--rate does not go with --replay" + no);
  EXPECT_EQ(refusal({"--workload=queue", "--replay=x", "--burst=1"}), "--burst does not go with --replay" + no);
  EXPECT_EQ(refusal({"--workload=queue", "--replay=x", "--sweep=rate"}), "--sweep=rate does not go with --replay" + no);
  EXPECT_EQ(refusal({"--sweep=threads", "--producers=2"}), "--producers does not go with --sweep=threads" + no);
  EXPECT_EQ(refusal({"--workload=queue", "--sweep=rate", "--rate=2"}), "--rate does not go with --sweep=rate" + no);
  EXPECT_EQ(refusal({"--sweep=item_size"}), "--sweep=item_size does not go with --workload=pipeline" + no);
  EXPECT_EQ(refusal({"--record=x", "--workload=queue"}), "--workload does not go with --record" + no);
  EXPECT_THAT(refusal({"--record=x", "--input=file"}), HasSubstr("standard input"));
}

TEST(Options, ThatGoTogetherAreTaken) {
  EXPECT_EQ(parse({"--workload=stack", "--batch=3"}).layout.batch, 3u);
  EXPECT_EQ(parse({"--workload=queue", "--sweep=rate:1000000000", "--burst=2"}).layout.burst, 2u) << "the sweep has a rate";
  EXPECT_EQ(parse({"--consumers=1024"}).layout.consumers, 1024u);
  EXPECT_EQ(parse({"--workload=queue", "--rate=1e9"}).layout.rate, 1e9);
  EXPECT_EQ(parse({"--list", "--producers=0"}).list, true) << "and values go unchecked";
}

TEST(Options, JustBeyondTheEndAreRefused) {
  EXPECT_THAT(refusal({"--min_time=3600.5"}), HasSubstr("must be a time"));
  EXPECT_THAT(refusal({"--workload=queue", "--sweep=rate:1000000001"}), HasSubstr("must be threads"));
  EXPECT_THAT(refusal({"--sweep=threads", "--consumers=2"}), HasSubstr("--consumers does not go with --sweep=threads"));
  EXPECT_THAT(refusal({"--workload=queue", "--replay=x", "--sweep=burst"}), HasSubstr("--sweep=burst does not go with --replay"));
  EXPECT_THAT(refusal({"--record=x", "--out=y"}), HasSubstr("--out does not go with --record"));
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
