// What the policy says of a source at this moment: the rules in force for it, and the services that it reaches.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controlplane/api/diagnose/check.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane::diagnose {

struct ClassSeen {
  bool allows_everything = false;  // there is no policy
  std::string who;                 // an identity, or a peer's name
  bool has_identity = false;
  std::vector<std::string> allow;  // rules in force that allow something, by name
  std::vector<std::string> other;  // deny and audit
  struct Idle {
    std::string rule, why_not;
  };
  std::vector<Idle> idle;  // rules that speak of it, but whose conditions do not hold
  std::optional<policy::TimePoint> next_change;
};
[[nodiscard]] Check check_class(const ClassSeen& seen);

struct RuleSeen {
  bool allows_everything = false;
  std::vector<std::string> reachable;  // services, and "everything (rule x)"
  struct Blocked {
    std::string service, why_not;  // "rule night (policy.toml:30) would allow it, but for hours: outside ..."
  };
  std::vector<Blocked> blocked;       // services that some rule would let it reach
  std::size_t services_left_out = 0;  // not looked at: there are too many
};
[[nodiscard]] Check check_rule(const RuleSeen& seen);

}  // namespace sallyport::controlplane::diagnose
