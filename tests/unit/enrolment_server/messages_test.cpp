#include "controlplane/enrolment/messages.hpp"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "controlplane/enrolment/answers.hpp"

namespace sallyport::controlplane::messages_test {
namespace {

const std::string key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
const std::string other_key = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";

std::string enroll_with(const std::string& more) {
  return R"({"public_key":")" + key + '"' + more + '}';
}
std::string posture_with(const std::string& values, const std::string& more = "") {
  return R"({"posture":{)" + values + R"(},"ttl_s":60)" + more + '}';
}
std::string problem_of(const std::string& body) {
  const auto parsed = parse_enroll(body);
  return parsed ? "none" : parsed.error();
}
std::string posture_problem_of(const std::string& body) {
  const auto parsed = parse_posture(body);
  return parsed ? "none" : parsed.error();
}
std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

TEST(EnrolmentMessages, ReadAnEnrollRequest) {
  const auto body = parse_enroll(enroll_with(R"(,"token":"a.b.c","instance":"rack-7")"));
  ASSERT_TRUE(body) << body.error();
  EXPECT_EQ(encode_key(body->public_key), key);
  EXPECT_EQ(body->token, "a.b.c");
  EXPECT_EQ(body->instance, "rack-7");
  const auto least = parse_enroll(' ' + enroll_with("") + "\r\n");
  ASSERT_TRUE(least) << least.error();
  EXPECT_EQ(least->token, "");
  EXPECT_EQ(least->instance, "");
}

TEST(EnrolmentMessages, ReadARenewRequest) {
  const auto body = parse_renew(enroll_with(R"(,"new_public_key":")" + other_key + R"(","token":"t")"));
  ASSERT_TRUE(body) << body.error();
  EXPECT_EQ(encode_key(*body->new_public_key), other_key);
  EXPECT_FALSE(parse_renew(enroll_with(""))->new_public_key);
  EXPECT_FALSE(parse_renew(enroll_with(R"(,"instance":"a")")));
}

TEST(EnrolmentMessages, ReadPostureOfEveryKind) {
  const auto body = parse_posture(posture_with(
      R"("encrypted":true,"age":-3,"load":0.5,"os":"Debian 12","most":9223372036854775807)",
      R"(,"view":{"received_bytes":1,"sent_bytes":2,"last_handshake_age_s":3,"mtu":1420,"endpoint":"192.0.2.1:5"})"));
  ASSERT_TRUE(body) << body.error();
  EXPECT_EQ(
      body->posture,
      (std::map<std::string, policy::PostureValue>{
          {"encrypted", true}, {"age", std::int64_t{-3}}, {"load", 0.5}, {"os", "Debian 12"}, {"most", INT64_MAX}}));
  EXPECT_EQ(body->time_to_live, std::chrono::seconds(60));
  EXPECT_EQ(
      *body->view,
      (EnrolledSession::ClientView{
          .received_bytes = 1, .sent_bytes = 2, .last_handshake_age_s = 3, .mtu = 1420, .endpoint = "192.0.2.1:5"}));
  EXPECT_FALSE(parse_posture(posture_with(""))->view);
}

TEST(EnrolmentMessages, SayInOneSentenceWhatIsWrong) {
  EXPECT_EQ(problem_of("{}"), "the body: the member \"public_key\" is missing");
  EXPECT_EQ(problem_of("[]"), "the body: expected an object");
  EXPECT_EQ(problem_of(""), "the body: not JSON at byte 1");
  EXPECT_EQ(problem_of(enroll_with(R"(,"tokne":"a")")), "the body: the member \"tokne\" is not known");
  EXPECT_EQ(problem_of(enroll_with(R"(,"token":"no token at all")")), "none") << "it is refused as a proof";
  EXPECT_EQ(problem_of(enroll_with(R"(,"token":7)")), "the body: token: expected a token");
  EXPECT_EQ(problem_of(enroll_with(R"(,"token":[])")), "the body: token: expected a token, got an array");
  EXPECT_EQ(problem_of(enroll_with(R"(,"token":null)")), "the body: token: expected a token, got null");
  EXPECT_EQ(problem_of(R"({"public_key":"short"})"),
            "the body: public_key: expected 44 characters of base64 of a 32-byte key");
  EXPECT_NE(problem_of(enroll_with(",\"public_key\":\"" + key + '"')).find("comes twice"), std::string::npos);
}

