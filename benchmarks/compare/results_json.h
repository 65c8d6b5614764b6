// results.json, in the format of Google Benchmark's --benchmark_format=json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/benchmarks/compare/advice.h"
#include "switchyard/benchmarks/compare/options.h"
#include "switchyard/benchmarks/compare/runner.h"

namespace switchyard::compare {

/// What was compared; the outcomes say how it went.
struct comparison {
  std::vector<std::string> command_line;  ///< the program's name first
  const options& asked;
  const mapped_text& input;
  const reference& expected;
  bool was_interrupted = false;  ///< stopped by the user before all runs were finished
  advice advised = {};
  std::vector<std::string> notes = {};  ///< sentences about what was cut
};

/// The whole document. `context` holds Google Benchmark's own keys, the text's lines, words and bytes, and
/// what was asked for. `benchmarks` holds an entry for each run, in order, named by its implementation, and
/// after those of each implementation one more, its medians, with 95% intervals where there are enough runs for one.
/// Times are per item. Where latency was measured, runs and medians have `latency_ns`, and medians the histogram of all
/// runs together.
/// An implementation that gave a wrong answer has one entry with `error_occurred` and `error_message`.
nlohmann::ordered_json results_json(const comparison& what, const std::vector<outcome>& outcomes);

/// A folder that results can be written to. The constructor makes it, and what it lies in, where missing,
/// and throws `bad_request` unless a file can be made there: this is known before anything is measured.
class results_folder {
 public:
  explicit results_folder(std::string path);

  /// Writes results.json, whole or not at all. Throws std::runtime_error if that fails.
  void write(const nlohmann::ordered_json& document) const;

  /// The path of results.json.
  std::string file() const { return path_ + "/results.json"; }

  /// The path of the page that shows them.
  std::string page() const { return path_ + "/report.html"; }

 private:
  std::string path_;
};

}  // namespace switchyard::compare
