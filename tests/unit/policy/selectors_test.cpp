// Selectors as text, and groups of them.
#include "policy/selector.hpp"
#include "policy_text.hpp"

namespace sallyport::policy::selectors_test {
namespace {

std::string error_of(std::string_view text) {
  const auto selector = parse_selector(text);
  return selector ? "valid" : selector.error();
}

TEST(SelectorText, EveryKind) {
  EXPECT_EQ(parse_selector("*")->kind, SelectorKind::any);
  EXPECT_EQ(parse_selector("net:10.0.0.0/8")->net, *IpPrefix::parse("10.0.0.0/8"));
  EXPECT_EQ(parse_selector("user:corp/ann@example.com")->kind, SelectorKind::user);
  EXPECT_EQ(parse_selector("user:corp/ann@example.com")->issuer, "corp");
  const auto claim = *parse_selector("claim:corp/groups=sre=a/b");
  EXPECT_EQ(claim.kind, SelectorKind::claim);
  EXPECT_EQ(claim.issuer, "corp");
  EXPECT_EQ(claim.key, "groups");
  EXPECT_EQ(claim.value, "sre=a/b");
  EXPECT_EQ(parse_selector("sa:prod-eu/shop/frontend")->kind, SelectorKind::service_account);
  EXPECT_EQ(parse_selector("spiffe://*.example.org/ns/pos/sa/*")->kind, SelectorKind::spiffe);
  EXPECT_EQ(parse_selector("ike:fqdn=branch-12.example.com")->kind, SelectorKind::ike);
  EXPECT_EQ(parse_selector("ike:dn=CN=branch, O=Example")->kind, SelectorKind::ike);
  EXPECT_EQ(parse_selector("ike:email=a@example.com")->kind, SelectorKind::ike);
  EXPECT_EQ(parse_selector("tag:branch")->value, "branch");
  EXPECT_EQ(parse_selector("peer:ann-laptop")->value, "ann-laptop");
  EXPECT_EQ(parse_selector("group:sre")->value, "sre");
}

TEST(SelectorText, HasOneSpelling) {
  EXPECT_EQ(parse_selector("net:2001:DB8:0::/48")->text, "net:2001:db8::/48");
  EXPECT_EQ(parse_selector("user:corp/Ann")->text, "user:corp/Ann");
}

TEST(SelectorText, UnknownKindGetsTheListAndTheClosest) {
  EXPECT_EQ(
      error_of("usr:corp/ann"),
      "expected a selector: \"*\", group:..., user:..., claim:..., sa:..., spiffe://..., ike:..., tag:..., peer:... "
      "or net:..., got the string \"usr:corp/ann\"; did you mean 'user:'?");
  EXPECT_EQ(
      error_of("ann"),
      "expected a selector: \"*\", group:..., user:..., claim:..., sa:..., spiffe://..., ike:..., tag:..., peer:... "
      "or net:..., got the string \"ann\"");
  EXPECT_EQ(error_of(""),
            "expected a selector of 1 to 1024 characters without control characters, got the string \"\"");
  EXPECT_EQ(
      error_of("user:corp/a\nb"),
      "expected a selector of 1 to 1024 characters without control characters, got the string \"user:corp/a\\x0ab\"");
}

TEST(SelectorText, EachKindHasAShape) {
  for (const auto text : {"user:", "user:corp", "user:corp/", "user:/ann", "user:c rp/ann"})
    EXPECT_TRUE(error_of(text).starts_with("expected \"user:ISSUER/NAME\", got")) << text;
  for (const auto text : {"claim:corp", "claim:corp/", "claim:corp/groups", "claim:corp/=sre", "claim:corp/groups="})
    EXPECT_TRUE(error_of(text).starts_with("expected \"claim:ISSUER/KEY=VALUE\", got")) << text;
  for (const auto text : {"sa:prod", "sa:prod/shop", "sa:prod/shop/", "sa:prod//web", "sa:prod/shop/web/1"})
    EXPECT_TRUE(error_of(text).starts_with("expected \"sa:CLUSTER/NAMESPACE/NAME\", got")) << text;
  for (const auto text : {"spiffe://", "spiffe://d", "spiffe:///p", "spiffe://d/", "spiffe://d//p", "spiffe://d/p/",
                          "spiffe://D/p", "spiffe://d/./p", "spiffe://d/..", "spiffe://d/**", "spiffe://d/a b"})
    EXPECT_TRUE(error_of(text).starts_with("expected \"spiffe://DOMAIN/PATH\", in which")) << text;
  for (const auto text : {"ike:", "ike:fqdn", "ike:fqdn=", "ike:ip=192.0.2.1"})
    EXPECT_TRUE(error_of(text).starts_with("expected \"ike:fqdn=...\", \"ike:email=...\" or \"ike:dn=...\", got"))
        << text;
  for (const auto text : {"net:", "net:10.0.0.1", "net:10.0.0.1/8", "net:10.0.0.0/33", "net:any"})
    EXPECT_TRUE(error_of(text).starts_with("expected \"net:PREFIX\" without host bits")) << text;
  for (const auto text : {"tag:", "tag:a b", "peer:", "peer:-a", "group:", "group:a/b"})
    EXPECT_TRUE(error_of(text).find(":NAME\", got") != std::string::npos) << text;
}

TEST(SelectorText, StarHasAMeaningOnlyInSpiffe) {
  EXPECT_EQ(error_of("user:corp/*"),
            "expected \"user:ISSUER/NAME\" without '*', which has a meaning only in spiffe://, got the string "
            "\"user:corp/*\"");
  EXPECT_NE(error_of("claim:corp/groups=*").find("without '*'"), std::string::npos);
}

TEST(SelectorText, IdentitiesAreWhatACredentialProves) {
  for (const auto text : {"user:corp/ann", "sa:c/n/a", "spiffe://d/p", "ike:fqdn=a"})
    EXPECT_TRUE(is_identity(*parse_selector(text))) << text;
  for (const auto text : {"*", "spiffe://d/*", "claim:c/k=v", "tag:a", "peer:a", "group:a", "net:10.0.0.0/8"})
    EXPECT_FALSE(is_identity(*parse_selector(text))) << text;
}

TEST(Groups, AreResolvedIntoTheirMembersEachOnce) {
  const Policy policy =
      valid(joined({"[group]\nall = [\"group:ops\", \"tag:c\", \"group:dev\"]\nops = [\"tag:a\", \"tag:b\"]\ndev = "
                    "[\"tag:b\", \"group:none\"]\nnone = []\n",
                    rule_toml("r", "allow", "\"tag:b\", \"group:all\"", "\"backend\""), backend_toml}));
  std::vector<std::string> texts;
  for (const Selector& from : policy.rules.at(0).from) texts.push_back(from.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"tag:b", "tag:a", "tag:c"}));
  EXPECT_EQ(policy.groups.at(0).members.size(), 3U);  // as written
}

