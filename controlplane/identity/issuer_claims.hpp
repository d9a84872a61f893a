// What a verified token proves, for each type of issuer: one function and one file each. The signature has been
// verified with a key of `issuer`; these check everything else and fill in the proof but for its issuer_key.
#pragma once

#include "config/base/base64.hpp"
#include "controlplane/identity/token_claims.hpp"

namespace sallyport::controlplane {

// An ID token (OpenID Connect Core, section 2): "user:ISSUER/NAME".
[[nodiscard]] Checked<Proof> check_id_token(const Json& claims, const policy::Issuer& issuer,
                                            const PublicKey& public_key, policy::TimePoint now);

// A service account's token of Kubernetes: "sa:ISSUER/NAMESPACE/NAME".
[[nodiscard]] Checked<Proof> check_service_account_token(const Json& claims, const policy::Issuer& issuer,
                                                         policy::TimePoint now);

// A JWT-SVID, in whose trust domain its key is: "spiffe://DOMAIN/PATH".
[[nodiscard]] Checked<Proof> check_jwt_svid(const Json& claims, const policy::Issuer& issuer, policy::TimePoint now);

}  // namespace sallyport::controlplane
