// openapi.json against the code: each must have what the other has.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controlplane/enrolment/answers.hpp"
#include "controlplane/enrolment/messages.hpp"
#include "tests/unit/enrolment_server/desk_lab.hpp"

namespace sallyport::controlplane::openapi_test {
namespace {

using Document = nlohmann::json;
using Names = std::set<std::string>;

const Document& document() {
  static const Document parsed = Document::parse(openapi_document());
  return parsed;
}

const Document& resolved(const Document& value) {
  const auto reference = value.find("$ref");
  if (reference == value.end()) return value;
  return document().at(Document::json_pointer(reference->get<std::string>().substr(1)));
}

const Document& schema(std::string_view name) {
  return document().at("components").at("schemas").at(name);
}

const Document& operation(const Route& route) {
  std::string method(route.method);
  for (char& c : method) c = static_cast<char>(std::tolower(c));
  return document().at("paths").at(std::string(route.path)).at(method);
}

Names members_of(const Document& object) {
  Names names;
  for (const auto& [name, value] : object.items()) names.insert(name);
  return names;
}

bool is_of_type(const Document& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  return type == "number" && value.is_number();
}

// What of a value its schema does not allow; empty: nothing. The keywords that the document has, and no others.
std::string mismatch_of(const Document& value, const Document& described, const std::string& at) {
  const Document& shape = resolved(described);
  static const Names known{"type",           "description", "properties", "required", "additionalProperties",
                           "items",          "minLength",   "maxLength",  "pattern",  "format",
                           "minimum",        "maximum",     "enum",       "oneOf",    "maxProperties",
                           "contentEncoding"};
  for (const auto& [keyword, ignored] : shape.items())
    if (!known.contains(keyword)) return at + ": the keyword " + keyword + " is not checked";
  if (shape.contains("oneOf")) {
    std::size_t fitting = 0;
    for (const Document& choice : shape["oneOf"]) fitting += mismatch_of(value, choice, at).empty() ? 1 : 0;
    return fitting == 1 ? "" : at + ": fits " + std::to_string(fitting) + " choices";
  }
  if (!is_of_type(value, shape.at("type"))) return at + ": expected " + shape.at("type").get<std::string>();
  if (shape.contains("enum") && std::find(shape["enum"].begin(), shape["enum"].end(), value) == shape["enum"].end())
    return at + ": not one of enum";
  if (value.is_string()) {
    const std::size_t length = value.get_ref<const std::string&>().size();
    if (length < shape.value("minLength", std::size_t{0}) || length > shape.value("maxLength", SIZE_MAX))
      return at + ": has another length";
  }
  if (value.is_number_integer() &&
      (value < shape.value("minimum", INT64_MIN) || value > shape.value("maximum", INT64_MAX)))
    return at + ": out of range";
  if (value.is_array())
    for (const Document& element : value)
      if (auto wrong = mismatch_of(element, shape.at("items"), at + "[]"); !wrong.empty()) return wrong;
  if (!value.is_object() || !shape.contains("additionalProperties")) return {};
  if (shape.contains("required"))
    for (const auto& name : shape["required"])
      if (!value.contains(name.get<std::string>())) return at + ": lacks " + name.get<std::string>();
  for (const auto& [name, member] : value.items()) {
    const bool described_by_name = shape.contains("properties") && shape["properties"].contains(name);
    const Document& rest = shape["additionalProperties"];
    if (!described_by_name && rest.is_boolean()) return at + ": has " + name;
    auto wrong = mismatch_of(member, described_by_name ? shape["properties"][name] : rest, at + '.' + name);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

// Whether an answer is one that the document has for this route.
::testing::AssertionResult is_documented(const Route& route, const HttpResponse& response) {
  const Document& responses = operation(route).at("responses");
  const std::string status = std::to_string(response.status);
  if (!responses.contains(status)) return ::testing::AssertionFailure() << "no status " << status;
  const Document& described = resolved(responses[status]);
  if ((response.retry_after_s != 0) && !described.contains("headers"))
    return ::testing::AssertionFailure() << status << " has a Retry-After";
  const std::string wrong = mismatch_of(Document::parse(response.body),
                                        described.at("content").at("application/json").at("schema"), "answer");
  if (!wrong.empty()) return ::testing::AssertionFailure() << status << ' ' << wrong << ' ' << response.body;
  return ::testing::AssertionSuccess();
}

// Each status that the desk can give to a route, with the requests that lead to it.
std::map<unsigned, HttpResponse> every_answer(const Route& route) {
  std::map<unsigned, HttpResponse> answers;
  const auto keep = [&](std::optional<HttpResponse> response) {
    if (response) answers.insert_or_assign(response->status, std::move(*response));
  };
  const auto request = [&](std::string body, std::string authorization = {}, std::string type = {}) {
    HttpRequest made = DeskLab::request(std::string(route.method), std::string(route.path), std::move(body));
    made.authorization = std::move(authorization);
    made.content_type = std::move(type);
    return made;
  };
  std::string good;
  if (route.endpoint == Endpoint::enroll || route.endpoint == Endpoint::renew)
    good = R"({"public_key":")" + client_key + "\"}";
  if (route.endpoint == Endpoint::posture) good = R"({"posture":{},"ttl_s":1})";
  const bool by_proof = route.endpoint == Endpoint::enroll || route.endpoint == Endpoint::renew;
  const std::string proof = "Bearer " + (by_proof ? enrolment_secret : std::string("abc"));
  const EnrolmentAnswer success = route.endpoint == Endpoint::posture         ? EnrolmentAnswer(PostureTaken{})
                                  : route.endpoint == Endpoint::session_state ? EnrolmentAnswer(example_state())
                                  : route.endpoint == Endpoint::end_session   ? EnrolmentAnswer(Ended{})
                                                                              : EnrolmentAnswer(example_grant());
  DeskLab lab;
  if (route.endpoint == Endpoint::document) {
    keep(lab.ask(request("")));
  } else {
    keep(lab.ask(request("nonsense", proof)));
    keep(lab.ask(request(good)));
    keep(lab.ask(request(good, proof, "text/plain")));
    const auto replied = [&](EnrolmentResult result) {
      EXPECT_FALSE(lab.ask(request(good, proof)));
      keep(lab.reply(std::move(result)));
    };
    replied(tl::unexpected(EnrolmentRefusal(EnrolmentFailure::busy)));
    if (route.endpoint == Endpoint::enroll || route.endpoint == Endpoint::renew)
      replied(tl::unexpected(EnrolmentRefusal(EnrolmentFailure::too_many_sessions)));
    replied(success);
  }
  DeskLab limited(SourceLimits(1, 1));
  (void)limited.ask(request(good, proof));
  keep(limited.ask(request(good, proof)));
  return answers;
}

TEST(OpenApi, IsADocumentOfVersion31) {
  EXPECT_TRUE(document().at("openapi").get<std::string>().starts_with("3.1."));
}

TEST(OpenApi, HasEveryRouteOfTheServerAndNoOther) {
  Names of_server, of_document;
  for (const Route& route : routes) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    of_server.insert(method + ' ' + std::string(route.path));
  }
  for (const auto& [path, item] : document().at("paths").items())
    for (const auto& [method, ignored] : item.items()) of_document.insert(method + ' ' + path);
  EXPECT_EQ(of_server, of_document);
}

TEST(OpenApi, NamesNoPathThatTheServerDoesNotAnswer) {
  for (const auto& [path, item] : document().at("paths").items())
    for (const auto& [method, ignored] : item.items()) {
      DeskLab lab;
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(std::toupper(c));
      const auto response = lab.ask(DeskLab::request(upper, path));
      ASSERT_TRUE(response) << path;
      EXPECT_NE(response->status, 404U) << path;
      EXPECT_NE(response->status, 405U) << path;
    }
}

TEST(OpenApi, HasEveryStatusOfTheServerAndNoOther) {
  for (const Route& route : routes) {
    Names of_server{"411", "413", "default"};  // of http_server
    for (const auto& [status, response] : every_answer(route)) {
      of_server.insert(std::to_string(status));
      if (route.endpoint == Endpoint::document && status == 200) continue;
      EXPECT_TRUE(is_documented(route, response)) << route.path;
    }
    EXPECT_EQ(of_server, members_of(operation(route).at("responses"))) << route.path;
  }
}

TEST(OpenApi, HasEveryMemberOfAnswersAndNoOther) {
  const auto members = [](const HttpResponse& response) { return members_of(Document::parse(response.body)); };
  EXPECT_EQ(members(answer_with(example_grant())), members_of(schema("Granted").at("properties")));
  const Document granted = Document::parse(answer_with(example_grant()).body);
  EXPECT_EQ(members_of(granted.at("gateway")), members_of(schema("Gateway").at("properties")));
  EXPECT_EQ(members(answer_with(PostureTaken{})), members_of(schema("PostureTaken").at("properties")));
  EXPECT_EQ(members(answer_with(example_state())), members_of(schema("SessionState").at("properties")));
  EXPECT_EQ(members(answer_with(Ended{})), members_of(schema("Ended").at("properties")));
  EXPECT_EQ(members(refused_answer()), members_of(schema("Refused").at("properties")));
  EXPECT_EQ(members(error_answer(400, "x")), members_of(schema("Error").at("properties")));
  // What a renewal leaves out is not required.
  Granted renewed = example_grant();
  renewed.session_token.clear();
  Names required;
  for (const auto& name : schema("Granted").at("required")) required.insert(name.get<std::string>());
  EXPECT_EQ(members(answer_with(renewed)), required);
  SessionState settled = example_state();
  settled.former_key_until = settled.former_preshared_key_until = settled.posture_until = {};
  required.clear();
  for (const auto& name : schema("SessionState").at("required")) required.insert(name.get<std::string>());
  EXPECT_EQ(members(answer_with(settled)), required);
}

template <typename Parse>
void expect_request_members(const std::string& name, const auto& members, const std::string& example, Parse parse) {
  const Document& described = schema(name);
  EXPECT_EQ(Names(members.begin(), members.end()), members_of(described.at("properties"))) << name;
  const Document whole = Document::parse(example);
  EXPECT_EQ(members_of(whole), members_of(described.at("properties"))) << name;
  EXPECT_EQ(mismatch_of(whole, described, name), "");
  EXPECT_TRUE(parse(whole)) << name;
  Names required;
  for (const auto& each : described.at("required")) required.insert(each.get<std::string>());
  for (const auto& [member, value] : whole.items()) {
    Document without = whole;
    without.erase(member);
    EXPECT_EQ(static_cast<bool>(parse(without)), !required.contains(member)) << name << " without " << member;
    Document wrong = whole;
    wrong[member] = Document::array();
    EXPECT_FALSE(parse(wrong)) << name << " with a wrong " << member;
  }
}

TEST(OpenApi, HasEveryMemberOfRequestsAndNoOther) {
  expect_request_members("EnrollRequest", enroll_members,
                         R"({"public_key":")" + client_key + R"(","token":"a.b.c","instance":"a"})",
                         [](const Document& body) { return parse_enroll(body.dump()).has_value(); });
  expect_request_members(
      "RenewRequest", renew_members,
      R"({"public_key":")" + client_key + R"(","new_public_key":")" + other_client_key + R"(","token":"a.b.c"})",
      [](const Document& body) { return parse_renew(body.dump()).has_value(); });
  expect_request_members("PostureRequest", posture_members,
                         R"({"posture":{"a":1},"ttl_s":1,"view":{"received_bytes":1,"sent_bytes":1}})",
                         [](const Document& body) { return parse_posture(body.dump()).has_value(); });
  expect_request_members(
      "ClientView", view_members,
      R"({"received_bytes":1,"sent_bytes":1,"last_handshake_age_s":1,"mtu":1420,"endpoint":"192.0.2.1:51820"})",
      [](const Document& view) {
        const Document body{{"posture", Document::object()}, {"ttl_s", 1}, {"view", view}};
        return parse_posture(body.dump()).has_value();
      });
}

TEST(OpenApi, StatesTheBoundsOfTheServer) {
  const Document& posture = schema("PostureRequest").at("properties");
  EXPECT_EQ(posture.at("ttl_s").at("maximum"), posture_time_to_live_max.count());
  EXPECT_EQ(posture.at("posture").at("maxProperties"), posture_values_max);
  EXPECT_EQ(posture.at("posture").at("additionalProperties").at("oneOf").at(2).at("maxLength"), posture_text_bytes_max);
  EXPECT_EQ(schema("ClientView").at("properties").at("endpoint").at("maxLength"), view_endpoint_characters_max);
  EXPECT_EQ(schema("Granted").at("properties").at("session_token").at("maxLength"), session_token_characters_max);
}

TEST(OpenApi, HasExamplesThatTheServerReads) {
  std::size_t read = 0;
  for (const Route& route : routes) {
    const Document& described = operation(route);
    if (!described.contains("requestBody")) continue;
    const Document& content = described["requestBody"]["content"]["application/json"];
    for (const auto& [name, example] : content.at("examples").items()) {
      const std::string body = example.at("value").dump();
      const bool parses = route.endpoint == Endpoint::enroll  ? parse_enroll(body).has_value()
                          : route.endpoint == Endpoint::renew ? parse_renew(body).has_value()
                                                              : parse_posture(body).has_value();
      EXPECT_TRUE(parses) << body;
      EXPECT_EQ(mismatch_of(example.at("value"), content.at("schema"), name), "");
      ++read;
    }
  }
  EXPECT_GE(read, 6U);
}

TEST(OpenApi, HasExamplesOfAnswersThatFitTheirSchemas) {
  for (const Route& route : routes)
    for (const auto& [status, response] : operation(route).at("responses").items()) {
      const Document& content = resolved(response).at("content").at("application/json");
      if (route.endpoint == Endpoint::document && status == "200") continue;
      EXPECT_EQ(mismatch_of(content.at("example"), content.at("schema"), std::string(route.path) + ' ' + status), "");
    }
  EXPECT_EQ(document()["components"]["responses"]["Refused"]["content"]["application/json"]["example"].dump(),
            refused_answer().body);
}

}  // namespace
}  // namespace sallyport::controlplane::openapi_test
