// The whole program: as a process of its own, and in this one with implementations that fail on purpose.
#include "switchyard/benchmarks/compare/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/compare/faulty_queue.h"

namespace switchyard::compare {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;
using queue_registry = adapters::queue_registry<std::string_view>;

std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// What a program left behind.
struct result {
  int status;  // as shells show it
  std::string out;
  std::string err;
};

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() : folder_(testing::TempDir() + "program_test_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~ProgramTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

  // Starts the program; what it prints goes to files, or to the descriptor `out`. Returns its process number.
  pid_t start(const std::vector<std::string>& arguments, const std::string& in = "/dev/null",
              int out = -1) const {
    const char* const program = std::getenv("SWITCHYARD_COMPARE");
    EXPECT_NE(program, nullptr) << "set SWITCHYARD_COMPARE to the program's path";
    if (program == nullptr) return -1;
    std::vector<char*> argv = {const_cast<char*>(program)};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const std::string printed = path("out");
    const std::string errors = path("err");
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(::open(in.c_str(), O_RDONLY), 0);
      ::dup2(out >= 0 ? out : ::open(printed.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
      ::dup2(::open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
      ::execv(program, argv.data());
      ::_exit(127);
    }
    return child;
  }

  result finish(pid_t child) const {
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), contents(path("out")),
            contents(path("err"))};
  }

  result run(const std::vector<std::string>& arguments, const std::string& in = "/dev/null") const {
    return finish(start(arguments, in));
  }

  // One line on standard error that contains `what`, nothing on standard output, and status 2.
  void expect_refused(const std::vector<std::string>& arguments, const std::string& what) const {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const result refused = run(arguments);
    EXPECT_EQ(refused.status, 2);
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(refused.err, StartsWith("compare: "));
    EXPECT_THAT(refused.err, HasSubstr(what));
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
    EXPECT_EQ(refused.err.back(), '\n');
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(ProgramTest, ComparesAll) {
  const std::string input = file("input", "the cat\nsat on the mat\n");
  const result good =
      run({"--input=" + input, "--repetitions=2", "--min_time=0", "--out=" + path("results/of/it")});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_EQ(good.err, "");
  EXPECT_THAT(good.out,
              HasSubstr("2 lines, 6 words, 23 bytes; most frequent: the 2, cat 1, mat 1, on 1, sat 1\n"));
  EXPECT_THAT(good.out, Not(HasSubstr("WRONG")));
  const auto document = nlohmann::json::parse(contents(path("results/of/it/results.json")));
  EXPECT_EQ(document.at("context").at("lines"), 2);
  EXPECT_EQ(document.at("context").at("words"), 6);
  EXPECT_EQ(document.at("context").at("bytes"), 23);
  for (const std::string name : {"lockfree.bounded_queue", "lockfree.spsc_queue", "blocking.bounded_queue",
                                 "moodycamel.concurrent_queue", "absl.bounded_queue"}) {
    EXPECT_THAT(good.out, HasSubstr("\n" + name + " "));
    int runs = 0;
    for (const auto& entry : document.at("benchmarks")) {
      runs += entry.at("run_name") == name && entry.at("run_type") == "iteration";
    }
    EXPECT_EQ(runs, 2) << name;
  }
}

TEST_F(ProgramTest, ReadsStandardInput) {
  const result good = run({"--input=-", "--impl=absl.*,lockfree.bounded*", "--repetitions=1", "--min_time=0"},
                          file("in", "a b\nc"));
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("1 line, 3 words, 5 bytes"));
  EXPECT_THAT(good.out, HasSubstr("\nabsl.bounded_queue "));
  EXPECT_THAT(good.out, Not(HasSubstr("blocking.bounded_queue")));
}

TEST_F(ProgramTest, WritesThePageBesideTheResults) {
  const std::vector<std::string> arguments = {"--input=" + file("input", "a b\nc\n"), "--impl=absl.*",
                                              "--repetitions=1", "--min_time=0", "--out=" + path("results")};
  const result good = run(arguments);
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("\npage:     " + path("results/report.html")));
  // It holds the very same document.
  const std::string page = contents(path("results/report.html"));
  const std::string before = "<script type=\"application/json\" id=\"data\">";
  const std::size_t begin = page.find(before) + before.size();
  const auto data = nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  EXPECT_EQ(data.at(0).at("document"), nlohmann::json::parse(contents(path("results/results.json"))));
  // What cannot be written to is known before anything runs.
  std::filesystem::remove(path("results/report.html"));
  std::filesystem::create_directory(path("results/report.html"));
  expect_refused(arguments, "--out=" + path("results") + ": cannot be written to: Is a directory");
}

TEST_F(ProgramTest, RunsOnAnEmptyFile) {
  for (const std::string workload : {"pipeline", "counter"}) {
    const result good =
        run({"--input=" + file("empty", ""), "--workload=" + workload, "--repetitions=1", "--producers=2"});
    EXPECT_EQ(good.status, 0) << good.err;
    EXPECT_EQ(good.err, "");
    EXPECT_THAT(good.out, HasSubstr("0 lines, 0 words, 0 bytes\n"));
  }
}

TEST_F(ProgramTest, GeneratesALogWithoutInput) {
  const std::vector<std::string> arguments = {"--generate_bytes=20000", "--seed=3",
                                              "--impl=blocking.bounded_queue", "--repetitions=1",
                                              "--min_time=0"};
  const result once = run(arguments);
  const result again = run(arguments);
  EXPECT_EQ(once.status, 0) << once.err;
  EXPECT_THAT(once.out, HasSubstr("generated log, seed 3\n"));
  EXPECT_THAT(once.out, HasSubstr(" 20000 bytes"));
  EXPECT_EQ(once.out.substr(0, once.out.find("workload")), again.out.substr(0, again.out.find("workload")));
}

TEST_F(ProgramTest, ComparesCounters) {
  const result good = run({"--input=" + file("input", "a b c\nd e f\n"), "--workload=counter",
                           "--producers=2", "--consumers=1", "--repetitions=1", "--min_time=1ms"});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("workload: counter, 3 threads\n"));
  for (const std::string name :
       {"lockfree.counter", "lockfree.sharded_counter", "blocking.counter", "absl.counter"}) {
    EXPECT_THAT(good.out, HasSubstr("\n" + name + " "));
  }
}

