// The device flow (RFC 8628) against an identity provider of the test's own.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>

#include "tests/unit/sallyctl/enroll_fixture.hpp"
#include "tools/ctl/enroll/client_key.hpp"
#include "tools/ctl/enroll/device_flow.hpp"
#include "tools/ctl/enroll/proof_source.hpp"

namespace sallyport::ctl::device_flow_test {
namespace {

using namespace std::chrono_literals;
using ProviderJson = nlohmann::json;

constexpr const char* device_path = "/idp/device";
constexpr const char* token_path = "/idp/token";

std::map<std::string, std::string> form_of(const std::string& body) {
  std::map<std::string, std::string> members;
  for (std::size_t start = 0; start < body.size();) {
    const std::size_t end = std::min(body.find('&', start), body.size());
    const std::string member = body.substr(start, end - start);
    members[member.substr(0, member.find('='))] = member.substr(member.find('=') + 1);
    start = end + 1;
  }
  return members;
}

std::string error_of(const std::string& name) {
  return http_answer(400, ProviderJson({{"error", name}}).dump());
}

// Answers to polls, one after the other; the last one again and again.
class DeviceFlowTest : public EnrollTest {
 protected:
  DeviceFlowTest() {
    serve([this](const TlsRequest& request) { return answer(request); });
  }

  [[nodiscard]] std::string url() const { return "https://localhost:" + std::to_string(server_->port()); }
  [[nodiscard]] std::string issuer() const { return url() + "/idp"; }
  [[nodiscard]] std::string answer(const TlsRequest& request) {
    if (request.target == "/idp/.well-known/openid-configuration")
      return http_answer(200, ProviderJson({{"issuer", issuer()},
                                            {"device_authorization_endpoint", url() + device_path},
                                            {"token_endpoint", url() + token_path}})
                                  .dump());
    if (request.target == device_path) return http_answer(200, code_.dump());
    if (request.target != token_path) return good_answer(request);
    const std::size_t poll = polls_++;
    return answers_[std::min(poll, answers_.size() - 1)];
  }
  [[nodiscard]] static std::string granted(const std::string& token, const std::string& refresh = {}) {
    ProviderJson body = {{"id_token", token}, {"access_token", "x"}, {"token_type", "Bearer"}};
    if (!refresh.empty()) body["refresh_token"] = refresh;
    return http_answer(200, body.dump());
  }
  [[nodiscard]] DeviceFlow flow() {
    return DeviceFlow({.issuer = issuer(), .client_id = "vpn", .ca_file = path("ca.pem")},
                      {.show = [this](const DeviceCode& code) { shown_.push_back(code.user_code); },
                       .wait =
                           [this](std::chrono::milliseconds time) {
                             waits_.push_back(time);
                             return stops_;
                           }});
  }
  [[nodiscard]] std::vector<TlsRequest> requests_to(const std::string& target) const {
    std::vector<TlsRequest> found;
    for (const TlsRequest& request : server_->requests())
      if (request.target == target) found.push_back(request);
    return found;
  }