TEST(EnrolmentMessages, RefuseWhatTwoReadersMightReadDifferently) {
  const std::string good = enroll_with("");
  EXPECT_EQ(problem_of(good), "none");
  EXPECT_NE(problem_of(good + std::string(1, '\0') + "rest"), "none");
  EXPECT_NE(problem_of("\xef\xbb\xbf" + good), "none");
  EXPECT_NE(problem_of(good + good), "none");
  EXPECT_NE(problem_of(good + ','), "none");
  EXPECT_NE(problem_of("/* */" + good), "none");
  EXPECT_NE(problem_of(enroll_with(",\"instance\":\"\xff\"")), "none");
  EXPECT_NE(problem_of(enroll_with(",\"instance\":\"\xc0\xaf\"")), "none");
  EXPECT_NE(problem_of(enroll_with(R"(,"token":"\ud800")")), "none");
  EXPECT_NE(problem_of(enroll_with(",\"token\":NaN")), "none");
}

TEST(EnrolmentMessages, RefuseDeepNestingWithoutRecursion) {
  for (const std::size_t levels : {2U, 9U, 32'000U}) {
    EXPECT_NE(problem_of(enroll_with(",\"token\":" + nested(levels))), "none") << levels;
    EXPECT_NE(posture_problem_of(posture_with("\"a\":" + nested(levels))), "none") << levels;
  }
}

TEST(EnrolmentMessages, TakeOnlyCanonicalKeys) {
  const auto takes = [](const std::string& text) { return problem_of(R"({"public_key":")" + text + "\"}") == "none"; };
  EXPECT_TRUE(takes(key));
  EXPECT_FALSE(takes(key.substr(0, 43)));
  EXPECT_FALSE(takes(key + '='));
  EXPECT_FALSE(takes(key.substr(0, 42) + "p="));  // bits after the last byte
  EXPECT_FALSE(takes(key.substr(0, 43) + 'o'));   // 33 bytes
  std::string url = key;
  url[url.find('/')] = '_';
  EXPECT_FALSE(takes(url));
  EXPECT_FALSE(takes(' ' + key.substr(0, 43)));
}

TEST(EnrolmentMessages, BoundInstanceNames) {
  const auto with = [](const std::string& name) { return problem_of(enroll_with(",\"instance\":\"" + name + '"')); };
  EXPECT_EQ(with(std::string(63, 'a')), "none");
  EXPECT_NE(with(std::string(64, 'a')), "none");
  for (const char* name : {"", "-a", "a b", "a/b", "a\\u0000", "\\u00e4"}) EXPECT_NE(with(name), "none") << name;
}

TEST(EnrolmentMessages, BoundNumbers) {
  const auto value = [](const std::string& written) { return posture_problem_of(posture_with("\"a\":" + written)); };
  for (const char* good : {"0", "-0", "1e3", "-9223372036854775808", "9223372036854775807", "1e-400", "4e18"})
    EXPECT_EQ(value(good), "none") << good;
  for (const char* bad : {"9223372036854775808", "18446744073709551616", "-9223372036854775809", "1e999", "1e19", "01",
                          "+1", "0x1", "Infinity", "1."})
    EXPECT_NE(value(bad), "none") << bad;
  const auto lasts = [](const std::string& written) {
    return posture_problem_of(R"({"posture":{},"ttl_s":)" + written + '}');
  };
  EXPECT_EQ(lasts("1"), "none");
  EXPECT_EQ(lasts("86400"), "none");
  EXPECT_EQ(lasts("86401"), "the body: ttl_s: expected an integer from 1 to 86400");
  for (const char* bad : {"0", "-1", "1.0", "\"1\"", "true", "18446744073709551617"})
    EXPECT_NE(lasts(bad), "none") << bad;
}

TEST(EnrolmentMessages, BoundPosture) {
  std::string values;
  for (std::size_t i = 0; i < posture_values_max; ++i)
    values += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":true";
  EXPECT_EQ(posture_problem_of(posture_with(values)), "none");
  EXPECT_EQ(posture_problem_of(posture_with(values + ",\"more\":true")),
            "the body: posture: expected 64 values at most");
  EXPECT_EQ(posture_problem_of(posture_with("\"a\":\"" + std::string(1024, 'x') + '"')), "none");
  EXPECT_NE(posture_problem_of(posture_with("\"a\":\"" + std::string(1025, 'x') + '"')), "none");
  for (const char* bad :
       {R"("a":null)", R"("a":[])", R"("a":{})", R"("a":"\n")", R"("a b":1)", R"("":1)", R"("a":1,"a":2)"})
    EXPECT_NE(posture_problem_of(posture_with(bad)), "none") << bad;
  for (const char* bad :
       {R"({})", R"([])", R"({"received_bytes":1})", R"({"received_bytes":1,"sent_bytes":-1})",
        R"({"received_bytes":1,"sent_bytes":1,"mtu":65536})", R"({"received_bytes":1,"sent_bytes":1,"endpoint":""})",
        R"({"received_bytes":1,"sent_bytes":1,"other":1})"})
    EXPECT_NE(posture_problem_of(posture_with("", std::string(",\"view\":") + bad)), "none") << bad;
}

