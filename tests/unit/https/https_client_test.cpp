#include "controlplane/https/https_client.hpp"

#include <gtest/gtest.h>

#include "tests/unit/https/client_lab.hpp"

namespace sallyport::controlplane::https_client_test {
namespace {

using namespace std::chrono_literals;

TEST(HttpsClient, AsksWithEverythingAndTakesAnAnswerWithALength) {
  std::string asked;
  const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
    asked = tls.receive_until("\r\n\r\n");
    tls.send("HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\nContent-Length: 4\r\n\r\n{}\n\n");
    (void)tls.receive();
  });
  ClientLab lab;
  HttpsRequest request = ClientLab::request_to(server.port());
  request.bearer = "secret.token";
  const auto answer = lab.get(request);
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->status, 200U);
  EXPECT_EQ(answer->content_type, "application/json");
  EXPECT_EQ(answer->body, "{}\n\n");
  EXPECT_TRUE(has(asked, "GET /keys?x=1 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"));
  EXPECT_TRUE(has(asked, "\r\nAuthorization: Bearer secret.token\r\n"));
  EXPECT_TRUE(has(asked, "\r\nAccept: application/json\r\n"));
}

TEST(HttpsClient, TakesChunksAndABodyThatEndsWithTheConnection) {
  ClientLab lab;
  EXPECT_EQ(
      lab.answer_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n")->body,
      "abcde");
  EXPECT_EQ(lab.answer_of("HTTP/1.0 200 OK\r\n\r\nabc")->body, "abc");
  EXPECT_EQ(lab.answer_of("HTTP/1.1 204 No Content\r\n\r\n")->status, 204U);
  EXPECT_EQ(lab.answer_of("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")->body, "x");
}

TEST(HttpsClient, FindsNamesAndChecksThem) {
  const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
    const char* name = SSL_get_servername(tls.native(), TLSEXT_NAMETYPE_host_name);
    const std::string body = name != nullptr ? name : "(none)";
    (void)tls.receive_until("\r\n\r\n");
    tls.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    tls.end();
  });
  ClientLab lab;
  const auto named = lab.get(ClientLab::request_to(server.port(), "localhost"));
  ASSERT_TRUE(named) << named.error();
  EXPECT_EQ(named->body, "localhost");
  EXPECT_EQ(lab.get(server.port())->body, "(none)") << "an address is no server name (RFC 6066, 3)";
}

