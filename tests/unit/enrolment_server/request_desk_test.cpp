#include "controlplane/enrolment/request_desk.hpp"

#include <gtest/gtest.h>

#include "tests/unit/enrolment_server/desk_lab.hpp"

namespace sallyport::controlplane::request_desk_test {
namespace {

constexpr const char* refused_body = R"({"error":"refused"})";

TEST(RequestDesk, HandsAnEnrolmentOverAndAnswersWithTheReply) {
  DeskLab lab;
  EXPECT_FALSE(lab.ask(DeskLab::enroll()));
  ASSERT_EQ(lab.handed_over.size(), 1U);
  const auto& handed = std::get<EnrollRequest>(lab.handed_over[0].request);
  EXPECT_EQ(encode_key(handed.public_key), client_key);
  EXPECT_EQ(std::get<EnrolmentSecret>(handed.evidence).text, enrolment_secret);
  EXPECT_EQ(handed.source, IpAddress::v4(192, 0, 2, 1));
  const HttpResponse response = lab.reply(EnrolmentAnswer(example_grant()));
  EXPECT_EQ(response.status, 200U);
  EXPECT_NE(response.body.find("\"session\":\"6f1d0c52a9b3e847\""), std::string::npos) << response.body;
  EXPECT_EQ(lab.desk->unanswered(), 0U);
  EXPECT_EQ(lab.counter("requests_enroll"), 1U);
  EXPECT_EQ(lab.counter("answers_2xx"), 1U);
}

TEST(RequestDesk, HandsOverRenewalPostureStateAndEnd) {
  DeskLab lab;
  HttpRequest renew = DeskLab::request(
      "POST", "/v1/renew", R"({"public_key":")" + client_key + R"(","new_public_key":")" + other_client_key + "\"}");
  renew.authorization = "Bearer " + enrolment_secret;
  EXPECT_FALSE(lab.ask(renew));
  EXPECT_EQ(encode_key(*std::get<RenewRequest>(lab.handed_over.back().request).new_public_key), other_client_key);

  HttpRequest posture = DeskLab::request(
      "POST", "/v1/posture", R"({"posture":{"a":1},"ttl_s":60,"view":{"received_bytes":1,"sent_bytes":2}})");
  posture.authorization = "Bearer abc";
  EXPECT_FALSE(lab.ask(posture));
  const auto& told = std::get<PostureRequest>(lab.handed_over.back().request);
  EXPECT_EQ(told.session_token, "abc");
  EXPECT_EQ(told.time_to_live, std::chrono::seconds(60));
  EXPECT_EQ(told.view->at, lab.now.wall);
  EXPECT_EQ(lab.reply(EnrolmentAnswer(PostureTaken{lab.now.wall})).body, R"({"until":"2026-11-26T10:00:00Z"})");

  HttpRequest look = DeskLab::request("GET", "/v1/session");
  look.authorization = "Bearer abc";
  EXPECT_FALSE(lab.ask(look));
  EXPECT_EQ(std::get<StateRequest>(lab.handed_over.back().request).session_token, "abc");
  const std::string told_state = lab.reply(EnrolmentAnswer(example_state())).body;
  EXPECT_NE(told_state.find(R"("former_key_until":"2026-11-26T09:03:00Z")"), std::string::npos) << told_state;
  look.authorization.clear();
  EXPECT_EQ(lab.ask(look)->body, refused_body);