TEST(Groups, ThatDoNotExistAreNamedWithTheClosest) {
  expect_errors(
      joined({"[group]\nsre = [\"group:srre\", \"group:zzzz\"]\n",
              rule_toml("r", "allow", "\"group:ser\"", "\"backend\""), backend_toml}),
      {"3:8: group sre: there is no group 'srre'; did you mean 'sre'?", "3:22: group sre: there is no group 'zzzz'",
       "7:9: from: there is no group 'ser'; did you mean 'sre'?"});
}

TEST(Groups, LoopsAreShown) {
  expect_errors("[group]\na = [\"group:b\"]\nb = [\"tag:x\", \"group:c\"]\nc = [\"group:b\"]\n",
                {"5:6: group c: expected no loop, got b -> c -> b"});
  expect_errors("[group]\na = [\"group:b\"]\nb = [\"group:a\", \"group:b\"]\n",
                {"4:6: group b: expected no loop, got a -> b -> a", "4:17: group b: expected no loop, got b -> b"});
}

TEST(Groups, LongChainsNeedNoStack) {
  std::string text = "[group]\n";
  for (int i = 0; i < 50'000; ++i) text += "g" + std::to_string(i) + " = [\"group:g" + std::to_string(i + 1) + "\"]\n";
  EXPECT_TRUE(errors_of(bundle_of(text + "g50000 = [\"tag:a\"]\n")).empty());
  const auto errors = errors_of(bundle_of(text + "g50000 = [\"group:g0\"]\n"));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_TRUE(errors[0].ends_with(" -> ... -> g0")) << errors[0];
}

TEST(Groups, ThatMultiplyAreRefused) {
  std::string text = "[group]\ng0 = [";
  for (int i = 0; i < 3000; ++i) text += "\"tag:t" + std::to_string(i) + "\", ";
  text += "]\n";
  for (int i = 1; i < 3000; ++i) text += "g" + std::to_string(i) + " = [\"group:g" + std::to_string(i - 1) + "\"]\n";
  const auto errors = errors_of(bundle_of(text));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_TRUE(errors[0].ends_with(
      "expected groups that come to at most 8388608 members, those of groups in groups counted again"))
      << errors[0];
}

TEST(Groups, HoldNoStar) {
  expect_errors("[group]\nall = [\"*\", 3]\n",
                {"3:8: group all: \"*\" can stand only in `from` of a rule",
                 "3:13: group all: expected a selector such as \"group:sre\", got the integer 3"});
}

}  // namespace
}  // namespace sallyport::policy::selectors_test
