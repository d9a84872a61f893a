// Which signatures verify, and which tokens do not come that far.
#include <gtest/gtest.h>

#include "controlplane/identity/base64url.hpp"
#include "controlplane/identity/signature_key.hpp"
#include "tests/unit/identity/issuers.hpp"

namespace sallyport::controlplane::signature_test {
namespace {

const TestKey& rsa_key() {
  static const TestKey key = TestKey::rsa();
  return key;
}

std::string verify_with(const std::vector<std::string>& jwks, const std::string& token) {
  return verdict_of(verify(trust_in(corp_issuer(), jwks), token));
}

std::string verify_header(std::string_view header) {
  return verify_with({corp_key().jwk("2026-11")}, sign_token(corp_key(), "ES256", header, corp_claims().dump()));
}

TEST(Signature, OfEveryAlgorithmVerifies) {
  const std::pair<const char*, TestKey> kinds[] = {
      {"RS256", rsa_key()},
      {"RS384", rsa_key()},
      {"RS512", rsa_key()},
      {"PS256", rsa_key()},
      {"PS384", rsa_key()},
      {"PS512", rsa_key()},
      {"ES256", TestKey::ec("P-256", 1)},
      {"ES384", TestKey::ec("P-384", 1)},
      {"ES512", TestKey::ec("P-521", 1)},
      {"EdDSA", TestKey::ed25519(1)},
      {"Ed25519", TestKey::ed25519(1)},
  };
  for (const auto& [alg, key] : kinds)
    EXPECT_EQ(verify_with({key.jwk("k")}, make_token(key, alg, "k", corp_claims().dump())), "accepted") << alg;
}

bool vector_verifies(const char* jwk, const char* alg, const std::string& token) {
  const auto key = SignatureKey::from_jwk(Json::parse(jwk));
  const auto signature = decode_base64url(token.substr(token.rfind('.') + 1));
  return key && signature && key->verifies(*find_algorithm(alg), token, *signature);
}

TEST(Signature, OfRfc7515AndRfc8037Verifies) {
  // RFC 7515, appendix A.3.
  EXPECT_TRUE(vector_verifies(R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                              R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
                              "ES256",
                              "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                              "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djx"
                              "La8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"));
  // RFC 8037, appendix A.4.
  EXPECT_TRUE(vector_verifies(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
                              "EdDSA",
                              "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09"
                              "PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"));
}

TEST(Signature, OfAnotherKeyDoesNot) {
  for (const auto& [alg, good, bad] :
       {std::tuple("ES256", TestKey::ec("P-256", 1), TestKey::ec("P-256", 2)),
        std::tuple("RS256", rsa_key(), TestKey::rsa()), std::tuple("EdDSA", TestKey::ed25519(1), TestKey::ed25519(2))})
    EXPECT_EQ(verify_with({good.jwk("k")}, make_token(bad, alg, "k", corp_claims().dump())), "bad_signature") << alg;
}

TEST(Signature, OfOtherClaimsDoesNot) {
  const std::string token = corp_token(corp_claims());
  const std::string payload = encode_base64url(Claims(corp_claims()).dump() + " ");
  const auto first = token.find('.'), last = token.rfind('.');
  EXPECT_EQ(verify_with({corp_key().jwk("2026-11")}, token.substr(0, first + 1) + payload + token.substr(last)),
            "bad_signature");
}

TEST(Signature, OfAnotherLengthDoesNot) {
  const std::string token = corp_token(corp_claims());
  const std::string signed_text = token.substr(0, token.rfind('.') + 1);
  const std::string signature = *decode_base64url(token.substr(signed_text.size()));
  ASSERT_EQ(signature.size(), 64U);
  for (const std::string& other :
       {std::string(), signature.substr(0, 63), signature + std::string(1, '\0'), std::string(64, '\0'),
        std::string(8000, 'x'), signature.substr(0, 32),
        std::string(1, '\0') + signature.substr(0, 32) + std::string(1, '\0') + signature.substr(32)})
    EXPECT_EQ(verify_with({corp_key().jwk("2026-11")}, signed_text + encode_base64url(other)), "bad_signature");
  EXPECT_EQ(verify_with({corp_key().jwk("2026-11")}, token), "accepted");
}

TEST(Algorithm, NoneIsRefused) {
  for (const char* alg : {"none", "None", "NONE", "nOnE"}) {
    const std::string header = R"({"alg":")" + std::string(alg) + R"(","kid":"2026-11"})";
    EXPECT_EQ(verify_with({corp_key().jwk("2026-11")}, compact(header, corp_claims().dump(), "")), "algorithm_refused");
  }
}

TEST(Algorithm, HmacWithThePublicKeyAsSecretIsRefused) {
  const std::string header = R"({"alg":"HS256","kid":"k"})";
  for (const std::string& secret : {rsa_key().public_pem(), rsa_key().jwk("k"), std::string()})
    EXPECT_EQ(verify_with({rsa_key().jwk("k")}, hmac_token(secret, header, corp_claims().dump())), "algorithm_refused");
  EXPECT_EQ(verify_with({corp_key().jwk("a"), R"({"kty":"oct","kid":"k","k":"c2VjcmV0"})"},
                        hmac_token("secret", header, corp_claims().dump())),
            "algorithm_refused");
}

TEST(Algorithm, OfAnotherKindOfKeyIsRefused) {
  const std::string claims = corp_claims().dump();
  const auto header = [](std::string_view alg) { return R"({"kid":"k","alg":")" + std::string(alg) + "\"}"; };
  for (const char* alg : {"RS256", "ES384", "ES512", "EdDSA"})
    EXPECT_EQ(verify_with({corp_key().jwk("k")}, sign_token(corp_key(), "ES256", header(alg), claims)),
              "algorithm_refused")
        << alg;
  for (const char* alg : {"ES256K", "RSA-OAEP", "RS1", "es256", "ES256 ", "dir", ""})
    EXPECT_EQ(verify_with({corp_key().jwk("k")}, sign_token(corp_key(), "ES256", header(alg), claims)),
              "algorithm_refused")
        << alg;
}

TEST(Algorithm, OtherThanThatOfTheKeyIsRefused) {
  const std::string claims = corp_claims().dump();
  const std::string jwk = rsa_key().jwk("k", R"(,"alg":"RS256")");
  EXPECT_EQ(verify_with({jwk}, make_token(rsa_key(), "RS256", "k", claims)), "accepted");
  EXPECT_EQ(verify_with({jwk}, make_token(rsa_key(), "RS512", "k", claims)), "algorithm_refused");
  EXPECT_EQ(verify_with({jwk}, make_token(rsa_key(), "PS256", "k", claims)), "algorithm_refused");
}

TEST(KeyId, MustBeOneOfTheIssuer) {
  const std::string claims = corp_claims().dump();
  EXPECT_EQ(verify_with({corp_key().jwk("a")}, make_token(corp_key(), "ES256", "b", claims)), "unknown_key");
  EXPECT_EQ(verify_header(R"({"alg":"ES256","kid":7})"), "malformed_token");
  EXPECT_EQ(verify_header(R"({"alg":"ES256","kid":""})"), "unknown_key");
}

TEST(KeyId, MayBeLeftOutOnlyIfTheIssuerHasOneKey) {
  const std::string token = sign_token(corp_key(), "ES256", R"({"alg":"ES256"})", corp_claims().dump());
  EXPECT_EQ(verify_with({corp_key().jwk("a")}, token), "accepted");
  EXPECT_EQ(verify_with({corp_key().jwk_without_kid()}, token), "accepted");
  EXPECT_EQ(verify_with({corp_key().jwk("a"), TestKey::ec("P-256", 2).jwk("b")}, token), "unknown_key");
}

TEST(KeyId, OldAndNewKeyVerifyWhileBothAreThere) {
  const TestKey old_key = TestKey::ec("P-256", 1), new_key = TestKey::ec("P-256", 2);
  const std::string old_token = make_token(old_key, "ES256", "old", corp_claims().dump());
  const std::string new_token = make_token(new_key, "ES256", "new", corp_claims().dump());
  EXPECT_EQ(verify_with({old_key.jwk("old")}, new_token), "unknown_key");
  const std::vector<std::string> both{old_key.jwk("old"), new_key.jwk("new")};
  const auto by_old = verify(trust_in(corp_issuer(), both), old_token);
  const auto by_new = verify(trust_in(corp_issuer(), both), new_token);
  ASSERT_TRUE(by_old && by_new);
  EXPECT_EQ(by_old->issuer_key, "corp/old");
  EXPECT_EQ(by_new->issuer_key, "corp/new");
  EXPECT_EQ(verify_with({new_key.jwk("new")}, old_token), "unknown_key");
  EXPECT_EQ(verify_with(both, make_token(old_key, "ES256", "new", corp_claims().dump())), "bad_signature");
}

TEST(KeyId, KeysInTheHeaderAreNotBelieved) {
  const TestKey thief = TestKey::ec("P-256", 9);
  const std::string header =
      R"({"alg":"ES256","kid":"2026-11","jku":"https://thief.example/jwks","x5u":"x","x5c":[],"jwk":)" +
      thief.jwk("2026-11") + "}";
  EXPECT_EQ(verify_with({corp_key().jwk("2026-11")}, sign_token(thief, "ES256", header, corp_claims().dump())),
            "bad_signature");
}

TEST(Token, OtherThanThreePartsIsMalformed) {
  const std::string token = corp_token(corp_claims());
  for (const std::string& text : {std::string(), std::string("."), std::string(".."), std::string("a.b.c"), token + ".",
                                  "." + token, token.substr(0, token.rfind('.')), token + " ", " " + token, token + "=",
                                  token + "\n", "{" + token + "}", token + std::string(1, '\0')})
    EXPECT_EQ(verify_with({corp_key().jwk("2026-11")}, text), "malformed_token") << text;
}

TEST(Token, OfMoreThan16KiBIsNotRead) {
  const auto refused = verify(trust_in(corp_issuer(), {corp_key().jwk("a")}), std::string(1024 * 1024, 'e'));
  EXPECT_EQ(verdict_of(refused), "token_too_large");
  EXPECT_EQ(refused.error().detail, "1048576 bytes");
  Claims claims = corp_claims();
  claims["padding"] = std::string(9000, 'x');
  EXPECT_EQ(verdict_of(verify_corp(claims)), "claims_too_large");
  claims["padding"] = std::string(13000, 'x');
  EXPECT_EQ(verdict_of(verify_corp(claims)), "token_too_large");
}

TEST(Token, HeaderMustBeAnObjectThatWeUnderstand) {
  for (const std::string_view header :
       {"", "[]", "null", "{}", R"({"alg":7,"kid":"2026-11"})", R"({"alg":"ES256","alg":"none","kid":"2026-11"})",
        R"({"alg":"ES256","kid":"2026-11","crit":["exp"],"exp":1})", R"({"alg":"ES256","kid":"2026-11","crit":[]})",
        R"({"alg":"ES256","kid":"2026-11","typ":"at+jwt"})", R"({"alg":"ES256","kid":"2026-11","typ":7})",
        "{\"alg\":\"ES256\",\"kid\":\"\xff\"}"})
    EXPECT_EQ(verify_header(header), "malformed_token") << header;
  for (const std::string_view header :
       {R"({"alg":"ES256","kid":"2026-11","typ":"JOSE"})", R"({"alg":"ES256","kid":"2026-11","typ":"jwt"})",
        R"({"alg":"ES256","kid":"2026-11"})", R"({"alg":"\u0045S256","kid":"2026-11"})"})
    EXPECT_EQ(verify_header(header), "accepted") << header;
}

TEST(Token, PayloadMustBeAnObjectWithoutMembersThatComeTwice) {
  const std::string good = corp_claims().dump();
  for (const std::string& payload :
       {std::string("[]"), std::string("\"x\""), std::string(), good + good, R"({"aud":"x",)" + good.substr(1),
        R"({"x":"\u0000)" + std::string("\xc0\xaf") + "\"," + good.substr(1), R"({"x":1e999,)" + good.substr(1),
        good + std::string("\0x", 2)})
    EXPECT_EQ(verify_with({corp_key().jwk("2026-11")}, make_token(corp_key(), "ES256", "2026-11", payload)),
              "malformed_token")
        << payload;
}

}  // namespace
}  // namespace sallyport::controlplane::signature_test
