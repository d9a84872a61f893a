// An identity that has no tunnel now: why not, as far as the gateway can tell.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controlplane/api/diagnose/check.hpp"
#include "controlplane/enrolment/records.hpp"
#include "controlplane/runtime/report.hpp"

namespace sallyport::controlplane::diagnose {

struct IdentitySeen {
  std::string identity;
  std::optional<Revocation> revocation;
  std::optional<PinnedName> pin;
};
[[nodiscard]] Check check_identity(const IdentitySeen& seen);

// Who vouches for it: "corp" of "user:corp/ann@example.com", "example.org" of "spiffe://example.org/a"; empty: nobody,
// or an enrolment key.
[[nodiscard]] std::string issuer_in(std::string_view identity);

struct EnrolmentSeen {
  bool enabled = false;
  std::string identity, issuer;       // issuer_in()
  bool issuer_known = false;          // the policy has it
  std::vector<NamedCounter> refused;  // proofs, by reason, since the start
};
[[nodiscard]] Check check_enrolment(const EnrolmentSeen& seen);

}  // namespace sallyport::controlplane::diagnose
