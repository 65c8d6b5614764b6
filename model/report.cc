// What a failure looks like, and orders weakened from outside.
#include <cstdarg>
#include <cstring>

#include "switchyard/model/engine_impl.h"

namespace switchyard::model::detail {

// -- Orders to weaken ----------------------------------------------------------------------------------------

// SWITCHYARD_MODEL_MUTATE=file:line:column:which:order:weaker, and SWITCHYARD_MODEL_SITES=file to list where orders are met.
memory_order engine::weakened_slowly(memory_order order, unsigned which, where at, bool asymmetric) {
  const std::string_view name = asymmetric ? "asymmetric" : name_of(order);
  if (sites_ != nullptr) {
    inside i(*this);
    const std::string site = std::string(at.file) + ':' + std::to_string(at.line) + ':' + std::to_string(at.column) + ':' +
                             std::to_string(which) + ':' + std::string(name);
    if (std::find(sites_seen_.begin(), sites_seen_.end(), site) == sites_seen_.end()) {
      sites_seen_.push_back(site);
      std::fprintf(sites_, "%s\n", site.c_str());
      std::fflush(sites_);
    }
  }
  for (const mutation& m : mutations_) {
    if (m.line != at.line || m.column != at.column || m.which != which || m.order != name || m.file != at.file) continue;
    for (const auto weaker : {memory_order::relaxed, memory_order::acquire, memory_order::release, memory_order::acq_rel}) {
      if (m.weaker == name_of(weaker)) return weaker;
    }
  }
  return order;
}

bool engine::dropped(where at) { return weakened(memory_order::seq_cst, 0, at, true) == memory_order::relaxed; }

// -- Reports -------------------------------------------------------------------------------------------------

void engine::note(where at, const char* format, ...) {
  inside i(*this);
  char text[200];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  events_.push_back({current_, steps_, text, at});
}

void engine::name(const void* object, const char* name) {
  if (!tracing_) return;
  inside i(*this);
  names_.emplace_back(object, name);
}

const char* engine::name_of(memory_order order) {
  static constexpr const char* names[] = {"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};
  return names[static_cast<int>(order)];
}

const char* engine::name_of(const void* address) {
  inside i(*this);
  for (const auto& [object, name] : names_) {
    if (object == address) return name.c_str();
  }
  names_.reserve(1000);  // the names handed out stay where they are
  names_.emplace_back(address, "@" + std::to_string(names_.size() + 1));
  return names_.back().second.c_str();
}

std::string engine::describe(bits value, int parts) {
  const auto number = [](std::uint64_t n) {
    char text[32];
    const auto negative = static_cast<std::int64_t>(n);
    if (negative < 0 && negative > -1'000'000) {
      std::snprintf(text, sizeof text, "%lld", static_cast<long long>(negative));
    } else if (n < 1'000'000'000) {
      std::snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(n));
    } else {
      std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(n));
    }
    return std::string(text);
  };
  return parts == 2 ? "{" + number(value.low) + ", " + number(value.high) + "}" : number(value.low);
}

const char* name_of_file(const char* path) {
  const char* const slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

// The interleaving, a column for each thread.
std::string engine::columns(std::string_view how) const {
  constexpr int width = 34;
  std::string out = "model: " + failure_ + "\n\n  step ";
  char text[256];
  for (int t = 0; t < thread_count_; ++t) {
    std::snprintf(text, sizeof text, "| %-*s", width, ("thread " + std::to_string(t)).c_str());
    out += text;
  }
  out += "| where\n";
  constexpr std::size_t shown_first = 30;
  constexpr std::size_t shown_last = 90;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    if (events_.size() > shown_first + shown_last + 1 && i == shown_first) {
      i = events_.size() - shown_last;
      out += "       ... " + std::to_string(i - shown_first) + " more\n";
    }
    const event& e = events_[i];
    std::snprintf(text, sizeof text, "  %4u ", e.step);
    out += text;
    // What does not fit goes on in the next line.
    std::string_view rest = e.text;
    for (bool first = true; first || !rest.empty(); first = false) {
      if (!first) out += "       ";
      for (int t = 0; t < thread_count_; ++t) {
        const std::string_view part = t == e.thread ? rest.substr(0, width) : std::string_view();
        std::snprintf(text, sizeof text, "| %-*.*s", width, static_cast<int>(part.size()), part.data());
        out += text;
      }
      rest.remove_prefix(std::min<std::size_t>(rest.size(), width));
      if (first && e.at.line != 0) {
        std::snprintf(text, sizeof text, "| %s:%u", name_of_file(e.at.file), e.at.line);
        out += text;
      }
      out += '\n';
    }
  }
  out += '\n';
  out += how;
  return out;
}

// A letter that comes n times is written once, with n before it.
std::string shortened(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size();) {
    const std::size_t end = std::min(path.find_first_not_of(path[i], i), path.size());
    if (end - i > 1) out += std::to_string(end - i);
    out += path[i];
    i = end;
  }
  return out;
}
std::string expanded(std::string_view path) {
  std::string out;
  std::size_t count = 0;
  for (const char c : path) {
    if (c >= '0' && c <= '9') {
      count = count * 10 + static_cast<std::size_t>(c - '0');
    } else {
      out.append(std::clamp<std::size_t>(count, 1, 100'000), c);
      count = 0;
    }
  }
  return out;
}

}  // namespace switchyard::model::detail
