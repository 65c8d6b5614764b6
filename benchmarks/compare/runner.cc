#include "switchyard/benchmarks/compare/runner.h"

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace switchyard::compare {
namespace {

// So that all have as many runs: forgets those of a round that was not finished.
void keep_rounds(rounds& all, std::size_t whole) {
  for (outcome& each : all.outcomes) {
    if (each.samples.size() > whole) each.samples.resize(whole);
  }
}

}  // namespace

rounds run_rounds(const std::vector<contender>& contenders, std::size_t repetitions, const atomic<bool>& stop,
                  const progress_function& progress, steady_clock::duration budget,
                  const std::function<steady_clock::time_point()>& now) {
  const steady_clock::time_point began = now();
  rounds all;
  for (const contender& each : contenders) all.outcomes.push_back({each.name, each.guarantee, {}, {}, each.point});
  std::vector<std::string> names;  // for people: "lockfree.bounded_queue at 4" in a sweep
  for (const contender& each : contenders) {
    names.push_back(each.point ? absl::StrCat(each.name, " at ", *each.point) : each.name);
  }
  const std::size_t n = contenders.size();
  std::size_t finished = 0;
  for (std::size_t round = 0; round < repetitions; ++round) {
    const steady_clock::duration so_far = now() - began;
    if (round > 0 && so_far / static_cast<std::int64_t>(round) > budget - so_far) break;
    for (std::size_t turn = 0; turn < n; ++turn) {
      const std::size_t who = (round + turn) % n;
      outcome& into = all.outcomes[who];
      if ((round > 0 || turn > 0) && now() - began > budget) {
        if (round > 0) {
          keep_rounds(all, round);
          return all;
        }
        all.left_out.push_back(names[who]);
        continue;
      }
      const position here{finished++, n * repetitions, names[who]};
      if (!into.wrong.empty()) continue;
      all.complete = !stop.load(memory_order_relaxed);
      if (!all.complete) return all;
      tick_function tick;
      if (progress) {
        progress(here);
        tick = [&] { progress(here); };
      }
      try {
        sample result = contenders[who].run(tick);
        all.complete = !result.cut_short;
        if (!all.complete) return all;
        into.wrong = result.wrong;
        if (into.wrong.empty()) into.samples.push_back(std::move(result));
      } catch (const std::exception& failure) {
        into.wrong = absl::StrCat("failed: ", failure.what());
      }
    }
    ++all.repetitions;
  }
  return all;
}

}  // namespace switchyard::compare
