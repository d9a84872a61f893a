// What is refused before any key is looked at: broken TOML, broken text, nesting.
#include "config_text.hpp"

namespace sallyport::config::syntax_test {
namespace {

TEST(Syntax, FirstErrorStandsAlone) {
  const auto errors = errors_of("[gateway]\nname = \nother = = 3\n");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_TRUE(errors[0].starts_with("gateway.toml:2:8: syntax error: ")) << errors[0];
}

TEST(Syntax, TruncatedFileIsAnErrorWhereItEnds) {
  const auto errors = errors_of("[gateway]\nname = \"fra");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_TRUE(errors[0].starts_with("gateway.toml:2:")) << errors[0];
  EXPECT_NE(errors[0].find("end-of-file"), std::string::npos) << errors[0];
}

TEST(Syntax, EveryTruncationOfAValidTextIsRefusedOrValidButNeverACrash) {
  const std::string text = complete(peer_toml("ann", ann_key, "10.8.0.2/32"));
  for (std::size_t length = 0; length < text.size(); ++length)
    for (const auto& line : errors_of(std::string_view(text).substr(0, length)))
      EXPECT_TRUE(line.starts_with("gateway.toml:")) << line;
}

TEST(Syntax, DuplicateKeyIsASyntaxError) {
  const auto errors = errors_of("[gateway]\nname = \"a\"\nname = \"b\"\n");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_TRUE(errors[0].starts_with("gateway.toml:3:")) << errors[0];
}

TEST(Syntax, NotUtf8SaysWhereAndWhichByte) {
  expect_errors("[gateway]\nname = \"\xc3\xa9\xff\"\n", {"2:10: not UTF-8: byte 0xff"});
  expect_errors("\xc0\xaf", {"1:1: not UTF-8: byte 0xc0"});          // overlong
  expect_errors("a\xed\xa0\x80", {"1:2: not UTF-8: byte 0xed"});     // a surrogate
  expect_errors("\xf4\x90\x80\x80", {"1:1: not UTF-8: byte 0xf4"});  // above U+10FFFF
  expect_errors("\xe2\x82", {"1:1: not UTF-8: byte 0xe2"});          // cut short
}

TEST(Syntax, NulBytesAreRefused) {
  EXPECT_FALSE(errors_of(std::string_view("[gateway]\0\nname = \"a\"\n", 21)).empty());
  expect_errors(joined({"[gateway]\nname = \"a\\u0000b\"\n", policy_toml, wan_toml}),
                {"2:8: name: expected a name (letters, digits, '.', '_', '-', 63 characters at most), got the string "
                 "\"a\\x00b\""});
}

TEST(Syntax, NestingWithoutEndIsRefusedBeforeTheParserRecurses) {
  expect_errors("a = " + std::string(100'000, '['), {"1:21: nested too deeply"});
  std::string dotted = "a";
  for (int i = 0; i < 100'000; ++i) dotted += ".a";
  expect_errors(dotted + " = 1", {"1:66: too many dots on one line"});
  expect_errors('[' + dotted + ']', {"1:67: too many dots on one line"});
}

TEST(Syntax, DotsAndBracketsInStringsAndCommentsDoNotCount) {
  const std::string many = std::string(200, '.') + std::string(200, '[');
  for (const std::string& value : {'"' + many + "\\\"" + many + '"', '\'' + many + '\'',
                                   "\"\"\"\n" + many + "\"\n\"\"\"\"\"", "'''" + many + "''\n'''", "\"\" # " + many}) {
    const auto errors = errors_of("x = " + value + "\n");
    ASSERT_FALSE(errors.empty());
    EXPECT_EQ(errors[0].find("nested"), std::string::npos) << errors[0];
    EXPECT_EQ(errors[0].find("dots"), std::string::npos) << errors[0];
  }
}

TEST(Syntax, StringThatOnlyLooksOpenHidesNothing) {
  // The first line ends a multi-line string; what follows its end is structure again.
  const std::string text = "x = [\"\"\"\n'\"\"\", " + std::string(100, '[');
  expect_errors(text, {"2:22: nested too deeply"});
}

TEST(Syntax, MessagesEscapeControlBytes) {
  const auto errors = errors_of("[gateway]\n\"a\\u001b[31m\" = 1\n");
  ASSERT_FALSE(errors.empty());
  for (const auto& line : errors) EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
}

TEST(Syntax, ByteOrderMarkIsAccepted) {
  valid("\xef\xbb\xbf" + complete(""));
}

}  // namespace
}  // namespace sallyport::config::syntax_test