TEST_F(ProgramTest, ComparesWhatElseThreadsUse) {
  const std::string input = "--input=" + file("input", "a b c\nd e f\n");
  for (const std::string workload : {"threadpool", "semaphore", "barrier", "transfer", "synchronized", "lazy", "map"}) {
    const result good = run({input, "--workload=" + workload, "--impl=lockfree.*,blocking.*", "--producers=2",
                             "--consumers=1", "--repetitions=1", "--min_time=0", "--out=" + path("results")});
    EXPECT_EQ(good.status, 0) << good.err;
    EXPECT_THAT(good.out, HasSubstr("workload: " + workload + ", "));
    EXPECT_THAT(good.out, HasSubstr("\nlockfree."));
    EXPECT_THAT(good.out, HasSubstr("\nblocking."));
    const auto document = nlohmann::json::parse(contents(path("results/results.json")));
    EXPECT_EQ(document.at("context").at("workload"), workload);
  }
  expect_refused({input, "--workload=lazy", "--impl=lockfree.lzy"}, "lockfree.lazy");
}

TEST_F(ProgramTest, ComparesQueuesWithoutAText) {
  const result good = run({"--workload=queue", "--item_size=64", "--producers=2", "--impl=*bounded_queue", "--repetitions=2",
                           "--min_time=1ms", "--out=" + path("results")});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_EQ(good.err, "");
  EXPECT_THAT(good.out, HasSubstr("items:    of 64 bytes, as fast as they can\nworkload: queue, 2 producers, 1 consumer, "));
  EXPECT_THAT(good.out, HasSubstr("\nlockfree.bounded_queue "));
  EXPECT_THAT(good.out, Not(HasSubstr("input:")));
  const auto document = nlohmann::json::parse(contents(path("results/results.json")));
  EXPECT_EQ(document.at("context").at("workload"), "queue");
  EXPECT_EQ(document.at("context").at("lines"), 0);
  const result stacks = run({"--workload=stack", "--impl=*.stack", "--repetitions=1", "--min_time=0"});
  EXPECT_EQ(stacks.status, 0) << stacks.err;
  EXPECT_THAT(stacks.out, HasSubstr("workload: stack, 2 threads\n"));
  EXPECT_THAT(stacks.out, HasSubstr("\nblocking.stack "));
}

