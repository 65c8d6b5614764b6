// The files in report/, which the build puts into the program.
#pragma once

#include <string_view>

namespace switchyard::compare {

extern const std::string_view page_html;
extern const std::string_view page_css;
extern const std::string_view results_js;
extern const std::string_view tables_js;
extern const std::string_view charts_js;
extern const std::string_view page_js;

}  // namespace switchyard::compare
