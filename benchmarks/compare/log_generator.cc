#include "switchyard/benchmarks/compare/log_generator.h"

#include <array>
#include <cstddef>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"

namespace switchyard::compare {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): the standard library's distributions differ between libraries.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  // One of 0 .. n-1, for n up to 2^32.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>((next() >> 32) * n >> 32); }

  // The same, but small ones far more often: some pages and users are popular.
  std::size_t skewed(std::size_t n) {
    const std::size_t once = below(n);
    return once * below(n) / n;
  }

 private:
  std::uint64_t state_;
};

template <std::size_t n>
const char* one_of(random_source& random, const std::array<const char*, n>& choices) {
  return choices[random.skewed(n)];
}

constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array methods = {"GET", "POST", "PUT", "HEAD", "DELETE"};
constexpr std::array pages = {"/",           "/index.html", "/login",     "/search",   "/cart",  "/checkout",
                              "/api/orders", "/api/users",  "/api/stock", "/static/a", "/about", "/healthz"};
constexpr std::array statuses = {"200", "304", "301", "404", "204", "403", "500", "503"};
constexpr std::array agents = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36", "curl/7.88.1",
    "Prometheus/2.42.0", "python-requests/2.28.1"};
constexpr std::array levels = {"INFO ", "DEBUG", "WARN ", "ERROR"};
constexpr std::array services = {"orders", "payments", "stock", "mailer", "sessions", "gateway"};
constexpr std::array events = {"request finished",
                               "cache miss, asking the database",
                               "retrying after a timeout",
                               "connection opened",
                               "connection closed by peer",
                               "job queued",
                               "user signed in",
                               "quota exceeded",
                               "slow query"};

// One line; about 50 of them a second, from the day this was written. Every number is drawn in a statement
// of its own, as compilers differ in the order in which they evaluate arguments.
void add_line(std::string& to, random_source& random, std::uint64_t number) {
  const absl::CivilSecond second = absl::CivilSecond(2026, 11, 22) + static_cast<std::int64_t>(number / 50);
  if (random.below(4) == 0) {
    const std::size_t millisecond = random.below(1000);
    const char* const level = one_of(random, levels);
    const std::size_t worker = random.below(16);
    const char* const service = one_of(random, services);
    const char* const event = one_of(random, events);
    const std::size_t user = random.skewed(20000);
    const std::size_t took = random.skewed(3000);
    absl::StrAppendFormat(&to,
                          "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s [worker-%d] %s: %s, user=%d took %d ms\n",
                          second.year(), second.month(), second.day(), second.hour(), second.minute(),
                          second.second(), millisecond, level, worker, service, event, user, took);
  } else {
    const std::size_t network = random.below(4);
    const std::size_t subnet = random.skewed(64);
    const std::size_t host = random.skewed(256);
    const char* const method = one_of(random, methods);
    const char* const page = one_of(random, pages);
    const std::size_t key = random.skewed(5000);
    const char* const status = one_of(random, statuses);
    const std::size_t size = random.skewed(50000);
    const char* const agent = one_of(random, agents);
    const std::size_t took = random.skewed(2000);
    absl::StrAppendFormat(
        &to,
        "10.%d.%d.%d - - [%02d/%s/%04d:%02d:%02d:%02d +0000] \"%s %s/%d HTTP/1.1\" %s %d \"-\" \"%s\" %d\n",
        network, subnet, host, second.day(), months[static_cast<std::size_t>(second.month() - 1)],
        second.year(), second.hour(), second.minute(), second.second(), method, page, key, status, size,
        agent, took);
  }
}

}  // namespace

void generate_log(std::uint64_t seed, std::uint64_t size,
                  const std::function<void(std::string_view)>& write) {
  constexpr std::size_t piece = std::size_t{1} << 20;
  random_source random(seed);
  std::string lines;
  lines.reserve(piece);
  std::uint64_t number = 0;
  while (size > 0) {
    // Whole lines until a piece is nearly full, then the end of the log if that is near.
    lines.clear();
    while (lines.size() < piece - 1024 && lines.size() < size) add_line(lines, random, number++);
    if (lines.size() >= size) {
      lines.resize(static_cast<std::size_t>(size));
      lines.back() = '\n';
    }
    write(lines);
    size -= lines.size();
  }
}

}  // namespace switchyard::compare
