// An HttpsClient on a loop of its own, and one CA that it believes.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "controlplane/https/https_client.hpp"
#include "tests/unit/https/scripted_server.hpp"
#include "tests/unit/https/test_certificates.hpp"

namespace sallyport::controlplane {

inline const TestCa& test_ca() {
  static const TestCa ca;
  return ca;
}

class ClientLab {
 public:
  using Outcome = tl::expected<HttpsAnswer, std::string>;

  static HttpsRequest request_to(std::uint16_t port, const std::string& host = "127.0.0.1") {
    using namespace std::chrono_literals;
    HttpsRequest request;
    request.url = {.host = host, .port = port, .target = "/keys?x=1"};
    request.ca_pem = test_ca().pem();
    request.connect_timeout = 3s;
    request.answer_timeout = 3s;
    return request;
  }

  // The loop runs until there is an outcome.
  Outcome get(HttpsRequest request) {
    std::optional<Outcome> outcome;
    const auto call = client.get(std::move(request), [&](Outcome result) { outcome = std::move(result); });
    run_until([&] { return outcome.has_value(); });
    return outcome ? std::move(*outcome) : tl::unexpected(std::string("the test's own time is over"));
  }
  Outcome get(std::uint16_t port) { return get(request_to(port)); }

  // What a server of these bytes comes to.
  Outcome answer_of(const std::string& bytes) {
    const ScriptedServer server(test_ca().issue(), [&](BlockingTls& tls) {
      (void)tls.receive_until("\r\n\r\n");
      tls.send(bytes);
      tls.end();
    });
    return get(server.port());
  }

  template <typename Condition>
  void run_until(const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    loop.restart();
    while (!condition() && std::chrono::steady_clock::now() < end)
      loop.run_one_for(std::chrono::milliseconds(50)), loop.restart();
  }

  struct Seen {
    std::optional<HttpsAnswer> refused;
    bool open = false;
    std::vector<std::string> pieces;
    std::optional<std::string> end;
    [[nodiscard]] std::string text() const {
      std::string all;
      for (const std::string& piece : pieces) all += piece;
      return all;
    }
  };
  std::unique_ptr<HttpsCall> stream(HttpsRequest request, Seen& seen) {
    return client.stream(std::move(request),
                         {
                             .on_refused = [&](HttpsAnswer answer) { seen.refused = std::move(answer); },
                             .on_open = [&] { seen.open = true; },
                             .on_piece = [&](std::string_view piece) { seen.pieces.emplace_back(piece); },
                             .on_end = [&](const std::string& why) { seen.end = why; },
                         });
  }

  boost::asio::io_context loop;
  HttpsClient client{loop};
};

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace sallyport::controlplane
