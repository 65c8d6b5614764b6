#include "switchyard/benchmarks/compare/advice.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "switchyard/benchmarks/compare/bootstrap.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/benchmarks/compare/table.h"

namespace switchyard::compare {
namespace {

using adapters::progress;
using adapters::queue_bound;
using adapters::queue_info;
using adapters::queue_order;

using line_list = std::vector<const summary*>;

// Differences up to this are no reason to choose: where the linker puts a loop can make as much.
constexpr double immaterial = 1.02;
// The same where there are too few runs to know how they vary.
constexpr double immaterial_in_few_runs = 1.1;
// Using this many times the CPU time of another is a reason not to choose it.
constexpr double much_more_cpu = 1.25;
// Below this share of the rate that was asked for, more and more items were left waiting.
constexpr double keeps_up = 0.95;

constexpr std::string_view nobody_right = "No advice: there is no run with a right answer to go by.";

// "12% more than", "2.10 times as many as"; `ratio` is at least 1.
std::string more_than(double ratio) {
  if (ratio < 1.5) return absl::StrFormat("%.0f%% more than", (ratio - 1) * 100);
  return absl::StrCat(short_number(ratio), " times as many as");
}

// The figures of one point, judged.
class verdict {
 public:
  verdict(const line_list& lines, const question& about) : about_(about) {
    for (const summary* line : lines) {
      anybody_right_ = anybody_right_ || (line->wrong.empty() && line->runs > 0);
      if (line->wrong.empty() && line->items_per_second.median > 0 && (by_speed() || line->latency != nullptr)) {
        candidates_.push_back(line);
      }
    }
    if (candidates_.empty()) return;
    leave_out_those_behind();
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [this](const summary* a, const summary* b) { return badness(*a) < badness(*b); });
    for (const summary* line : candidates_) {
      if (cannot_be_told_apart(*line, *candidates_.front())) best_.push_back(line);
      if (blocking_ == nullptr && line->guarantee == progress::blocking) blocking_ = line;
      if (strict_ == nullptr && given_up(*line).empty()) strict_ = line;
    }
    good_ = the_better_half(best_);
    choice_ = good_.front();
  }

  const summary* choice() const { return choice_; }

  /// Any of which could be taken.
  bool is_good(std::string_view name) const {
    return std::any_of(good_.begin(), good_.end(), [&](const summary* line) { return line->name == name; });
  }
  const line_list& good() const { return good_; }

  /// A blocking one is as good as any.
  bool blocking_will_do() const {
    return std::any_of(good_.begin(), good_.end(),
                       [](const summary* line) { return line->guarantee == progress::blocking; });
  }
  const summary* best_blocking() const { return blocking_; }

  recommendation words() const {
    if (choice_ == nullptr) {
      return {"", {}, {anybody_right_ && by_speed() ? "No advice: there was nothing to do." : std::string(nobody_right)}};
    }
    recommendation made;
    made.choice = choice_->name;
    for (const summary* line : best_) {
      if (line != choice_) made.tied.push_back(line->name);
    }
    made.sentences = {what_to_choose(made.tied), what_it_costs(), what_else_will_do()};
    return made;
  }

  // "12.3 M lines/s", or "99% of lines within 12 us".
  std::string figure(const summary& line) const {
    if (by_speed()) return absl::StrCat(with_unit(line.items_per_second.median), " ", about_.item, "s/s");
    return absl::StrCat("99% of ", about_.item, "s within ",
                        time_with_unit(static_cast<double>(line.latency->percentile(99))));
  }

 private:
  bool by_speed() const { return about_.judged_by == aim::speed; }

  // The less the better.
  double badness(const summary& line) const {
    return by_speed() ? -line.items_per_second.median : median(line.tails);
  }

  // A short time says nothing about who did not get all done. Where nobody did, the least late is the best.
  void leave_out_those_behind() {
    const auto behind = [](const summary* line) { return line->rate_kept.value_or(1) < keeps_up; };
    left_behind_ = static_cast<std::size_t>(std::count_if(candidates_.begin(), candidates_.end(), behind));
    nobody_keeps_up_ = left_behind_ == candidates_.size();
    if (!nobody_keeps_up_) std::erase_if(candidates_, behind);
  }

  bool cannot_be_told_apart(const summary& line, const summary& best) const {
    // The larger of the two goes above.
    const std::vector<double>& above = by_speed() ? best.rates : line.tails;
    const std::vector<double>& below = by_speed() ? line.rates : best.tails;
    if (median(above) <= immaterial * median(below)) return true;
    if (const auto sure = median_ratio_interval(above, below)) return sure->low <= 1;
    return *std::min_element(above.begin(), above.end()) <=
           immaterial_in_few_runs * *std::max_element(below.begin(), below.end());
  }

