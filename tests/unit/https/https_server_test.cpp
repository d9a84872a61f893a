#include <gtest/gtest.h>

#include <set>

#include "controlplane/https/https_client.hpp"
#include "controlplane/https/key_exchange.hpp"
#include "tests/unit/https/server_lab.hpp"

namespace sallyport::controlplane::https_server_test {
namespace {

using namespace std::chrono_literals;

TEST(HttpsServer, AnswersOurOwnClientAndKnowsWhereItComesFrom) {
  const ServerLab server([](const HttpRequest& request) {
    return HttpResponse{.body = request.address.to_string() + ' ' + request.authorization + ' ' + request.target + ' ' +
                                std::to_string(request.certificates.size())};
  });
  ClientLab lab;
  HttpsRequest request = ClientLab::request_to(server.port());
  request.bearer = "token";
  for (unsigned i = 0; i < 3; ++i) {
    const auto answer = lab.get(request);
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->body, "127.0.0.1 Bearer token /keys?x=1 0");
  }
  EXPECT_EQ(server.counters().accepted, 3U);
  EXPECT_EQ(server.counters().tls_handshakes_failed, 0U);
}

TEST(HttpsServer, PassesTheCertificatesOfAClientWhoeverVouchesForThem) {
  const TestCa nobody_knows("nobody's CA");
  const TestIdentity leaf = nobody_knows.issue({.names = "URI:spiffe://prod/x", .not_after = -10s});
  const TestIdentity with_chain{leaf.certificate_pem + nobody_knows.pem(), leaf.key_pem};
  std::vector<std::vector<std::uint8_t>> seen;
  const ServerLab server([&](const HttpRequest& request) {
    seen = request.certificates;
    return HttpResponse{};
  });
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    seen.clear();
    auto client = BlockingTls::connect(server.port(), &with_chain, version);
    EXPECT_EQ(client.version(), version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.receive_all().starts_with("HTTP/1.1 200"));
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0], der_of(leaf.certificate_pem)) << "the leaf first";
    EXPECT_EQ(seen[1], der_of(nobody_knows.pem()));
  }
}

// Of OpenSSL 3.5 on both ends it is the hybrid with ML-KEM; an older one has none.
TEST(HttpsServer, KnowsTheKeyExchangeOfAConnection) {
  std::string seen;
  const ServerLab server([&](const HttpRequest& request) {
    seen = request.key_exchange;
    return HttpResponse{};
  });
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto client = BlockingTls::connect(server.port(), nullptr, version);
    client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.receive_all().starts_with("HTTP/1.1 200"));
    EXPECT_FALSE(seen.empty());
    const bool can = version == TLS1_3_VERSION && OpenSSL_version_num() >= 0x30500000UL;
    EXPECT_EQ(is_post_quantum_group(seen), can) << seen;
  }
}

TEST(HttpsServer, SpeaksNoTlsBefore12AndResumesNothing) {
  const ServerLab server([](const HttpRequest&) { return HttpResponse{}; });
  EXPECT_FALSE(BlockingTls::connect(server.port(), nullptr, TLS1_1_VERSION).is_open());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto client = BlockingTls::connect(server.port(), nullptr, version);
    client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    (void)client.receive_all();
    EXPECT_FALSE(SSL_SESSION_is_resumable(SSL_get0_session(client.native())));
  }
  EXPECT_EQ(server.counters().tls_handshakes_failed, 1U);
}

