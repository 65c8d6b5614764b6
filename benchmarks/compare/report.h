// report.html: the results of one or several comparisons as a page that needs nothing but itself.
//
// The page holds the documents as they are, a style and a script of its own (the files in report/), and
// Chart.js, which draws its charts. Its script makes tables and charts from the documents; nothing in it asks
// the network for anything, and its content security policy forbids that.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace switchyard::compare {

/// The contents of a results.json, and what to call them in the page.
struct titled_results {
  std::string title;
  nlohmann::ordered_json document;
};

/// Reads a results.json. Throws `bad_request`, which names the file, if it cannot be read, is no JSON, or
/// holds no results.
titled_results read_results(const std::string& path);

/// What is wrong with a document as results: that a key is missing or is not what it must be. Empty if
/// nothing is.
std::string why_no_results(const nlohmann::ordered_json& document);

/// The text of Chart.js: of `path`, or, if that is empty, of where Debian's libjs-chart.js puts it. nullopt if
/// there is none or it cannot be read.
std::optional<std::string> chart_library(const std::string& path = {});

/// The page. Without a library it says so and has its tables. Precondition: `all` is not empty, and each of
/// them holds results.
std::string report_html(const std::vector<titled_results>& all, const std::optional<std::string>& library);

}  // namespace switchyard::compare
