#include <gtest/gtest.h>

#include "tests/unit/identity/issuers.hpp"

namespace sallyport::controlplane::service_account_token_test {
namespace {

using namespace std::chrono_literals;

Verdict verify_cluster(const Claims& claims, const policy::Issuer& issuer = cluster_issuer()) {
  return verify(trust_in(issuer, {corp_key().jwk("2026-11")}), corp_token(claims));
}

std::string with(const std::string& pointer, const Claims& value) {
  Claims claims = cluster_claims();
  claims[Claims::json_pointer(pointer)] = value;
  return verdict_of(verify_cluster(claims));
}

std::string without(const std::string& object, const std::string& name) {
  Claims claims = cluster_claims();
  claims.at(Claims::json_pointer(object)).erase(name);
  return verdict_of(verify_cluster(claims));
}

TEST(ServiceAccountToken, ProvesAServiceAccountAndItsPod) {
  const auto proof = verify_cluster(cluster_claims());
  ASSERT_TRUE(proof) << proof.error().detail;
  EXPECT_EQ(proof->identity, "sa:prod-eu/shop/frontend");
  EXPECT_EQ(proof->subject, "https://kubernetes.default.svc|system:serviceaccount:shop:frontend");
  EXPECT_FALSE(proof->name_may_move);
  EXPECT_EQ(proof->instance, "3f0d8a44-6c1e-4a27-9f0e-4f6a1c2b7d90");
  EXPECT_EQ(proof->authenticated_at, test_now - 60s);
  EXPECT_EQ(proof->not_after, test_now + 600s);
  EXPECT_EQ(proof->claims, (std::vector<policy::Claim>{{"prod-eu", "namespace", {"shop"}},
                                                       {"prod-eu", "serviceaccount", {"frontend"}}}));
}

TEST(ServiceAccountToken, MayBeBoundToNoPod) {
  Claims claims = cluster_claims();
  claims["kubernetes.io"].erase("pod");
  const auto proof = verify_cluster(claims);
  ASSERT_TRUE(proof) << proof.error().detail;
  EXPECT_EQ(proof->instance, "");
}

TEST(ServiceAccountToken, WithoutIssueTimeEndsMaxSessionFromNow) {
  policy::Issuer issuer = cluster_issuer();
  issuer.max_session = 60s;
  Claims claims = cluster_claims();
  claims.erase("iat");
  const auto proof = verify_cluster(claims, issuer);
  ASSERT_TRUE(proof) << proof.error().detail;
  EXPECT_EQ(proof->not_after, test_now + 60s);
  EXPECT_FALSE(proof->authenticated_at);
}

TEST(ServiceAccountToken, MustHaveItsClaims) {
  for (const char* name : {"exp", "aud", "sub", "kubernetes.io"}) EXPECT_EQ(without("", name), "missing_claim") << name;
  EXPECT_EQ(without("/kubernetes.io", "namespace"), "missing_claim");
  EXPECT_EQ(without("/kubernetes.io", "serviceaccount"), "missing_claim");
  EXPECT_EQ(without("/kubernetes.io/serviceaccount", "name"), "missing_claim");
  EXPECT_EQ(without("/kubernetes.io/pod", "uid"), "missing_claim");
  EXPECT_EQ(with("/kubernetes.io", "x"), "missing_claim");
  EXPECT_EQ(with("/kubernetes.io/serviceaccount", "x"), "missing_claim");
  EXPECT_EQ(with("/kubernetes.io/pod", 7), "missing_claim");
  EXPECT_EQ(with("/kubernetes.io/pod/uid", "a/b"), "missing_claim");
}

TEST(ServiceAccountToken, SubjectMustAgree) {
  EXPECT_EQ(with("/sub", "system:serviceaccount:shop:backend"), "missing_claim");
  EXPECT_EQ(with("/sub", "system:node:shop"), "missing_claim");
  EXPECT_EQ(with("/kubernetes.io/namespace", "kube-system"), "missing_claim");
  Claims claims = cluster_claims();
  claims["sub"] = "system:serviceaccount:shop:backend";
  EXPECT_EQ(verify_cluster(claims).error().detail,
            R"(sub is "system:serviceaccount:shop:backend", expected "system:serviceaccount:shop:frontend")");
}

TEST(ServiceAccountToken, NamesCannotReachIntoAnotherNamespace) {
  Claims claims = cluster_claims();
  claims["kubernetes.io"]["namespace"] = "shop/x";
  claims["sub"] = "system:serviceaccount:shop/x:frontend";
  EXPECT_EQ(verdict_of(verify_cluster(claims)), "missing_claim");
}

TEST(ServiceAccountToken, IsForOneAudienceAndTime) {
  EXPECT_EQ(with("/aud", {"https://kubernetes.default.svc"}), "wrong_audience");
  EXPECT_EQ(with("/exp", seconds_of(test_now)), "expired");
  EXPECT_EQ(with("/nbf", seconds_of(test_now) + 31), "not_yet_valid");
  EXPECT_EQ(with("/iss", "https://kubernetes.default.svc/"), "unknown_issuer");
}

}  // namespace
}  // namespace sallyport::controlplane::service_account_token_test
