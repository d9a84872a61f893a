#include "tools/ctl/http_client.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/http/raw_socket.hpp"
#include "tests/unit/temporary_folder.hpp"
#include "tools/ctl/json_fields.hpp"

namespace sallyport::ctl::http_client_test {
namespace {

using namespace std::chrono_literals;

// A control plane that says `answer`, whatever it is asked.
class Liar {
 public:
  explicit Liar(std::string answer, bool stays_open = false) : listener_(RawSocket::listen_unix(path())) {
    thread_ = std::thread([this, stays_open, answer = std::move(answer)] {
      const RawSocket client = listener_.accept();
      (void)client.receive_until("\r\n\r\n");
      client.send(answer);
      if (stays_open) (void)client.receive();
    });
  }
  ~Liar() { thread_.join(); }
  [[nodiscard]] std::string path() const { return folder_.file("s"); }

 private:
  TemporaryFolder folder_;
  RawSocket listener_;
  std::thread thread_;
};

TEST(HttpClient, TakesAWholeAnswer) {
  const Liar server("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope");
  const auto answer = http_request(server.path(), "GET", "/");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404U);
  EXPECT_EQ(answer->body, "nope");
}

TEST(HttpClient, PutsChunksTogether) {
  const Liar server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n");
  EXPECT_EQ(http_request(server.path(), "GET", "/")->body, "abcd");
}

TEST(HttpClient, TakesALastChunkThatComesInPieces) {
  const TemporaryFolder folder;
  const auto listener = RawSocket::listen_unix(folder.file("s"));
  std::thread server([&] {
    const auto client = listener.accept();
    (void)client.receive_until("\r\n\r\n");
    client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    for (const char* piece : {"\r", "\n"}) {
      while (client.unread_bytes() > 0) std::this_thread::yield();
      client.send(piece);
    }
  });
  EXPECT_TRUE(http_request(folder.file("s"), "GET", "/"));
  server.join();
}

TEST(HttpClient, TellsAnAnswerThatMakesNoSenseFromNoAnswer) {
  for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n", "HTTP/1.1 2",
                             "garbage\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"}) {
    const Liar server(answer);
    const auto result = http_request(server.path(), "GET", "/");
    ASSERT_FALSE(result) << answer;
    EXPECT_FALSE(result.error().unreachable) << answer << ": " << result.error().message;
  }
  const Liar silent("");
  EXPECT_TRUE(http_request(silent.path(), "GET", "/").error().unreachable);
  EXPECT_TRUE(http_request("/nonexistent/socket", "GET", "/").error().unreachable);
  EXPECT_TRUE(http_request(std::string(300, 'x'), "GET", "/").error().unreachable);
}

TEST(HttpClient, RefusesAnswersThatAreTooLong) {
  const ClientLimits limits{.body_bytes = 1000, .header_bytes = 1000};
  const Liar announced("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x'));
  EXPECT_FALSE(http_request(announced.path(), "GET", "/", {}, limits));
  const Liar endless("HTTP/1.1 200 OK\r\n\r\n" + std::string(5000, 'x'));
  EXPECT_FALSE(http_request(endless.path(), "GET", "/", {}, limits));
  const Liar header("HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x') + "\r\n\r\n");
  EXPECT_FALSE(http_request(header.path(), "GET", "/", {}, limits));
}

TEST(HttpClient, DoesNotWaitForEver) {
  const ClientLimits limits{.timeout = 50ms};
  const Liar mute("", true);
  EXPECT_TRUE(http_request(mute.path(), "GET", "/", {}, limits).error().unreachable);
  const Liar hesitant("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true);
  EXPECT_FALSE(http_request(hesitant.path(), "GET", "/", {}, limits).error().unreachable);
}

TEST(HttpClient, GivesAStreamPieceByPieceUntilItIsTold) {
  const Liar server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true);
  std::string got;
  const auto answer = http_stream(server.path(), "POST", "/", "{}", [&](std::string_view piece) {
    got += piece;
    return got.size() < 3;
  });
  EXPECT_TRUE(answer);
  EXPECT_EQ(got, "abc");
}

TEST(HttpClient, DoesNotTakeARefusalForAStream) {
  const Liar server("HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nbusy");
  const auto answer = http_stream(server.path(), "POST", "/", {}, [](std::string_view) -> bool {
    ADD_FAILURE();
    return false;
  });
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 409U);
  EXPECT_EQ(answer->body, "busy");
}

TEST(JsonFields, AreNeutralWhereTheAnswerIsNot) {
  const Json answer = *parse_json(R"({"a":-1,"b":"text","c":1.5,"d":{},"e":[1],"f":18446744073709551615})");
  EXPECT_EQ(number_field(answer, "a"), 0U);
  EXPECT_EQ(number_field(answer, "c"), 0U);
  EXPECT_EQ(number_field(answer, "f"), 18446744073709551615ULL);
  EXPECT_EQ(text_field(answer, "d"), "-");
  EXPECT_TRUE(list_field(answer, "b").empty());
  EXPECT_TRUE(field(Json(3), "x").is_null());
  EXPECT_EQ(joined(list_field(answer, "e")), "");
  EXPECT_FALSE(parse_json("{"));
  EXPECT_FALSE(parse_json(std::string(100'000, '[')));
  EXPECT_FALSE(parse_json(std::string(40, '[') + std::string(40, ']')));
}

}  // namespace
}  // namespace sallyport::ctl::http_client_test
