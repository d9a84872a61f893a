// The pieces under config/toml: documents as values, texts for messages, suggestions.
#include <gtest/gtest.h>

#include "config/toml/safe_text.hpp"
#include "config/toml/suggest.hpp"
#include "config/toml/value.hpp"

namespace sallyport::config::toml_test {
namespace {

TEST(TomlValues, KeepTypesAndPositions) {
  const auto document = parse_toml("a = 1\n[t]\nb = [\"x\", 1.5, true]\n", ErrorList("f"));
  ASSERT_TRUE(document);
  EXPECT_EQ(*document->find("a")->value.as<std::int64_t>(), 1);
  EXPECT_EQ(document->find("a")->value.position, (Position{1, 5}));
  const auto& list = *document->find("t")->value.as<TomlTable>()->find("b")->value.as<TomlArray>();
  EXPECT_EQ(*list.at(0).as<std::string>(), "x");
  EXPECT_EQ(*list.at(1).as<double>(), 1.5);
  EXPECT_TRUE(*list.at(2).as<bool>());
  EXPECT_EQ(list.at(1).position, (Position{3, 11}));
  EXPECT_EQ(document->find("none"), nullptr);
}

TEST(TomlValues, OnlyADateTimeWithAnOffsetIsAnInstant) {
  const auto document =
      parse_toml("a = 2026-12-01T18:00:00+01:00\nb = 2026-12-01T18:00:00\nc = 2026-12-01\nd = 1970-01-01T00:00:01Z\n",
                 ErrorList("f"));
  ASSERT_TRUE(document);
  const auto instant = [&](std::string_view key) {
    return document->find(key)->value.as<TomlDateTime>()->unix_seconds;
  };
  EXPECT_EQ(instant("a"), 1796144400);
  EXPECT_EQ(instant("b"), std::nullopt);
  EXPECT_EQ(instant("c"), std::nullopt);
  EXPECT_EQ(instant("d"), 1);
}

TEST(EscapedText, IsOneLineOfWholeCharacters) {
  EXPECT_EQ(escaped("a\"b\\c\n\x7f", 100), "a\\\"b\\\\c\\x0a\\x7f");
  EXPECT_EQ(escaped("\xc3\xa9\xc3\xa9", 3), "\xc3\xa9...");
  EXPECT_EQ(escaped("\xc2\x9b", 100), "\\x9b");  // CSI, which a terminal obeys
  EXPECT_EQ(escaped("\xc2\xa0", 100), "\xc2\xa0");
}

TEST(EditDistance, CountsSwapsAsOne) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("adress", "addresses"), 3U);
  EXPECT_EQ(edit_distance("peopel", "people"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(DidYouMean, OnlySuggestsWhatIsClose) {
  const std::string_view known[] = {"addresses", "mtu", "name"};
  EXPECT_EQ(did_you_mean("adress", known), "; did you mean 'addresses'?");
  EXPECT_EQ(did_you_mean("mut", known), "; did you mean 'mtu'?");
  EXPECT_EQ(did_you_mean("x", known), "");
  EXPECT_EQ(did_you_mean("", known), "");
  EXPECT_EQ(did_you_mean(std::string(100, 'a'), known), "");
}

}  // namespace
}  // namespace sallyport::config::toml_test
