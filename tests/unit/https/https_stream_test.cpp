#include <gtest/gtest.h>

#include "controlplane/https/https_client.hpp"
#include "tests/unit/https/client_lab.hpp"

namespace sallyport::controlplane::https_stream_test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view open_stream = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(HttpsStream, DeliversPiecesAsTheyComeAndItsEnd) {
  std::atomic<unsigned> delivered = 0;  // raised by the client, awaited by the server
  const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
    (void)tls.receive_until("\r\n\r\n");
    tls.send(open_stream);
    for (unsigned i = 0; i < 3; ++i) {
      while (delivered < i) std::this_thread::sleep_for(1ms);
      tls.send("3\r\n{" + std::to_string(i) + "}\r\n");
    }
    while (delivered < 3) std::this_thread::sleep_for(1ms);
    tls.drip("0\r\n\r\n");
    tls.end();
  });
  ClientLab lab;
  ClientLab::Seen seen;
  const auto call = lab.stream(ClientLab::request_to(server.port()), seen);
  lab.run_until([&] {
    delivered = static_cast<unsigned>(seen.text().size() / 3);
    return seen.end.has_value();
  });
  EXPECT_TRUE(seen.open);
  EXPECT_EQ(seen.text(), "{0}{1}{2}");
  EXPECT_EQ(seen.end, "");
  EXPECT_FALSE(seen.refused);
}

TEST(HttpsStream, HasNoBoundButThatOfItsIdleTime) {
  const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
    (void)tls.receive_until("\r\n\r\n");
    tls.send(open_stream);
    for (unsigned i = 0; i < 100; ++i) tls.send("1000\r\n" + std::string(4096, 'x') + "\r\n");
    for (unsigned i = 0; i < 10; ++i) {
      std::this_thread::sleep_for(50ms);
      tls.drip("1\r\ny\r\n");
    }
    (void)tls.receive();
  });
  ClientLab lab;
  ClientLab::Seen seen;
  HttpsRequest request = ClientLab::request_to(server.port());
  request.body_bytes_max = 100;
  request.answer_timeout = 400ms;
  request.idle_timeout = 300ms;
  const auto call = lab.stream(request, seen);
  lab.run_until([&] { return seen.end.has_value(); });
  EXPECT_EQ(seen.end, "nothing came for 300 ms");
  EXPECT_EQ(seen.text().size(), 100 * 4096 + 10U);
}

TEST(HttpsStream, GivesAnotherStatusAsAnAnswer) {
  const auto seen_of = [](const std::string& bytes) {
    const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
      (void)tls.receive_until("\r\n\r\n");
      tls.send(bytes);
      tls.end();
    });
    ClientLab lab;
    ClientLab::Seen seen;
    HttpsRequest request = ClientLab::request_to(server.port());
    request.body_bytes_max = 10;
    const auto call = lab.stream(request, seen);
    lab.run_until([&] { return seen.end || seen.refused; });
    EXPECT_FALSE(seen.open);
    return seen;
  };
  const auto gone = seen_of("HTTP/1.1 410 Gone\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
  ASSERT_TRUE(gone.refused);
  EXPECT_EQ(gone.refused->status, 410U);
  EXPECT_EQ(gone.refused->body, "{}");
  EXPECT_FALSE(gone.end);
  EXPECT_EQ(seen_of("HTTP/1.1 500 Bad\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n").end,
            "the answer is larger than 10 bytes");
  EXPECT_TRUE(has(seen_of("HTTP/1.1 500 Bad\r\nContent-Length: 11\r\n\r\n").end.value_or(""), "expected 10 at most"));
}

TEST(HttpsStream, SaysWhenItWasCutOff) {
  const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
    (void)tls.receive_until("\r\n\r\n");
    tls.send(std::string(open_stream) + "5\r\nab");
    tls.close();
  });
  ClientLab lab;
  ClientLab::Seen seen;
  const auto call = lab.stream(ClientLab::request_to(server.port()), seen);
  lab.run_until([&] { return seen.end.has_value(); });
  EXPECT_EQ(seen.text(), "ab");
  EXPECT_EQ(seen.end, "the server closed the connection before its answer was complete");
}

TEST(HttpsStream, MayBeEndedWithinEachOfItsCallbacks) {
  enum class Where { open, piece, end };
  for (const Where where : {Where::open, Where::piece, Where::end}) {
    const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
      (void)tls.receive_until("\r\n\r\n");
      tls.send(std::string(open_stream) + "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
      tls.end();
    });
    ClientLab lab;
    std::unique_ptr<HttpsCall> call;
    unsigned after = 0;
    bool over = false;
    const auto note = [&](Where now) {
      if (over) ++after;
      if (now != where) return;
      over = true;
      call.reset();
    };
    call = lab.client.stream(ClientLab::request_to(server.port()),
                             {.on_refused = [](const HttpsAnswer&) { FAIL(); },
                              .on_open = [&] { note(Where::open); },
                              .on_piece = [&](std::string_view) { note(Where::piece); },
                              .on_end = [&](const std::string&) { note(Where::end); }});
    lab.run_until([&] { return over; });
    lab.loop.restart();
    lab.loop.run_for(20ms);
    EXPECT_TRUE(over);
    EXPECT_EQ(after, 0U);
  }
}

}  // namespace
}  // namespace sallyport::controlplane::https_stream_test
