// How much of a mapped text is in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

#include "switchyard/benchmarks/compare/input.h"

namespace switchyard::compare {

/// Bytes of `text` that are in this process's memory now; 0 if the system does not tell.
inline std::size_t resident(const mapped_text& text) {
  std::ifstream maps("/proc/self/smaps");
  const auto address = reinterpret_cast<std::uintptr_t>(text.text().data());
  bool found = false;
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long first = 0, last = 0;
    std::size_t size = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &last) == 2) found = first <= address && address < last;
    if (found && std::sscanf(line.c_str(), "Rss: %zu kB", &size) == 1) return size * 1024;
  }
  return 0;
}

}  // namespace switchyard::compare
