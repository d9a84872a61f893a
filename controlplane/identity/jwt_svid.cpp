// check_jwt_svid(). JWT-SVID standard, sections 3 and 4.
#include "config/toml/value.hpp"
#include "controlplane/identity/issuer_claims.hpp"
#include "controlplane/identity/spiffe_id.hpp"

namespace sallyport::controlplane {

Checked<Proof> check_jwt_svid(const Json& claims, const policy::Issuer& issuer, policy::TimePoint now) {
  if (auto audience = check_audience(claims, issuer); !audience) return tl::unexpected(audience.error());
  const auto times = check_times(claims, issuer, now);
  if (!times) return tl::unexpected(times.error());
  auto subject = required_text(claims, "sub", issuer);
  if (!subject) return tl::unexpected(std::move(subject.error()));
  const auto id = parse_spiffe_id(*subject);
  if (!id || id->path.empty())
    return refuse(issuer, ProofRefusal::missing_claim,
                  "sub is " + config::in_quotes(*subject) + ", expected a SPIFFE ID with a path");

  Proof proof;
  proof.issuer = issuer.name;
  proof.identity = *subject;
  proof.subject = std::move(*subject);
  proof.authenticated_at = proof.issued_at = times->issued_at;
  proof.not_after = times->session_end;
  return proof;
}

}  // namespace sallyport::controlplane
