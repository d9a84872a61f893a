#include "controlplane/http/http_server.hpp"

#include <sys/stat.h>

#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "controlplane/api/metrics_server.hpp"
#include "tests/unit/api/server_thread.hpp"
#include "tests/unit/http/raw_socket.hpp"

namespace sallyport::controlplane::http_server_test {
namespace {

using namespace std::chrono_literals;

bool starts_with(const std::string& text, std::string_view start) {
  return std::string_view(text).substr(0, start.size()) == start;
}

// A server with limits of its own, whose loop runs until the test is over.
class OwnServer {
 public:
  explicit OwnServer(HttpServer::Handler handler, HttpLimits limits = {})
      : server_(std::in_place, loop_, std::move(handler), limits) {
    EXPECT_TRUE(server_->listen_unix(socket(), 0600));
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~OwnServer() {
    loop_.stop();
    thread_.join();
    server_.reset();
  }
  [[nodiscard]] std::string socket() const { return folder_.file("s"); }

 private:
  TemporaryFolder folder_;
  boost::asio::io_context loop_;
  std::optional<HttpServer> server_;
  std::thread thread_;
};

HttpResponse echo(const HttpRequest& request) {
  return {.body = request.method + ' ' + request.target + ' ' + request.body};
}

TEST(HttpServer, AnswersSeveralRequestsOnOneConnection) {
  const OwnServer server(echo);
  const auto socket = RawSocket::connect_unix(server.socket());
  ASSERT_TRUE(socket.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_NE(socket.receive_until("GET /a ").find("200 OK"), std::string::npos);
  ASSERT_TRUE(socket.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz"));
  EXPECT_NE(socket.receive_until("POST /b xyz").find("200 OK"), std::string::npos);
  ASSERT_TRUE(socket.send("GET /c HTTP/1.1\r\nConnection: close\r\n\r\n"));
  EXPECT_NE(socket.receive_all().find("GET /c "), std::string::npos);
}

TEST(HttpServer, AnswersHeadWithoutABody) {
  const OwnServer server(echo);
  const auto socket = RawSocket::connect_unix(server.socket());
  socket.send("HEAD /a HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string answer = socket.receive_all();
  EXPECT_NE(answer.find("Content-Length: 8"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(HttpServer, PassesETagsAndKnowsWhoAsks) {
  const OwnServer server([](const HttpRequest& request) {
    return HttpResponse{.body = request.if_match + ' ' + request.client + '.',
                        .etag = request.target == "/bad" ? "a\r\nX: y" : "abc"};
  });
  const auto answer_to = [&](const std::string& target) {
    const auto socket = RawSocket::connect_unix(server.socket());
    socket.send("GET " + target + " HTTP/1.1\r\nIf-Match: \"xyz\"\r\nConnection: close\r\n\r\n");
    return socket.receive_all();
  };
  const std::string answer = answer_to("/");
  EXPECT_NE(answer.find("\r\nETag: \"abc\"\r\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\"xyz\" uid " + std::to_string(::getuid()) + '.'), std::string::npos) << answer;
  EXPECT_EQ(answer_to("/bad").find("ETag"), std::string::npos) << "nothing else goes into a header";
}

TEST(HttpServer, RefusesWhatIsTooLongOrNotHttp) {
  const OwnServer server(echo, {.header_bytes = 1024, .body_bytes = 100});
  const auto answer_to = [&](const std::string& bytes) {
    const auto socket = RawSocket::connect_unix(server.socket());
    socket.send(bytes);
    return socket.receive_all();
  };
  EXPECT_TRUE(starts_with(answer_to("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x')), "HTTP/1.1 431"));
  EXPECT_TRUE(starts_with(answer_to("POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n"), "HTTP/1.1 413"));
  EXPECT_TRUE(
      starts_with(answer_to("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"), "HTTP/1.1 400"));
  EXPECT_TRUE(starts_with(answer_to("hello\r\n\r\n"), "HTTP/1.1 400"));
  EXPECT_TRUE(starts_with(answer_to("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
                          "HTTP/1.1 400"));
  EXPECT_TRUE(starts_with(answer_to("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r"), "HTTP/1.1 411"));
}

TEST(HttpServer, AnswersAnExceptionWith500AndGoesOn) {
  const OwnServer server([](const HttpRequest& request) -> HttpResponse {
    if (request.target == "/bad") throw std::runtime_error("bug");
    return {.body = "fine"};
  });
  const auto socket = RawSocket::connect_unix(server.socket());
  socket.send("GET /bad HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(starts_with(socket.receive(), "HTTP/1.1 500"));
  socket.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(starts_with(socket.receive(), "HTTP/1.1 200"));
}

TEST(HttpServer, CutsOffClientsThatAreSlowWithTheirRequest) {
  const OwnServer server(echo, {.request_timeout = 50ms});
  const auto socket = RawSocket::connect_unix(server.socket());
  socket.send("GET / HT");
  EXPECT_EQ(socket.receive_all(), "");
}

TEST(HttpServer, CutsOffClientsThatDoNotRead) {
  const OwnServer server([](const HttpRequest&) { return HttpResponse{.body = std::string(32 << 20, 'x')}; },
                         {.write_timeout = 50ms});
  const auto slow = RawSocket::connect_unix(server.socket());
  slow.send("GET / HTTP/1.1\r\n\r\n");
  const auto witness = RawSocket::connect_unix(server.socket());  // cut off in the same way, later
  witness.send("GET / HTTP/1.1\r\n\r\n");
  while (witness.send(std::string(4096, 'x'))) {}
  EXPECT_LT(slow.receive_all().size(), std::size_t{32} << 20);
}

TEST(HttpServer, TellsTheConnectionAboveTheBoundToGo) {
  const OwnServer server(echo, {.connections = 2});
  const auto first = RawSocket::connect_unix(server.socket());
  auto second = RawSocket::connect_unix(server.socket());
  first.send("GET / HTTP/1.1\r\n\r\n");
  second.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(starts_with(first.receive(), "HTTP/1.1 200"));
  EXPECT_TRUE(starts_with(second.receive(), "HTTP/1.1 200"));
  const auto third = RawSocket::connect_unix(server.socket());
  EXPECT_TRUE(starts_with(third.receive_all(), "HTTP/1.1 503"));
}

// A stream of three pieces; the second comes late.
class ThreePieces final : public BodySource {
 public:
  Next next(std::string& out) override {
    switch (step_++) {
      case 0:
        out = "one,";
        return Next::more;
      case 1:
        wake_();
        return Next::wait;
      case 2:
        out = "two,";
        return Next::more;
      case 3:
        return Next::more;  // nothing yet, but soon
      case 4:
        out = "three";
        return Next::more;
      default:
        return Next::done;
    }
  }
  void on_ready(std::function<void()> wake) override { wake_ = std::move(wake); }

 private:
  unsigned step_ = 0;
  std::function<void()> wake_;
};

TEST(HttpServer, StreamsInChunksOrForOldClientsUntilItCloses) {
  const OwnServer server([](const HttpRequest&) {
    HttpResponse response;
    response.stream = std::make_unique<ThreePieces>();
    return response;
  });
  const auto chunked = RawSocket::connect_unix(server.socket());
  chunked.send("GET / HTTP/1.1\r\n\r\n");
  const std::string answer = chunked.receive_all();
  EXPECT_NE(answer.find("Transfer-Encoding: chunked"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n4\r\none,\r\n4\r\ntwo,\r\n5\r\nthree\r\n0\r\n\r\n")) << answer;
  const auto plain = RawSocket::connect_unix(server.socket());
  plain.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(plain.receive_all().ends_with("\r\n\r\none,two,three"));
}

TEST(HttpServer, ReplacesAStaleSocketButNothingElse) {
  const TemporaryFolder folder;
  boost::asio::io_context loop;
  { const auto dead = RawSocket::listen_unix(folder.file("stale")); }
  {
    HttpServer server(loop, echo);
    ASSERT_TRUE(server.listen_unix(folder.file("stale"), 0660));
    struct ::stat file {};
    ASSERT_EQ(::stat(folder.file("stale").c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0660U);
    HttpServer second(loop, echo);
    EXPECT_NE(second.listen_unix(folder.file("stale"), 0660).error().find("another process"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(folder.file("stale")));
  std::ofstream(folder.file("precious")) << "data";
  HttpServer server(loop, echo);
  EXPECT_NE(server.listen_unix(folder.file("precious"), 0660).error().find("not a socket"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(folder.file("precious")));
  EXPECT_FALSE(HttpServer(loop, echo).listen_unix(std::string(200, 'x'), 0660));
  EXPECT_FALSE(HttpServer(loop, echo).listen_unix(folder.file("no/such/folder"), 0660));
}

TEST(AdminServer, EndsACaptureWhenItsClientGoesAway) {
  ServerThread server;
  auto client = RawSocket::connect_unix(server.socket());
  client.send("POST /v1/capture HTTP/1.1\r\n\r\n");
  EXPECT_NE(client.receive_until("\x0a\x0d\x0d\x0a").find("application/x-pcapng"), std::string::npos);
  server.on_loop([](FakeBackend& backend) { EXPECT_TRUE(backend.capture); });
  client.close();
  // The loop notices in its own time; a further request is served only after it ran.
  bool stopped = false;
  for (unsigned i = 0; i < 1000 && !stopped; ++i) {
    const auto other = RawSocket::connect_unix(server.socket());
    other.send("GET /v1 HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_FALSE(other.receive_all().empty());
    server.on_loop([&](FakeBackend& backend) { stopped = backend.captures_stopped == 1; });
  }
  EXPECT_TRUE(stopped);
}

TEST(AdminServer, SendsPacketsOfACaptureAsTheyComeAndEndsWithIt) {
  ServerThread server;
  const auto client = RawSocket::connect_unix(server.socket());
  client.send("POST /v1/capture HTTP/1.1\r\nContent-Length: 17\r\n\r\n{\"format\":\"json\"}");
  EXPECT_NE(client.receive_until("\r\n\r\n").find("200 OK"), std::string::npos);
  server.on_loop([](FakeBackend& backend) {
    ASSERT_TRUE(backend.capture);
    backend.capture_sink(FakeBackend::packet(abi::CapturePoint::inner_sent, "first"));
  });
  EXPECT_NE(client.receive_until("\"data\":\"6669727374\"").find("inner_sent"), std::string::npos);
  server.on_loop([](FakeBackend& backend) { backend.capture_end(); });
  EXPECT_TRUE(client.receive_all().ends_with("0\r\n\r\n"));
}

TEST(AdminServer, EndsARunningCaptureWhenItGoes) {
  std::optional<ServerThread> server(std::in_place);
  const auto client = RawSocket::connect_unix(server->socket());
  client.send("POST /v1/capture HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(client.receive().empty());
  server.reset();
  (void)client.receive_all();  // ends
}

TEST(MetricsServer, ServesMetricsAndNothingElse) {
  FakeBackend backend;
  boost::asio::io_context loop;
  MetricsServer server(loop, backend, {.address = IpAddress::v4(127, 0, 0, 1), .port = 0});
  ASSERT_TRUE(server.start());
  std::thread thread([&] { loop.run(); });
  const auto answer_to = [&](const std::string& line) {
    const auto socket = RawSocket::connect_tcp(server.port());
    socket.send(line + " HTTP/1.1\r\nConnection: close\r\n\r\n");
    return socket.receive_all();
  };
  const std::string metrics = answer_to("GET /metrics");
  EXPECT_NE(metrics.find("text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(metrics.find("\nsallyport_dataplane_connected 1\n"), std::string::npos);
  EXPECT_TRUE(starts_with(answer_to("GET /v1/status"), "HTTP/1.1 404"));
  EXPECT_TRUE(starts_with(answer_to("POST /metrics"), "HTTP/1.1 405"));
  loop.stop();
  thread.join();
}

TEST(HttpParser, TellsARequestFromTheStatusOfItsRefusal) {
  const HttpLimits limits{.header_bytes = 200, .body_bytes = 10};
  const auto request = parse_http_request("POST /v1/x HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", limits);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->target, "/v1/x");
  EXPECT_EQ(request->body, "ab");
  EXPECT_EQ(parse_http_request("", limits).error(), 400U);
  EXPECT_EQ(parse_http_request("GET /", limits).error(), 400U);
  EXPECT_EQ(parse_http_request("GET /" + std::string(300, 'x'), limits).error(), 431U);
  EXPECT_EQ(parse_http_request("POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n", limits).error(), 413U);
  EXPECT_EQ(parse_http_request("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx", limits).error(), 411U);
  EXPECT_EQ(parse_http_request("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab", limits).error(), 400U);
}

}  // namespace
}  // namespace sallyport::controlplane::http_server_test