TEST_F(ProgramTest, MeasuresLatency) {
  const result good = run({"--workload=latency", "--rate=20000", "--burst=4", "--impl=lockfree.bounded_queue,std.*",
                           "--repetitions=1", "--min_time=20ms", "--out=" + path("results")});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("items:    of 8 bytes, 20000 a second in bursts of 4\nworkload: latency, "));
  const auto document = nlohmann::json::parse(contents(path("results/results.json")));
  EXPECT_EQ(document.at("context").at("rate"), 20000);
  EXPECT_EQ(document.at("context").at("burst"), 4);
  EXPECT_LE(document.at("benchmarks").at(0).at("rate_kept"), 1);
  // A rate that nobody can keep.
  const result late =
      run({"--workload=latency", "--rate=1e9", "--impl=std.*", "--repetitions=1", "--min_time=1ms", "--capacity=2"});
  EXPECT_EQ(late.status, 0) << late.err;
  EXPECT_THAT(late.out, HasSubstr("Note: The rate that was asked for could not be kept"));
  EXPECT_THAT(late.out, HasSubstr("by std.bounded_queue."));
}

TEST_F(ProgramTest, Sweeps) {
  const result good = run({"--input=" + file("input", "a b\nc\n"), "--sweep=threads:1,3", "--repetitions=2", "--min_time=0",
                           "--impl=lockfree.spsc_queue,std.bounded_queue", "--out=" + path("results")});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("\nsweep:    threads 1, 3\n"));
  EXPECT_THAT(good.out,
              HasSubstr("\nskipped:  lockfree.spsc_queue takes one producer and one consumer only (at 3)\n"));
  const auto document = nlohmann::json::parse(contents(path("results/results.json")));
  EXPECT_EQ(document.at("context").at("sweep"), nlohmann::json::parse(R"({"over": "threads", "values": [1, 3]})"));
  int runs = 0;
  for (const auto& entry : document.at("benchmarks")) {
    runs += entry.at("run_type") == "iteration";
    const int point = entry.at("point").get<int>();
    EXPECT_EQ(entry.at("threads"), 2 * point);
    EXPECT_THAT(entry.at("name").get<std::string>(), HasSubstr("_queue/threads:" + std::to_string(point)));
  }
  EXPECT_EQ(runs, 2 * 3);
  for (const std::string what : {"item_size", "burst:1,5", "rate:1000,9000"}) {
    const result other = run({"--workload=queue", "--sweep=" + what, "--impl=std.*", "--repetitions=1", "--min_time=1ms"});
    // A burst needs a rate.
    EXPECT_EQ(other.status, what == "burst:1,5" ? 2 : 0) << other.err;
  }
  const result counters = run({"--workload=counter", "--generate_bytes=1000", "--sweep=threads:1,2", "--impl=std.*",
                               "--repetitions=1", "--min_time=0"});
  EXPECT_EQ(counters.status, 0) << counters.err;
}

