// An HTTP request and its answer as plain values, so that routing and the making of answers need no socket. http_server
// moves them; admin_api and metrics_text make them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/base/ip.hpp"

namespace sallyport::controlplane {

// As it arrived, within the limits of http_server.hpp: nothing in it is checked yet.
struct HttpRequest {
  std::string method;
  std::string target;
  std::string body;
  std::string if_match;       // the header of that name (RFC 9110, 13.1.1); empty: none
  std::string client;         // who asks, from the socket: "uid 0"; empty: not known
  std::string content_type;   // the header of that name, without parameters, in lower case
  std::string authorization;  // the header of that name
  IpAddress address;          // of the client, of TCP alone
  std::string key_exchange;   // of TLS alone: the group that both ends agreed on, as OpenSSL calls it; empty: none
  // Of TLS alone: the client's certificates in DER, the leaf first, whose private key it has proven. Nothing else of
  // them is checked.
  std::vector<std::vector<std::uint8_t>> certificates;
};

// The body of an answer that is made piece by piece: a long list, so that no answer holds up the event loop, or a
// capture, which has no end. Destroyed when the last piece is written or the client is gone.
class BodySource {
 public:
  enum class Next : std::uint8_t {
    more,  // call again, even if nothing was appended
    wait,  // nothing now; the source calls `wake` when there is
    done,
  };
  virtual ~BodySource() = default;
  // Appends a piece of about piece_bytes at most to `out`, which comes empty.
  virtual Next next(std::string& out) = 0;
  // Called once, before the first next(). A source that never waits need not keep it.
  virtual void on_ready(std::function<void()> /*wake*/) {}

  static constexpr std::size_t piece_bytes = std::size_t{64} << 10;
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::unique_ptr<BodySource> stream;  // if set, in place of the body
  std::string allow;                   // the methods that there are, with status 405
  std::string etag;                    // of what the answer is about, without quotes; empty: none
  unsigned retry_after_s = 0;          // the header of that name; 0: none
};

}  // namespace sallyport::controlplane
