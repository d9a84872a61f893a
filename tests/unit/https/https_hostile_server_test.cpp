#include <gtest/gtest.h>

#include "controlplane/https/https_client.hpp"
#include "tests/unit/http/raw_socket.hpp"
#include "tests/unit/https/client_lab.hpp"

namespace sallyport::controlplane::https_hostile_server_test {
namespace {

using namespace std::chrono_literals;

HttpsRequest impatient(std::uint16_t port) {
  HttpsRequest request = ClientLab::request_to(port);
  request.connect_timeout = 300ms;
  request.answer_timeout = 300ms;
  return request;
}

TEST(HostileServer, ThatNeverBeginsTlsMeetsTheTimeout) {
  const ScriptedServer server([](int descriptor) {
    const RawSocket socket(descriptor);
    (void)socket.receive_all();
  });
  ClientLab lab;
  EXPECT_EQ(lab.get(impatient(server.port())).error(),
            "no connection within 300 ms, in the TLS handshake with 127.0.0.1:" + std::to_string(server.port()));
}

TEST(HostileServer, ThatSpeaksPlainHttpIsNamed) {
  const ScriptedServer server([](int descriptor) {
    const RawSocket socket(descriptor);
    (void)socket.receive();
    socket.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  ClientLab lab;
  // Newer Boosts add where it comes from.
  EXPECT_TRUE(lab.get(server.port()).error().starts_with("the TLS handshake failed: wrong version number"));
}

TEST(HostileServer, ThatClosesInTheHandshakeIsNamed) {
  const ScriptedServer server([](int descriptor) {
    const RawSocket socket(descriptor);
    (void)socket.receive();
  });
  ClientLab lab;
  EXPECT_EQ(lab.get(server.port()).error(), "the server closed the connection in the TLS handshake");
}

TEST(HostileServer, ThatHangsAnywhereMeetsTheTimeout) {
  for (const std::string start :
       {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"keys\":",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "HTTP/1.1 200 OK\r\n\r\nx"}) {
    const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
      (void)tls.receive_until("\r\n\r\n");
      if (!start.empty()) tls.send(start);
      (void)tls.receive();
    });
    ClientLab lab;
    EXPECT_EQ(lab.get(impatient(server.port())).error(), "no complete answer within 300 ms") << start;
  }
}

TEST(HostileServer, ThatDripsForeverMeetsTheTimeoutToo) {
  const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
    (void)tls.receive_until("\r\n\r\n");
    tls.send("HTTP/1.1 200 OK\r\n\r\n");
    while (tls.drip("x")) std::this_thread::sleep_for(5ms);
  });
  ClientLab lab;
  EXPECT_EQ(lab.get(impatient(server.port())).error(), "no complete answer within 300 ms");
}

TEST(HostileServer, ThatDripsByteByByteIsUnderstood) {
  const std::string header = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
  for (const std::string body : {"Content-Length: 5\r\n\r\nabcde",
                                 "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nT: x\r\n\r\n"}) {
    const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
      (void)tls.receive_until("\r\n\r\n");
      tls.drip(header + body);
      tls.end();
    });
    ClientLab lab;
    const auto answer = lab.get(server.port());
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->body, "abcde");
  }
}

TEST(HostileServer, WithABodyWithoutEndIsCutOff) {
  const std::string header = "HTTP/1.1 200 OK\r\n";
  for (const std::string framing : {"\r\n", "Transfer-Encoding: chunked\r\n\r\n"}) {
    std::atomic<std::size_t> sent = 0;
    {
      const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
        (void)tls.receive_until("\r\n\r\n");
        tls.send(header + framing);
        const std::string piece = "1000\r\n" + std::string(4096, 'x') + "\r\n";
        while (sent < (std::size_t{64} << 20) && tls.send(piece)) sent += piece.size();
      });
      ClientLab lab;
      HttpsRequest request = ClientLab::request_to(server.port());
      request.body_bytes_max = 10'000;
      EXPECT_EQ(lab.get(request).error(), "the answer is larger than 10000 bytes");
    }
    EXPECT_LT(sent, std::size_t{64} << 20);
  }
  ClientLab lab;
  EXPECT_EQ(lab.answer_of("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n").error(),
            "the answer has 99999999999 bytes, expected 1048576 at most");
}

TEST(HostileServer, WithAHeaderWithoutEndIsCutOff) {
  for (const std::string& piece : {std::string("X-Padding: 0123456789\r\n"), std::string(100, 'x')}) {
    const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
      (void)tls.receive_until("\r\n\r\n");
      tls.send("HTTP/1.1 200 OK\r\nX: ");
      while (tls.send(piece)) {}
    });
    ClientLab lab;
    EXPECT_EQ(lab.get(server.port()).error(), "the answer's header is larger than 16384 bytes");
  }
}

TEST(HostileServer, WithInterimAnswersWithoutEndIsCutOff) {
  std::string bytes;
  for (int i = 0; i < 10; ++i) bytes += "HTTP/1.1 100 Continue\r\n\r\n";
  ClientLab lab;
  EXPECT_EQ(lab.answer_of(bytes).error(), "expected an answer, got status 100");
  EXPECT_EQ(lab.answer_of("HTTP/1.1 101 Switching Protocols\r\n\r\n").error(), "expected an answer, got status 101");
}

TEST(HostileServer, ThatClosesInTheMiddleGivesNoAnswer) {
  ClientLab lab;
  for (const std::string bytes : {"HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab",
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n", ""})
    EXPECT_EQ(lab.answer_of(bytes).error(), "the server closed the connection before its answer was complete") << bytes;
  // Somebody on the way can end TCP, but not TLS: without close_notify the end is no end.
  const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
    (void)tls.receive_until("\r\n\r\n");
    tls.send("HTTP/1.1 200 OK\r\n\r\nab");
    tls.close();
  });
  EXPECT_EQ(lab.get(server.port()).error(), "the server closed the connection before its answer was complete");
}

TEST(HostileServer, ThatLiesAboutItsLengthGivesNoAnswer) {
  ClientLab lab;
  for (const std::string header :
       {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: gzip\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: -1\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Encoding: gzip\r\nContent-Length: 1\r\n"})
    EXPECT_FALSE(lab.answer_of("HTTP/1.1 200 OK\r\n" + header + "\r\nx")) << header;
  for (const std::string bytes : {"hello\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "\x16\x03\x01"})
    EXPECT_FALSE(lab.answer_of(bytes)) << bytes;
  EXPECT_TRUE(has(lab.answer_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello").error(),
                  "expected a chunk's size"));
}

}  // namespace
}  // namespace sallyport::controlplane::https_hostile_server_test