TEST_F(ProgramTest, RecordsAndReplays) {
  const result recorded = run({"--record=" + path("pattern")}, file("in", "one\ntwo\nthree"));
  EXPECT_EQ(recorded.status, 0) << recorded.err;
  EXPECT_THAT(recorded.out, HasSubstr("recorded: 3 lines in "));
  EXPECT_THAT(contents(path("pattern")), StartsWith("# "));
  // All at once; so spread them.
  const std::string pattern = "--replay=" + file("pattern", "# mine\n100.5\n100.51\n100.51\n100.53\n");
  for (const std::string workload : {"queue", "latency"}) {
    const result replayed =
        run({"--workload=" + workload, pattern, "--impl=std.*", "--repetitions=1", "--min_time=0"});
    EXPECT_EQ(replayed.status, 0) << replayed.err;
    EXPECT_THAT(replayed.out, MatchesRegex("(.|\n)*items: +of 8 bytes, 100 a second as in [^\n]*pattern \\(4 items\\)\n(.|\n)*"));
  }
  // Where there is little time, the first part of a long one; and the output says so.
  const result cut = run({"--workload=latency", "--quick", "--replay=" + file("long", "1\n1.1\n99\n"), "--impl=std.*",
                          "--repetitions=1", "--out=" + path("results")});
  EXPECT_EQ(cut.status, 0) << cut.err;
  EXPECT_THAT(cut.out, HasSubstr("\nNote: Of"));
  const auto notes = nlohmann::json::parse(contents(path("results/results.json"))).at("context").at("notes");
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes.at(0).get<std::string>(), HasSubstr("only the first 2 of 3 items are played, as --quick has no time for more."));
  expect_refused({"--workload=latency", "--replay=" + path("missing")}, "missing: No such file");
  expect_refused({"--workload=latency", "--replay=" + file("bad", "1\n2\nthree\n")}, "bad:3: \"three\" is not a time");
  expect_refused({"--workload=latency", "--replay=" + file("bad", "1\n3\n2\n")}, "bad:3: is earlier");
  expect_refused({"--workload=latency", "--replay=" + file("bad", "")}, "two different times");
  expect_refused({"--record=" + path("missing/pattern")}, "cannot be written to");
  expect_refused({"--record=" + path("pattern")}, "no line arrived");
}

TEST_F(ProgramTest, KeepsARecordingThatIsInterrupted) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = start({"--record=" + path("pattern")}, "/dev/fd/" + std::to_string(ends[0]));
  ASSERT_EQ(::write(ends[1], "a\nb\n", 4), 4);
  while (contents(path("pattern")).find("0.0") == std::string::npos) ::usleep(1000);
  ::kill(child, SIGINT);
  const result stopped = finish(child);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(stopped.status, 130);
  EXPECT_THAT(stopped.out, HasSubstr("recorded: 2 lines"));
}

TEST_F(ProgramTest, EndsWithAdvice) {
  const result good = run({"--input=" + file("input", "a b c\nd e f\n"), "--impl=blocking.bounded_queue,lockfree.bounded_queue",
                           "--repetitions=5", "--min_time=1ms", "--out=" + path("results")});
  EXPECT_EQ(good.status, 0) << good.err;
  const auto context = nlohmann::json::parse(contents(path("results/results.json"))).at("context");
  const auto& advice = context.at("advice");
  EXPECT_THAT(advice.at("choice"), testing::AnyOf("blocking.bounded_queue", "lockfree.bounded_queue"));
  ASSERT_EQ(advice.at("sentences").size(), 3u);
  // What is printed is what is written, but for line breaks.
  std::string words = good.out.substr(good.out.find("\nAdvice:\n") + 8);
  for (std::size_t at; (at = words.find("\n  ")) != words.npos;) words.replace(at, 3, " ");
  for (const std::string sentence : advice.at("sentences")) EXPECT_THAT(words, HasSubstr("\n- " + sentence + "\n"));
}

TEST_F(ProgramTest, IsQuickIfAsked) {
  const result good = run({"--input=" + file("input", "a b c\nd e f\n"), "--impl=*.bounded_queue", "--quick",
                           "--min_time=0", "--out=" + path("results")});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("runs:     5 of each implementation, in turn, of at least 0; an item is a line\n"));
  EXPECT_EQ(nlohmann::json::parse(contents(path("results/results.json"))).at("context").at("pace"), "quick");
}