TEST(HttpsClient, GivesARedirectAndHtmlAsTheyAre) {
  ClientLab lab;
  const auto redirect = lab.answer_of("HTTP/1.1 302 Found\r\nLocation: https://evil/\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(redirect);
  EXPECT_EQ(redirect->status, 302U);
  const auto html = lab.answer_of("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>");
  EXPECT_EQ(html->content_type, "text/html");
}

TEST(HttpsClient, BelievesAnIntermediateThatTheOperatorNames) {
  const TestIdentity server_identity = test_ca().issue();
  const ScriptedServer server(server_identity, [&](BlockingTls& tls) {
    (void)tls.receive_until("\r\n\r\n");
    tls.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    tls.end();
  });
  ClientLab lab;
  HttpsRequest request = ClientLab::request_to(server.port());
  request.ca_pem = server_identity.certificate_pem;
  EXPECT_TRUE(lab.get(request));
}

TEST(HttpsClient, RefusesAnotherCaAnotherNameAndOldCertificates) {
  const auto problem = [](const TestIdentity& identity, const std::string& host = "127.0.0.1") {
    std::string got;
    const ScriptedServer server(identity, [&](BlockingTls& tls) { got = tls.receive(); });
    ClientLab lab;
    HttpsRequest request = ClientLab::request_to(server.port(), host);
    request.bearer = "secret";
    const auto answer = lab.get(request);
    EXPECT_EQ(got, "") << "a secret went to somebody else";
    return answer ? "accepted" : answer.error();
  };
  EXPECT_TRUE(has(problem(TestCa("test CA").issue()), "certificate verify failed: "));
  EXPECT_EQ(problem(test_ca().issue({.names = "DNS:other.example"})), "certificate verify failed: IP address mismatch");
  EXPECT_EQ(problem(test_ca().issue({.names = "DNS:other.example"}), "localhost"),
            "certificate verify failed: hostname mismatch");
  EXPECT_EQ(problem(test_ca().issue({.common_name = "localhost", .names = ""}), "localhost"),
            "certificate verify failed: hostname mismatch");
  EXPECT_EQ(problem(test_ca().issue({.not_before = -7200s, .not_after = -60s})),
            "certificate verify failed: certificate has expired");
  EXPECT_EQ(problem(test_ca().issue({.not_before = 60s})), "certificate verify failed: certificate is not yet valid");
}

TEST(HttpsClient, SaysWhyThereIsNoConnection) {
  ClientLab lab;
  std::uint16_t closed_port = 0;
  {
    closed_port = ScriptedServer([](int descriptor) { ::close(descriptor); }).port();
  }
  EXPECT_EQ(lab.get(closed_port).error(),
            "cannot connect to 127.0.0.1:" + std::to_string(closed_port) + ": Connection refused");
  EXPECT_TRUE(has(lab.get(ClientLab::request_to(1, "no-such-name.invalid")).error(),
                  "cannot find the address of no-such-name.invalid: "));
  HttpsRequest request = ClientLab::request_to(closed_port);
  request.ca_pem = "no PEM";
  EXPECT_EQ(lab.get(request).error(), "the server's CA certificates: expected a certificate in PEM, found none");
}

TEST(HttpsClient, SendsNothingThatIsNoHeader) {
  ClientLab lab;
  HttpsRequest request = ClientLab::request_to(1);
  request.bearer = "a\r\nX: y";
  EXPECT_TRUE(has(lab.get(request).error(), "the bearer token"));
  request = ClientLab::request_to(1);
  request.url.target = "/ HTTP/1.1\r\nX: y";
  EXPECT_TRUE(has(lab.get(request).error(), "expected a URL"));
}

TEST(HttpsClient, CallsNobodyBeforeItReturnsNorAfterTheCallIsGone) {
  const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
    (void)tls.receive_until("\r\n\r\n");
    tls.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx");
    (void)tls.receive();
  });
  ClientLab lab;
  unsigned called = 0;
  // At every turn of the loop, whatever it is at then: the name, TCP, TLS, the header, the body.
  for (unsigned turns = 0; turns < 40; ++turns) {
    auto call =
        lab.client.get(ClientLab::request_to(server.port(), "localhost"), [&](const ClientLab::Outcome&) { ++called; });
    for (unsigned i = 0; i < turns; ++i) lab.loop.restart(), lab.loop.run_one_for(5ms);
    call.reset();
    lab.loop.restart();
    lab.loop.run_for(1ms);
  }
  lab.loop.restart();
  lab.loop.run_for(50ms);
  EXPECT_EQ(called, 0U);
}

TEST(HttpsClient, MayLoseItsCallWithinTheCallbackAndItsLoopBeforeTheCall) {
  const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
    (void)tls.receive_until("\r\n\r\n");
    tls.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    tls.end();
  });
  ClientLab lab;
  std::unique_ptr<HttpsCall> call;
  bool called = false;
  call = lab.client.get(ClientLab::request_to(server.port()), [&](const ClientLab::Outcome& answer) {
    call.reset();
    called = answer.has_value();
  });
  lab.run_until([&] { return called; });
  EXPECT_TRUE(called);
  std::unique_ptr<HttpsCall> survivor;
  {
    ClientLab other;
    survivor = other.client.get(ClientLab::request_to(server.port()), [](const ClientLab::Outcome&) { FAIL(); });
    other.loop.run_one_for(5ms);
  }
  survivor.reset();
}

}  // namespace
}  // namespace sallyport::controlplane::https_client_test