TEST(EnrolmentMessages, ReadTheAuthorizationHeader) {
  EXPECT_EQ(*parse_authorization(""), "");
  EXPECT_EQ(*parse_authorization("Bearer a.b-c_d~e+f/g=="), "a.b-c_d~e+f/g==");
  EXPECT_EQ(*parse_authorization("bEARER  x"), "x");
  for (const char* bad : {"Bearer", "Bearer ", "Basic eDp5", "Bearerx", "Bearer a b", "Bearer ==", "Bearer a\tb", "x",
                          "Bearer \xc3\xa4", "Bearer a,Bearer b"})
    EXPECT_FALSE(parse_authorization(bad)) << bad;
  EXPECT_EQ(*parse_session_authorization("Bearer " + std::string(128, 'a')), std::string(128, 'a'));
  EXPECT_FALSE(parse_session_authorization("Bearer " + std::string(129, 'a')));
  EXPECT_FALSE(parse_session_authorization("Bearer a.b"));
  EXPECT_EQ(*parse_session_authorization(""), "");
}

TEST(EnrolmentMessages, NeverRepeatAToken) {
  const std::string secret = "very-secret token";
  for (const std::string& why :
       {problem_of(enroll_with(",\"token\":\"" + secret + '"')), parse_authorization("Bearer " + secret).error(),
        parse_session_authorization("Bearer very-secret.token").error()})
    EXPECT_EQ(why.find("secret"), std::string::npos) << why;
}

TEST(EnrolmentMessages, RenderWhatIsGranted) {
  Granted granted{.session_id = "6f1d0c52a9b3e847",
                  .session_token = "abc",
                  .identity = "sa:prod-eu/shop/frontend",
                  .public_key = *decode_key(key),
                  .preshared_key = SharedKey(Secret<key_bytes>(*decode_key(other_key))),
                  .post_quantum = true,
                  .addresses = {*IpPrefix::parse("10.8.128.2/32"), *IpPrefix::parse("fd08:1::2/128")},
                  .gateway_key = *decode_key(other_key),
                  .endpoint = "192.0.2.1:51820",
                  .dns = {IpAddress::v4(10, 8, 0, 53)},
                  .routes = {*IpPrefix::parse("10.0.0.0/8")},
                  .expires_at = policy::TimePoint(std::chrono::seconds(1'795'687'200))};
  EXPECT_EQ(
      answer_with(granted).body,
      R"({"session":"6f1d0c52a9b3e847","session_token":"abc","identity":"sa:prod-eu/shop/frontend","public_key":")" +
          key + R"(","preshared_key":")" + other_key +
          R"(","post_quantum":true,"addresses":["10.8.128.2/32","fd08:1::2/128"],"gateway":{"public_key":")" +
          other_key +
          R"(","endpoint":"192.0.2.1:51820"},"dns":["10.8.0.53"],"routes":["10.0.0.0/8"],"mtu":1420,)"
          R"("persistent_keepalive_s":25,"expires_at":"2026-11-26T10:00:00Z"})");
  granted.session_token.clear();
  EXPECT_EQ(answer_with(granted).body.find("session_token"), std::string::npos);
}

TEST(EnrolmentMessages, RenderTheSameRefusalForEveryReason) {
  for (std::size_t i = 0; i < proof_refusal_count; ++i) {
    const RefusedProof refused{static_cast<ProofRefusal>(i), "corp", "detail " + std::to_string(i)};
    const HttpResponse response = answer_with(EnrolmentResult(tl::unexpected(EnrolmentRefusal(refused))));
    EXPECT_EQ(response.status, 403U);
    EXPECT_EQ(response.body, R"({"error":"refused"})");
  }
}

TEST(EnrolmentMessages, TellFailuresApart) {
  using enum EnrolmentFailure;
  for (const auto& [failure, status] : {std::pair{pool_is_empty, 503U},
                                        {too_many_sessions, 409U},
                                        {gateway_is_full, 503U},
                                        {not_stored, 503U},
                                        {switched_off, 503U},
                                        {busy, 503U}})
    EXPECT_EQ(answer_with(failure).status, status);
  EXPECT_EQ(too_many_requests_answer(std::chrono::milliseconds(1)).retry_after_s, 1U);
  EXPECT_EQ(too_many_requests_answer(std::chrono::milliseconds(2'001)).retry_after_s, 3U);
}

}  // namespace
}  // namespace sallyport::controlplane::messages_test