TEST_F(ProgramTest, IsQuickWithALargeFileToo) {
  std::string text;
  while (text.size() <= (std::size_t{5} << 20)) text += "some words on a line\n";
  const std::string input = file("input", text);
  const std::vector<std::string> how = {"--impl=blocking.bounded_queue", "--quick", "--repetitions=1", "--min_time=0"};
  const auto with = [&](const std::string& name) {
    std::vector<std::string> all = how;
    all.push_back("--input=" + name);
    return all;
  };
  const result good = run(with(input));
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("input:    " + input + ", its first 4194288 bytes\n"));
  EXPECT_THAT(good.out, HasSubstr("answer:   199728 lines, "));
  const result piped = run(with("-"), input);
  EXPECT_EQ(piped.status, 0) << piped.err;
  EXPECT_THAT(piped.out, HasSubstr("input:    standard input, its first 4194288 bytes\n"));
}

TEST_F(ProgramTest, HasATableOfPointsForASweep) {
  const result good = run({"--workload=queue", "--impl=blocking.bounded_queue,lockfree.bounded_queue", "--sweep=threads:1,2",
                           "--repetitions=1", "--min_time=1ms", "--out=" + path("results")});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("\nitems/s at threads  "));
  EXPECT_THAT(good.out, HasSubstr("\n- At 2 threads a side: "));
  const auto document = nlohmann::json::parse(contents(path("results/results.json")));
  EXPECT_EQ(document.at("context").at("advice").at("points").size(), 2u);
  EXPECT_EQ(document.at("context").at("sweep").at("over"), "threads");
  EXPECT_EQ(document.at("benchmarks").size(), 8u) << "a run and a median of each at each point";
}

// What the program prints on a terminal that is 80 columns wide.
std::string on_a_terminal(const std::vector<std::string>& arguments, const std::string& term) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  EXPECT_GE(terminal, 0);
  EXPECT_EQ(::grantpt(terminal), 0);
  EXPECT_EQ(::unlockpt(terminal), 0);
  const std::string other_end = ::ptsname(terminal);
  const int slave = ::open(other_end.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  const winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  EXPECT_EQ(::ioctl(slave, TIOCSWINSZ, &size), 0);
  const char* const program = std::getenv("SWITCHYARD_COMPARE");
  std::vector<char*> argv = {const_cast<char*>("compare")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::string variable = "TERM=" + term;
  std::vector<char*> variables = {const_cast<char*>(variable.c_str()), const_cast<char*>("LANG=C.UTF-8"), nullptr};
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(slave, 1);
    ::dup2(slave, 2);
    ::execve(program, argv.data(), variables.data());
    ::_exit(127);
  }
  ::close(slave);
  std::string text;
  char piece[4096];
  // Reading fails when nobody has the other end any more.
  for (ssize_t n; (n = ::read(terminal, piece, sizeof(piece))) > 0;) text.append(piece, static_cast<std::size_t>(n));
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  EXPECT_EQ(status, 0) << text;
  return text;
}

TEST_F(ProgramTest, SuitsTheTerminal) {
  const std::vector<std::string> arguments = {"--input=" + file("input", "a b c\nd e f\n"), "--repetitions=1", "--min_time=0",
                                              "--impl=blocking.*"};
  const std::string text = on_a_terminal(arguments, "xterm");
  EXPECT_THAT(text, HasSubstr("\x1b[1mimplementation\x1b[0m  "));
  EXPECT_THAT(text, HasSubstr("\xe2\x96\x88")) << "a full block";
  EXPECT_THAT(text, Not(HasSubstr("waits/1k"))) << "not in 80 columns";
  EXPECT_THAT(text, HasSubstr("]   0%")) << "the progress bar";
  const std::string dumb = on_a_terminal(arguments, "dumb");
  EXPECT_THAT(dumb, HasSubstr("\nimplementation"));
  EXPECT_THAT(dumb, Not(HasSubstr("\x1b")));
}

