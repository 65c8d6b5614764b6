// hash_map and ordered_map of both sides: every call but those that go from element to element.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>

#include "switchyard/blocking/hash_map.h"
#include "switchyard/blocking/ordered_map.h"
#include "switchyard/interface/map.h"
#include "switchyard/lockfree/hash_map.h"
#include "switchyard/lockfree/ordered_map.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/linearizability.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {
namespace {

/// `insert`, `assign` (insert_or_assign) and `add` (insert_or_update) say whether the key was not there; `erase` and `find`
/// give the value that there was; `first` and `bound` (lower_bound) give an element.
struct dictionary_call {
  enum class kind { insert, assign, add, erase, find, first, bound };

  std::string request() const {
    static constexpr const char* names[] = {"insert ", "assign ", "add to ", "erase ", "find ", "first", "bound of "};
    std::string text = names[static_cast<int>(what)];
    if (what != kind::first) text += to_string(key);
    if (what < kind::erase) text += ": " + to_string(value);
    return text;
  }
  std::string reply() const {
    if (what < kind::erase) return done ? "added" : "was there";
    if (!found) return "none";
    return (what >= kind::first ? to_string(at) + ": " : "") + to_string(*found);
  }

  kind what = kind::find;
  number key = 0;
  number value = 0;
  bool done = false;
  std::optional<number> found{};
  number at = 0;
};

struct dictionary_spec {
  using call = dictionary_call;

  bool apply(const call& c) {
    const auto at = entries.find(c.key);
    const bool there = at != entries.end();
    const bool as_found = c.found.has_value() == there && (!there || *c.found == at->second);
    switch (c.what) {
      case call::kind::insert:
        entries.emplace(c.key, c.value);
        return c.done == !there;
      case call::kind::assign:
        entries[c.key] = c.value;
        return c.done == !there;
      case call::kind::add:
        entries[c.key] += c.value;
        return c.done == !there;
      case call::kind::erase:
        entries.erase(c.key);
        return as_found;
      case call::kind::find:
        return as_found;
      case call::kind::first:
        return is_at(c, entries.begin());
      case call::kind::bound:
        return is_at(c, entries.lower_bound(c.key));
    }
    return false;
  }
  bool is_at(const call& c, std::map<number, number>::const_iterator at) const {
    return at == entries.end() ? !c.found : c.found.has_value() && *c.found == at->second && c.at == at->first;
  }
  std::size_t hash() const noexcept {
    std::size_t h = 0;
    for (const auto& [key, value] : entries) h = mix(mix(h, key), value);
    return h;
  }
  std::string text() const {
    std::string all = "{";
    for (const auto& [key, value] : entries) all += ' ' + to_string(key) + ": " + to_string(value);
    return all + " }";
  }
  friend bool operator==(const dictionary_spec&, const dictionary_spec&) = default;

  std::map<number, number> entries{};
};

/// Where calls are about one key each: one key at a time.
struct by_key_spec : dictionary_spec {
  static number key_of(const call& c) noexcept { return c.key; }
};

template <class Map, class Spec>
void test_map(number keys, int calls) {
  for (std::uint64_t seed = first_seed(), end = seed + 250; seed != end && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(replay(seed));
    Map map;
    const auto body = [&](int thread, thread_log<dictionary_call>& log, random_source& random) {
      using kind = dictionary_call::kind;
      for (int i = 0; i < calls; ++i) {
        stagger(random);
        dictionary_call c;
        const bool ordered = std::is_same_v<Spec, dictionary_spec>;
        c.what = static_cast<kind>(random() % (ordered ? 7 : 5));
        c.key = static_cast<number>(random() % static_cast<std::uint64_t>(keys));
        c.value = thread * 1000 + i;
        if (c.what == kind::first) c.key = 0;
        log.record([&] {
          switch (c.what) {
            case kind::insert:
              c.done = map.insert(c.key, c.value);
              break;
            case kind::assign:
              c.done = map.insert_or_assign(c.key, c.value);
              break;
            case kind::add:
              c.done = map.insert_or_update(c.key, c.value, [&](number& n) { n += c.value; });
              break;
            case kind::erase:
              c.found = map.extract(c.key);
              break;
            case kind::find:
              c.found = map.find(c.key);
              break;
            case kind::first:
            case kind::bound:
              if constexpr (concurrent_ordered_map<Map>) {
                if (const auto element = c.what == kind::first ? map.first() : map.lower_bound(c.key)) {
                  c.at = element->first;
                  c.found = element->second;
                }
              }
              break;
          }
          return c;
        });
      }
    };
    const auto events = record_threads<dictionary_call>(2 + static_cast<int>(seed % 3), seed, body, 128);
    const auto v = check_linearizable<Spec>(events);
    EXPECT_TRUE(v) << v.explanation;
  }
}

// Few keys, which meet; and more, while the table grows.
TEST(Lockfree, HashMap) {
  test_map<lockfree::hash_map<number, number>, by_key_spec>(3, 60);
  test_map<lockfree::hash_map<number, number>, by_key_spec>(40, 100);
}
TEST(Lockfree, OrderedMap) {
  test_map<lockfree::ordered_map<number, number>, by_key_spec>(20, 100);
  test_map<lockfree::ordered_map<number, number>, dictionary_spec>(4, 40);
}
TEST(Blocking, HashMap) { test_map<blocking::hash_map<number, number>, by_key_spec>(10, 60); }
TEST(Blocking, OrderedMap) { test_map<blocking::ordered_map<number, number>, dictionary_spec>(4, 40); }

}  // namespace
}  // namespace switchyard::linearizability
