// Who gains and who loses what between two versions of a policy, against the peers that there are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/decide.hpp"
#include "policy/model.hpp"

namespace sallyport::policy {

struct Subject {
  std::string name;  // the identity, or the peer's name, or "net:PREFIX"
  Facts facts;
};

enum class ChangeKind : std::uint8_t {
  gains,
  loses,
  changes
};  // changes: still allowed, but by another rule, rate or log
[[nodiscard]] std::string_view name_of(ChangeKind kind) noexcept;  // "gains"
struct AccessChange {
  ChangeKind kind = ChangeKind::gains;
  std::string subject;
  std::string target;         // "backend:tcp/8080"
  std::string before, after;  // "allowed by rule 'a' (old.toml:3)", "denied: no rule allows it"
};

// One line of change for each subject and service port range, in the order of subjects, then services. The `net:`
// selectors of both policies are subjects too. Endpoints of live services count if given.
[[nodiscard]] std::vector<AccessChange> difference(const Policy& before, const Policy& after,
                                                   const std::vector<Subject>& subjects, const Endpoints& endpoints,
                                                   TimePoint at);

}  // namespace sallyport::policy