TEST_F(ProgramTest, SkipsWhatCannotRunSo) {
  const result good = run({"--input=" + file("input", "a\nb\n"), "--producers=2", "--consumers=2",
                           "--batch=4", "--repetitions=1", "--min_time=0"});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out,
              HasSubstr("skipped:  lockfree.spsc_queue takes one producer and one consumer only\n"));
  EXPECT_THAT(good.out, Not(HasSubstr("\nlockfree.spsc_queue")));
  EXPECT_THAT(good.out, HasSubstr("\nlockfree.bounded_queue "));
}

TEST_F(ProgramTest, ListsAllWithWhatTheyCanDo) {
  const result good = run({"--list"});
  EXPECT_EQ(good.status, 0);
  EXPECT_EQ(good.err, "");
  for (const auto& entry : queue_registry::builtin().entries())
    EXPECT_THAT(good.out, HasSubstr("\n" + entry.info.name + " "));
  for (const auto& entry : adapters::counter_registry::builtin().entries()) {
    EXPECT_THAT(good.out, HasSubstr("\n" + entry.info.name + " "));
  }
  EXPECT_THAT(good.out, HasSubstr("\nlockfree.stack "));
  EXPECT_THAT(good.out,
              MatchesRegex("(.|\n)*\nlockfree.spsc_queue +one +one +fifo +exact +wait_free (.|\n)*"));
}

TEST_F(ProgramTest, Helps) {
  const result good = run({"--help"});
  EXPECT_EQ(good.status, 0);
  EXPECT_EQ(good.err, "");
  EXPECT_THAT(good.out, HasSubstr("--input=FILE"));
  EXPECT_THAT(good.out, Not(HasSubstr("flagfile"))) << "our own flags only";
}

TEST_F(ProgramTest, RefusesBadInput) {
  expect_refused({"--input=" + path("missing")}, "missing: No such file or directory");
  expect_refused({"--input=" + testing::TempDir()}, "is a directory");
  expect_refused({"--input=/dev/null"}, "is not a regular file");
  expect_refused({"--input=" + file("binary", std::string("a\0b\n", 4))}, "is binary");
  if (::geteuid() != 0) {
    std::filesystem::permissions(file("secret", "x"), std::filesystem::perms::none);
    expect_refused({"--input=" + path("secret")}, "Permission denied");
  }
  // A name that would make two lines of it.
  expect_refused({"--input=" + path("two\nlines")}, "two lines: No such file");
}

TEST_F(ProgramTest, RefusesBadRequests) {
  const std::string input = "--input=" + file("input", "x\n");
  expect_refused({input, "--producers=0"}, "--producers=0: must be a whole number from 1");
  expect_refused({input, "--consumers=0"}, "--consumers=0");
  expect_refused({input, "--capacity=0"}, "--capacity=0");
  expect_refused({input, "--batch=0"}, "--batch=0");
  expect_refused({input, "--repetitions=0"}, "--repetitions=0");
  expect_refused({input, "--producers=-1"}, "--producers=-1");
  expect_refused({input, "--capacity=many"}, "--capacity=many");
  expect_refused({input, "--min_time=-1s"}, "--min_time");
  expect_refused({input, "--rate=1"}, "--rate does not go with --workload=pipeline");
  expect_refused({"--workload=queue", "--impl=lockfree.stack"}, "unknown queue");
  expect_refused({"--workload=stack", "--impl=lockfree.bounded_queue"}, "lockfree.stack");
  expect_refused({"--workload=queue", "--impl=lockfree.spsc_queue", "--sweep=threads:2,3"}, "none of these takes --sweep=threads");
  expect_refused({input, "--bogus"}, "unknown flag --bogus");
  expect_refused({input, "stray"}, "unexpected argument");
  expect_refused({input, "--impl=lockfree.bounded_quue"}, "lockfree.bounded_queue");
  expect_refused({input, "--impl=nothing.*"}, "nothing.*");
  expect_refused({input, "--workload=counter", "--impl=lockfree.cuonter"}, "lockfree.counter");
  expect_refused({input, "--impl=lockfree.spsc_queue", "--producers=2"},
                 "lockfree.spsc_queue takes one producer only");
  expect_refused({input, "--impl=absl.*, lockfree.spsc_queue", "--producers=2"},
                 "lockfree.spsc_queue takes one producer only");
  expect_refused({input, "--impl=*.spsc_queue", "--consumers=2"}, "1 producer and 2 consumers");
  expect_refused({input, "--out=" + file("taken", "x")}, "cannot be written to");
  expect_refused({input, "--out=" + path("taken/below")}, "cannot be written to");
}

