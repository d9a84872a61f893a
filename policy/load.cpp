#include "policy/load.hpp"

#include <algorithm>
#include <numeric>

#include "config/read/scalars.hpp"
#include "policy/check/checks.hpp"
#include "policy/keys.hpp"
#include "policy/limits.hpp"

namespace sallyport::policy {
namespace {

constexpr std::int64_t schema_version = 1;

Parsed<std::int64_t> parse_schema(const TomlValue& value) {
  const auto* version = value.as<std::int64_t>();
  if (version == nullptr || *version != schema_version) return config::mismatch("the integer 1", value);
  return *version;
}

void read_document(Draft& draft, const TomlTable& document, ErrorList& errors) {
  TableReader top(document, {}, keys::top_level, errors);
  std::int64_t schema = 0;
  top.require("schema", schema, parse_schema);
  read_issuers(draft, top);
  read_groups(draft, top);
  read_services(draft, top);
  read_postures(draft, top);
  for (const auto& table : top.find_tables("rule", limits::rules))
    read_rule(draft, {*table.value, table.at, keys::rule, errors});
  for (const auto& table : top.find_tables("test", limits::tests))
    read_test(draft, {*table.value, table.at, keys::test, errors});
}

void read_file(Draft& draft, const BundleFile& file, ErrorList& errors) {
  const auto document = config::parse_toml(file.text, errors);
  if (document) return read_document(draft, *document, errors);
  draft.complete = false;
  draft.report(document.error().location, document.error().message);
}

// Each name once, in the order of writing.
std::vector<std::string> names_of(const std::vector<Reference>& references) {
  std::vector<std::string> names;
  std::unordered_map<std::string_view, bool> seen;
  for (const Reference& reference : references)
    if (seen.emplace(reference.name, true).second) names.push_back(reference.name);
  return names;
}

// Of two rules that match, the one that stands first decides.
bool ranks_before(const Rule& a, const Rule& b) {
  constexpr auto rank = [](Action action) { return action == Action::deny ? 0 : action == Action::audit ? 1 : 2; };
  if (a.priority != b.priority) return a.priority < b.priority;
  if (a.action != b.action) return rank(a.action) < rank(b.action);
  return a.name < b.name;
}

template <typename Object>
std::vector<Object> sorted_by_name(std::vector<Object> objects) {
  std::sort(objects.begin(), objects.end(), [](const Object& a, const Object& b) { return a.name < b.name; });
  return objects;
}

std::vector<Rule> take_rules(Draft& draft) {
  std::vector<Rule> rules;
  rules.reserve(draft.rules.size());
  for (RuleDraft& from : draft.rules) {
    Rule& rule = rules.emplace_back(std::move(from.rule));
    rule.to = names_of(from.to);
    rule.posture = names_of(from.posture);
  }
  std::sort(rules.begin(), rules.end(), ranks_before);
  return rules;
}

Policy take_policy(Draft& draft, const Bundle& bundle, TimePoint now) {
  Policy policy;
  policy.issuers = sorted_by_name(std::move(draft.issuers));
  policy.groups = sorted_by_name(std::move(draft.groups));
  policy.services = sorted_by_name(std::move(draft.services));
  policy.postures = sorted_by_name(std::move(draft.postures));
  policy.rules = take_rules(draft);
  for (TestDraft& test : draft.tests) policy.tests.push_back(std::move(test.test));
  policy.rules_by_name.resize(policy.rules.size());
  std::iota(policy.rules_by_name.begin(), policy.rules_by_name.end(), 0U);
  std::sort(policy.rules_by_name.begin(), policy.rules_by_name.end(),
            [&](std::uint32_t a, std::uint32_t b) { return policy.rules[a].name < policy.rules[b].name; });
  warn_of_idle_rules(draft, policy.rules, now);
  policy.warnings = draft.take_warnings();
  policy.etag = bundle.etag();
  return policy;
}

}  // namespace

tl::expected<Policy, std::vector<Error>> parse(const Bundle& bundle, TimePoint now) {
  Draft draft(bundle);
  // 1. The syntax and each object by itself, file by file; 2. the objects of all files together.
  for (std::size_t i = 0; i < bundle.files.size(); ++i) read_file(draft, bundle.files[i], draft.errors_of(i));
  check_names(draft);
  check_credentials(draft);
  check_references(draft);
  check_tests(draft);
  const ResolvedGroups groups(draft);
  check_denials(draft, groups);
  resolve_groups(draft, groups);
  if (draft.has_errors()) return tl::make_unexpected(draft.take_errors());
  return take_policy(draft, bundle, now);
}

tl::expected<Policy, std::vector<Error>> parse(const Bundle& bundle) {
  return parse(bundle, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

}  // namespace sallyport::policy
