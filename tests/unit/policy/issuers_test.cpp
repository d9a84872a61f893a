// [issuer.NAME], and who must have one.
#include "policy_text.hpp"

namespace sallyport::policy::issuers_test {
namespace {

constexpr std::string_view corp = R"([issuer.corp]
type = "oidc"
issuer = "https://idp.example.com"
jwks_file = "jwks/corp.json"
audience = "sallyport-fra"
)";
constexpr std::string_view prod = R"([issuer.prod-eu]
type = "kubernetes"
issuer = "https://kubernetes.default.svc"
jwks_url = "https://10.20.0.10:6443/openid/v1/jwks"
audience = "sallyport-fra"
)";

TEST(Issuer, ReadsEveryKeyOfEveryType) {
  const Policy policy = valid(joined({corp, R"(groups_claim = "/realm/groups~1"
bound_to_key = true
max_session = "8h"
)",
                                      prod, R"(jwks_ca_file = "ca/prod.pem"
[issuer.mesh]
type = "spiffe-x509"
bundles = { "prod.example.org" = "bundles/prod.pem", "edge-7.example.org" = "bundles/edge7.pem" }
[issuer.tokens]
type = "spiffe-jwt"
audience = "sallyport"
bundles = { "prod.example.org" = "bundles/prod.jwks" }
)"}));
  ASSERT_EQ(policy.issuers.size(), 4U);
  const Issuer &oidc = policy.issuers[0], &mesh = policy.issuers[1], &kubernetes = policy.issuers[2];
  EXPECT_EQ(oidc.name, "corp");
  EXPECT_EQ(oidc.type, IssuerType::oidc);
  EXPECT_EQ(oidc.issuer, "https://idp.example.com");
  EXPECT_EQ(oidc.jwks_file, "jwks/corp.json");
  EXPECT_EQ(oidc.audience, "sallyport-fra");
  EXPECT_EQ(oidc.groups_claim, "/realm/groups~1");
  EXPECT_TRUE(oidc.bound_to_key);
  EXPECT_EQ(oidc.max_session, std::chrono::hours(8));
  EXPECT_EQ(oidc.location.to_string(), "policy.toml:2:9");
  EXPECT_EQ(kubernetes.type, IssuerType::kubernetes);
  EXPECT_EQ(kubernetes.jwks_url, "https://10.20.0.10:6443/openid/v1/jwks");
  EXPECT_EQ(kubernetes.jwks_ca_file, "ca/prod.pem");
  EXPECT_FALSE(kubernetes.bound_to_key);
  EXPECT_EQ(kubernetes.groups_claim, "");
  EXPECT_EQ(mesh.type, IssuerType::spiffe_x509);
  EXPECT_EQ(mesh.bundles.size(), 2U);
  EXPECT_EQ(mesh.bundles[1], (std::pair<std::string, std::string>("prod.example.org", "bundles/prod.pem")));
  EXPECT_EQ(policy.issuers[3].type, IssuerType::spiffe_jwt);
}

TEST(Issuer, GroupsOfAnIdTokenStandInGroupsUnlessSaid) {
  EXPECT_EQ(valid(corp).issuers.at(0).groups_claim, "/groups");
}

TEST(Issuer, HasTheKeysOfItsType) {
  expect_errors("[issuer.corp]\ntype = \"oidc\"\nbundles = { d = \"f\" }\n",
                {"2:1: missing key 'issuer' in [issuer.NAME]: expected https URL",
                 "2:1: missing key 'audience' in [issuer.NAME]: expected string",
                 "2:1: missing key 'jwks_file' in [issuer.NAME]: expected file name",
                 "4:11: bundles: does not belong to an issuer of type \"oidc\""});
  expect_errors("[issuer.mesh]\ntype = \"spiffe-x509\"\naudience = \"a\"\ngroups_claim = \"/g\"\n",
                {"2:1: missing key 'bundles' in [issuer.NAME]: expected table of file names",
                 "4:12: audience: does not belong to an issuer of type \"spiffe-x509\"",
                 "5:16: groups_claim: does not belong to an issuer of type \"spiffe-x509\""});
  expect_errors("[issuer.x]\n",
                {"2:1: missing key 'type' in [issuer.NAME]: expected \"oidc\", \"kubernetes\", \"spiffe-jwt\" or "
                 "\"spiffe-x509\""});
  expect_errors(joined({corp, "jwks_url = \"https://idp.example.com/keys\"\n"}),
                {"7:12: jwks_url: expected either jwks_file or jwks_url, got both"});
  expect_errors(joined({corp, "jwks_ca_file = \"ca.pem\"\n"}),
                {"7:16: jwks_ca_file: expected jwks_url beside it, whose server it vouches for, got none"});
  expect_errors(joined({prod, "bound_to_key = true\n"}),
                {"7:16: bound_to_key: does not belong to an issuer of type \"kubernetes\""});
  expect_errors("[issuer.m]\ntype = \"spiffe-jwt\"\naudience = \"a\"\nbundles = { d = \"f\" }\njwks_ca_file = \"c\"\n",
                {"6:16: jwks_ca_file: does not belong to an issuer of type \"spiffe-jwt\""});
}

std::string tokens_of(std::string_view name, std::string_view type, std::string_view issuer,
                      std::string_view audience) {
  return joined({"[issuer.", name, "]\ntype = \"", type, "\"\nissuer = \"https://", issuer, "\"\naudience = \"",
                 audience, "\"\njwks_file = \"k\"\n"});
}

TEST(Issuer, OfATokenCanBeTold) {
  const std::string a = tokens_of("a", "oidc", "idp", "fra");
  valid(joined({a, tokens_of("b", "oidc", "idp", "ams"), tokens_of("c", "kubernetes", "k8s", "fra")}));
  expect_errors(joined({a, tokens_of("b", "kubernetes", "idp", "fra"), tokens_of("c", "oidc", "idp", "fra")}),
                {"7:9: issuer 'b' has the issuer and audience of issuer 'a' (policy.toml:2:9): whose a token is could "
                 "not be told",
                 "12:9: issuer 'c' has the issuer and audience of issuer 'a' (policy.toml:2:9): whose a token is could "
                 "not be told"});
  // What is defined twice, or not in full, is reported once.
  Bundle twice = bundle_of(a);
  twice.files.push_back({"b.toml", "schema = 1\n" + a});
  EXPECT_EQ(errors_of(twice).size(), 1U);
  EXPECT_EQ(errors_of(bundle_of("[issuer.a]\ntype = \"oidc\"\njwks_file = \"k\"\n"
                                "[issuer.b]\ntype = \"oidc\"\njwks_file = \"k\"\n"))
                .size(),
            4U);
}

TEST(Issuer, OfATrustDomainIsOne) {
  const auto mesh = [](std::string_view name, std::string_view type, std::string_view more) {
    return joined({"[issuer.", name, "]\ntype = \"spiffe-", type, "\"\n", more});
  };
  const std::string bundles = "bundles = { \"a.org\" = \"a\", \"b.org\" = \"b\" }\n";
  const std::string tokens = mesh("jwt", "jwt", "audience = \"x\"\n" + bundles);
  valid(mesh("x509", "x509", bundles) + tokens + mesh("other", "x509", "bundles = { \"c.org\" = \"c\" }\n"));
  expect_errors(mesh("x509", "x509", bundles) + mesh("other", "x509", "bundles = { \"b.org\" = \"c\" }\n"),
                {"5:9: issuer 'other' has the trust domain b.org, as issuer 'x509' (policy.toml:2:9) of the same type "
                 "has"});
  expect_errors(tokens + mesh("other", "jwt", "audience = \"y\"\n" + bundles),
                {"6:9: issuer 'other' has the trust domain a.org, as issuer 'jwt' (policy.toml:2:9) of the same type "
                 "has",
                 "6:9: issuer 'other' has the trust domain b.org, as issuer 'jwt' (policy.toml:2:9) of the same type "
                 "has"});
}

TEST(Issuer, FilesNeedNotBeThere) {
  const Policy policy = valid(joined({prod, "jwks_ca_file = \"/nowhere/at/all.pem\"\n"}));
  EXPECT_EQ(policy.issuers.at(0).jwks_ca_file, "/nowhere/at/all.pem");
}

TEST(Issuer, ValuesAreChecked) {
  expect_errors(
      joined({"[issuer.corp]\ntype = \"oauth\"\nissuer = \"http://idp\"\naudience = \"\"\njwks_url = \"keys\"\n",
              "groups_claim = \"groups\"\nmax_session = \"8\"\nbundles = { Prod = 3 }\n"}),
      {"3:8: type: expected \"oidc\", \"kubernetes\", \"spiffe-jwt\" or \"spiffe-x509\", got the string \"oauth\"",
       "4:10: issuer: expected an https URL such as \"https://10.20.0.10:6443\", got the string \"http://idp\"",
       "5:12: audience: expected a text of 1 to 1024 characters without control characters, got the string \"\"",
       "6:12: jwks_url: expected an https URL such as \"https://10.20.0.10:6443\", got the string \"keys\"",
       "7:16: groups_claim: expected a JSON pointer such as \"/groups\", got the string \"groups\"",
       "8:15: max_session: expected a duration such as \"30s\", \"5m\", \"8h\" or \"1d\", at most a year, got the "
       "string \"8\"",
       "9:13: bundles: expected a trust domain such as \"prod.example.org\", in lower case, got \"Prod\"",
       "9:20: bundles: expected the name of a file, got the integer 3"});
  for (const auto pointer : {"", "groups", "/a~", "/a~2"})
    EXPECT_EQ(errors_of(bundle_of(joined({corp, "groups_claim = \"", pointer, "\"\n"}))).size(), 1U) << pointer;
}

TEST(Issuer, OfASelectorExistsOnceThereIsAny) {
  const std::string uses =
      joined({"[group]\npeople = [\"user:crop/ann\", \"claim:corp/groups=sre\", \"claim:x/groups=sre\"]\n",
              "[service]\npods = { identities = [\"sa:prod-us/shop/web\"], ports = [\"tcp/80\"] }\n",
              rule_toml("r", "allow", "\"user:x/ann\", \"spiffe://d/p\"", "\"pods\""),
              "[[test]]\nsrc = \"user:corb/ann\"\ndeny = [\"pods:tcp/81\"]\n"});
  EXPECT_TRUE(errors_of(bundle_of(uses)).empty());
  expect_errors(joined({uses, corp, prod}),
                {"3:11: group people: there is no issuer 'crop'; did you mean 'corp'?",
                 "3:53: group people: there is no issuer 'x'",
                 "5:24: identities: there is no issuer 'prod-us'; did you mean 'prod-eu'?",
                 "9:9: from: there is no issuer 'x'", "12:7: src: there is no issuer 'corb'; did you mean 'corp'?"});
}

TEST(Issuer, OfASelectorIsOfTheRightType) {
  expect_errors(joined({"[group]\na = [\"user:prod-eu/ann\", \"sa:corp/shop/web\"]\n", corp, prod}),
                {"3:6: group a: user:prod-eu/ann needs an issuer of type \"oidc\", but 'prod-eu' (policy.toml:9:9) is "
                 "\"kubernetes\"",
                 "3:26: group a: sa:corp/shop/web needs an issuer of type \"kubernetes\", but 'corp' (policy.toml:4:9) "
                 "is \"oidc\""});
}

}  // namespace
}  // namespace sallyport::policy::issuers_test
