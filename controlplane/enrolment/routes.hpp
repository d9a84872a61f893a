// The enrolment API's paths and methods, once: the server, its counters and the test of openapi.json read them here.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sallyport::controlplane {

enum class Endpoint : std::uint8_t { enroll, renew, posture, session_state, end_session, document };

struct Route {
  Endpoint endpoint;
  std::string_view method, path;
  std::string_view name;  // of its counter
};
// In the order of the enum.
inline constexpr std::array<Route, 6> routes{{
    {Endpoint::enroll, "POST", "/v1/enroll", "enroll"},
    {Endpoint::renew, "POST", "/v1/renew", "renew"},
    {Endpoint::posture, "POST", "/v1/posture", "posture"},
    {Endpoint::session_state, "GET", "/v1/session", "state"},
    {Endpoint::end_session, "DELETE", "/v1/session", "end"},
    {Endpoint::document, "GET", "/v1/openapi.json", "document"},
}};

// The OpenAPI document: openapi.json beside this file, as it was built in.
[[nodiscard]] std::string_view openapi_document();

}  // namespace sallyport::controlplane
