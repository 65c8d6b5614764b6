// How wide what is printed may be, and what it may be made of.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace switchyard::compare {

/// The looks of printed text; the default suits a file and everybody.
struct appearance {
  std::size_t width = 0;  ///< columns; 0 is no limit
  bool utf8 = false;      ///< else ASCII alone
  bool colour = false;    ///< escape sequences that terminals know
};

/// The value of an environment variable, or null.
using environment = std::function<const char*(const char* name)>;

/// What suits an output with `columns` columns (0: it does not say) that is or is not a terminal.
///
/// UTF-8 where the locale says so (LC_ALL, LC_CTYPE, LANG, whichever is set first). Colour on a terminal, unless NO_COLOR
/// is set to anything or TERM is "dumb". A terminal that does not say how wide it is counts as COLUMNS wide, or 80.
/// Files and pipes have no limit; but where COLUMNS is exported somebody wants one, as for `| less` or a golden test.
appearance appearance_for(bool is_terminal, std::size_t columns, const environment& variable);

/// That of standard output.
appearance appearance_of_output();

/// How many columns `text` takes: one for each character of UTF-8.
std::size_t width_of(std::string_view text);

/// The first `width` columns of `text`, and no half characters.
std::string_view first_columns(std::string_view text, std::size_t width);

/// `text`, if need be without its middle, in `width` columns: "lockf…ed_queue", or "lockf..ed_queue" in ASCII.
std::string shortened(std::string_view text, std::size_t width, bool utf8);

/// `text` in lines of `width` columns (0: one line), cut at spaces; each line but the first begins with `indent`. A word
/// that is longer has a line for itself. Each line ends with a newline.
std::string wrapped(std::string_view text, std::size_t width, std::string_view indent = "");

}  // namespace switchyard::compare