  // Those of `equal` that burn little, in the order of preference.
  line_list the_better_half(const line_list& equal) const {
    double least_cpu = equal.front()->cpu_ns_per_item;
    for (const summary* line : equal) least_cpu = std::min(least_cpu, line->cpu_ns_per_item);
    line_list good;
    for (const summary* line : equal) {
      if (line->cpu_ns_per_item <= much_more_cpu * least_cpu) good.push_back(line);
    }
    const auto reasons_against = [this](const summary* line) {
      return std::pair(!given_up(*line).empty(), line->guarantee != progress::blocking);
    };
    std::stable_sort(good.begin(), good.end(), [&](const summary* a, const summary* b) {
      return reasons_against(a) < reasons_against(b);
    });
    return good;
  }

  const queue_info* queue(const summary& line) const { return about_.queue ? about_.queue(line.name) : nullptr; }

  // What is wanted and this one has not: of a queue the order and a bound, of a stack the order.
  std::vector<std::string> given_up(const summary& line) const {
    std::vector<std::string> lacks;
    const queue_info* const info = queue(line);
    if (info == nullptr) {
      if (std::string what = about_.gives_up ? about_.gives_up(line.name) : ""; !what.empty()) lacks.push_back(std::move(what));
      return lacks;
    }
    if (about_.order == queue_order::lifo) {
      if (info->order != queue_order::lifo) lacks.push_back("the order of a stack");
      return lacks;
    }
    // The order of each producer is the whole order if there is one.
    const bool many = about_.producers > 1 || (about_.swept == "threads" && line.point > std::uint64_t{1});
    if (info->order == queue_order::per_producer && many) lacks.push_back("order between producers");
    if (info->order == queue_order::none || info->order == queue_order::lifo) lacks.push_back("order");
    if (info->bound == queue_bound::soft) lacks.push_back("an exact bound");
    if (info->bound == queue_bound::none) lacks.push_back("a bound of its own");
    return lacks;
  }

  std::string what_to_choose(const std::vector<std::string>& tied) const {
    std::string text = absl::StrCat("Choose ", choice_->name, ": ", figure(*choice_));
    if (!tied.empty()) {
      absl::StrAppend(&text, ", and ", few_of(tied), tied.size() == 1 ? " is" : " are",
                      " as good within the noise");
    } else if (const summary* const other = compared_with(); other == nullptr) {
      absl::StrAppend(&text, left_behind_ == 0 ? "; there is nothing to compare it with" : "; no other keeps up with the rate");
    } else if (by_speed()) {
      absl::StrAppend(&text, ", ", more_than(choice_->items_per_second.median / other->items_per_second.median), " ",
                      described(*other));
      if (const auto sure = median_ratio_interval(choice_->rates, other->rates)) {
        absl::StrAppend(&text, absl::StrFormat(" (%.2f to %.2f times, 95%% sure)", sure->low, sure->high));
      }
    } else {
      absl::StrAppend(&text, " (", described(*other), ": ",
                      time_with_unit(static_cast<double>(other->latency->percentile(99))), ")");
    }
    if (nobody_keeps_up_) absl::StrAppend(&text, ", but nothing here keeps up with the rate asked for");
    if (choice_->runs < least_for_interval) {
      absl::StrAppend(&text, " (", counted(choice_->runs, "run"), " of it: too few to be sure)");
    }
    return text + ".";
  }

  // Whom the choice is set against: the best blocking one, or else the next best.
  const summary* compared_with() const {
    if (blocking_ != nullptr && blocking_ != choice_) return blocking_;
    for (const summary* line : candidates_) {
      if (line != choice_) return line;
    }
    return nullptr;
  }

  std::string described(const summary& other) const {
    return absl::StrCat(&other == blocking_ ? "the best blocking one, " : "the next, ", other.name);
  }

  std::string what_it_costs() const {
    const summary* const other = compared_with();
    std::vector<std::string> facts;
    if (choice_->cpu_ns_per_item > 0) {
      std::string cpu = absl::StrCat("burns ", time_with_unit(choice_->cpu_ns_per_item), " of CPU per ", about_.item);
      if (other != nullptr) {
        absl::StrAppend(&cpu, " (", other->name, ": ", time_with_unit(other->cpu_ns_per_item), ")");
      }
      facts.push_back(cpu);
    }
    if (choice_->latency != nullptr) {
      const double percent = by_speed() ? 99 : 99.9;
      const auto tail = [&](const summary& line) {
        return time_with_unit(static_cast<double>(line.latency->percentile(percent)));
      };
      std::string took = absl::StrCat("takes up to ", tail(*choice_), " for ", percent, "% of ", about_.item, "s");
      if (other != nullptr && other->latency != nullptr) absl::StrAppend(&took, " (", other->name, ": ", tail(*other), ")");
      facts.push_back(took);
    }
    const std::vector<std::string> lacks = given_up(*choice_);
    const queue_info* const info = queue(*choice_);
    if (!lacks.empty()) {
      facts.push_back("gives up " + listed(lacks));
    } else if (info != nullptr) {
      facts.push_back(about_.order == queue_order::lifo ? "gives the newest first" : "keeps order and bound");
    }
    if (info != nullptr && (!info->multi_producer || !info->multi_consumer)) facts.push_back(company(*info));
    return absl::StrCat("It ", absl::StrJoin(facts, ", "), facts.empty() ? "is such that " : "; ",
                        promise(choice_->guarantee), ".");
  }

