#include "controlplane/access/policy_summary.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>

namespace sallyport::controlplane {
namespace {

bool same(const policy::Issuer& a, const policy::Issuer& b) {
  return a.type == b.type && a.issuer == b.issuer && a.jwks_file == b.jwks_file && a.jwks_url == b.jwks_url &&
         a.audience == b.audience && a.groups_claim == b.groups_claim && a.max_session == b.max_session &&
         a.bundles == b.bundles;
}

bool same(const policy::Group& a, const policy::Group& b) {
  return a.members == b.members;
}

bool same(const policy::Service& a, const policy::Service& b) {
  const auto same_range = [](const abi::PortRange& left, const abi::PortRange& right) {
    return left.protocol == right.protocol && left.first == right.first && left.last == right.last;
  };
  return a.prefixes == b.prefixes && a.identities == b.identities && a.endpoints == b.endpoints &&
         std::equal(a.ports.begin(), a.ports.end(), b.ports.begin(), b.ports.end(), same_range);
}

bool same(const policy::Posture& a, const policy::Posture& b) {
  return std::equal(a.conditions.begin(), a.conditions.end(), b.conditions.begin(), b.conditions.end(),
                    [](const auto& left, const auto& right) { return left.text == right.text; });
}

bool same(const policy::Rule& a, const policy::Rule& b) {
  const auto same_hours = [](const policy::Hours& left, const policy::Hours& right) { return left.text == right.text; };
  return a.action == b.action && a.from == b.from && a.to == b.to && a.to_any == b.to_any && a.priority == b.priority &&
         a.rate_bits_per_s == b.rate_bits_per_s && a.posture == b.posture && a.auth_age == b.auth_age &&
         a.expires == b.expires && a.log == b.log && a.reject == b.reject &&
         std::equal(a.hours.begin(), a.hours.end(), b.hours.begin(), b.hours.end(), same_hours);
}

template <typename Object>
void compare(std::string_view kind, const std::vector<Object>& before, const std::vector<Object>& after,
             std::vector<std::string>& lines) {
  const auto add = [&](char sign, const std::string& name) {
    lines.push_back(std::string(1, sign) + ' ' + std::string(kind) + ' ' + name);
  };
  std::unordered_map<std::string_view, const Object*> old;
  for (const Object& object : before) old.emplace(object.name, &object);
  for (const Object& object : after) {
    const auto found = old.find(object.name);
    if (found == old.end()) {
      add('+', object.name);
      continue;
    }
    if (!same(*found->second, object)) add('~', object.name);
    old.erase(found);
  }
  for (const Object& object : before)
    if (old.contains(object.name)) add('-', object.name);
}

std::string rules_of(const policy::Policy* policy) {
  if (policy == nullptr) return "default = \"allow\"";
  return "files with " + std::to_string(policy->rules.size()) + (policy->rules.size() == 1 ? " rule" : " rules");
}

}  // namespace

std::vector<std::string> summarize_changes(const policy::Policy* before, const policy::Policy* after) {
  if (before == nullptr && after == nullptr) return {};
  if (before == nullptr || after == nullptr) return {"~ [policy] " + rules_of(before) + " -> " + rules_of(after)};
  std::vector<std::string> lines;
  compare("issuer", before->issuers, after->issuers, lines);
  compare("group", before->groups, after->groups, lines);
  compare("service", before->services, after->services, lines);
  compare("posture", before->postures, after->postures, lines);
  compare("rule", before->rules, after->rules, lines);
  if (lines.empty() && before->etag != after->etag) lines.push_back("~ policy: comments, order or tests only");
  return lines;
}

std::vector<std::string> shortened(std::vector<std::string> lines, std::size_t most) {
  if (lines.size() <= most) return lines;
  const std::size_t more = lines.size() - most;
  lines.resize(most);
  lines.push_back("... and " + std::to_string(more) + " more");
  return lines;
}

}  // namespace sallyport::controlplane
