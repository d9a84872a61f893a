// Which issuer a token is taken to be of, and what is asked of a store besides.
#include <algorithm>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/identity/issuers.hpp"

namespace sallyport::controlplane::trust_store_test {
namespace {

const std::vector<std::string> corp_jwks{corp_key().jwk("2026-11")};

Verdict verify_all(std::vector<IssuerTrust> issuers, const std::string& token) {
  return TrustStore(std::move(issuers)).verify_token(token, test_public_key, test_now);
}

TEST(ProofRefusal, HasANameAndAnExplanation) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < proof_refusal_count; ++i) {
    names.insert(name_of(static_cast<ProofRefusal>(i)));
    EXPECT_FALSE(explain(static_cast<ProofRefusal>(i)).empty());
  }
  EXPECT_EQ(names.size(), proof_refusal_count);
  EXPECT_EQ(name_of(ProofRefusal::malformed_token), "malformed_token");
  EXPECT_EQ(name_of(ProofRefusal::no_issuers), "no_issuers");
  EXPECT_EQ(explain(ProofRefusal::expired), "exp has passed");
}

TEST(TrustStore, WithoutIssuersRefusesEverything) {
  EXPECT_EQ(verdict_of(verify_all({}, corp_token(corp_claims()))), "no_issuers");
  IssuerTrust certificates;
  certificates.issuer.type = policy::IssuerType::spiffe_x509;
  EXPECT_EQ(verdict_of(verify_all({certificates}, corp_token(corp_claims()))), "no_issuers");
  EXPECT_TRUE(TrustStore({certificates}).has_certificate_issuers());
  EXPECT_FALSE(TrustStore({trust_in(corp_issuer(), corp_jwks)}).has_certificate_issuers());
}

TEST(TrustStore, TakesIssLiterally) {
  for (const Claims& iss :
       {Claims("https://login.example.com/"), Claims("https://LOGIN.example.com"), Claims("http://login.example.com"),
        Claims(""), Claims(7), Claims({"https://login.example.com"})}) {
    Claims claims = corp_claims();
    claims["iss"] = iss;
    EXPECT_EQ(verdict_of(verify_corp(claims)), "unknown_issuer") << iss;
  }
}

TEST(TrustStore, SaysWhoseTokenItWas) {
  Claims claims = corp_claims();
  claims["iss"] = "https://thief\n.example";
  const auto refused = verify_corp(claims);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().issuer, "");
  EXPECT_EQ(refused.error().detail, R"(iss is "https://thief\x0a.example", sub is "00u1")");
  claims = corp_claims();
  claims["aud"] = "other";
  EXPECT_EQ(verify_corp(claims).error().issuer, "corp");
}

TEST(TrustStore, NeverVerifiesWithTheKeysOfAnotherIssuer) {
  const TestKey cluster_key = TestKey::ec("P-256", 2);
  const std::vector<IssuerTrust> issuers{trust_in(corp_issuer(), corp_jwks),
                                         trust_in(cluster_issuer(), {cluster_key.jwk("2026-11")})};
  EXPECT_EQ(verdict_of(verify_all(issuers, corp_token(corp_claims()))), "accepted");
  EXPECT_EQ(verdict_of(verify_all(issuers, corp_token(cluster_claims()))), "bad_signature");
  EXPECT_EQ(verdict_of(verify_all(issuers, make_token(cluster_key, "ES256", "2026-11", corp_claims().dump()))),
            "bad_signature");
}

TEST(TrustStore, TriesEveryIssuerOfOneUrl) {
  policy::Issuer second = corp_issuer();
  second.name = "contractors";
  second.audience = "sallyport-contractors";
  const std::vector<IssuerTrust> issuers{trust_in(corp_issuer(), corp_jwks), trust_in(second, corp_jwks)};
  Claims claims = corp_claims();
  EXPECT_EQ(verify_all(issuers, corp_token(claims))->identity, "user:corp/ann@example.com");
  claims["aud"] = "sallyport-contractors";
  EXPECT_EQ(verify_all(issuers, corp_token(claims))->identity, "user:contractors/ann@example.com");
}

TEST(TrustStore, TellsTheRefusalThatCameFarthest) {
  policy::Issuer second = corp_issuer();
  second.name = "contractors";
  second.audience = "sallyport-contractors";
  policy::Issuer third = corp_issuer();
  third.name = "third";
  const TestKey other = TestKey::ec("P-256", 2);
  std::vector<IssuerTrust> issuers{trust_in(third, {other.jwk("2026-11")}), trust_in(second, corp_jwks),
                                   trust_in(corp_issuer(), corp_jwks), trust_in(third, {other.jwk("x")})};
  Claims claims = corp_claims();
  claims["exp"] = seconds_of(test_now) - 1;
  for (int turn = 0; turn < 4; ++turn) {
    const auto refused = verify_all(issuers, corp_token(claims));
    EXPECT_EQ(verdict_of(refused), "expired");
    EXPECT_EQ(refused.error().issuer, "corp");
    std::rotate(issuers.begin(), issuers.begin() + 1, issuers.end());
  }
}

TEST(TrustStore, WithoutKeysOfTheIssuerRefuses) {
  IssuerTrust trust;
  trust.issuer = corp_issuer();
  EXPECT_EQ(verdict_of(verify(trust, corp_token(corp_claims()))), "unknown_key");
}

TEST(TrustStore, KnowsWhoseKeysAreMissing) {
  IssuerTrust without_keys;
  without_keys.issuer = cluster_issuer();
  const TrustStore store({trust_in(corp_issuer(), corp_jwks), without_keys});
  EXPECT_EQ(store.issuer_with_unknown_key(corp_token(corp_claims())), std::nullopt);
  EXPECT_EQ(store.issuer_with_unknown_key(make_token(corp_key(), "ES256", "2026-12", corp_claims().dump())), "corp");
  EXPECT_EQ(store.issuer_with_unknown_key(corp_token(cluster_claims())), "prod-eu");
  EXPECT_EQ(store.issuer_with_unknown_key(corp_token(mesh_claims())), std::nullopt);
  EXPECT_EQ(store.issuer_with_unknown_key("x"), std::nullopt);
  EXPECT_EQ(store.issuer_with_unknown_key(std::string(1 << 20, 'x')), std::nullopt);
}

TEST(TrustStore, MayBeAskedByManyThreads) {
  const TestKey rsa = TestKey::rsa();
  const TrustStore store({trust_in(corp_issuer(), {corp_key().jwk("2026-11"), rsa.jwk("rsa")})});
  const std::string tokens[] = {corp_token(corp_claims()), make_token(rsa, "PS256", "rsa", corp_claims().dump())};
  std::atomic<int> accepted = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 100; ++turn)
        accepted += store.verify_token(tokens[turn % 2], test_public_key, test_now).has_value() ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 400);
}

}  // namespace
}  // namespace sallyport::controlplane::trust_store_test
