#include <gtest/gtest.h>

#include <list>
#include <optional>

#include "tests/unit/http/raw_socket.hpp"
#include "tests/unit/https/server_lab.hpp"

namespace sallyport::controlplane::https_hostile_client_test {
namespace {

using namespace std::chrono_literals;

HttpResponse fine(const HttpRequest&) {
  return {.body = "fine"};
}

bool is_answered(const ServerLab& server) {
  auto client = BlockingTls::connect(server.port());
  client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  return client.receive_all().ends_with("fine");
}

TEST(HostileClient, ThatIsSlowInTheHandshakeIsCutOff) {
  const ServerLab server(fine, {.request_timeout = 200ms});
  const auto silent = RawSocket::connect_tcp(server.port());
  const auto slow = RawSocket::connect_tcp(server.port());
  slow.send("\x16\x03\x01\x02");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_EQ(slow.receive_all(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  EXPECT_EQ(server.counters().tls_handshakes_failed, 2U);
  EXPECT_TRUE(is_answered(server));
}

TEST(HostileClient, HasFiveSecondsForTheHandshakeWhateverARequestHas) {
  const ServerLab server(fine, {.request_timeout = 60s});
  const auto silent = RawSocket::connect_tcp(server.port());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_GT(std::chrono::steady_clock::now() - begin, 4s);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 9s);
}

TEST(HostileClient, ThatDripsItsHeaderIsCutOffThoughItNeverPauses) {
  const ServerLab server(fine, {.request_timeout = 300ms});
  auto client = BlockingTls::connect(server.port());
  const auto begin = std::chrono::steady_clock::now();
  client.send("GET / HTTP/1.1\r\nX: ");
  while (client.drip("x") && std::chrono::steady_clock::now() - begin < 8s) std::this_thread::sleep_for(2ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 8s);
  EXPECT_EQ(server.counters().timed_out, 1U);
}

TEST(HostileClient, ThatIsMerelyIdleIsNoTimeout) {
  const ServerLab server(fine, {.idle_timeout = 50ms});
  auto client = BlockingTls::connect(server.port());
  client.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(client.receive_all().ends_with("fine"));
  EXPECT_EQ(server.counters().timed_out, 0U);
}

TEST(HostileClient, ThatSpeaksNoTlsFailsInTheHandshake) {
  const ServerLab server(fine);
  for (const std::string bytes : {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff", "SSH-2.0-x\r\n"}) {
    const auto client = RawSocket::connect_tcp(server.port());
    client.send(bytes + std::string(70'000, '\0'));
    EXPECT_FALSE(has(client.receive_all(), "fine"));
  }
  EXPECT_EQ(server.counters().tls_handshakes_failed, 3U);
  EXPECT_TRUE(is_answered(server));
}

TEST(HostileClient, ThatPipelinesGarbageIsAnsweredUpToIt) {
  const ServerLab server(fine);
  auto client = BlockingTls::connect(server.port());
  client.send("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n\x01\x02garbage\r\n\r\nGET / HTTP/1.1\r\n\r\n");
  const std::string answers = client.receive_all();
  EXPECT_NE(answers.find("fine"), answers.rfind("fine"));
  EXPECT_TRUE(has(answers, "HTTP/1.1 400"));
  EXPECT_EQ(server.counters().malformed, 1U);
}

TEST(HostileClient, HidesNoSecondRequestBehindATransferEncoding) {
  const ServerLab server(fine);
  for (const std::string header : {"Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Transfer-Encoding: x,y"}) {
    auto client = BlockingTls::connect(server.port());
    client.send("POST / HTTP/1.1\r\n" + header + "\r\n\r\nGET /second HTTP/1.1\r\n\r\n");
    const std::string answer = client.receive_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 411")) << answer;
    EXPECT_FALSE(has(answer, "fine"));
  }
  auto client = BlockingTls::connect(server.port());
  client.send("GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n");
  EXPECT_TRUE(client.receive_all().starts_with("HTTP/1.1 400"));
}

TEST(HostileClient, WithTenThousandConnectionsHasAsManyAsASourceMay) {
  const ServerLab server(fine, {.connections = 100, .connections_of_source = 20, .request_timeout = 60s});
  std::list<RawSocket> held;
  for (unsigned i = 0; i < 10'000; ++i) {
    auto socket = RawSocket::connect_tcp(server.port());
    ASSERT_TRUE(socket.is_open());
    if (i < 20) held.push_back(std::move(socket));
  }
  server.wait_until([&] { return server.counted_on_loop().accepted == 10'000; });
  EXPECT_GE(server.counters().refused_too_many_of_source, 9'000U);
  EXPECT_EQ(server.counters().refused_too_many, 0U);
  EXPECT_EQ(RawSocket::connect_tcp(server.port()).receive_all(), "") << "closed at once";
  held.clear();
  server.wait_until([&] { return server.counted_on_loop().tls_handshakes_failed >= 20; });
  EXPECT_TRUE(is_answered(server)) << "what is closed counts no longer";
}

TEST(HostileClient, AboveTheBoundOfAllIsClosedWithoutAWord) {
  const ServerLab server(fine, {.connections = 2});
  const auto first = RawSocket::connect_tcp(server.port());
  const auto second = RawSocket::connect_tcp(server.port());
  const auto third = RawSocket::connect_tcp(server.port());
  EXPECT_EQ(third.receive_all(), "");
  EXPECT_EQ(server.counters().refused_too_many, 1U);
}

TEST(HostileClient, ThatHalfClosesGetsItsAnswerAndOneThatNeverClosesIsLeft) {
  const ServerLab server(fine, {.connections = 1});
  auto half = BlockingTls::connect(server.port());
  half.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  ::shutdown(SSL_get_fd(half.native()), SHUT_WR);
  EXPECT_TRUE(half.receive_all().ends_with("fine"));
  half.close();
  server.wait_until([&] { return server.counted_on_loop().accepted == 1; });
  std::optional<BlockingTls> stays;
  for (unsigned i = 0; i < 100 && !(stays && stays->is_open()); ++i) stays.emplace(BlockingTls::connect(server.port()));
  ASSERT_TRUE(stays->send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
  EXPECT_TRUE(stays->receive_all().ends_with("fine"));
  // It keeps its end open: the server's patience is 2 s.
  bool free = false;
  for (unsigned i = 0; i < 80 && !free; ++i) {
    free = is_answered(server);
    if (!free) std::this_thread::sleep_for(50ms);
  }
  EXPECT_TRUE(free);
}

TEST(HostileClient, WithAHugeChainOfCertificatesFailsInTheHandshake) {
  const ServerLab server(fine);
  const TestCa ca("other CA");
  const TestIdentity huge = ca.issue({.padding_bytes = 70'000});
  TestIdentity many = ca.issue();
  const std::string one = many.certificate_pem;
  for (unsigned i = 0; i < 16; ++i) many.certificate_pem += one;
  for (const TestIdentity* identity : {&huge, static_cast<const TestIdentity*>(&many)}) {
    auto client = BlockingTls::connect(server.port(), identity);
    client.send("GET / HTTP/1.1\r\n\r\n");
    EXPECT_FALSE(has(client.receive_all(), "fine"));
  }
  // The client knows before the server has counted.
  server.wait_until([&] { return server.counted_on_loop().tls_handshakes_failed >= 2; });
  EXPECT_EQ(server.counters().tls_handshakes_failed, 2U);
  EXPECT_TRUE(is_answered(server));
}

TEST(HostileClient, CannotShowACertificateWithoutItsKey) {
  const ServerLab server(fine);
  const TestIdentity stolen = with_another_private_key(test_ca().issue());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto client = BlockingTls::connect(server.port(), &stolen, version);
    client.send("GET / HTTP/1.1\r\n\r\n");
    EXPECT_FALSE(has(client.receive_all(), "fine"));
  }
  // The client knows before the server has counted.
  server.wait_until([&] { return server.counted_on_loop().tls_handshakes_failed >= 2; });
  EXPECT_EQ(server.counters().tls_handshakes_failed, 2U);
}

TEST(HostileClient, CannotRenegotiate) {
  const ServerLab server(fine);
  auto client = BlockingTls::connect(server.port(), nullptr, TLS1_2_VERSION);
  ASSERT_TRUE(client.is_open());
  EXPECT_TRUE(SSL_renegotiate(client.native()) != 1 || SSL_do_handshake(client.native()) != 1 ||
              !client.send("GET / HTTP/1.1\r\n\r\n") || !has(client.receive(), "fine"));
  client.close();
  EXPECT_TRUE(is_answered(server));
}

}  // namespace
}  // namespace sallyport::controlplane::https_hostile_client_test