  static std::string company(const queue_info& info) {
    if (info.multi_producer) return "is for one consumer only";
    if (info.multi_consumer) return "is for one producer only";
    return "is for one producer and one consumer only";
  }

  std::string promise(progress guarantee) const {
    if (about_.all_wait) {
      return absl::StrCat("threads arrive ", guarantee == progress::blocking ? "by way of a lock" : "without a lock",
                          ", and one that never comes holds up all others, as at every barrier");
    }
    switch (guarantee) {
      case progress::wait_free: return absl::StrCat("no thread can hold up one that ", about_.work);
      case progress::lock_free: return absl::StrCat("a thread that stops while it ", about_.work, " holds up no other");
      case progress::not_lock_free: return absl::StrCat("a thread that stops while it ", about_.work, " may hold up others");
      case progress::blocking: break;
    }
    return absl::StrCat("a thread that stops while it ", about_.work, " may hold up all others");
  }

  std::string what_else_will_do() const {
    std::vector<std::string> parts;
    if (strict_ != nullptr && !given_up(*choice_).empty()) {
      parts.push_back(absl::StrCat("where that matters, take ", strict_->name, " (", figure(*strict_), ")"));
    }
    if (blocking_ == nullptr) {
      parts.push_back("whether a blocking one would do is not known, as none was compared");
    } else if (choice_->guarantee == progress::blocking) {
      parts.push_back("a simple blocking one is good enough here: nothing without locks is clearly better");
    } else if (is_good(blocking_->name)) {
      parts.push_back(absl::StrCat("the simple blocking one, ", blocking_->name, ", is good enough here"));
    } else if (std::find(best_.begin(), best_.end(), blocking_) != best_.end()) {
      parts.push_back(absl::StrCat("the simple blocking one, ", blocking_->name, ", is as ", by_speed() ? "fast" : "quick",
                                   " and good enough where CPU time is cheap"));
    } else {
      parts.push_back(absl::StrCat("the simple blocking one, ", blocking_->name, ", is good enough where ", figure(*blocking_),
                                   " will do"));
    }
    std::string text = absl::StrJoin(parts, "; ");
    text[0] = absl::ascii_toupper(static_cast<unsigned char>(text[0]));
    return text + ".";
  }

