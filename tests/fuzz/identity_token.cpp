// Bytes as a token, or, after a first byte of 'P', as the payload of one that is signed here, so that the fuzzer
// reaches the claims without signing first; after 'H' as HEADER\nPAYLOAD, signed too. What a proof promises must hold.
#include <cstdint>
#include <string>
#include <string_view>

#include "config/base/check.hpp"
#include "policy/selector.hpp"
#include "tests/unit/identity/issuers.hpp"

namespace {

using namespace sallyport;
using namespace sallyport::controlplane;

const TestKey& key() {
  static const TestKey made = TestKey::ed25519(1);
  return made;
}

// JWT-SVIDs have no EdDSA, so their key is another one.
const TestKey& mesh_key() {
  static const TestKey made = TestKey::ec("P-256", 1);
  return made;
}

const TrustStore& store() {
  static const TrustStore made({trust_in(corp_issuer(), {key().jwk("k")}), trust_in(cluster_issuer(), {key().jwk("k")}),
                                trust_in(mesh_issuer(), {mesh_key().jwk("k")})});
  return made;
}

std::string token_of(std::string_view text) {
  if (text.starts_with("P{\"sub\":\"spiffe:")) return make_token(mesh_key(), "ES256", "k", text.substr(1));
  if (text.starts_with('P')) return make_token(key(), "EdDSA", "k", text.substr(1));
  if (!text.starts_with('H')) return std::string(text);
  const auto line = text.find('\n');
  return sign_token(key(), "EdDSA", text.substr(1, line - 1),
                    line == std::string_view::npos ? std::string_view() : text.substr(line + 1));
}

void check_proof(const Proof& proof) {
  SP_CHECK(proof.not_after > test_now);
  SP_CHECK(!proof.authenticated_at || *proof.authenticated_at <= test_now);
  SP_CHECK(!proof.subject.empty() && proof.issuer_key == proof.issuer + "/k");
  // A '*' is part of no selector but a spiffe: pattern; every other identity can be named.
  const bool can_be_named = proof.identity.find('*') == std::string::npos && proof.identity.size() <= 1024;
  SP_CHECK(!can_be_named || policy::parse_selector(proof.identity));
  SP_CHECK(proof.claims.size() <= proof_claims_max);
  for (const auto& claim : proof.claims) {
    SP_CHECK(claim.issuer == proof.issuer && claim.values.size() <= proof_claim_values_max);
    for (const std::string& value : claim.values) SP_CHECK(value.size() <= 1024);
  }
}

void check_refusal(const RefusedProof& refused) {
  SP_CHECK(static_cast<std::size_t>(refused.reason) < proof_refusal_count && refused.detail.size() < 1024);
  for (const char c : refused.detail) SP_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string token = token_of({reinterpret_cast<const char*>(data), size});
  const auto verdict = store().verify_token(token, test_public_key, test_now);
  const auto again = store().verify_token(token, test_public_key, test_now);
  SP_CHECK(verdict.has_value() == again.has_value());
  if (verdict) {
    check_proof(*verdict);
    SP_CHECK(!store().issuer_with_unknown_key(token));
  } else {
    check_refusal(verdict.error());
    SP_CHECK(again.error().reason == verdict.error().reason && again.error().detail == verdict.error().detail);
    (void)store().issuer_with_unknown_key(token);
  }
  return 0;
}
