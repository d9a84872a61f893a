// A capture over the API: the request (JSON) becomes a SetCapture, each packet that comes back a pcapng block or a line
// of JSON. The client's reading speed bounds nothing but itself: what it does not take in time is counted and left out.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "controlplane/api/admin_backend.hpp"
#include "controlplane/http/http_message.hpp"
#include "controlplane/http/request_time.hpp"

namespace sallyport::controlplane {

enum class CaptureFormat : std::uint8_t { pcapng, json };

struct CaptureRequest {
  abi::SetCapture command{};  // without an id
  CaptureFormat format = CaptureFormat::pcapng;
};

inline constexpr std::uint32_t default_capture_packets = 10'000;
inline constexpr std::uint32_t most_capture_packets = 100'000'000;
inline constexpr std::size_t capture_backlog_bytes = std::size_t{8} << 20;

struct CaptureRefusal {
  unsigned status = 400;
  std::string message;
};

// {"points": ["outer_received", ...], "peer": NAME, "port": NAME, "drop_reason": NAME, "max_packets": N,
//  "snap_bytes": N, "format": "pcapng" | "json"}; every key is optional, an unknown one is an error. Without points:
// all but drops, or drops alone if there is a drop_reason.
[[nodiscard]] tl::expected<CaptureRequest, CaptureRefusal> parse_capture_request(std::string_view body,
                                                                                 const AdminBackend& backend);

// Starts the capture; it stops when the source goes. An error when the backend refuses (one runs already, say).
[[nodiscard]] tl::expected<std::unique_ptr<BodySource>, CaptureRefusal> start_capture(const CaptureRequest& request,
                                                                                      AdminBackend& backend,
                                                                                      const RequestTime& time);

// The names in requests and answers: "outer_received", ... "dropped". Empty for a value that is none.
[[nodiscard]] std::string_view to_string(abi::CapturePoint point);

}  // namespace sallyport::controlplane
