// check_id_token().
#include <algorithm>

#include "config/limits.hpp"
#include "config/toml/value.hpp"
#include "controlplane/identity/id_token_values.hpp"
#include "controlplane/identity/issuer_claims.hpp"
#include "controlplane/identity/key_binding.hpp"

namespace sallyport::controlplane {
namespace {

using policy::Issuer;
using policy::TimePoint;

// OpenID Connect Core, section 3.1.3.7, steps 4 and 5: azp is the client that the token was made for.
Checked<void> check_audience_and_client(const Json& claims, const Issuer& issuer) {
  const auto audiences = check_audience(claims, issuer);
  if (!audiences) return tl::unexpected(audiences.error());
  const Json* client = member(claims, "azp");
  if (client == nullptr && *audiences > 1)
    return refuse(issuer, ProofRefusal::wrong_audience, "aud has several values, and there is no azp");
  if (client == nullptr || *client == issuer.audience) return {};
  const std::string got =
      client->is_string() ? config::in_quotes(client->get_ref<const std::string&>()) : std::string(kind_of(*client));
  return refuse(issuer, ProofRefusal::wrong_audience,
                "azp is " + got + ", expected " + config::in_quotes(issuer.audience));
}

Checked<void> check_nonce(const Json& claims, const Issuer& issuer, const PublicKey& public_key) {
  if (member(claims, "nonce") == nullptr) {
    if (!issuer.bound_to_key) return {};
    return refuse(issuer, ProofRefusal::not_bound_to_key, "no nonce");
  }
  const std::string* nonce = text_member(claims, "nonce");
  if (nonce != nullptr && is_hash_of_key(*nonce, public_key)) return {};
  return refuse(issuer, ProofRefusal::not_bound_to_key, "the nonce is not the hash of the key");
}

// A boolean; some providers send it as a string.
bool is_verified(const Json& claims) {
  const Json* verified = member(claims, "email_verified");
  return verified != nullptr && (*verified == true || *verified == "true");
}

// What an identity may consist of: as much as a selector of the policy can name.
bool is_identity_text(std::string_view text) {
  return text.size() <= config::limits::text_characters &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

Checked<std::string> identity_of(const Json& claims, const std::string& subject, const Issuer& issuer) {
  std::string name = subject;
  if (member(claims, "email") != nullptr) {
    auto email = required_text(claims, "email", issuer);
    if (!email) return email;
    if (!is_verified(claims)) return refuse(issuer, ProofRefusal::email_not_verified, config::in_quotes(*email));
    name = std::move(*email);
  }
  std::string identity = "user:" + issuer.name + '/' + name;
  if (is_identity_text(identity)) return identity;
  return refuse(issuer, ProofRefusal::missing_claim,
                "the name " + config::in_quotes(name) + " is too long or has control characters");
}

// When the person was last asked. A time that lies ahead would make every auth_age hold: at most now.
Checked<TimePoint> authentication_time(const Json& claims, const Issuer& issuer, TimePoint issued_at, TimePoint now) {
  const auto time = optional_time(claims, "auth_time", issuer);
  if (!time) return tl::unexpected(time.error());
  return std::min(time->value_or(issued_at), now);
}

}  // namespace

Checked<Proof> check_id_token(const Json& claims, const Issuer& issuer, const PublicKey& public_key, TimePoint now) {
  if (auto audience = check_audience_and_client(claims, issuer); !audience) return tl::unexpected(audience.error());
  const auto times = check_times(claims, issuer, now);
  if (!times) return tl::unexpected(times.error());
  if (!times->issued_at) return refuse(issuer, ProofRefusal::missing_claim, "no iat");
  const auto subject = required_text(claims, "sub", issuer);
  if (!subject) return tl::unexpected(subject.error());
  if (auto bound = check_nonce(claims, issuer, public_key); !bound) return tl::unexpected(bound.error());
  auto identity = identity_of(claims, *subject, issuer);
  if (!identity) return tl::unexpected(std::move(identity.error()));
  const auto authenticated_at = authentication_time(claims, issuer, *times->issued_at, now);
  if (!authenticated_at) return tl::unexpected(authenticated_at.error());
  auto values = claims_of_id_token(claims, issuer);
  if (!values) return tl::unexpected(std::move(values.error()));

  Proof proof;
  proof.issuer = issuer.name;
  proof.identity = std::move(*identity);
  proof.subject = issuer.issuer + '|' + *subject;
  proof.name_may_move = true;
  proof.claims = std::move(*values);
  proof.authenticated_at = *authenticated_at;
  proof.issued_at = times->issued_at;
  proof.not_after = times->session_end;
  return proof;
}

}  // namespace sallyport::controlplane
