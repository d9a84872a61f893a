#include "controlplane/api/request_object.hpp"

#include <gtest/gtest.h>

#include <array>

namespace sallyport::controlplane::request_object_test {
namespace {

constexpr std::array<std::string_view, 3> known = {"name", "tags", "uses"};

std::string problem_of(const std::string& body) {
  auto object = RequestObject::parse(body, known, "{\"name\": TEXT}");
  if (!object) return object.error();
  (void)object->text("name", 8);
  (void)object->texts("tags", 2, 4);
  (void)object->optional_number("uses", 1, 10);
  return object->problem();
}

TEST(RequestObject, ReadsWhatItExpects) {
  auto object = RequestObject::parse(R"({"uses": 10, "name": "a b", "tags": ["x", "yyyy"]})", known, "");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->text("name", 3), "a b");
  EXPECT_EQ(object->texts("tags", 2, 4), (std::vector<std::string>{"x", "yyyy"}));
  EXPECT_EQ(object->optional_number("uses", 1, 10), 10U);
  EXPECT_EQ(object->number("uses", 10, 10), 10U);
  EXPECT_EQ(object->problem(), "");
  EXPECT_EQ(problem_of(R"({"name":"a","uses":null})"), "") << "null is not there";
}

TEST(RequestObject, SaysWhatIsNoObject) {
  for (const char* body : {"", "{", "[]", "1", "null", "\"name\"", "{\"name\":}", "{\"name\":\"\xff\"}", "{}x"})
    EXPECT_TRUE(problem_of(body).starts_with("expected a JSON object like {\"name\"")) << body;
}

TEST(RequestObject, SaysWhatIsWrongWithAMember) {
  const struct {
    const char* body;
    const char* words;
  } cases[] = {
      {R"({"name":"a","nam":1})", "there is no member 'nam'; did you mean 'name'?"},
      {R"({"name":"a","name":"b"})", "'name' stands there twice"},
      {R"({"name":"a","n\u0061me":"b"})", "'name' stands there twice"},
      {R"({})", "name: expected a text of 1 to 8 bytes without control characters, got nothing"},
      {R"({"name":""})", "name: expected a text"},
      {R"({"name":"123456789"})", "got '123456789'"},
      {R"({"name":"a\nb"})", "name: expected a text"},
      {R"({"name":"a\u0000"})", "name: expected a text"},
      {R"({"name":1})", "got 1"},
      {R"({"name":["a"]})", "got a list of 1"},
      {R"({"name":{"a":1}})", "got an object"},
      {R"({"name":"a","tags":"x"})", "tags: expected a list of at most 2 texts, got 'x'"},
      {R"({"name":"a","tags":["x","y","z"]})", "got a list of 3"},
      {R"({"name":"a","tags":["xxxxx"]})", "tags: expected a text of 1 to 4 bytes"},
      {R"({"name":"a","tags":[1]})", "tags: expected a text"},
      {R"({"name":"a","tags":[[]]})", "a list or an object stands in another one"},
      {R"({"name":"a","tags":[{"name":"b"}]})", "a list or an object stands in another one"},
      {R"({"name":"a","uses":0})", "uses: expected an integer from 1 to 10, got 0"},
      {R"({"name":"a","uses":11})", "got 11"},
      {R"({"name":"a","uses":-1})", "got -1"},
      {R"({"name":"a","uses":1.0})", "got 1.0"},
      {R"({"name":"a","uses":true})", "got true"},
      {R"({"name":"a","uses":"1"})", "got '1'"},
      {R"({"name":"a","uses":99999999999999999999})", "uses: expected"},
  };
  for (const auto& wrong : cases)
    EXPECT_NE(problem_of(wrong.body).find(wrong.words), std::string::npos)
        << wrong.body << ": " << problem_of(wrong.body);
}

TEST(RequestObject, KeepsNothingOfWhatIsNestedDeeply) {
  const std::string deep = "{\"name\":" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}";
  EXPECT_NE(problem_of(deep).find("stands in another one"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::controlplane::request_object_test
