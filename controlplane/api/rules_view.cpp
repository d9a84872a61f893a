#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/policy_api.hpp"
#include "policy/describe.hpp"
#include "policy/words.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t selectors_per_step = 512;

void add_counts(Json& view, const std::string& rule, const PolicyBackend& backend) {
  const PolicyBackend::RuleCounts counts = backend.rule_counts(rule);
  view["allowed_packets"] = counts.allowed_packets;
  view["allowed_bytes"] = counts.allowed_bytes;
  view["denied_packets"] = counts.denied_packets;
  view["limited_packets"] = counts.limited_packets;
}

Json rule_view(const policy::Rule& rule, const PolicyBackend& backend) {
  Json hours = Json::array(), from = Json::array();
  for (const policy::Hours& span : rule.hours) hours.push_back(span.text);
  for (const policy::Selector& selector : rule.from) from.push_back(selector.text);
  Json view = {{"name", rule.name},
               {"file", file_json(rule.location)},
               {"line", rule.location.line},
               {"action", policy::to_string(rule.action)},
               {"priority", rule.priority},
               {"log", policy::to_string(rule.log)},
               {"reject", rule.reject},
               {"rate_bits_per_s", rule.rate_bits_per_s == 0 ? Json() : Json(rule.rate_bits_per_s)},
               {"expires", rule.expires ? Json(policy::time_words(*rule.expires)) : Json()},
               {"hours", std::move(hours)},
               {"posture", rule.posture},
               {"auth_age_s", rule.auth_age ? Json(rule.auth_age->count()) : Json()},
               {"from", std::move(from)},
               {"to", rule.to_any ? Json::array({"*"}) : Json(rule.to)}};
  add_counts(view, rule.name, backend);
  return view;
}

// What no rule allowed: the same keys, all but the counters null.
Json no_rule_view(const PolicyBackend& backend) {
  Json view = Json::object();
  for (const char* key : {"name", "file", "line", "action", "priority", "log", "reject", "rate_bits_per_s", "expires",
                          "hours", "posture", "auth_age_s", "from", "to"})
    view[key] = nullptr;
  add_counts(view, {}, backend);
  return view;
}

// In the order in which they decide. A step looks its place up anew: in the middle of a list the policy may change.
HttpResponse get_policy_rules(const Call& call) {
  const auto step = [&backend = call.backend, next = std::size_t{0}](const JsonEmit& emit) mutable {
    const policy::Policy* policy = backend.policy();
    std::size_t selectors = 0;
    while (policy != nullptr && next < policy->rules.size() && selectors < selectors_per_step) {
      const policy::Rule& rule = policy->rules[next++];
      selectors += 4 + rule.from.size();
      emit(rule_view(rule, backend));
    }
    if (policy != nullptr && next < policy->rules.size()) return true;
    emit(no_rule_view(backend));
    return false;
  };
  return stream(json_array(step));
}

}  // namespace

std::span<const Endpoint> rule_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"policy", "rules"}, get_policy_rules, "every rule with its counters, and what no rule allowed"},
  };
  return list;
}

}  // namespace sallyport::controlplane
