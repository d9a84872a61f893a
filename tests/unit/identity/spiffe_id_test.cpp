#include "controlplane/identity/spiffe_id.hpp"

#include <string>

#include <gtest/gtest.h>

namespace sallyport::controlplane::spiffe_id_test {
namespace {

TEST(SpiffeId, IsSplitIntoTrustDomainAndPath) {
  const auto id = parse_spiffe_id("spiffe://prod.example.org/ns/Shop/sa/web_1");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->trust_domain, "prod.example.org");
  EXPECT_EQ(id->path, "/ns/Shop/sa/web_1");
}

TEST(SpiffeId, OfATrustDomainHasNoPath) {
  const auto id = parse_spiffe_id("spiffe://prod");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->path, "");
}

TEST(SpiffeId, HasOneSpellingOnly) {
  for (const std::string_view text : {"",
                                      "spiffe://",
                                      "spiffe:///path",
                                      "SPIFFE://prod/a",
                                      "https://prod/a",
                                      "spiffe://Prod/a",
                                      "spiffe://prod/",
                                      "spiffe://prod//a",
                                      "spiffe://prod/a/",
                                      "spiffe://prod/./a",
                                      "spiffe://prod/a/..",
                                      "spiffe://prod/a%20b",
                                      "spiffe://prod:80/a",
                                      "spiffe://user@prod/a",
                                      "spiffe://prod/a?b",
                                      "spiffe://prod/a#b",
                                      "spiffe://prod?b",
                                      "spiffe://pr\xc3\xb6"
                                      "d/a",
                                      "spiffe://prod/a*",
                                      "spiffe:/prod/a",
                                      " spiffe://prod/a",
                                      "spiffe://prod/a\n"})
    EXPECT_FALSE(parse_spiffe_id(text)) << text;
  EXPECT_FALSE(parse_spiffe_id(std::string_view("spiffe://prod/a\0b", 17)));
  EXPECT_TRUE(parse_spiffe_id("spiffe://prod/..."));
}

TEST(SpiffeId, HasAtMost2048BytesAnd255OfTrustDomain) {
  EXPECT_TRUE(parse_spiffe_id("spiffe://" + std::string(255, 'a') + "/b"));
  EXPECT_FALSE(parse_spiffe_id("spiffe://" + std::string(256, 'a') + "/b"));
  const std::string start = "spiffe://prod/";
  EXPECT_TRUE(parse_spiffe_id(start + std::string(2048 - start.size(), 'a')));
  EXPECT_FALSE(parse_spiffe_id(start + std::string(2049 - start.size(), 'a')));
}

}  // namespace
}  // namespace sallyport::controlplane::spiffe_id_test
