// The claims of an ID token as the policy's claim: selectors see them: a name and a list of texts.
#pragma once

#include <vector>

#include "controlplane/identity/token_claims.hpp"

namespace sallyport::controlplane {

inline constexpr std::size_t claim_value_bytes_max = 1024;  // also of a claim's name

// "groups" is what groups_claim points at; every other claim of the top level keeps its name, if it is a text, a
// boolean, a number or a list of texts. Those that speak of the token and not of the person are left out.
[[nodiscard]] Checked<std::vector<policy::Claim>> claims_of_id_token(const Json& claims, const policy::Issuer& issuer);

}  // namespace sallyport::controlplane
