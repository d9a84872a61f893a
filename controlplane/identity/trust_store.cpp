#include "controlplane/identity/trust_store.hpp"

#include <algorithm>

#include "config/toml/value.hpp"
#include "controlplane/identity/issuer_claims.hpp"
#include "controlplane/identity/json_web_token.hpp"
#include "controlplane/identity/key_set.hpp"
#include "controlplane/identity/spiffe_id.hpp"
#include "controlplane/identity/x509_svid.hpp"

namespace sallyport::controlplane {
namespace {

using policy::IssuerType;
using policy::TimePoint;

// An issuer that a token may be of, and the keys by which that would be known. Null: it has none yet.
struct Candidate {
  const policy::Issuer& issuer;
  const KeySet* keys;
};

bool is_of_one_url(const policy::Issuer& issuer) {
  return issuer.type == IssuerType::oidc || issuer.type == IssuerType::kubernetes;
}

// "DOMAIN" of "spiffe://DOMAIN/...". Whether the rest is a SPIFFE ID is checked once the signature is.
std::optional<std::string> trust_domain_of(const std::string* subject) {
  if (subject == nullptr || !subject->starts_with(spiffe_scheme)) return std::nullopt;
  const auto begin = spiffe_scheme.size();
  return subject->substr(begin, subject->find('/', begin) - begin);
}

// By what the token says of itself before anything is verified: it only chooses whose keys must verify it.
std::vector<Candidate> candidates_of(const Json& claims, const std::vector<IssuerTrust>& issuers) {
  const std::string* issued_by = text_member(claims, "iss");
  const auto trust_domain = trust_domain_of(text_member(claims, "sub"));
  std::vector<Candidate> candidates;
  for (const IssuerTrust& trust : issuers) {
    if (is_of_one_url(trust.issuer) && issued_by != nullptr && *issued_by == trust.issuer.issuer)
      candidates.push_back({trust.issuer, trust.keys.get()});
    if (trust.issuer.type != IssuerType::spiffe_jwt || !trust_domain) continue;
    const auto domain = trust.domain_keys.find(*trust_domain);
    if (domain != trust.domain_keys.end()) candidates.push_back({trust.issuer, domain->second.get()});
  }
  return candidates;
}

std::string described(const std::string* text) {
  return text == nullptr ? "no string" : config::in_quotes(*text);
}

RefusedProof unknown_issuer(const Json& claims) {
  return {ProofRefusal::unknown_issuer,
          {},
          "iss is " + described(text_member(claims, "iss")) + ", sub is " + described(text_member(claims, "sub"))};
}

// JWT-SVID, section 2.1, has no EdDSA.
bool may_be_used(const SignatureAlgorithm& algorithm, IssuerType type) {
  return type != IssuerType::spiffe_jwt || algorithm.family != KeyFamily::ed25519;
}

// Returns the name of the key.
Checked<std::string> verify_signature(const JsonWebToken& token, const Candidate& candidate) {
  const policy::Issuer& issuer = candidate.issuer;
  if (candidate.keys == nullptr)
    return refuse(issuer, ProofRefusal::unknown_key, "no keys of the issuer are known yet");
  const auto found = candidate.keys->impl().find(token.kid);
  if (!found)
    return refuse(issuer, ProofRefusal::unknown_key,
                  token.kid ? "kid is " + config::in_quotes(*token.kid) : "no kid, and the issuer has several keys");
  if (!found->key.fits(*token.algorithm) || !may_be_used(*token.algorithm, issuer.type))
    return refuse(issuer, ProofRefusal::algorithm_refused,
                  "alg is " + std::string(token.algorithm->name) + ", the key is " + found->info.kind);
  if (!found->key.verifies(*token.algorithm, token.text, token.signature))
    return refuse(issuer, ProofRefusal::bad_signature, "the key is " + config::in_quotes(found->info.kid));
  return found->info.kid;
}

Checked<Proof> check_claims(const Json& claims, const policy::Issuer& issuer, const PublicKey& public_key,
                            TimePoint now) {
  switch (issuer.type) {
    case IssuerType::oidc:
      return check_id_token(claims, issuer, public_key, now);
    case IssuerType::kubernetes:
      return check_service_account_token(claims, issuer, now);
    case IssuerType::spiffe_jwt:
      return check_jwt_svid(claims, issuer, now);
    case IssuerType::spiffe_x509:
      break;
  }
  return refuse(issuer, ProofRefusal::unknown_issuer, "the issuer is for certificates");
}

Checked<Proof> verify_as_of(const JsonWebToken& token, const Candidate& candidate, const PublicKey& public_key,
                            TimePoint now) {
  const auto kid = verify_signature(token, candidate);
  if (!kid) return tl::unexpected(kid.error());
  auto proof = check_claims(token.claims, candidate.issuer, public_key, now);
  if (proof) proof->issuer_key = candidate.issuer.name + '/' + *kid;
  return proof;
}

// How far a proof came before it was refused: of several refusals, the one that came farthest says most.
int progress_of(ProofRefusal reason) {
  constexpr ProofRefusal order[] = {ProofRefusal::unknown_key, ProofRefusal::algorithm_refused,
                                    ProofRefusal::bad_signature, ProofRefusal::untrusted_chain,
                                    ProofRefusal::wrong_audience};
  return static_cast<int>(std::find(std::begin(order), std::end(order), reason) - std::begin(order));
}

void keep_best(std::optional<RefusedProof>& best, RefusedProof refusal) {
  if (!best || progress_of(refusal.reason) > progress_of(best->reason)) best = std::move(refusal);
}

}  // namespace

TrustStore::TrustStore(std::vector<IssuerTrust> issuers) : issuers_(std::move(issuers)) {}
TrustStore::~TrustStore() = default;

bool TrustStore::has_certificate_issuers() const {
  return std::any_of(issuers_.begin(), issuers_.end(),
                     [](const IssuerTrust& trust) { return trust.issuer.type == IssuerType::spiffe_x509; });
}

// 1. take the token apart; 2. choose whose it says it is; 3. verify the signature with a key of theirs; 4. check
// claims.
Checked<Proof> TrustStore::verify_token(std::string_view text, const PublicKey& public_key, TimePoint now) const {
  const bool for_tokens = std::any_of(issuers_.begin(), issuers_.end(), [](const IssuerTrust& trust) {
    return trust.issuer.type != IssuerType::spiffe_x509;
  });
  if (!for_tokens) return tl::unexpected(RefusedProof{ProofRefusal::no_issuers, {}, "of tokens"});
  const auto token = JsonWebToken::parse(text);
  if (!token) return tl::unexpected(token.error());
  std::optional<RefusedProof> best;
  for (const Candidate& candidate : candidates_of(token->claims, issuers_)) {
    auto proof = verify_as_of(*token, candidate, public_key, now);
    if (proof) return proof;
    keep_best(best, std::move(proof.error()));
  }
  return tl::unexpected(best ? std::move(*best) : unknown_issuer(token->claims));
}

Checked<Proof> TrustStore::verify_certificate(std::span<const std::vector<std::uint8_t>> chain, TimePoint now) const {
  if (!has_certificate_issuers()) return tl::unexpected(RefusedProof{ProofRefusal::no_issuers, {}, "of certificates"});
  const auto svid = X509Svid::parse(chain);
  if (!svid) return tl::unexpected(svid.error());
  std::optional<RefusedProof> best;
  for (const IssuerTrust& trust : issuers_) {
    if (trust.issuer.type != IssuerType::spiffe_x509) continue;
    const auto bundle = trust.bundles.find(svid->trust_domain);
    if (bundle == trust.bundles.end() || bundle->second == nullptr) continue;
    auto proof = verify_svid(*svid, trust.issuer, *bundle->second, now);
    if (proof) return proof;
    keep_best(best, std::move(proof.error()));
  }
  return tl::unexpected(best ? std::move(*best)
                             : RefusedProof{ProofRefusal::unknown_trust_domain, {}, config::in_quotes(svid->id)});
}

std::optional<std::string> TrustStore::issuer_with_unknown_key(std::string_view text) const {
  const auto token = JsonWebToken::parse(text);
  if (!token) return std::nullopt;
  for (const Candidate& candidate : candidates_of(token->claims, issuers_))
    if (candidate.keys == nullptr || !candidate.keys->impl().find(token->kid)) return candidate.issuer.name;
  return std::nullopt;
}

}  // namespace sallyport::controlplane