  const question& about_;
  line_list candidates_;  // right, measured, and able to keep up; the best first
  line_list best_;        // those of them that cannot be told from the first
  line_list good_;        // those of them that could be taken, the choice first
  const summary* choice_ = nullptr;
  const summary* blocking_ = nullptr;  // the best blocking one
  const summary* strict_ = nullptr;    // the best one that gives up nothing
  bool anybody_right_ = false;
  bool nobody_keeps_up_ = false;
  std::size_t left_behind_ = 0;
};

// "4 threads", "items of 4 bytes".
std::string at(const question& about, std::uint64_t point) {
  if (about.swept == "threads") return absl::StrCat(counted(point, "thread"), about.two_sides ? " a side" : "");
  if (about.swept == "item_size") return absl::StrCat("items of ", counted(point, "byte"));
  if (about.swept == "burst") return absl::StrCat("bursts of ", point);
  if (about.swept == "rate") return absl::StrCat("a rate of ", with_unit(static_cast<double>(point)), " ", about.item, "s/s");
  return absl::StrCat(about.swept, about.swept.empty() ? "" : " ", point);
}

struct judged_point {
  std::uint64_t at;
  verdict what;
};

// Points next to each other at which one and the same is good.
struct stretch {
  std::string name;
  std::size_t first;
  std::size_t last;
};

// As few as possible, from the first point on: the noise shall not make one change.
std::vector<stretch> stretches(const std::vector<judged_point>& points) {
  std::vector<stretch> found;
  for (std::size_t first = 0; first < points.size();) {
    if (points[first].what.choice() == nullptr) {
      ++first;
      continue;
    }
    // Whoever is good for longest; of these, whoever was the choice there most often.
    stretch longest{"", first, first};
    std::size_t most_often = 0;
    for (const summary* line : points[first].what.good()) {
      std::size_t last = first;
      while (last + 1 < points.size() && points[last + 1].what.is_good(line->name)) ++last;
      std::size_t often = 0;
      for (std::size_t i = first; i <= last; ++i) often += points[i].what.choice()->name == line->name ? 1 : 0;
      if (longest.name.empty() || std::pair(last, often) > std::pair(longest.last, most_often)) {
        longest = {line->name, first, last};
        most_often = often;
      }
    }
    found.push_back(longest);
    first = longest.last + 1;
  }
  return found;
}

std::string where_it_changes(const std::vector<stretch>& parts, const std::vector<judged_point>& points,
                             const question& about) {
  if (parts.size() == 1 && parts[0].first == 0 && parts[0].last + 1 == points.size()) {
    return absl::StrCat("Choose ", parts[0].name, " at all points, from ", at(about, points.front().at), " to ",
                        at(about, points.back().at), ".");
  }
  std::vector<std::string> texts;
  for (const stretch& part : parts) {
    const std::string first = at(about, points[part.first].at);
    const std::string last = at(about, points[part.last].at);
    texts.push_back(part.first == part.last ? absl::StrCat(part.name, " at ", first)
                                            : absl::StrCat(part.name, " from ", first, " to ", last));
  }
  return absl::StrCat("Choose ", listed(texts), ".");
}

std::string figures_at_the_ends(const std::vector<stretch>& parts, const std::vector<judged_point>& points,
                                const question& about) {
  std::vector<std::string> texts;
  const auto tell = [&](const stretch& part, std::size_t where) {
    for (const summary* line : points[where].what.good()) {
      if (line->name == part.name) {
        texts.push_back(absl::StrCat(points[where].what.figure(*line), " at ", at(about, points[where].at)));
      }
    }
  };
  tell(parts.front(), parts.front().first);
  if (parts.back().last != parts.front().first) tell(parts.back(), parts.back().last);
  return absl::StrCat("That is ", listed(texts), ".");
}

std::string where_blocking_will_do(const std::vector<judged_point>& points, const question& about) {
  std::vector<std::string> good;
  bool compared = false;
  for (const judged_point& point : points) {
    compared = compared || point.what.best_blocking() != nullptr;
    if (point.what.blocking_will_do()) good.push_back(at(about, point.at));
  }
  if (!compared) return "Whether a blocking one would do is not known, as none was compared.";
  if (good.size() == points.size()) return "A simple blocking one is good enough at all points.";
  if (good.empty()) return "A simple blocking one is behind at all points.";
  return absl::StrCat("A simple blocking one is good enough at ", listed(good), ", and behind elsewhere.");
}

advice advise_sweep(const std::vector<judged_point>& points, const question& about) {
  advice made;
  for (const judged_point& point : points) made.points.push_back({point.at, at(about, point.at), point.what.words()});
  const std::vector<stretch> parts = stretches(points);
  if (parts.empty()) {
    // The same everywhere, or of some points nothing is right.
    const bool alike = std::all_of(made.points.begin(), made.points.end(), [&](const advice::at_point& point) {
      return point.what.sentences == made.points.front().what.sentences;
    });
    made.overall.sentences = alike ? made.points.front().what.sentences : std::vector{std::string(nobody_right)};
    return made;
  }
  if (parts.size() == 1 && parts[0].first == 0 && parts[0].last + 1 == points.size()) {
    made.overall.choice = parts[0].name;
    for (const summary* line : points.front().what.good()) {
      const bool everywhere = std::all_of(points.begin(), points.end(),
                                          [&](const judged_point& point) { return point.what.is_good(line->name); });
      if (everywhere && line->name != made.overall.choice) made.overall.tied.push_back(line->name);
    }
  }
  made.overall.sentences = {where_it_changes(parts, points, about), figures_at_the_ends(parts, points, about),
                            where_blocking_will_do(points, about)};
  return made;
}

}  // namespace

advice advise(const std::vector<summary>& lines, const question& about) {
  std::vector<std::pair<std::optional<std::uint64_t>, line_list>> by_point;
  for (const summary& line : lines) {
    if (by_point.empty() || by_point.back().first != line.point) by_point.push_back({line.point, {}});
    by_point.back().second.push_back(&line);
  }
  if (by_point.empty() || !by_point.front().first) {
    return {verdict(by_point.empty() ? line_list() : by_point.front().second, about).words(), {}};
  }
  std::vector<judged_point> points;
  for (const auto& [point, of_it] : by_point) points.push_back({point.value_or(0), verdict(of_it, about)});
  return advise_sweep(points, about);
}

}  // namespace switchyard::compare
