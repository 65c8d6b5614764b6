// What C++20 allows small programs to do, and what the checker shows of it: the same, but for the outcomes listed.
//
// A thread is a list of operations: W x 1 rlx (store), R x acq (load), A x 1 ar (fetch_add), C x 0 1 sc (compare and
// swap), F sc (fence), L and H (light and heavy asymmetric fence). Orders are rlx acq rel ar sc. Loads, additions
// and swaps yield what they read, one digit each, thread after thread; after them come the final values of `finals`.
//
// Sources: Alglave, Maranget and Tautschnig, "Herding cats" (TOPLAS 2014) for the tests' names and shapes; Lahav et
// al., "Repairing sequential consistency in C/C++11" (PLDI 2017) and WG21 P0668R5 for what is allowed.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/model/check.h"

namespace switchyard::model {
namespace {

struct litmus {
  const char* name;
  std::vector<const char*> threads;
  const char* finals;
  const char* outcomes;   ///< allowed; or, after "not", forbidden, among all values that each could have
  const char* not_shown;  ///< allowed, but a limit of the checker
};
void PrintTo(const litmus& l, std::ostream* out) { *out << l.name; }

const litmus table[] = {
    // Store buffering.
    {"SB relaxed", {"W x 1 rlx; R y rlx", "W y 1 rlx; R x rlx"}, "", "00 01 10 11", ""},
    {"SB release acquire", {"W x 1 rel; R y acq", "W y 1 rel; R x acq"}, "", "00 01 10 11", ""},
    {"SB seq_cst", {"W x 1 sc; R y sc", "W y 1 sc; R x sc"}, "", "01 10 11", ""},
    {"SB seq_cst stores", {"W x 1 sc; R y acq", "W y 1 sc; R x acq"}, "", "00 01 10 11", ""},
    {"SB seq_cst loads", {"W x 1 rel; R y sc", "W y 1 rel; R x sc"}, "", "00 01 10 11", ""},
    {"SB fences", {"W x 1 rlx; F sc; R y rlx", "W y 1 rlx; F sc; R x rlx"}, "", "01 10 11", ""},
    {"SB one fence", {"W x 1 rlx; F sc; R y rlx", "W y 1 rlx; R x rlx"}, "", "00 01 10 11", ""},
    {"SB acq_rel fences", {"W x 1 rlx; F ar; R y rlx", "W y 1 rlx; F ar; R x rlx"}, "", "00 01 10 11", ""},
    {"SB fence and seq_cst", {"W x 1 sc; R y sc", "W y 1 rlx; F sc; R x rlx"}, "", "01 10 11", ""},
    {"SB heavy and light", {"W x 1 rlx; L; R y rlx", "W y 1 rlx; H; R x rlx"}, "", "01 10 11", ""},
    {"SB light alone", {"W x 1 rlx; L; R y rlx", "W y 1 rlx; L; R x rlx"}, "", "00 01 10 11", ""},
    {"SB heavy alone", {"W x 1 rlx; R y rlx", "W y 1 rlx; H; R x rlx"}, "", "00 01 10 11", ""},
    {"SB heavy twice", {"W x 1 rlx; H; R y rlx", "W y 1 rlx; H; R x rlx"}, "", "01 10 11", ""},
    {"SB heavy and seq_cst fence", {"W x 1 rlx; F sc; R y rlx", "W y 1 rlx; H; R x rlx"}, "", "01 10 11", ""},
    {"SB by read-modify-writes", {"W x 1 rlx; A z 1 ar; R y rlx", "W y 1 rlx; A z 1 ar; R x rlx"}, "", "0011 0111 1100 1101", ""},
    {"3.SB seq_cst", {"W x 1 sc; R y sc", "W y 1 sc; R z sc", "W z 1 sc; R x sc"}, "", "not 000", ""},
    {"3.SB fences", {"W x 1 rlx; F sc; R y rlx", "W y 1 rlx; F sc; R z rlx", "W z 1 rlx; F sc; R x rlx"}, "", "not 000", ""},

    // Message passing.
    {"MP relaxed", {"W x 1 rlx; W y 1 rlx", "R y rlx; R x rlx"}, "", "00 01 10 11", ""},
    {"MP release acquire", {"W x 1 rlx; W y 1 rel", "R y acq; R x rlx"}, "", "00 01 11", ""},
    {"MP release only", {"W x 1 rlx; W y 1 rel", "R y rlx; R x rlx"}, "", "00 01 10 11", ""},
    {"MP acquire only", {"W x 1 rlx; W y 1 rlx", "R y acq; R x rlx"}, "", "00 01 10 11", ""},
    {"MP seq_cst", {"W x 1 sc; W y 1 sc", "R y sc; R x sc"}, "", "00 01 11", ""},
    {"MP seq_cst store, relaxed load", {"W x 1 sc; W y 1 sc", "R y rlx; R x rlx"}, "", "00 01 10 11", ""},
    {"MP fences", {"W x 1 rlx; F rel; W y 1 rlx", "R y rlx; F acq; R x rlx"}, "", "00 01 11", ""},
    {"MP release fence", {"W x 1 rlx; F rel; W y 1 rlx", "R y acq; R x rlx"}, "", "00 01 11", ""},
    {"MP acquire fence", {"W x 1 rlx; W y 1 rel", "R y rlx; F acq; R x rlx"}, "", "00 01 11", ""},
    {"MP seq_cst fences", {"W x 1 rlx; F sc; W y 1 rlx", "R y rlx; F sc; R x rlx"}, "", "00 01 11", ""},
    {"MP acq_rel fences", {"W x 1 rlx; F ar; W y 1 rlx", "R y rlx; F ar; R x rlx"}, "", "00 01 11", ""},
    {"MP release fence too late", {"W x 1 rlx; W y 1 rlx; F rel", "R y acq; R x rlx"}, "", "00 01 10 11", ""},
    {"MP acquire fence too early", {"W x 1 rlx; W y 1 rel", "F acq; R y rlx; R x rlx"}, "", "00 01 10 11", ""},
    {"MP wrong kind of fences", {"W x 1 rlx; F acq; W y 1 rlx", "R y rlx; F rel; R x rlx"}, "", "00 01 10 11", ""},
    {"MP light fences", {"W x 1 rlx; L; W y 1 rlx", "R y rlx; L; R x rlx"}, "", "00 01 10 11", ""},
    {"MP by read-modify-write", {"W x 1 rlx; A y 1 rel", "R y acq; R x rlx"}, "", "000 001 011", ""},
    {"MP to a read-modify-write", {"W x 1 rlx; W y 1 rel", "C y 1 2 acq; R x rlx"}, "", "00 01 11", ""},

    // Release sequences.
    {"release sequence of a read-modify-write", {"W x 1 rlx; W y 5 rel", "A y 1 rlx", "R y acq; R x rlx"}, "",
     "000 001 010 011 051 500 501 551 561", ""},
    {"release sequence broken by its own thread", {"W x 1 rlx; W y 5 rel; W y 6 rlx", "R y acq; R x rlx"}, "",
     "00 01 51 60 61", ""},
    {"release sequence broken by another thread", {"W x 1 rlx; W y 5 rel", "W y 6 rlx", "R y acq; R x rlx"}, "",
     "00 01 51 60 61", ""},
    {"release fence heads a release sequence", {"W x 1 rlx; F rel; W y 5 rlx", "A y 1 rlx", "R y acq; R x rlx"}, "",
     "000 001 010 011 051 500 501 551 561", ""},

    // Load buffering: not modelled, as in RC11, where the program's order and reading make no cycle.
    {"LB relaxed", {"R x rlx; W y 1 rlx", "R y rlx; W x 1 rlx"}, "", "00 01 10 11", "11"},
    {"LB release acquire", {"R x acq; W y 1 rel", "R y acq; W x 1 rel"}, "", "00 01 10", ""},
    {"LB one side", {"R x acq; W y 1 rel", "R y rlx; W x 1 rlx"}, "", "00 01 10 11", "11"},

    // A store, then the order of stores.
    {"S relaxed", {"W x 2 rlx; W y 1 rlx", "R y rlx; W x 1 rlx"}, "x", "01 02 11 12", ""},
    {"S release acquire", {"W x 2 rlx; W y 1 rel", "R y acq; W x 1 rlx"}, "x", "01 02 11", ""},
    {"R relaxed", {"W x 1 rlx; W y 1 rlx", "W y 2 rlx; R x rlx"}, "y", "01 02 11 12", ""},
    {"R release acquire", {"W x 1 rel; W y 1 rel", "W y 2 rel; R x acq"}, "y", "01 02 11 12", ""},
    {"R seq_cst", {"W x 1 sc; W y 1 sc", "W y 2 sc; R x sc"}, "y", "01 11 12", ""},
    {"R fences", {"W x 1 rlx; F sc; W y 1 rlx", "W y 2 rlx; F sc; R x rlx"}, "y", "01 11 12", ""},
    {"2+2W relaxed", {"W x 1 rlx; W y 2 rlx", "W y 1 rlx; W x 2 rlx"}, "xy", "11 12 21 22", ""},
    {"2+2W release", {"W x 1 rel; W y 2 rel", "W y 1 rel; W x 2 rel"}, "xy", "11 12 21 22", ""},
    {"2+2W seq_cst", {"W x 1 sc; W y 2 sc", "W y 1 sc; W x 2 sc"}, "xy", "12 21 22", ""},
    {"2+2W fences", {"W x 1 rlx; F sc; W y 2 rlx", "W y 1 rlx; F sc; W x 2 rlx"}, "xy", "12 21 22", ""},

    // Through a third thread.
    {"WRC relaxed", {"W x 1 rlx", "R x rlx; W y 1 rlx", "R y rlx; R x rlx"}, "", "not", ""},
    {"WRC release acquire", {"W x 1 rlx", "R x rlx; W y 1 rel", "R y acq; R x rlx"}, "", "not 110", ""},
    {"ISA2", {"W x 1 rlx; W y 1 rel", "R y acq; W z 1 rel", "R z acq; R x rlx"}, "", "not 110", ""},
    {"ISA2 relaxed in the middle", {"W x 1 rlx; W y 1 rel", "R y rlx; W z 1 rel", "R z acq; R x rlx"}, "", "not", ""},
    {"RWC release acquire", {"W x 1 rel", "R x acq; R y acq", "W y 1 rel; R x acq"}, "", "not", ""},
    {"RWC seq_cst", {"W x 1 sc", "R x sc; R y sc", "W y 1 sc; R x sc"}, "", "not 100", ""},
    {"RWC fences", {"W x 1 rlx", "R x rlx; F sc; R y rlx", "W y 1 rlx; F sc; R x rlx"}, "", "not 100", ""},
    {"IRIW release acquire", {"W x 1 rel", "W y 1 rel", "R x acq; R y acq", "R y acq; R x acq"}, "", "not", ""},
    {"IRIW seq_cst", {"W x 1 sc", "W y 1 sc", "R x sc; R y sc", "R y sc; R x sc"}, "", "not 1010", ""},
    {"IRIW fences", {"W x 1 rlx", "W y 1 rlx", "R x rlx; F sc; R y rlx", "R y rlx; F sc; R x rlx"}, "", "not 1010", ""},
    {"IRIW heavy and light", {"W x 1 rlx", "W y 1 rlx", "R x rlx; H; R y rlx", "R y rlx; L; R x rlx"}, "", "not 1010", ""},

    // Coherence.
    {"CoRR", {"W x 1 rlx", "R x rlx; R x rlx"}, "", "00 01 11", ""},
    {"CoRR twice", {"W x 1 rlx", "W x 2 rlx", "R x rlx; R x rlx", "R x rlx; R x rlx"}, "",
     "not 10** 20** **10 **20 1221 2112", ""},
    {"CoWW", {"W x 1 rlx; W x 2 rlx", "R x rlx; R x rlx"}, "x", "002 012 022 112 122 222", ""},
    {"CoRW", {"R x rlx; W x 1 rlx", "W x 2 rlx"}, "x", "01 02 21", ""},
    {"CoWR", {"W x 1 rlx; R x rlx", "W x 2 rlx"}, "x", "11 12 22", ""},

    // Read-modify-writes.
    {"additions", {"A x 1 rlx", "A x 1 rlx"}, "x", "012 102", ""},
    {"additions of three", {"A x 1 rlx", "A x 1 rlx", "A x 1 rlx"}, "x", "0123 0213 1023 1203 2013 2103", ""},
    {"one swap succeeds", {"C x 0 1 rlx", "C x 0 2 rlx"}, "x", "011 202", ""},
    {"addition and store", {"A x 1 rlx", "W x 5 rlx"}, "x", "05 56", ""},
    {"a failed swap may read an old value", {"W x 1 rlx; W y 1 rlx", "R y rlx; C x 7 8 rlx"}, "", "00 01 10 11", ""},

    // Where the order of seq_cst operations need not agree with happens-before (P0668); the checker's always does.
    {"IRIW seq_cst, acquire first loads", {"W x 1 sc", "W y 1 sc", "R x acq; R y sc", "R y acq; R x sc"}, "", "not", "1010"},
    {"Z6.U", {"W x 1 sc; W y 1 rel", "A y 1 sc; R y rlx", "W y 3 sc; R x sc"}, "",
     "010 011 030 031 120 121 130 131 310 311 340 341", "130"},
};

struct operation {
  char what;
  std::size_t variable;
  int first;
  int second;
  memory_order order;
};

std::vector<operation> parse(const std::string& text) {
  std::vector<operation> all;
  std::istringstream operations(text);
  for (std::string one; std::getline(operations, one, ';');) {
    std::istringstream words(one);
    operation op{};
    char variable = 'x';
    std::string order = "rlx";
    words >> op.what;
    if (std::string("RWAC").find(op.what) != std::string::npos) words >> variable;
    if (op.what == 'W' || op.what == 'A' || op.what == 'C') words >> op.first;
    if (op.what == 'C') words >> op.second;
    if (op.what != 'L' && op.what != 'H') words >> order;
    if (!words) ADD_FAILURE() << "cannot read: " << one;
    op.variable = static_cast<std::size_t>(variable - 'x');
    op.order = order == "acq"   ? memory_order_acquire
               : order == "rel" ? memory_order_release
               : order == "ar"  ? memory_order_acq_rel
               : order == "sc"  ? memory_order_seq_cst
                                : memory_order_relaxed;
    all.push_back(op);
  }
  return all;
}

// What each place of an outcome could hold, taken by itself.
std::vector<std::set<char>> domains(const litmus& l) {
  std::array<std::set<char>, 3> written{{{'0'}, {'0'}, {'0'}}};
  for (const char* t : l.threads) {
    for (const operation& op : parse(t)) {
      if (op.what == 'W') written[op.variable].insert(static_cast<char>('0' + op.first));
    }
  }
  std::vector<std::set<char>> all;
  for (const char* t : l.threads) {
    for (const operation& op : parse(t)) {
      if (op.what == 'R') all.push_back(written[op.variable]);
    }
  }
  return all;
}

bool matches(const std::string& pattern, const std::string& outcome) {
  return std::equal(pattern.begin(), pattern.end(), outcome.begin(), outcome.end(),
                    [](char p, char o) { return p == '*' || p == o; });
}

std::set<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::set<std::string> all;
  for (std::string word; in >> word;) all.insert(word);
  return all;
}

std::set<std::string> allowed(const litmus& l) {
  std::set<std::string> listed = words(l.outcomes);
  if (listed.erase("not") == 0) return listed;
  std::set<std::string> all{""};
  for (const auto& domain : domains(l)) {
    std::set<std::string> longer;
    for (const auto& begin : all) {
      for (const char c : domain) longer.insert(begin + c);
    }
    all = longer;
  }
  std::erase_if(all, [&](const std::string& outcome) {
    return std::any_of(listed.begin(), listed.end(), [&](const auto& pattern) { return matches(pattern, outcome); });
  });
  return all;
}

std::set<std::string> run(const litmus& l, bool reduce, unsigned preemptions) {
  std::vector<std::vector<operation>> threads;
  for (const char* t : l.threads) threads.push_back(parse(t));
  // Outcomes as numbers: what is allocated in an execution ends with it.
  static std::array<bool, 1'000'000> seen;
  seen.fill(false);
  const std::string finals = l.finals;
  const result r = check({.preemptions = preemptions, .reduce = reduce}, [&] {
    struct {
      atomic<int> variables[3];
      int read[4][4] = {};
    } s;
    const auto run_thread = [&](std::size_t t) {
      int* out = s.read[t];
      for (const operation& op : threads[t]) {
        atomic<int>& v = s.variables[op.variable];
        switch (op.what) {
          case 'W': v.store(op.first, op.order); break;
          case 'R': *out++ = v.load(op.order); break;
          case 'A': *out++ = v.fetch_add(op.first, op.order); break;
          case 'C': {
            int expected = op.first;
            v.compare_exchange_strong(expected, op.second, op.order);
            *out++ = expected;
            break;
          }
          case 'F': atomic_thread_fence(op.order); break;
          case 'L': asymmetric_fence_light(); break;
          case 'H': asymmetric_fence_heavy(); break;
          default: require(false, "no such operation");
        }
      }
    };
    {
      thread first([&] { run_thread(0); });
      thread second([&] {
        if (threads.size() > 1) run_thread(1);
      });
      thread third([&] {
        if (threads.size() > 2) run_thread(2);
      });
      if (threads.size() > 3) run_thread(3);
    }
    std::size_t outcome = 0;
    for (std::size_t t = 0; t < threads.size(); ++t) {
      int* in = s.read[t];
      for (const operation& op : threads[t]) {
        if (op.what == 'R' || op.what == 'A' || op.what == 'C') outcome = outcome * 10 + static_cast<std::size_t>(*in++);
      }
    }
    for (const char v : finals) {
      outcome = outcome * 10 + static_cast<std::size_t>(s.variables[v - 'x'].load(memory_order_relaxed));
    }
    seen[outcome] = true;
  });
  EXPECT_TRUE(r.ok()) << r.report;
  EXPECT_TRUE(r.complete);
  std::size_t length = finals.size();
  for (const auto& t : threads) {
    for (const operation& op : t) length += op.what == 'R' || op.what == 'A' || op.what == 'C';
  }
  std::set<std::string> outcomes;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i]) continue;
    std::string text = std::to_string(i);
    outcomes.insert(std::string(length - std::min(length, text.size()), '0') + text);
  }
  return outcomes;
}

class litmus_test : public testing::TestWithParam<litmus> {};

TEST_P(litmus_test, ShowsWhatIsAllowed) {
  const litmus& l = GetParam();
  std::set<std::string> expected = allowed(l);
  for (const auto& outcome : words(l.not_shown)) {
    EXPECT_EQ(expected.erase(outcome), 1u) << outcome << " is not allowed, so it needs no excuse";
  }
  EXPECT_EQ(run(l, true, unlimited), expected);
}

// Cutting what repeats loses no outcome; nor does cutting under a bound that is never met.
TEST_P(litmus_test, ReductionLosesNothing) {
  const litmus& l = GetParam();
  EXPECT_EQ(run(l, true, unlimited), run(l, false, unlimited));
  EXPECT_EQ(run(l, true, 1), run(l, false, 1));
}

INSTANTIATE_TEST_SUITE_P(table, litmus_test, testing::ValuesIn(table), [](const auto& of) {
  std::string name = of.param.name;
  std::erase_if(name, [](char c) { return c == ',' || c == '.' || c == '+' || c == '-'; });
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

}  // namespace
}  // namespace switchyard::model