  ProviderJson code_ = {{"device_code", "device-secret/1"},
                        {"user_code", "WDJB-MJHT"},
                        {"verification_uri", "https://idp.example.com/device"},
                        {"verification_uri_complete", "https://idp.example.com/device?user_code=WDJB-MJHT"},
                        {"expires_in", 60},
                        {"interval", 1}};
  std::vector<std::string> answers_ = {granted("a.b.c")};
  std::atomic<std::size_t> polls_ = 0;
  std::vector<std::string> shown_;
  std::vector<std::chrono::milliseconds> waits_;
  bool stops_ = false;
};

TEST_F(DeviceFlowTest, AsksPeopleAndPollsUntilTheySayYes) {
  answers_ = {error_of("authorization_pending"), error_of("authorization_pending"), granted("a.b.c")};
  const auto token = flow().sign_in("the-nonce");
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(token->expose(), "a.b.c");
  EXPECT_EQ(shown_, std::vector<std::string>{"WDJB-MJHT"});
  EXPECT_EQ(waits_, (std::vector<std::chrono::milliseconds>{1s, 1s, 1s}));
  const TlsRequest asked = requests_to(device_path).at(0);
  EXPECT_NE(asked.head.find("Content-Type: application/x-www-form-urlencoded\r\n"), std::string::npos);
  EXPECT_EQ(form_of(asked.body), (std::map<std::string, std::string>{
                                     {"client_id", "vpn"}, {"scope", "openid%20email"}, {"nonce", "the-nonce"}}));
  EXPECT_EQ(
      form_of(requests_to(token_path).at(0).body),
      (std::map<std::string, std::string>{{"grant_type", "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"},
                                          {"device_code", "device-secret%2F1"},
                                          {"client_id", "vpn"}}));
}

TEST_F(DeviceFlowTest, PollsLessOftenWhenItIsToldTo) {
  answers_ = {error_of("slow_down"), error_of("authorization_pending"), http_answer(503, "{}"), granted("a.b.c")};
  ASSERT_TRUE(flow().sign_in("n"));
  EXPECT_EQ(waits_, (std::vector<std::chrono::milliseconds>{1s, 6s, 6s, 12s}));
}

TEST_F(DeviceFlowTest, HasAnIntervalOfFiveSecondsUnlessToldOtherwise) {
  code_.erase("interval");
  ASSERT_TRUE(flow().sign_in("n"));
  EXPECT_EQ(waits_, std::vector<std::chrono::milliseconds>{5s});
}

TEST_F(DeviceFlowTest, EndsWhenSomebodySaysNoOrNobodyComes) {
  for (const char* error : {"access_denied", "expired_token"}) {
    answers_ = {error_of(error)};
    const auto token = flow().sign_in("n");
    ASSERT_FALSE(token) << error;
    EXPECT_EQ(token.error().kind, ProofError::Kind::declined) << error;
  }
  answers_ = {error_of("authorization_pending")};
  code_["expires_in"] = 10;
  polls_ = 0;
  const auto late = flow().sign_in("n");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ProofError::Kind::declined) << late.error().message;
  EXPECT_EQ(polls_.load(), 10U);
}

TEST_F(DeviceFlowTest, EndsWithTheSignalAndWithAnswersThatMakeNoSense) {
  stops_ = true;
  EXPECT_EQ(flow().sign_in("n").error().kind, ProofError::Kind::stopped);
  stops_ = false;
  for (const std::string& answer : {error_of("invalid_client"), http_answer(200, "{}"), http_answer(200, "<html>"),
                                    granted("no token"), http_answer(302, "{}")}) {
    answers_ = {answer};
    const auto token = flow().sign_in("n");
    ASSERT_FALSE(token) << answer;
    EXPECT_EQ(token.error().kind, ProofError::Kind::local) << answer;
  }
}

TEST_F(DeviceFlowTest, RenewsByTheRefreshTokenWithoutAskingAnybody) {
  DeviceFlow flow = this->flow();
  answers_ = {granted("a.b.c", "refresh-1"), granted("d.e.f", "refresh-2"), granted("g.h.i")};
  ASSERT_TRUE(flow.sign_in("n"));
  EXPECT_EQ(flow.refresh()->expose(), "d.e.f");
  EXPECT_EQ(flow.refresh()->expose(), "g.h.i");
  EXPECT_EQ(form_of(requests_to(token_path).at(1).body)["refresh_token"], "refresh-1");
  EXPECT_EQ(form_of(requests_to(token_path).at(2).body)["refresh_token"], "refresh-2");
  EXPECT_EQ(shown_.size(), 1U);
}

TEST_F(DeviceFlowTest, SaysThatThereIsNoRefreshToken) {
  DeviceFlow flow = this->flow();
  ASSERT_TRUE(flow.sign_in("n"));
  EXPECT_NE(flow.refresh().error().message.find("no refresh token"), std::string::npos);
}

TEST_F(DeviceFlowTest, AsksPeopleOnceForOneEnrolmentHoweverOftenItIsTried) {
  ProofSettings settings;
  settings.device.issuer = issuer();
  ProofSource proof(
      settings, [](const char*) { return std::nullopt; }, flow());
  const PublicKey key = test_key();
  EXPECT_EQ(proof.token_for(ProofSource::For::enroll, key)->expose(), "a.b.c");
  EXPECT_EQ(proof.token_for(ProofSource::For::enroll, key)->expose(), "a.b.c");
  EXPECT_EQ(shown_.size(), 1U);
  EXPECT_EQ(form_of(requests_to(device_path).at(0).body)["nonce"], nonce_of(key));
  proof.settle();
  EXPECT_TRUE(proof.token_for(ProofSource::For::enroll, key));
  EXPECT_EQ(shown_.size(), 2U);
}

TEST_F(DeviceFlowTest, EnrolsAMachineThatSomebodyConfirmed) {
  answers_ = {error_of("authorization_pending"), granted("a.b.c")};
  const auto outcome = call({"enroll", url(), "--ca", path("ca.pem"), "--device-flow", issuer(), "--issuer-ca",
                             path("ca.pem"), "--client-id", "vpn", "--write", path("wg0.conf")});
  ASSERT_EQ(outcome.code, ExitCode::success) << outcome.err;
  EXPECT_NE(outcome.out.find("https://idp.example.com/device\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("WDJB-MJHT\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("enrolled session="), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("device-secret"), std::string::npos) << outcome.out;
  EXPECT_EQ(ProviderJson::parse(requests_to("/v1/enroll").at(0).body)["token"], "a.b.c");
}

TEST_F(DeviceFlowTest, SaysThatSomebodyRefused) {
  answers_ = {error_of("access_denied")};
  for (const bool stay : {false, true}) {
    std::vector<std::string> words = {"enroll",        url(),    "--ca",        path("ca.pem"),
                                      "--device-flow", issuer(), "--issuer-ca", path("ca.pem"),
                                      "--client-id",   "vpn",    "--write",     path("wg0.conf")};
    if (stay) words.emplace_back("--stay");
    const auto outcome = call(words);
    EXPECT_EQ(outcome.code, ExitCode::failed);
    EXPECT_NE(outcome.err.find("somebody refused the code"), std::string::npos) << outcome.err;
  }
}

TEST_F(DeviceFlowTest, HasOptionsThatBelongTogether) {
  const auto fails = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"enroll", url(), "--write", path("wg0.conf")};
    words.insert(words.end(), more.begin(), more.end());
    return call(words).code == ExitCode::usage;
  };
  EXPECT_TRUE(fails({"--device-flow", issuer()}));
  EXPECT_TRUE(fails({"--client-id", "vpn"}));
  EXPECT_TRUE(fails({"--device-flow", "http://idp.example.com", "--client-id", "vpn"}));
  EXPECT_TRUE(fails({"--device-flow", issuer(), "--client-id", "vpn", "--token-file", path("token")}));
  EXPECT_TRUE(fails({"--token-file", path("token"), "--gateway", url()}));
  EXPECT_TRUE(fails({"--token-file", path("token"), "--scope", "openid"}));
}