TEST(HttpsServer, EndsWithCloseNotify) {
  const ServerLab server([](const HttpRequest&) { return HttpResponse{.body = "x"}; });
  auto client = BlockingTls::connect(server.port());
  client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  (void)client.receive_all();
  EXPECT_EQ(SSL_get_shutdown(client.native()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

TEST(HttpsServer, TellsAClientThatIsStillTalkingWhyItIsRefused) {
  const ServerLab server([](const HttpRequest&) { return HttpResponse{}; }, {.body_bytes = 100});
  auto client = BlockingTls::connect(server.port());
  client.send("POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n");
  for (unsigned i = 0; i < 50; ++i) (void)client.send(std::string(10'000, 'x'));
  EXPECT_TRUE(client.receive_all().starts_with("HTTP/1.1 413"));
  EXPECT_EQ(server.counters().too_large, 1U);
  EXPECT_EQ(server.counters().malformed, 0U);
}

TEST(HttpsServer, TakesANewCertificateForNewConnections) {
  ServerLab server([](const HttpRequest&) { return HttpResponse{}; });
  const auto leaf_of = [&] {
    auto client = BlockingTls::connect(server.port());
    return distinguished_name_of(*SSL_get0_peer_certificate(client.native()));
  };
  EXPECT_EQ(leaf_of(), "CN=localhost");
  const TestIdentity renewed = test_ca().issue({.common_name = "renewed"});
  server.on_loop([&](HttpServer& http) {
    http.set_tls_context(TlsServerContext::make(renewed.certificate_pem, renewed.key_pem, {}).value());
  });
  EXPECT_EQ(leaf_of(), "CN=renewed");
}

TEST(TcpListener, HasItsPortToItself) {
  boost::asio::io_context loop;
  HttpServer server(loop, [](const HttpRequest&) { return HttpResponse{}; });
  const IpAddress local = IpAddress::v4(127, 0, 0, 1);
  ASSERT_TRUE(server.listen_tcp({.address = local}));
  const auto second = TcpListener::listen({.address = local, .port = server.tcp_port()}, TcpListener::Address::exists);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(),
            "cannot listen on 127.0.0.1:" + std::to_string(server.tcp_port()) + ": Address already in use");
}

TEST(TcpListener, OutlivesTheServerThatAcceptedOnIt) {
  const TestIdentity identity = test_ca().issue();
  const auto context = TlsServerContext::make(identity.certificate_pem, identity.key_pem, {}).value();
  boost::asio::io_context loop;
  const auto kept = TcpListener::listen({.address = IpAddress::v4(127, 0, 0, 1)}, TcpListener::Address::exists).value();
  std::uint16_t port = 0;
  for (unsigned i = 0; i < 2; ++i) {
    HttpServer server(loop, [](const HttpRequest&) { return HttpResponse{}; });
    ASSERT_TRUE(server.accept_tls(kept.duplicate().value(), context));
    if (i > 0) { EXPECT_EQ(server.tcp_port(), port); }
    port = server.tcp_port();
  }
}

TEST(HttpsServer, ListensOnAnAddressThatDoesNotExistYet) {
  const TestIdentity identity = test_ca().issue();
  const auto context = TlsServerContext::make(identity.certificate_pem, identity.key_pem, {}).value();
  boost::asio::io_context loop;
  for (const char* address : {"192.0.2.77", "2001:db8::77"}) {
    HttpServer server(loop, [](const HttpRequest&) { return HttpResponse{}; });
    auto listener = TcpListener::listen({.address = *IpAddress::parse(address)}, TcpListener::Address::may_come_later);
    const auto listens = server.accept_tls(std::move(listener).value(), context);
    EXPECT_TRUE(listens) << listens.error();
    EXPECT_NE(server.tcp_port(), 0);
    HttpServer plain(loop, [](const HttpRequest&) { return HttpResponse{}; });
    EXPECT_FALSE(plain.listen_tcp({.address = *IpAddress::parse(address)}));
  }
}

TEST(AsyncHandler, AnswersLaterOnceAndInOrder) {
  std::vector<HttpServer::Responder> waiting;
  ServerLab server(HttpServer::AsyncHandler([&](HttpRequest request, HttpServer::Responder respond) {
    if (request.target == "/now") return respond({.status = 429, .body = "now", .retry_after_s = 7});
    waiting.push_back(std::move(respond));
  }));
  auto client = BlockingTls::connect(server.port());
  client.send("GET /now HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(has(client.receive_until("now"), "\r\nRetry-After: 7\r\n"));
  client.send("GET /later HTTP/1.1\r\n\r\nGET /now HTTP/1.1\r\n\r\n");
  server.wait_until([&] { return waiting.size() == 1; });
  server.on_loop([&](HttpServer&) {
    waiting[0]({.body = "first"});
    waiting[0]({.body = "second"});
  });
  const std::string answers = client.receive_until("now");
  EXPECT_LT(answers.find("first"), answers.find("now"));
  EXPECT_FALSE(has(answers, "second"));
  server.on_loop([&](HttpServer&) { waiting[0]({.body = "third"}); });
  client.send("GET /now HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_FALSE(has(client.receive_all(), "third")) << "a response to another request";
}

TEST(AsyncHandler, IsAnsweredFor) {
  std::vector<HttpServer::Responder> waiting;
  ServerLab server(HttpServer::AsyncHandler([&](const HttpRequest& request, HttpServer::Responder respond) {
                     if (request.target == "/throws") throw std::runtime_error("bug");
                     if (request.target == "/keeps") waiting.push_back(std::move(respond));
                   }),
                   {.write_timeout = 100ms});
  auto throwing = BlockingTls::connect(server.port());
  throwing.send("GET /throws HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(throwing.receive_all().starts_with("HTTP/1.1 500"));
  auto dropped = BlockingTls::connect(server.port());
  dropped.send("GET /drops HTTP/1.1\r\n\r\n");
  EXPECT_EQ(dropped.receive_all(), "") << "nobody answers: closed when its time is over";
  auto gone = BlockingTls::connect(server.port());
  gone.send("GET /keeps HTTP/1.1\r\n\r\n");
  server.wait_until([&] { return waiting.size() == 1; });
  gone.close();
  server.wait_until([&] { return server.counted_on_loop().timed_out == 2; });
  server.on_loop([&](HttpServer&) { waiting[0]({.body = "to nobody"}); });
  server.stop();
  waiting[0]({.body = "to nobody, and the server is gone"});
}

}  // namespace
}  // namespace sallyport::controlplane::https_server_test