  HttpRequest end = DeskLab::request("DELETE", "/v1/session");
  end.authorization = "Bearer abc";
  EXPECT_FALSE(lab.ask(end));
  EXPECT_EQ(std::get<EndRequest>(lab.handed_over.back().request).session_token, "abc");
  EXPECT_EQ(lab.reply(EnrolmentAnswer(Ended{})).body, R"({"ended":true})");
}

TEST(RequestDesk, SaysOfEachRequestWhetherItCameByAPostQuantumKeyExchange) {
  DeskLab lab;
  for (const auto& [group, secure] : {std::pair{"X25519MLKEM768", true}, {"x25519", false}, {"", false}}) {
    HttpRequest request = DeskLab::enroll();
    request.key_exchange = group;
    EXPECT_FALSE(lab.ask(request));
    EXPECT_EQ(std::get<EnrollRequest>(lab.handed_over.back().request).post_quantum, secure) << group;
    request = DeskLab::request("POST", "/v1/renew", request.body);
    request.key_exchange = group;
    EXPECT_FALSE(lab.ask(request));
    EXPECT_EQ(std::get<RenewRequest>(lab.handed_over.back().request).post_quantum, secure) << group;
  }
}

TEST(RequestDesk, RefusesAnotherKeyExchangeWhereAPostQuantumOneIsRequired) {
  DeskLab lab(SourceLimits(1e6, 1e6), true);
  for (const char* path : {"/v1/enroll", "/v1/renew"}) {
    HttpRequest request = DeskLab::request("POST", path, DeskLab::enroll().body);
    request.key_exchange = "x25519";
    const auto answer = lab.ask(request);
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->body, refused_answer().body);
    EXPECT_EQ(lab.refused.back(), ProofRefusal::not_post_quantum);
    request.key_exchange = "X25519MLKEM768";
    EXPECT_FALSE(lab.ask(request)) << path;
  }
  EXPECT_EQ(lab.counter("refused_not_post_quantum"), 2U);
  // What tells no secret is not refused.
  HttpRequest end = DeskLab::request("DELETE", "/v1/session");
  end.authorization = "Bearer abc";
  EXPECT_FALSE(lab.ask(end));
}

TEST(RequestDesk, RefusesWithTheSameBytesWhateverTheReason) {
  DeskLab lab;
  HttpRequest with_certificate = DeskLab::enroll("");
  with_certificate.certificates = {{1, 2, 3}};
  for (const HttpRequest& request :
       {DeskLab::enroll(""), DeskLab::enroll("a.b.c"), DeskLab::enroll("spk_" + std::string(200, 'a')),
        with_certificate, DeskLab::request("DELETE", "/v1/session")}) {
    const auto response = lab.ask(request);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 403U);
    EXPECT_EQ(response->body, refused_body);
  }
  EXPECT_EQ(lab.refused,
            (std::vector{ProofRefusal::no_proof, ProofRefusal::no_issuers, ProofRefusal::unknown_enrolment_key,
                         ProofRefusal::no_issuers, ProofRefusal::no_proof}));
  EXPECT_EQ(lab.counter("refused_no_proof"), 2U);
  EXPECT_EQ(lab.counter("answers_4xx"), 5U);
  EXPECT_TRUE(lab.handed_over.empty());
}

TEST(RequestDesk, DoesNotCountWhatTheServiceRefuses) {
  DeskLab lab;
  EXPECT_FALSE(lab.ask(DeskLab::enroll()));
  const RefusedProof why{.reason = ProofRefusal::revoked_identity};
  const HttpResponse response = lab.reply(tl::unexpected(EnrolmentRefusal(why)));
  EXPECT_EQ(response.status, 403U);
  EXPECT_EQ(response.body, refused_body);
  EXPECT_EQ(lab.counter("refused_revoked_identity"), 0U);
  EXPECT_TRUE(lab.refused.empty());
}

TEST(RequestDesk, KnowsItsPathsAndMethods) {
  DeskLab lab;
  for (const char* path : {"/", "", "/v1/enroll/", "/v1/enroll?token=a", "/v1/Enroll", "//v1/enroll", "*"})
    EXPECT_EQ(lab.ask(DeskLab::request("POST", path))->status, 404U) << path;
  const auto wrong = lab.ask(DeskLab::request("GET", "/v1/enroll"));
  EXPECT_EQ(wrong->status, 405U);
  EXPECT_EQ(wrong->allow, "POST");
  EXPECT_EQ(lab.ask(DeskLab::request("HEAD", "/v1/openapi.json"))->status, 405U);
  EXPECT_EQ(lab.counter("requests_elsewhere"), 9U);
}

