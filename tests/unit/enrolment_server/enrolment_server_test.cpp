#include "controlplane/enrolment/enrolment_server.hpp"

#include <set>

#include "tests/unit/enrolment_server/enrolment_lab.hpp"

namespace sallyport::controlplane::enrolment_server_test {
namespace {

using namespace std::chrono_literals;

unsigned status_of(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 ") ? static_cast<unsigned>(std::stoul("0" + answer.substr(9, 3))) : 0;
}

TEST(EnrolmentServer, EnrolsByToken) {
  EnrolmentLab lab;
  lab.start();
  const std::string answer = lab.enroll(corp_token(current_claims()));
  EXPECT_EQ(status_of(answer), 200U) << answer;
  EXPECT_NE(answer.find("\"session\":\"6f1d0c52a9b3e847\""), std::string::npos) << answer;
  const auto& handed = std::get<EnrollRequest>(*lab.last);
  EXPECT_EQ(std::get<Proof>(handed.evidence).issuer, "corp");
  EXPECT_EQ(handed.source, IpAddress::v4(127, 0, 0, 1));
}

TEST(EnrolmentServer, TakesATokenFromTheHeader) {
  EnrolmentLab lab;
  lab.start();
  const std::string header = "Authorization: Bearer " + corp_token(current_claims()) + "\r\n";
  const std::string type = "Content-Type: application/json; charset=utf-8\r\n";
  EXPECT_EQ(status_of(lab.ask(EnrolmentLab::http("POST /v1/enroll", DeskLab::enroll("").body, header + type))), 200U);
}

TEST(EnrolmentServer, EnrolsByCertificate) {
  const Mesh mesh;
  EnrolmentLab lab;
  lab.server->set_trust(trust_of({corp_trust(), mesh.trust()}));
  lab.start();
  const TestIdentity client = mesh.client();
  const std::string answer = lab.enroll("", &client);
  EXPECT_EQ(status_of(answer), 200U) << answer;
  const auto& proof = std::get<Proof>(std::get<EnrollRequest>(*lab.last).evidence);
  EXPECT_EQ(proof.issuer, "mesh");
  EXPECT_EQ(proof.subject, "spiffe://prod.example.org/ns/shop/sa/web");
  // Nobody must have one.
  EXPECT_EQ(status_of(lab.enroll(corp_token(current_claims()))), 200U);
}

TEST(EnrolmentServer, AsksForCertificatesFromTheMomentThatItBelievesSome) {
  const Mesh mesh;
  const TestIdentity client = mesh.client();
  EnrolmentLab lab;
  lab.start();
  EXPECT_EQ(status_of(lab.enroll("", &client)), 403U);
  BlockingTls open = lab.connect();
  lab.server->set_trust(trust_of({corp_trust(), mesh.trust()}));
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return status_of(lab.enroll("", &client)) == 200; }));
  // A connection from before goes on.
  open.send(EnrolmentLab::enrolment(corp_token(current_claims())));
  EXPECT_EQ(status_of(open.receive_until("}")), 200U);
  lab.server->set_trust(trust_of({corp_trust()}));
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return status_of(lab.enroll("", &client)) == 403; }));
}

TEST(EnrolmentServer, BelievesNobodyBeforeItIsToldWhom) {
  EnrolmentLab lab;
  lab.server->set_trust(nullptr);
  lab.start();
  EXPECT_EQ(status_of(lab.enroll(corp_token(current_claims()))), 403U);
  EXPECT_EQ(lab.refused, std::vector<std::string>{"no_issuers"});
}

