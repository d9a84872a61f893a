// The issuers that the tests of this folder know, their keys, and claims that pass.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/base/base64.hpp"
#include "controlplane/identity/trust_store.hpp"
#include "tests/unit/identity/token_maker.hpp"

namespace sallyport::controlplane {

using Claims = nlohmann::json;

inline constexpr policy::TimePoint test_now =
    std::chrono::sys_days{std::chrono::year{2026} / 11 / 26} + std::chrono::hours(10);
inline constexpr PublicKey test_public_key{1, 2, 3, 4};

inline std::int64_t seconds_of(policy::TimePoint time) {
  return time.time_since_epoch().count();
}

inline const TestKey& corp_key() {
  static const TestKey key = TestKey::ec("P-256", 1);
  return key;
}

inline std::shared_ptr<const KeySet> keys_of(const std::vector<std::string>& jwks) {
  auto keys = KeySet::parse(key_set(jwks));
  return keys ? *keys : nullptr;
}

inline policy::Issuer corp_issuer() {
  policy::Issuer issuer;
  issuer.name = "corp";
  issuer.type = policy::IssuerType::oidc;
  issuer.issuer = "https://login.example.com";
  issuer.audience = "sallyport-fra";
  issuer.groups_claim = "/groups";
  return issuer;
}

inline policy::Issuer cluster_issuer() {
  policy::Issuer issuer;
  issuer.name = "prod-eu";
  issuer.type = policy::IssuerType::kubernetes;
  issuer.issuer = "https://kubernetes.default.svc";
  issuer.audience = "sallyport";
  return issuer;
}

inline policy::Issuer mesh_issuer() {
  policy::Issuer issuer;
  issuer.name = "mesh";
  issuer.type = policy::IssuerType::spiffe_jwt;
  issuer.audience = "sallyport";
  return issuer;
}

inline IssuerTrust trust_in(const policy::Issuer& issuer, const std::vector<std::string>& jwks) {
  IssuerTrust trust;
  trust.issuer = issuer;
  if (issuer.type == policy::IssuerType::spiffe_jwt) {
    trust.domain_keys["prod.example.org"] = keys_of(jwks);
  } else {
    trust.keys = keys_of(jwks);
  }
  return trust;
}

inline Claims corp_claims() {
  return {{"iss", "https://login.example.com"},
          {"sub", "00u1"},
          {"aud", "sallyport-fra"},
          {"iat", seconds_of(test_now) - 60},
          {"exp", seconds_of(test_now) + 3600},
          {"email", "ann@example.com"},
          {"email_verified", true}};
}

inline Claims cluster_claims() {
  return {{"iss", "https://kubernetes.default.svc"},
          {"sub", "system:serviceaccount:shop:frontend"},
          {"aud", {"sallyport"}},
          {"iat", seconds_of(test_now) - 60},
          {"exp", seconds_of(test_now) + 600},
          {"kubernetes.io",
           {{"namespace", "shop"},
            {"serviceaccount", {{"name", "frontend"}, {"uid", "8d1c1a2e-2f3b-4a0e-9b1a-0d8f3c7e5a11"}}},
            {"pod", {{"name", "frontend-7d4b9"}, {"uid", "3f0d8a44-6c1e-4a27-9f0e-4f6a1c2b7d90"}}}}}};
}

inline Claims mesh_claims() {
  return {
      {"sub", "spiffe://prod.example.org/ns/shop/sa/web"}, {"aud", {"sallyport"}}, {"exp", seconds_of(test_now) + 300}};
}

inline std::string corp_token(const Claims& claims) {
  return make_token(corp_key(), "ES256", "2026-11", claims.dump());
}

using Verdict = tl::expected<Proof, RefusedProof>;

// The name of the refusal, or "accepted".
inline std::string verdict_of(const Verdict& verdict) {
  return verdict ? "accepted" : std::string(name_of(verdict.error().reason));
}

inline Verdict verify(const IssuerTrust& trust, const std::string& token, policy::TimePoint now = test_now) {
  return TrustStore({trust}).verify_token(token, test_public_key, now);
}

inline Verdict verify_corp(const Claims& claims, const policy::Issuer& issuer = corp_issuer()) {
  return verify(trust_in(issuer, {corp_key().jwk("2026-11")}), corp_token(claims));
}

}  // namespace sallyport::controlplane
