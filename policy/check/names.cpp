#include "policy/check/checks.hpp"
#include "policy/limits.hpp"

namespace sallyport::policy {
namespace {

struct Named {
  std::string_view name;
  const Location* location;
};

void check_unique(Draft& draft, const std::string& kind, std::size_t most, const std::vector<Named>& objects) {
  std::unordered_map<std::string_view, const Location*> first_with;
  first_with.reserve(objects.size());
  for (const Named& object : objects) {
    if (object.name.empty()) continue;  // reported when it was read
    const auto [first, is_new] = first_with.emplace(object.name, object.location);
    if (!is_new)
      draft.report(*object.location,
                   kind + " '" + std::string(object.name) + "' is defined already, at " + first->second->to_string());
  }
  if (objects.size() > most)
    draft.report(*objects[most].location, "expected at most " + std::to_string(most) + ' ' + kind +
                                              "s in all files together, got " + std::to_string(objects.size()));
}

template <typename Object>
std::vector<Named> named(const std::vector<Object>& objects) {
  std::vector<Named> result;
  for (const Object& object : objects) result.push_back({object.name, &object.location});
  return result;
}

}  // namespace

void check_names(Draft& draft) {
  check_unique(draft, "issuer", limits::issuers, named(draft.issuers));
  check_unique(draft, "group", limits::groups, named(draft.groups));
  check_unique(draft, "service", limits::services, named(draft.services));
  check_unique(draft, "posture", limits::postures, named(draft.postures));
  std::vector<Named> rules, tests;
  for (const RuleDraft& rule : draft.rules)
    rules.push_back({rule.rule.name, rule.rule.name.empty() ? &rule.rule.location : &rule.name});
  for (const TestDraft& test : draft.tests) tests.push_back({{}, &test.test.location});
  check_unique(draft, "rule", limits::rules, rules);
  check_unique(draft, "test", limits::tests, tests);
}

}  // namespace sallyport::policy