TEST(EnrolmentServer, AnswersEveryErrorOfHttp) {
  EnrolmentLab lab;
  lab.start();
  const auto status = [&](const std::string& request) { return status_of(lab.ask(request)); };
  EXPECT_EQ(status(EnrolmentLab::http("POST /v1/enroll", "{}")), 400U);
  EXPECT_EQ(status("nonsense\r\n\r\n"), 400U);
  EXPECT_EQ(status(EnrolmentLab::http("GET /")), 404U);
  const std::string wrong_method = lab.ask(EnrolmentLab::http("GET /v1/enroll"));
  EXPECT_EQ(status_of(wrong_method), 405U);
  EXPECT_NE(wrong_method.find("\r\nAllow: POST\r\n"), std::string::npos) << wrong_method;
  EXPECT_EQ(status("POST /v1/enroll HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 411U);
  EXPECT_EQ(status("POST /v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n"), 413U);
  EXPECT_EQ(status(EnrolmentLab::http("POST /v1/enroll", "{}", "Content-Type: text/plain\r\n")), 415U);
  EXPECT_EQ(status(EnrolmentLab::http("POST /v1/enroll", "{}", "X: " + std::string(30'000, 'x') + "\r\n")), 431U);
  EXPECT_EQ(status(EnrolmentLab::http("GET /v1/openapi.json")), 200U);
}

TEST(EnrolmentServer, RefusesWithTheSameBytesAndAfterTheSameTime) {
  const Mesh mesh, another_mesh = [] {
    Mesh made;
    made.root = self_signed(authority("other root", real_now()), TestKey::ec("P-256", 50));
    made.leaf = signed_by(made.root, workload("spiffe://prod.example.org/ns/shop/sa/web", real_now()),
                          TestKey::ec("P-256", 51));
    return made;
  }();
  EnrolmentLab lab;
  lab.server->set_trust(trust_of({corp_trust(), mesh.trust()}));
  lab.start();
  const auto with = [](const char* claim, const Claims& value) {
    Claims claims = current_claims();
    claims[claim] = value;
    return corp_token(claims);
  };
  const TestIdentity stranger = another_mesh.client();
  std::set<std::string> answers;
  const auto refuse = [&](const std::string& token, const TestIdentity* identity = nullptr) {
    BlockingTls client = lab.connect(identity);
    const auto start = std::chrono::steady_clock::now();
    client.send(EnrolmentLab::enrolment(token));
    answers.insert(client.receive_until("}"));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 99ms);
  };
  std::string forged = corp_token(current_claims());
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  refuse("");
  refuse("nonsense");
  refuse(forged);
  refuse(with("iss", "https://other.example.com"));
  refuse(with("aud", "other"));
  refuse(with("exp", seconds_of(real_now()) - 1));
  refuse(make_token(corp_key(), "ES256", "no-such-key", current_claims().dump()));
  refuse("", &stranger);
  lab.service_refuses = RefusedProof{.reason = ProofRefusal::revoked_identity};
  refuse(corp_token(current_claims()));
  refuse(enrolment_secret);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers.begin()->ends_with(R"({"error":"refused"})")) << *answers.begin();
  EXPECT_EQ(lab.refused, (std::vector<std::string>{"no_proof", "malformed_token", "bad_signature", "unknown_issuer",
                                                   "wrong_audience", "expired", "unknown_key", "untrusted_chain"}));
  EXPECT_EQ(lab.unknown_keys, std::vector<std::string>{"corp"});
  EXPECT_EQ(lab.counter("refused_bad_signature"), 1U);
  EXPECT_EQ(lab.counter("refused_revoked_identity"), 0U);
  EXPECT_EQ(lab.counter("answers_4xx"), 10U);
}

TEST(EnrolmentServer, LimitsTheRateOfASource) {
  EnrolmentLab lab([](auto& settings) {
    settings.requests_per_s_of_source = 0.5;
    settings.burst_of_source = 3;
  });
  lab.start();
  for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(status_of(lab.enroll(enrolment_secret)), 200U);
  const std::string answer = lab.enroll(enrolment_secret);
  EXPECT_EQ(status_of(answer), 429U);
  EXPECT_NE(answer.find("\r\nRetry-After: "), std::string::npos) << answer;
  EXPECT_EQ(lab.granted, 3U);
  EXPECT_EQ(lab.counter("rate_limited"), 1U);
}

TEST(EnrolmentServer, BoundsTheConnectionsOfASource) {
  EnrolmentLab lab([](auto& settings) { settings.connections_of_source = 3; });
  lab.start();
  std::vector<BlockingTls> open;
  for (unsigned i = 0; i < 3; ++i) open.push_back(lab.connect());
  EXPECT_FALSE(lab.connect().is_open());
  lab.server->look_at_files();
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return lab.counter("connections_of_source_refused") == 1; }));
  open.pop_back();
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return status_of(lab.enroll(enrolment_secret)) == 200; }));
}

TEST(EnrolmentServer, CountsTlsThatFails) {
  EnrolmentLab lab;
  lab.start();
  EXPECT_FALSE(BlockingTls::connect(lab.server->port(), nullptr, TLS1_1_VERSION).is_open());
  EXPECT_TRUE(EnrolmentLab::eventually([&] {
    lab.server->look_at_files();
    return lab.counter("tls_failures") == 1;
  }));
}

TEST(EnrolmentServer, ServesOthersWhileSlowClientsDripTheirRequests) {
  EnrolmentLab lab;
  lab.start();
  std::vector<BlockingTls> slow;
  for (unsigned i = 0; i < 60; ++i) {
    slow.push_back(lab.connect());
    slow.back().send(i % 2 == 0 ? "POST /v1/enr" : "POST /v1/enroll HTTP/1.1\r\nContent-Length: 60000\r\n\r\n{");
  }
  for (unsigned i = 0; i < 5; ++i) {
    for (BlockingTls& client : slow) client.send("x");
    EXPECT_EQ(status_of(lab.enroll(enrolment_secret)), 200U);
  }
}

