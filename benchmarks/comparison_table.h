// The samples of a comparison, and the tables that are made of them: like with like.
//
// A row is one implementation doing one thing (its `shape`), within a class of implementations that promise the same.
// Its samples are kept apart by how far the processors were from each other (`distance`). The ratio of a row is its
// median to that of the best peer in its class, at the same shape and distance: 1.3 is 1.3 times as fast.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/benchmarks/distance.h"

namespace switchyard {

/// What an implementation is in a comparison: one of ours; one to beat; one to look at only.
enum class part { ours, peer, shown };

/// How a rate is written: million operations a second, or nanoseconds each.
enum class unit { millions_per_second, nanoseconds };

struct row_label {
  std::string group;  ///< the class: "spsc", "bounded", ...
  std::string name;   ///< the implementation
  std::string shape;  ///< what it does: "pair", "try/2P2C", ...
  part role = part::peer;
  unit written = unit::millions_per_second;
  bool in_mean = true;  ///< whether its ratio counts in the geometric mean of its implementation's
};

/// Of the samples of a row at one distance; rates are operations a second.
struct row_summary {
  std::size_t count = 0;
  double median = 0;
  double min = 0;
  double max = 0;
  std::optional<double> ratio;  ///< to the best peer; none if there is none
};

/// Where and with what something was measured.
struct machine {
  std::string date;      ///< 2026-11-22
  std::string cpu;       ///< the model's name and the number of processors
  std::string compiler;  ///< gcc 12.2.0

  static machine this_one();
  /// Date, processor and compiler as a file's name without its ending.
  std::string file_name() const;
};

class comparison_table {
 public:
  /// Rows and tables are printed in the order in which they come in here. Returns the row's number.
  std::size_t declare(row_label label);
  const row_label& label(std::size_t number) const { return rows_.at(number).label; }

  /// One sample. Those at an unclear distance are counted and otherwise left out.
  void add(std::size_t number, distance where, double rate);

  /// Nothing, if there is no sample at that distance.
  std::optional<row_summary> summary(std::size_t row, distance where) const;
  std::size_t dropped() const noexcept { return dropped_; }
  bool empty() const;

  /// The row of that name and shape, whatever its class.
  std::optional<std::size_t> find(std::string_view name, std::string_view shape) const;
  /// Has `print_relations` say, under that title, how many times as fast row `number` is as row `base`: where the implementation's
  /// line meets that column.
  void relate(const std::string& title, const std::string& column, std::size_t number, std::size_t base);

  /// A table in Markdown for each class and shape.
  void print_details(std::ostream& out) const;
  /// For each class, the ratios of our own, a column for each shape ("far / near"), and the geometric mean.
  void print_ratios(std::ostream& out) const;
  void print_relations(std::ostream& out) const;
  void write_json(std::ostream& out, const machine& here) const;

 private:
  struct row {
    row_label label;
    std::map<distance, std::vector<double>> samples;
  };

  struct relation {
    std::string title;
    std::string column;
    std::size_t row;
    std::size_t base;
  };

  double best_peer(const row_label& like, distance where) const;
  std::vector<std::string> groups() const;
  std::vector<std::string> shapes(std::string_view group) const;

  std::vector<row> rows_;
  std::vector<relation> relations_;
  std::size_t dropped_ = 0;
};

}  // namespace switchyard
