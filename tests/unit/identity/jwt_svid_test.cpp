#include <gtest/gtest.h>

#include "tests/unit/identity/issuers.hpp"

namespace sallyport::controlplane::jwt_svid_test {
namespace {

using namespace std::chrono_literals;

Verdict verify_mesh(const Claims& claims) {
  return verify(trust_in(mesh_issuer(), {corp_key().jwk("2026-11", R"(,"use":"jwt-svid")")}), corp_token(claims));
}

std::string with(const char* name, const Claims& value) {
  Claims claims = mesh_claims();
  claims[name] = value;
  if (value.is_null()) claims.erase(name);
  return verdict_of(verify_mesh(claims));
}

TEST(JwtSvid, ProvesASpiffeId) {
  const auto proof = verify_mesh(mesh_claims());
  ASSERT_TRUE(proof) << proof.error().detail;
  EXPECT_EQ(proof->issuer, "mesh");
  EXPECT_EQ(proof->identity, "spiffe://prod.example.org/ns/shop/sa/web");
  EXPECT_EQ(proof->subject, proof->identity);
  EXPECT_FALSE(proof->name_may_move);
  EXPECT_EQ(proof->issuer_key, "mesh/2026-11");
  EXPECT_EQ(proof->not_after, test_now + 300s);
  EXPECT_TRUE(proof->claims.empty());
}

TEST(JwtSvid, MustBeForUsAndNotOver) {
  EXPECT_EQ(with("aud", "other"), "wrong_audience");
  EXPECT_EQ(with("aud", nullptr), "missing_claim");
  EXPECT_EQ(with("exp", nullptr), "missing_claim");
  EXPECT_EQ(with("exp", seconds_of(test_now)), "expired");
}

TEST(JwtSvid, SubjectMustBeASpiffeIdWithAPath) {
  for (const char* sub : {"spiffe://prod.example.org", "spiffe://prod.example.org/", "spiffe://prod.example.org//a",
                          "spiffe://prod.example.org/a/../b", "spiffe://prod.example.org/a%2fb"})
    EXPECT_EQ(with("sub", sub), "missing_claim") << sub;
}

TEST(JwtSvid, OfAnotherTrustDomainHasNoIssuer) {
  for (const char* sub : {"spiffe://other.example.org/a", "spiffe://Prod.example.org/a", "spiffe:///a", "spiffe://",
                          "web", "spiffe://prod.example.org:443/a", "spiffe://prod.example.org.evil.org/a"})
    EXPECT_EQ(with("sub", sub), "unknown_issuer") << sub;
}

TEST(JwtSvid, IsVerifiedByTheKeysOfItsOwnTrustDomain) {
  IssuerTrust trust = trust_in(mesh_issuer(), {corp_key().jwk("k")});
  const TestKey other = TestKey::ec("P-256", 7);
  trust.domain_keys["other.example.org"] = keys_of({other.jwk("k")});
  EXPECT_EQ(verdict_of(verify(trust, make_token(corp_key(), "ES256", "k", mesh_claims().dump()))), "accepted");
  EXPECT_EQ(verdict_of(verify(trust, make_token(other, "ES256", "k", mesh_claims().dump()))), "bad_signature");
}

TEST(JwtSvid, HasNoEdDsa) {
  const TestKey key = TestKey::ed25519(1);
  EXPECT_EQ(
      verdict_of(verify(trust_in(mesh_issuer(), {key.jwk("k")}), make_token(key, "EdDSA", "k", mesh_claims().dump()))),
      "algorithm_refused");
}

TEST(JwtSvid, KeysOfCertificatesDoNotCount) {
  EXPECT_EQ(keys_of({corp_key().jwk("2026-11", R"(,"use":"x509-svid")")}), nullptr);
}

}  // namespace
}  // namespace sallyport::controlplane::jwt_svid_test
