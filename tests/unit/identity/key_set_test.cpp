#include <gtest/gtest.h>

#include "tests/unit/identity/issuers.hpp"

namespace sallyport::controlplane::key_set_test {
namespace {

std::string problem_of(std::string_view json) {
  const auto keys = KeySet::parse(json);
  return keys ? "" : keys.error();
}

std::string kinds_of(const std::vector<std::string>& jwks) {
  const auto keys = KeySet::parse(key_set(jwks));
  if (!keys) return keys.error();
  std::string text;
  for (const auto& key : (*keys)->keys()) text += key.kid + ": " + key.kind + "; ";
  return text;
}

const std::string none = "no key among 1 that can verify RS, PS or ES 256-512 or EdDSA, and can be named";

TEST(KeySet, KnowsEveryKindOfKey) {
  EXPECT_EQ(kinds_of({TestKey::rsa().jwk("a"), TestKey::ec("P-256", 1).jwk("b"), TestKey::ec("P-384", 1).jwk("c"),
                      TestKey::ec("P-521", 1).jwk("d"), TestKey::ed25519(1).jwk("e")}),
            "a: RSA; b: EC P-256; c: EC P-384; d: EC P-521; e: Ed25519; ");
}

TEST(KeySet, LeavesOutKeysForOtherPurposes) {
  const TestKey& key = corp_key();
  for (const std::string_view more :
       {R"(,"use":"enc")", R"(,"use":1)", R"(,"key_ops":["sign"])", R"(,"key_ops":"verify")", R"(,"alg":"ES384")",
        R"(,"alg":"RS256")", R"(,"alg":"HS256")", R"(,"alg":"ECDH-ES")", R"(,"alg":7)"})
    EXPECT_EQ(kinds_of({key.jwk("a", more)}), none) << more;
  EXPECT_EQ(kinds_of({key.jwk("a", R"(,"use":"sig","key_ops":["verify"],"alg":"ES256","x5c":["?"])")}),
            "a: EC P-256; ");
}

TEST(KeySet, NeverLoadsASecret) {
  EXPECT_EQ(kinds_of({R"({"kty":"oct","kid":"a","k":"c2VjcmV0"})"}), none);
}

TEST(KeySet, LeavesOutWeakAndBrokenKeys) {
  EXPECT_EQ(kinds_of({TestKey::rsa(1024).jwk("a")}), none);
  const std::string n(342, 'x');  // 2052 bits, of which the first is set
  for (const std::string_view e : {"AQ", "Ag", "", "AQAB//////////8"})
    EXPECT_EQ(kinds_of({R"({"kty":"RSA","kid":"a","n":")" + n + R"(","e":")" + std::string(e) + "\"}"}), none) << e;
  const std::string zero(43, 'A');
  for (const std::string_view text :
       {R"("kty":"EC","crv":"P-256","x":"AQ","y":"AQ")", R"("kty":"EC","crv":"secp256k1","x":"AQ","y":"AQ")",
        R"("kty":"EC","crv":"P-256")", R"("kty":"OKP","crv":"X25519","x":"AQ")",
        R"("kty":"OKP","crv":"Ed25519","x":"AQ")", R"("kty":"RSA","n":"AQAB=","e":"AQAB")", R"("kty":7)",
        R"("kty":"RSA","n":7,"e":"AQAB")"})
    EXPECT_EQ(kinds_of({R"({"kid":"a",)" + std::string(text) + "}"}), none) << text;
  EXPECT_EQ(kinds_of({R"({"kty":"EC","kid":"a","crv":"P-256","x":")" + zero + R"(","y":")" + zero + "\"}"}), none)
      << "a point that is not on the curve";
}

TEST(KeySet, RefusesTwoKeysOfOneName) {
  EXPECT_EQ(kinds_of({TestKey::ec("P-256", 1).jwk("a"), TestKey::ec("P-256", 2).jwk("a")}),
            "two keys have the kid \"a\"");
  EXPECT_EQ(kinds_of({TestKey::ec("P-256", 1).jwk("a"), TestKey::ec("P-256", 2).jwk("a", R"(,"use":"enc")")}),
            "a: EC P-256; ");
}

TEST(KeySet, CallsItsOnlyKeyByItsThumbprintIfItHasNoName) {
  // RFC 8037, appendix A.3.
  EXPECT_EQ(kinds_of({R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"}),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k: Ed25519; ");
}

TEST(KeySet, LeavesOutKeysWithoutNameAmongSeveral) {
  EXPECT_EQ(kinds_of({TestKey::ec("P-256", 1).jwk_without_kid(), TestKey::ec("P-256", 2).jwk("b")}), "b: EC P-256; ");
  EXPECT_EQ(kinds_of({corp_key().jwk_without_kid(R"(,"kid":7)")}), none);
  EXPECT_EQ(kinds_of({corp_key().jwk("")}), none);
}

TEST(KeySet, TakesFromASpiffeBundleTheKeysOfTokensOnly) {
  EXPECT_EQ(kinds_of({TestKey::ec("P-256", 1).jwk("a", R"(,"use":"jwt-svid")"),
                      TestKey::ec("P-256", 2).jwk("b", R"(,"use":"x509-svid")"), TestKey::ec("P-256", 3).jwk("c")}),
            "a: EC P-256; ");
}

TEST(KeySet, RefusesWhatIsNoSet) {
  EXPECT_EQ(problem_of("{}"), "expected a JWK set: an object with an array \"keys\"");
  EXPECT_EQ(problem_of(R"({"keys":{}})"), "expected a JWK set: an object with an array \"keys\", which is an object");
  EXPECT_EQ(problem_of(R"({"keys":[]})"),
            "no key among 0 that can verify RS, PS or ES 256-512 or EdDSA, and can be named");
  EXPECT_EQ(problem_of(R"({"keys":[1]})"), none);
  EXPECT_EQ(problem_of(R"({"keys":[],"keys":[]})"), "the member \"keys\" comes twice");
  EXPECT_EQ(problem_of("keys"), "not JSON at byte 1");
}

TEST(KeySet, IsBounded) {
  std::vector<std::string> jwks;
  for (std::size_t i = 0; i < KeySet::keys_max; ++i) jwks.push_back(corp_key().jwk(std::to_string(i)));
  EXPECT_EQ(problem_of(key_set(jwks)), "");
  jwks.push_back(corp_key().jwk("more"));
  EXPECT_EQ(problem_of(key_set(jwks)), "expected at most 256 keys, got 257");
  EXPECT_EQ(problem_of(std::string(KeySet::bytes_max + 1, ' ')), "expected at most 1048576 bytes, got 1048577");
}

}  // namespace
}  // namespace sallyport::controlplane::key_set_test
