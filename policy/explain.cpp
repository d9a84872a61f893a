#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/toml/safe_text.hpp"
#include "policy/conditions.hpp"
#include "policy/decide.hpp"
#include "policy/describe.hpp"
#include "policy/match.hpp"
#include "policy/ports.hpp"

namespace sallyport::policy {
namespace {

constexpr std::size_t max_hints_of_a_kind = 3;

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

std::string value_words(const PostureValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* floating = std::get_if<double>(&value)) return std::to_string(*floating);
  return quoted(config::escaped(std::get<std::string>(value), 100));
}

std::optional<std::string> unmet_posture(const Policy& policy, const Rule& rule, const Facts& facts, TimePoint at) {
  if (!rule.posture.empty() && !facts.posture.empty() && !posture_is_known(facts, at)) {
    return "posture " + rule.posture.front() + ": what the device said lapsed at " + time_words(*facts.posture_until);
  }
  for (const std::string& name : rule.posture) {
    const Posture* posture = policy.find_posture(name);
    if (posture == nullptr) return "posture " + name + ": is not defined";
    for (const PostureCondition& condition : posture->conditions) {
      const auto value = facts.posture.find(condition.key);
      if (value == facts.posture.end()) return "posture " + name + ": " + condition.key + " is unknown";
      if (posture_value_holds(condition, value->second)) continue;
      return "posture " + name + ": " + condition.key + " is " + value_words(value->second) + ", wanted is " +
             condition.text;
    }
  }
  return std::nullopt;
}

std::string outside_hours(const Rule& rule, TimePoint at) {
  std::vector<std::string> texts;
  std::optional<TimePoint> begin;
  for (const Hours& hours : rule.hours) {
    texts.push_back(hours.text);
    begin = earlier(begin, hours.next_change(at));
  }
  return "hours: outside " + joined(texts, ", ") + (begin ? ", which begins at " + time_words(*begin) : "");
}

std::string too_old(const Rule& rule, const Facts& facts, TimePoint at) {
  if (!facts.authenticated_at) return "auth_age: the time of authentication is unknown";
  return "auth_age: authenticated " + duration_words(at - *facts.authenticated_at) + " ago, wanted is at most " +
         duration_words(*rule.auth_age);
}

}  // namespace

std::optional<std::string> unmet_condition(const Policy& policy, const Rule& rule, const Facts& facts, TimePoint at) {
  if (!credential_holds(rule, facts, at)) return "the credential ended at " + time_words(*facts.not_after);
  if (!not_expired(rule, at)) return "expires: it ended at " + time_words(*rule.expires);
  if (!hours_hold(rule, at)) return outside_hours(rule, at);
  if (!auth_age_holds(rule, facts, at)) return too_old(rule, facts, at);
  return unmet_posture(policy, rule, facts, at);
}

namespace {

// One explanation in the making.
class Explainer {
 public:
  Explainer(const Policy& policy, const Endpoints& endpoints, const Flow& flow, TimePoint at, const Endpoints& draining)
      : policy_(policy), flow_(flow), at_(at), destination_(services_of(policy, endpoints, flow.destination)) {
    result_.decision = decide(policy, endpoints, flow, at, draining);
    if (flow.destination.address)
      draining_ = draining_services_of(policy, endpoints, draining, *flow.destination.address);
    for (const Service* service : destination_) {
      const bool has_port = port_matches(*service, flow.protocol, flow.port);
      (has_port ? result_.services : result_.other_services).push_back(service->name);
    }
  }