TEST_F(ProgramTest, LivesWithOutputThatFails) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) GTEST_SKIP() << "no /dev/full";
  const pid_t child = start({"--input=" + file("input", "x\n"), "--impl=blocking.bounded_queue",
                             "--repetitions=1", "--min_time=0", "--out=" + path("results")},
                            "/dev/null", full);
  const result failed = finish(child);
  ::close(full);
  EXPECT_EQ(failed.status, 1);
  EXPECT_EQ(failed.err, "compare: standard output cannot be written to\n");
  EXPECT_TRUE(nlohmann::json::accept(contents(path("results/results.json"))))
      << "results are kept all the same";
}

TEST_F(ProgramTest, LivesWithAReaderThatWentAway) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  const pid_t child = start({"--list"}, "/dev/null", ends[1]);
  ::close(ends[1]);
  const result failed = finish(child);
  EXPECT_EQ(failed.status, 1);
  EXPECT_EQ(failed.err, "compare: standard output cannot be written to\n");
}

TEST_F(ProgramTest, PrintsWhatIsFinishedWhenInterrupted) {
  // Hours of work, which has begun when the heading is printed.
  const pid_t child = start({"--input=" + file("input", "a b\n"), "--repetitions=10000", "--min_time=1h",
                             "--impl=blocking.bounded_queue", "--out=" + path("results")});
  ASSERT_GT(child, 0);
  while (contents(path("out")).find("\n\n") == std::string::npos) ::usleep(1000);
  ::kill(child, SIGINT);
  const result stopped = finish(child);
  EXPECT_EQ(stopped.status, 130);
  EXPECT_EQ(stopped.err, "");
  EXPECT_THAT(stopped.out, HasSubstr("\nInterrupted: 0 of 10000 runs are finished.\n"));
  EXPECT_EQ(nlohmann::json::parse(contents(path("results/results.json"))).at("context").at("interrupted"),
            true);
}

TEST_F(ProgramTest, EndsIfItsInputIsCutShort) {
  const std::string input = file("input", "a b\n");
  const pid_t child =
      start({"--input=" + input, "--repetitions=10000", "--min_time=1h", "--impl=blocking.bounded_queue"});
  ASSERT_GT(child, 0);
  while (contents(path("out")).find("\n\n") == std::string::npos) ::usleep(1000);
  std::filesystem::resize_file(input, 0);
  const result failed = finish(child);
  EXPECT_EQ(failed.status, 2);
  EXPECT_EQ(failed.err, "compare: the input was cut short, or cannot be read, while it was in use\n");
}

// Runs the program here, with `queues`.
result run_here(std::vector<const char*> arguments, const queue_registry& queues) {
  arguments.insert(arguments.begin(), "compare");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int status = run_program(static_cast<int>(arguments.size()), arguments.data(),
                                 implementations{.lines = queues, .items = {}, .stacks = {}, .counters = {}});
  std::string out = testing::internal::GetCapturedStdout();
  return {status, std::move(out), testing::internal::GetCapturedStderr()};
}