TEST(RequestDesk, RefusesMalformedRequests) {
  DeskLab lab;
  const auto status = [&](HttpRequest request) { return lab.ask(request).value_or(HttpResponse{}).status; };
  EXPECT_EQ(status(DeskLab::request("POST", "/v1/enroll", "x")), 400U);
  EXPECT_EQ(status(DeskLab::request("POST", "/v1/renew", "{}")), 400U);
  EXPECT_EQ(status(DeskLab::request("POST", "/v1/posture", "{}")), 400U);
  EXPECT_EQ(status(DeskLab::request("DELETE", "/v1/session", "{}")), 400U);
  HttpRequest two_tokens = DeskLab::enroll();
  two_tokens.authorization = "Bearer x";
  EXPECT_EQ(status(two_tokens), 400U);
  HttpRequest other_scheme = DeskLab::enroll("");
  other_scheme.authorization = "Basic eDp5";
  EXPECT_EQ(status(other_scheme), 400U);
  HttpRequest typed = DeskLab::enroll();
  typed.content_type = "text/plain";
  EXPECT_EQ(status(typed), 415U);
  EXPECT_TRUE(lab.handed_over.empty());
  typed.content_type = "application/json";
  EXPECT_FALSE(lab.ask(typed));
}

TEST(RequestDesk, LimitsSourcesBeforeItLooksAtARequest) {
  DeskLab lab(SourceLimits(1, 2));
  EXPECT_EQ(lab.ask(DeskLab::request("GET", "/nowhere"))->status, 404U);
  EXPECT_FALSE(lab.ask(DeskLab::enroll()));
  const auto limited = lab.ask(DeskLab::enroll());
  EXPECT_EQ(limited->status, 429U);
  EXPECT_EQ(limited->retry_after_s, 1U);
  HttpRequest elsewhere = DeskLab::enroll();
  elsewhere.address = IpAddress::v4(192, 0, 2, 2);
  EXPECT_FALSE(lab.ask(elsewhere));
  lab.now.uptime += std::chrono::seconds(1);
  EXPECT_FALSE(lab.ask(DeskLab::enroll()));
  EXPECT_EQ(lab.counter("rate_limited"), 1U);
}

TEST(RequestDesk, HandsOverOnlySoManyUnansweredRequests) {
  DeskLab lab;
  for (unsigned i = 0; i < EnrolmentServer::handed_over_max; ++i) EXPECT_FALSE(lab.ask(DeskLab::enroll()));
  const auto busy = lab.ask(DeskLab::enroll());
  EXPECT_EQ(busy->status, 503U);
  EXPECT_GT(busy->retry_after_s, 0U);
  EXPECT_EQ(lab.ask(DeskLab::request("GET", "/v1/openapi.json"))->status, 200U);
  lab.handed_over.front().reply(tl::unexpected(EnrolmentRefusal(EnrolmentFailure::busy)));
  lab.run_posted();
  EXPECT_FALSE(lab.ask(DeskLab::enroll()));
  EXPECT_EQ(lab.counter("not_handed_over"), 1U);
}

TEST(RequestDesk, IgnoresASecondReplyAndOneAfterItsEnd) {
  DeskLab lab;
  EXPECT_FALSE(lab.ask(DeskLab::enroll()));
  EXPECT_FALSE(lab.ask(DeskLab::enroll()));
  const auto refusal = [] { return tl::unexpected(EnrolmentRefusal(EnrolmentFailure::busy)); };
  lab.handed_over[0].reply(refusal());
  lab.handed_over[0].reply(refusal());
  lab.run_posted();
  EXPECT_EQ(lab.counter("answers_5xx"), 1U);
  EXPECT_EQ(lab.desk->unanswered(), 1U);
  lab.desk.reset();
  lab.handed_over[1].reply(refusal());
  lab.run_posted();
  EXPECT_FALSE(lab.later[1]->has_value());
}

}  // namespace
}  // namespace sallyport::controlplane::request_desk_test