TEST(DeviceAnswers, AreCheckedMemberByMember) {
  const ProviderJson good = {{"device_code", "d"},
                             {"user_code", "C"},
                             {"verification_uri", "https://idp.example.com/device"},
                             {"expires_in", 900}};
  ASSERT_TRUE(parse_device_code(good.dump()));
  const std::vector<std::pair<std::string, ProviderJson>> wrongs = {
      {"device_code", ""},
      {"device_code", "a b"},
      {"device_code", 7},
      {"user_code", ""},
      {"user_code", "a\x1b[2J"},
      {"user_code", std::string(65, 'A')},
      {"verification_uri", "http://idp.example.com"},
      {"verification_uri", "https://idp.example.com/\n"},
      {"verification_uri_complete", "javascript:alert(1)"},
      {"expires_in", 0},
      {"expires_in", "900"},
      {"interval", 301},
      {"interval", -1}};
  for (const auto& [member, value] : wrongs) {
    ProviderJson document = good;
    document[member] = value;
    const auto code = parse_device_code(document.dump());
    ASSERT_FALSE(code) << member << ' ' << value;
    EXPECT_NE(code.error().find(member), std::string::npos) << code.error();
  }
  for (const char* text : {"", "[]", "{}", "null"}) EXPECT_FALSE(parse_device_code(text)) << text;
}

TEST(DeviceAnswers, OfAProviderAreAboutTheIssuerThatWasNamed) {
  const std::string issuer = "https://idp.example.com";
  const ProviderJson good = {{"issuer", issuer},
                             {"device_authorization_endpoint", issuer + "/device"},
                             {"token_endpoint", issuer + "/token?x=1"}};
  const auto provider = parse_provider(good.dump(), issuer);
  ASSERT_TRUE(provider) << provider.error();
  EXPECT_EQ(provider->token.target, "/token?x=1");
  EXPECT_FALSE(parse_provider(good.dump(), issuer + "/"));
  for (const char* member : {"issuer", "device_authorization_endpoint", "token_endpoint"}) {
    ProviderJson document = good;
    document.erase(member);
    EXPECT_FALSE(parse_provider(document.dump(), issuer)) << member;
    document[member] = "http://idp.example.com/x";
    EXPECT_FALSE(parse_provider(document.dump(), issuer)) << member;
  }
}

TEST(HttpsPlace, IsAServerAndAPath) {
  EXPECT_EQ(parse_https_place("https://idp.example.com")->target, "/");
  EXPECT_EQ(parse_https_place("https://idp.example.com:8443/a/b?c=d")->server.port, 8443);
  EXPECT_EQ(parse_https_place("https://[2001:db8::1]/a")->target, "/a");
  for (const char* text :
       {"", "https://", "http://a", "https://a b", "https://u@a/", "https://a/#f", "https://a\r\n/", "https://a:0/"})
    EXPECT_FALSE(parse_https_place(text)) << text;
}

}  // namespace
}  // namespace sallyport::ctl::device_flow_test