TEST_F(ProgramTest, KeepsTheRunsThatWereFinishedBeforeCtrlC) {
  // The factory of the fourth run is interrupted.
  queue_registry queues;
  int made = 0;
  for (const std::string name : {"blocking.one", "blocking.two"}) {
    queues.add({.name = name, .summary = "for a test"}, [&made](std::size_t capacity) {
      if (++made == 4) ::raise(SIGINT);
      return queue_registry::builtin().at("blocking.bounded_queue").make(capacity);
    });
  }
  const std::string input = "--input=" + file("input", "a b\nc d\n");
  const std::string out = "--out=" + path("results");
  const result stopped = run_here({input.c_str(), out.c_str(), "--repetitions=3", "--min_time=0"}, queues);
  EXPECT_EQ(stopped.status, 130);
  EXPECT_EQ(stopped.err, "");
  EXPECT_THAT(stopped.out, HasSubstr("\nInterrupted: 3 of 6 runs are finished.\n"));
  EXPECT_THAT(stopped.out, HasSubstr("\nAdvice (after 3 of 6 runs):\n- Choose blocking."));
  EXPECT_THAT(stopped.out, HasSubstr(" of it:"));
  // The second round began with the second one; so that has two runs.
  EXPECT_THAT(stopped.out, MatchesRegex("(.|\n)*\nblocking.one [^\n]* 1\n(.|\n)*"));
  EXPECT_THAT(stopped.out, MatchesRegex("(.|\n)*\nblocking.two [^\n]* 2\n(.|\n)*"));
  int runs = 0;
  const auto document = nlohmann::json::parse(contents(path("results/results.json")));
  EXPECT_EQ(document.at("context").at("interrupted"), true);
  EXPECT_THAT(document.at("context").at("advice").at("choice"), testing::AnyOf("blocking.one", "blocking.two"));
  for (const auto& entry : document.at("benchmarks")) {
    runs += entry.at("run_type") == "iteration";
  }
  EXPECT_EQ(runs, 3);
}

TEST_F(ProgramTest, FailsIfAnAnswerIsWrong) {
  queue_registry queues;
  add_faulty<fault::none>(queues, "right.queue");
  add_faulty<fault::loses>(queues, "losing.queue");
  std::string text;
  for (int i = 0; i < 50; ++i) text += "one line\n";
  const std::string input = "--input=" + file("input", text);
  const std::string out = "--out=" + path("results");
  const result failed = run_here({input.c_str(), out.c_str(), "--repetitions=2", "--min_time=0"}, queues);
  EXPECT_EQ(failed.status, 1);
  EXPECT_EQ(
      failed.err,
      "compare: losing.queue: lines 49 instead of 50, words 98 instead of 100, bytes 441 instead of 450, "
      "\"line\" 49 instead of 50, \"one\" 49 instead of 50\n");
  EXPECT_THAT(failed.out,
              MatchesRegex("(.|\n)*\nright.queue [^\n]* agree\nlosing.queue [- ]* WRONG\n(.|\n)*"));
  bool marked = false;
  const auto document = nlohmann::json::parse(contents(path("results/results.json")));
  for (const auto& entry : document.at("benchmarks")) {
    marked = marked || (entry.at("name") == "losing.queue" && entry.value("error_occurred", false));
  }
  EXPECT_TRUE(marked);
}

TEST_F(ProgramTest, FailsIfAQueueCannotBeMade) {
  queue_registry queues;
  queues.add({.name = "greedy.queue", .summary = "for a test"},
             [](std::size_t) -> adapters::any_queue<std::string_view> { throw std::bad_alloc(); });
  const std::string input = "--input=" + file("input", "x\n");
  const result failed = run_here({input.c_str()}, queues);
  EXPECT_EQ(failed.status, 1);
  EXPECT_EQ(failed.err, "compare: greedy.queue: failed: std::bad_alloc\n");
}

}  // namespace
}  // namespace switchyard::compare
