#include <sodium.h>

#include <gtest/gtest.h>

#include "controlplane/identity/base64url.hpp"
#include "controlplane/identity/sha256.hpp"
#include "tests/unit/identity/issuers.hpp"

namespace sallyport::controlplane::id_token_test {
namespace {

using namespace std::chrono_literals;

// corp_claims() with one of them changed; null as `value` removes it.
std::string with(std::string_view name, Claims value) {
  Claims claims = corp_claims();
  if (value.is_null()) {
    claims.erase(name);
  } else {
    claims[std::string(name)] = std::move(value);
  }
  return verdict_of(verify_corp(claims));
}

std::string values_of(const Proof& proof, std::string_view key) {
  std::string text;
  for (const auto& claim : proof.claims) {
    if (claim.key != key) continue;
    EXPECT_EQ(claim.issuer, "corp");
    for (const std::string& value : claim.values) text += value + ";";
  }
  return text;
}

TEST(IdToken, ProvesAUserByVerifiedEmail) {
  const auto proof = verify_corp(corp_claims());
  ASSERT_TRUE(proof) << proof.error().detail;
  EXPECT_EQ(proof->issuer, "corp");
  EXPECT_EQ(proof->identity, "user:corp/ann@example.com");
  EXPECT_EQ(proof->subject, "https://login.example.com|00u1");
  EXPECT_TRUE(proof->name_may_move);
  EXPECT_EQ(proof->issuer_key, "corp/2026-11");
  EXPECT_EQ(proof->instance, "");
  EXPECT_EQ(proof->authenticated_at, test_now - 60s);
  EXPECT_EQ(proof->not_after, test_now + 3600s);
}

TEST(IdToken, WithoutEmailProvesTheSubject) {
  Claims claims = corp_claims();
  claims.erase("email");
  const auto proof = verify_corp(claims);
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->identity, "user:corp/00u1");
}

TEST(IdToken, EmailMustBeVerified) {
  EXPECT_EQ(with("email_verified", false), "email_not_verified");
  EXPECT_EQ(with("email_verified", "false"), "email_not_verified");
  EXPECT_EQ(with("email_verified", 1), "email_not_verified");
  EXPECT_EQ(with("email_verified", nullptr), "email_not_verified");
  EXPECT_EQ(with("email_verified", "true"), "accepted");
}

TEST(IdToken, NameMustBeAText) {
  EXPECT_EQ(with("email", 7), "missing_claim");
  EXPECT_EQ(with("email", ""), "missing_claim");
  EXPECT_EQ(with("email", "a\nb"), "missing_claim");
  EXPECT_EQ(with("email", std::string("a\0b", 3)), "missing_claim");
  EXPECT_EQ(with("email", std::string(1100, 'a')), "missing_claim");
  EXPECT_EQ(with("sub", nullptr), "missing_claim");
  EXPECT_EQ(with("sub", ""), "missing_claim");
  EXPECT_EQ(with("sub", {"00u1"}), "missing_claim");
}

TEST(IdToken, AudienceMustContainOurs) {
  EXPECT_EQ(with("aud", "other"), "wrong_audience");
  EXPECT_EQ(with("aud", "sallyport-fra "), "wrong_audience");
  EXPECT_EQ(with("aud", {"other"}), "wrong_audience");
  EXPECT_EQ(with("aud", {"sallyport-fra"}), "accepted");
  EXPECT_EQ(with("aud", nullptr), "missing_claim");
  EXPECT_EQ(with("aud", Claims::array()), "missing_claim");
  EXPECT_EQ(with("aud", {"sallyport-fra", 7}), "missing_claim");
  EXPECT_EQ(with("aud", 7), "missing_claim");
  Claims claims = corp_claims();
  claims["aud"] = "oth\"er";
  EXPECT_EQ(verify_corp(claims).error().detail, R"(aud is "oth\"er", expected "sallyport-fra")");
}

TEST(IdToken, OfSeveralAudiencesMustBeMadeForUs) {
  Claims claims = corp_claims();
  claims["aud"] = {"other", "sallyport-fra"};
  EXPECT_EQ(verdict_of(verify_corp(claims)), "wrong_audience");
  claims["azp"] = "other";
  EXPECT_EQ(verdict_of(verify_corp(claims)), "wrong_audience");
  claims["azp"] = "sallyport-fra";
  EXPECT_EQ(verdict_of(verify_corp(claims)), "accepted");
  EXPECT_EQ(with("azp", "other"), "wrong_audience");
  EXPECT_EQ(with("azp", 7), "wrong_audience");
}

TEST(IdToken, ExpiresWithoutSkew) {
  const std::int64_t now = seconds_of(test_now);
  EXPECT_EQ(with("exp", now), "expired");
  EXPECT_EQ(with("exp", now + 1), "accepted");
  EXPECT_EQ(with("exp", static_cast<double>(now) + 0.5), "expired");
  EXPECT_EQ(with("exp", static_cast<double>(now) + 1.5), "accepted");
  EXPECT_EQ(with("exp", nullptr), "missing_claim");
}

TEST(IdToken, MayBeFromTheNearFutureOnly) {
  const std::int64_t now = seconds_of(test_now);
  for (const char* name : {"iat", "nbf"}) {
    EXPECT_EQ(with(name, now + 30), "accepted") << name;
    EXPECT_EQ(with(name, now + 31), "not_yet_valid") << name;
  }
  EXPECT_EQ(with("iat", nullptr), "missing_claim");
}

TEST(IdToken, TimesMustBeNumericDates) {
  for (const char* name : {"exp", "iat", "nbf", "auth_time"}) {
    EXPECT_EQ(with(name, -1), "missing_claim") << name;
    EXPECT_EQ(with(name, -0.5), "missing_claim") << name;
    EXPECT_EQ(with(name, 1e300), "missing_claim") << name;
    EXPECT_EQ(with(name, 253'402'300'800), "missing_claim") << name;
    EXPECT_EQ(with(name, UINT64_MAX), "missing_claim") << name;
    EXPECT_EQ(with(name, "1795687200"), "missing_claim") << name;
    EXPECT_EQ(with(name, Claims::array({1})), "missing_claim") << name;
    EXPECT_EQ(with(name, true), "missing_claim") << name;
  }
}

TEST(IdToken, SessionEndsWithMaxSession) {
  policy::Issuer issuer = corp_issuer();
  issuer.max_session = 600s;
  const auto proof = verify_corp(corp_claims(), issuer);
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->not_after, test_now + 540s);
  issuer.max_session = 60s;
  EXPECT_EQ(verdict_of(verify_corp(corp_claims(), issuer)), "expired");
  issuer.max_session = 24h;
  EXPECT_EQ(verify_corp(corp_claims(), issuer)->not_after, test_now + 3600s);
}

TEST(IdToken, AuthTimeSaysWhenThePersonWasAsked) {
  Claims claims = corp_claims();
  claims["auth_time"] = seconds_of(test_now) - 7200;
  EXPECT_EQ(verify_corp(claims)->authenticated_at, test_now - 2h);
  claims["auth_time"] = seconds_of(test_now) + 86400;
  EXPECT_EQ(verify_corp(claims)->authenticated_at, test_now);
}

std::string text_of(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

TEST(IdToken, NonceIsTheHashOfTheKeyInAnyEncoding) {
  for (const Sha256& hash : {sha256(test_public_key), sha256(encode_key(test_public_key))}) {
    char hexadecimal[65], base64[45];
    sodium_bin2hex(hexadecimal, sizeof hexadecimal, hash.data(), hash.size());
    sodium_bin2base64(base64, sizeof base64, hash.data(), hash.size(), sodium_base64_VARIANT_ORIGINAL);
    std::string upper = hexadecimal;
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    const std::string url = encode_base64url(text_of(hash));
    for (const std::string& nonce :
         {std::string(hexadecimal), upper, std::string(base64), std::string(base64, 43), url, url + "="})
      EXPECT_EQ(with("nonce", nonce), "accepted") << nonce;
  }
}

TEST(IdToken, AnyOtherNonceIsRefused) {
  PublicKey other = test_public_key;
  other[31] = 1;
  const std::string url = encode_base64url(text_of(sha256(test_public_key)));
  for (const Claims& nonce : {Claims("n-0S6_WzA2Mj"), Claims(""), Claims(7), Claims(encode_key(test_public_key)),
                              Claims(encode_base64url(text_of(sha256(other)))), Claims(url + "=="), Claims(url + "A"),
                              Claims(std::string(64, 'g'))})
    EXPECT_EQ(with("nonce", nonce), "not_bound_to_key") << nonce;
  Claims claims = corp_claims();
  claims["nonce"] = nullptr;
  EXPECT_EQ(verdict_of(verify_corp(claims)), "not_bound_to_key");
}

TEST(IdToken, MustHaveANonceIfTheIssuerSaysSo) {
  policy::Issuer issuer = corp_issuer();
  issuer.bound_to_key = true;
  EXPECT_EQ(verdict_of(verify_corp(corp_claims(), issuer)), "not_bound_to_key");
  Claims claims = corp_claims();
  claims["nonce"] = encode_base64url(text_of(sha256(test_public_key)));
  EXPECT_EQ(verdict_of(verify_corp(claims, issuer)), "accepted");
}

TEST(IdToken, ClaimsBecomeTexts) {
  Claims claims = corp_claims();
  claims["groups"] = {"sre", "dev"};
  claims["department"] = "IT";
  claims["contractor"] = false;
  claims["level"] = 7;
  claims["negative"] = -7;
  claims["amr"] = {"mfa", "hwk"};
  claims["address"] = {{"city", "Berlin"}};
  claims["mixed"] = {"a", 1};
  claims["nothing"] = nullptr;
  claims["at_hash"] = "x";
  claims["jti"] = "x";
  const auto proof = verify_corp(claims);
  ASSERT_TRUE(proof) << proof.error().detail;
  std::string names;
  for (const auto& claim : proof->claims) names += claim.key + ";";
  EXPECT_EQ(names, "groups;amr;contractor;department;email;email_verified;level;negative;");
  EXPECT_EQ(values_of(*proof, "groups"), "sre;dev;");
  EXPECT_EQ(values_of(*proof, "amr"), "mfa;hwk;");
  EXPECT_EQ(values_of(*proof, "contractor"), "false;");
  EXPECT_EQ(values_of(*proof, "email_verified"), "true;");
  EXPECT_EQ(values_of(*proof, "level"), "7;");
  EXPECT_EQ(values_of(*proof, "negative"), "-7;");
}

TEST(IdToken, GroupsAreWhereTheIssuerSays) {
  policy::Issuer issuer = corp_issuer();
  issuer.groups_claim = "/realm_access/roles";
  Claims claims = corp_claims();
  claims["groups"] = "admins";
  EXPECT_EQ(values_of(*verify_corp(claims, issuer), "groups"), "") << "of another claim than the one that counts";
  claims["realm_access"]["roles"] = {"sre"};
  EXPECT_EQ(values_of(*verify_corp(claims, issuer), "groups"), "sre;");
  claims["realm_access"]["roles"] = "dev";
  EXPECT_EQ(values_of(*verify_corp(claims, issuer), "groups"), "dev;");
  for (const Claims& wrong : {Claims(7), Claims::object(), Claims({"a", 1}), Claims(true)}) {
    claims["realm_access"]["roles"] = wrong;
    EXPECT_EQ(verdict_of(verify_corp(claims, issuer)), "missing_claim") << wrong;
  }
}

TEST(IdToken, ClaimsAreBounded) {
  Claims claims = corp_claims();
  for (std::size_t i = 0; i < proof_claims_max - 2; ++i) claims["claim" + std::to_string(i)] = "x";
  EXPECT_EQ(verdict_of(verify_corp(claims)), "accepted");
  claims["more"] = "x";
  EXPECT_EQ(verdict_of(verify_corp(claims)), "claims_too_large");
  EXPECT_EQ(with("groups", std::vector<std::string>(proof_claim_values_max, "g")), "accepted");
  EXPECT_EQ(with("groups", std::vector<std::string>(proof_claim_values_max + 1, "g")), "claims_too_large");
  EXPECT_EQ(with("department", std::string(1024, 'x')), "accepted");
  EXPECT_EQ(with("department", std::string(1025, 'x')), "claims_too_large");
  EXPECT_EQ(with("groups", {std::string(1025, 'x')}), "claims_too_large");
  EXPECT_EQ(with(std::string(1025, 'x'), "value"), "claims_too_large");
}

}  // namespace
}  // namespace sallyport::controlplane::id_token_test
