#include "controlplane/identity/strict_json.hpp"

#include <gtest/gtest.h>

namespace sallyport::controlplane::strict_json_test {
namespace {

std::string problem_of(std::string_view text) {
  const auto document = parse_json_object(text);
  return document ? "" : document.error();
}

TEST(StrictJson, ReadsAnObject) {
  const auto document = parse_json_object(R"( {"a":[1,{"a":2}],"b":"\u00e9"} )");
  ASSERT_TRUE(document) << document.error();
  EXPECT_EQ(*text_member(*document, "b"), "\xc3\xa9");
  EXPECT_EQ(member(*document, "c"), nullptr);
  EXPECT_EQ(text_member(*document, "a"), nullptr);
}

TEST(StrictJson, RefusesAMemberThatComesTwice) {
  EXPECT_EQ(problem_of(R"({"a":1,"a":1})"), "the member \"a\" comes twice");
  EXPECT_EQ(problem_of(R"({"x":[{"a":1,"\u0061":2}]})"), "the member \"a\" comes twice");
  EXPECT_EQ(problem_of(R"({"x":{"a":1},"a":2})"), "");
}

TEST(StrictJson, RefusesWhatIsNoObject) {
  for (const std::string_view text : {"[]", "1", "\"a\"", "null", "true", "[{}]"})
    EXPECT_EQ(problem_of(text), "expected an object") << text;
}

TEST(StrictJson, RefusesWhatIsNoJson) {
  for (const std::string_view text : {"", "{", "{}{}", "{} x", "{\"a\":01}", "{\"a\":1e999}", "{\"a\":NaN}", "{'a':1}",
                                      "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}", "{\"a\":1,}", "{/**/}"})
    EXPECT_TRUE(problem_of(text).starts_with("not JSON")) << text;
}

TEST(StrictJson, DoesNotTakeAZeroByteForTheEnd) {
  EXPECT_EQ(problem_of(std::string_view("{}\0{}", 5)), "not JSON: it has a zero byte");
}

TEST(StrictJson, RefusesAByteOrderMark) {
  EXPECT_EQ(problem_of("\xef\xbb\xbf{}"), "not JSON: it begins with a byte order mark");
}

TEST(StrictJson, RefusesDeepNesting) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_EQ(problem_of(nested(json_depth_max)), "");
  EXPECT_EQ(problem_of(nested(json_depth_max + 1)), "nested too deeply");
  EXPECT_EQ(problem_of(nested(500'000)), "nested too deeply");
}

TEST(StrictJson, FollowsPointersOfRfc6901) {
  const Json document = Json::parse(R"({"a":{"b/c":[10,[20]],"~":30,"":40},"realm_access":{"roles":["x"]}})");
  const auto at = [&](std::string_view pointer) {
    const Json* found = find_by_pointer(document, pointer);
    return found == nullptr ? "nothing" : found->dump();
  };
  EXPECT_EQ(at("/a/b~1c/0"), "10");
  EXPECT_EQ(at("/a/b~1c/1/0"), "20");
  EXPECT_EQ(at("/a/~0"), "30");
  EXPECT_EQ(at("/a/"), "40");
  EXPECT_EQ(at("/realm_access/roles"), "[\"x\"]");
  for (const std::string_view pointer : {"a", "/b", "/a/b~1c/2", "/a/b~1c/00", "/a/b~1c/-", "/a/b~1c/1x", "/a/~",
                                         "/a/~2", "/a/b~1c/0/x", "/a/b~1c/18446744073709551616"})
    EXPECT_EQ(at(pointer), "nothing") << pointer;
}

}  // namespace
}  // namespace sallyport::controlplane::strict_json_test