  Explanation explain() && {
    consider();
    if (!result_.decision.allowed) hint();
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool reaches(const Rule& rule) const {
    return rule.to_any || std::any_of(rule.to.begin(), rule.to.end(), [&](const std::string& name) {
             return std::find(result_.services.begin(), result_.services.end(), name) != result_.services.end();
           });
  }

  void consider() {
    for (const Rule& rule : policy_.rules) {
      if (&rule == result_.decision.rule || &rule == result_.decision.audit_rule) continue;
      if (reaches(rule) && from_matches(rule, flow_.source)) result_.considered.push_back({&rule, why_not(rule)});
    }
  }

  [[nodiscard]] std::string why_not(const Rule& rule) const {
    if (auto unmet = unmet_condition(policy_, rule, flow_.source, at_)) return *unmet;
    const Decision& decision = result_.decision;
    if (decision.draining && rule.action != Action::audit) return "the destination is draining";
    if (comes_before_decision(rule)) {
      return decision.allowed ? "comes after " + decision.audit_rule->name : "audit never decides, and it is denied";
    }
    return "comes after " + decision.rule->name;
  }

  // policy.rules is in the order of ranks.
  [[nodiscard]] bool comes_before_decision(const Rule& rule) const {
    return result_.decision.rule == nullptr || &rule < result_.decision.rule;
  }

  void hint() {
    hint_at_draining();
    if (result_.decision.draining) return;  // whatever else is so would allow no more
    hint_at_services();
    hint_at_deny();
    hint_at_conditions();
    hint_at_sources();
  }

  void hint_at_draining() {
    if (draining_.empty()) return;
    std::vector<std::string> names;
    for (const Service* service : draining_) names.push_back(service->name);
    add(flow_.destination.address->to_string() + " is draining: flows to it as " + joined(names, ", ") +
        " go on, new ones do not begin");
  }

  void hint_at_services() {
    if (!result_.services.empty()) return;
    if (destination_.empty() && draining_.empty()) {
      const auto& address = flow_.destination.address;
      add(address ? "no service covers " + address->to_string() : "the destination belongs to no service");
    }
    for (const Service* service : destination_) {
      std::vector<std::string> ports;
      for (const abi::PortRange& range : service->ports) ports.push_back(to_string(range));
      add("the port is not among the ports of " + service->name + ": " + joined(ports, ", "));
    }
  }

  void hint_at_deny() {
    const Rule* deny = result_.decision.rule;
    if (deny == nullptr) return;
    add(rule_words(*deny) + " denies it because of " + quoted(matching_selector(*deny)) +
        ": only a rule with a priority below " + std::to_string(deny->priority) + " can allow it");
  }

  [[nodiscard]] std::string matching_selector(const Rule& rule) const {
    const auto found = std::find_if(rule.from.begin(), rule.from.end(),
                                    [&](const Selector& selector) { return matches(selector, flow_.source); });
    return found == rule.from.end() ? "*" : found->text;
  }

  void hint_at_conditions() {
    std::size_t count = 0;
    for (const Considered& considered : result_.considered) {
      const Rule& rule = *considered.rule;
      if (rule.action != Action::allow || !comes_before_decision(rule) || count++ == max_hints_of_a_kind) continue;
      add(rule_words(rule) + " would allow it, but for " + considered.why_not);
      has_conditional_rule_ = true;
    }
  }

  // Rules that would allow it to somebody else.
  void hint_at_sources() {
    if (has_conditional_rule_ || result_.services.empty()) return;
    const auto own = own_selector();
    if (!own) {
      add("the source has no identity: only rules from \"*\" speak of it");
      return;
    }
    std::size_t count = 0;
    for (const Rule& rule : policy_.rules) {
      if (!comes_before_decision(rule) || count == max_hints_of_a_kind) break;
      if (rule.action != Action::allow || !reaches(rule) || from_matches(rule, flow_.source)) continue;
      ++count;
      add("allow it: add " + quoted(*own) + " to the from of " + rule_words(rule));
    }
    if (count == 0 && result_.decision.rule == nullptr) {
      add("no rule allows anybody to reach " + joined(result_.services, ", ") + " on " +
          port_words(flow_.protocol, flow_.port));
    }
  }

  // What a rule would name to mean this source.
  [[nodiscard]] std::optional<std::string> own_selector() const {
    const Facts& source = flow_.source;
    if (!source.names.empty()) return source.names.front();
    if (!source.peer.empty()) return "peer:" + source.peer;
    if (!source.tags.empty()) return "tag:" + source.tags.front();
    if (source.net.address.is_set()) return "net:" + source.net.to_string();
    return std::nullopt;
  }

  void add(std::string sentence) { result_.hints.push_back(std::move(sentence)); }

  const Policy& policy_;
  const Flow& flow_;
  TimePoint at_;
  std::vector<const Service*> destination_;
  std::vector<const Service*> draining_;  // it is a draining endpoint of these alone
  Explanation result_;
  bool has_conditional_rule_ = false;
};

}  // namespace

Explanation explain(const Policy& policy, const Endpoints& endpoints, const Flow& flow, TimePoint at,
                    const Endpoints& draining) {
  return Explainer(policy, endpoints, flow, at, draining).explain();
}

}  // namespace sallyport::policy
