// Two tests of one flow that expect different things: one of them would fail whatever the rules say.
#include <algorithm>
#include <type_traits>

#include "policy/check/checks.hpp"
#include "policy/ports.hpp"

namespace sallyport::policy {
namespace {

// Of a text, with its length, so that two lists of texts never look alike.
void append(std::string& key, std::string_view text) {
  key += std::to_string(text.size()) + ':';
  key += text;
}

void append_all(std::string& key, std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  append(key, std::to_string(texts.size()));
  for (const std::string& text : texts) append(key, text);
}

void append_value(std::string& key, const PostureValue& value) {
  append(key, std::to_string(value.index()));
  std::visit(
      [&](const auto& content) {
        if constexpr (std::is_same_v<std::decay_t<decltype(content)>, std::string>) {
          append(key, content);
        } else {
          append(key, std::to_string(content));
        }
      },
      value);
}

// The same for two tests whose sources, moments and ages are the same.
std::string source_key(const Test& test) {
  std::string key;
  append(key, test.facts.peer);
  append_all(key, test.facts.names);
  append_all(key, test.facts.tags);
  append(key, test.facts.net.address.is_set() ? test.facts.net.to_string() : "");
  for (const Claim& claim : test.facts.claims) {  // sorted by key
    append(key, claim.key);
    append_all(key, claim.values);
  }
  append(key, "posture");
  for (const auto& [name, value] : test.facts.posture) {
    append(key, name);
    append_value(key, value);
  }
  append(key, test.at ? std::to_string(test.at->time_since_epoch().count()) : "now");
  append(key, std::to_string(test.auth_age.count()));
  return key;
}

class Expectations {
 public:
  explicit Expectations(Draft& draft) : draft_(draft) {}

  void add(const std::string& source, const TestTarget& target, bool allow) {
    std::string key = source;
    append(key, target.service);
    append(key, to_string(target.port));
    const auto [first, is_new] = first_.emplace(std::move(key), Expectation{&target, allow});
    if (is_new || first->second.allow == allow) return;
    const auto word = [](bool allowed) { return std::string(allowed ? "allow" : "deny"); };
    draft_.report(target.location, word(allow) + ": " + target.text + " is expected in `" + word(!allow) +
                                       "` for the same source, at " + first->second.target->location.to_string());
  }

 private:
  struct Expectation {
    const TestTarget* target;
    bool allow;
  };
  Draft& draft_;
  std::unordered_map<std::string, Expectation> first_;
};

}  // namespace

void check_tests(Draft& draft) {
  Expectations expectations(draft);
  for (const TestDraft& test : draft.tests) {
    if (test.test.source.empty()) continue;
    const std::string source = source_key(test.test);
    for (const TestTarget& target : test.test.allow) expectations.add(source, target, true);
    for (const TestTarget& target : test.test.deny) expectations.add(source, target, false);
  }
}

}  // namespace sallyport::policy