TEST(EnrolmentServer, AnswersWhatIsGoodBeforePipelinedGarbageAndCloses) {
  EnrolmentLab lab;
  lab.start();
  BlockingTls client = lab.connect();
  const std::string good = EnrolmentLab::enrolment(enrolment_secret);
  client.send(good + good + std::string("\0\xff garbage\r\n\r\n", 14) + good);
  const std::string answers = client.receive_all();
  EXPECT_EQ(lab.granted, 2U);
  EXPECT_NE(answers.find("HTTP/1.1 400"), std::string::npos) << answers;
  EXPECT_EQ(status_of(lab.enroll(enrolment_secret)), 200U);
}

TEST(EnrolmentServer, ServesOthersDuringTwoThousandRequests) {
  EnrolmentLab lab;
  lab.start();
  std::atomic<bool> flooding = true;
  std::thread flood([&] {
    std::string burst;
    for (unsigned i = 0; i < 2'000; ++i) burst += EnrolmentLab::enrolment(enrolment_secret);
    BlockingTls client = lab.connect();
    std::thread writer([&] { client.send(burst); });
    std::size_t answered = 0;
    for (std::string piece = client.receive(); !piece.empty() && answered < 2'000; piece = client.receive()) {
      for (auto at = piece.find("\"session\""); at != std::string::npos; at = piece.find("\"session\"", at + 1))
        ++answered;
      if (answered == 2'000) break;
    }
    writer.join();
    EXPECT_EQ(answered, 2'000U);
    flooding = false;
  });
  unsigned served = 0;
  do {
    const auto start = std::chrono::steady_clock::now();
    served += status_of(lab.enroll(corp_token(current_claims()))) == 200 ? 1 : 0;
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  } while (flooding);
  flood.join();
  EXPECT_GE(served, 1U);
  EXPECT_EQ(lab.granted, 2'000U + served);
}

TEST(EnrolmentServer, EndsWhileRequestsAreOutstanding) {
  EnrolmentLab lab;
  lab.keep = true;
  lab.start();
  std::vector<BlockingTls> clients;
  for (unsigned i = 0; i < 20; ++i) {
    clients.push_back(lab.connect());
    clients.back().send(EnrolmentLab::enrolment(enrolment_secret));
  }
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return lab.kept_replies() == 20; }));
  clients.push_back(lab.connect());
  clients.back().send(EnrolmentLab::enrolment("refused"));  // waits for its time
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return lab.counter("refused_malformed_token") == 1; }));
  // Half of them are answered from another thread while the server ends.
  std::thread replier([&] {
    for (auto& reply : lab.replies) reply(EnrolmentAnswer(example_grant()));
  });
  lab.server.reset();
  replier.join();
  lab.replies.front()(EnrolmentAnswer(example_grant()));
  for (BlockingTls& client : clients) (void)client.receive_all();  // comes to an end
}

TEST(EnrolmentServer, DropsTheAnswerToAClientThatIsGone) {
  EnrolmentLab lab;
  lab.keep = true;
  lab.start();
  {
    BlockingTls client = lab.connect();
    client.send(EnrolmentLab::enrolment(enrolment_secret));
    EXPECT_TRUE(EnrolmentLab::eventually([&] { return lab.kept_replies() == 1; }));
  }
  lab.replies[0](EnrolmentAnswer(example_grant()));
  lab.keep = false;
  EXPECT_EQ(status_of(lab.enroll(enrolment_secret)), 200U);
}

TEST(EnrolmentServer, TakesNewTrustUnderLoad) {
  const Mesh mesh;
  EnrolmentLab lab;
  lab.start();
  std::atomic<bool> going = true;
  std::vector<std::thread> clients;
  std::atomic<unsigned> accepted = 0, refused = 0, other = 0;
  for (unsigned i = 0; i < 3; ++i)
    clients.emplace_back([&] {
      const std::string token = corp_token(current_claims());
      while (going) {
        const unsigned status = status_of(lab.enroll(token));
        ++(status == 200 ? accepted : status == 403 ? refused : other);
      }
    });
  for (unsigned i = 0; i < 200; ++i) {
    lab.server->set_trust(i % 2 == 0 ? trust_of({mesh.trust()}) : trust_of({corp_trust()}));
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return accepted > 0; }));
  lab.server->set_trust(trust_of({mesh.trust()}));
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return refused > 0; }));
  going = false;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(other, 0U);
  lab.server->set_trust(trust_of({corp_trust()}));
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return status_of(lab.enroll(corp_token(current_claims()))) == 200; }));
}

}  // namespace
}  // namespace sallyport::controlplane::enrolment_server_test
