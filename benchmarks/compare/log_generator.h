// A log as services write it, made from a seed, so that a comparison always has something to run on.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace switchyard::compare {

/// Hands exactly `size` bytes to `write`, in pieces of up to a megabyte: lines of about 120 bytes, of a web
/// server's access log and of some services' own logs. The same seed gives the same bytes everywhere. The
/// last byte is a newline (if size > 0); the line before it may be cut short.
void generate_log(std::uint64_t seed, std::uint64_t size, const std::function<void(std::string_view)>& write);

}  // namespace switchyard::compare
