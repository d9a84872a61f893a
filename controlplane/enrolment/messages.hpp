// The bytes of requests to the enrolment API as values: bodies, and the headers that matter. Hostile text is an error
// in one sentence that may be sent back; nothing of a token is in it. answers.hpp is the other way. No I/O.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "controlplane/enrolment/records.hpp"
#include "controlplane/enrolment/requests.hpp"

namespace sallyport::controlplane {

struct EnrollBody {
  PublicKey public_key{};
  std::string token;     // empty: none in the body
  std::string instance;  // empty: none
};
struct RenewBody {
  PublicKey public_key{};
  std::optional<PublicKey> new_public_key;
  std::string token;  // empty: none in the body
};
struct PostureBody {
  std::map<std::string, policy::PostureValue> posture;
  std::chrono::seconds time_to_live{};
  std::optional<EnrolledSession::ClientView> view;  // `at` is not set
};

// The members that each has, and no others.
inline constexpr std::array<std::string_view, 3> enroll_members{"public_key", "token", "instance"};
inline constexpr std::array<std::string_view, 3> renew_members{"public_key", "new_public_key", "token"};
inline constexpr std::array<std::string_view, 3> posture_members{"posture", "ttl_s", "view"};
inline constexpr std::array<std::string_view, 5> view_members{"received_bytes", "sent_bytes", "last_handshake_age_s",
                                                              "mtu", "endpoint"};

[[nodiscard]] tl::expected<EnrollBody, std::string> parse_enroll(std::string_view body);
[[nodiscard]] tl::expected<RenewBody, std::string> parse_renew(std::string_view body);
[[nodiscard]] tl::expected<PostureBody, std::string> parse_posture(std::string_view body);

// The token of "Bearer TOKEN" (RFC 6750, 2.1); empty if there is no such header.
[[nodiscard]] tl::expected<std::string, std::string> parse_authorization(std::string_view header);
// The same for requests whose token is a session's.
[[nodiscard]] tl::expected<std::string, std::string> parse_session_authorization(std::string_view header);
// A request need not say what its body is. The parameters are gone already (http_message.hpp).
[[nodiscard]] bool is_json_type(std::string_view content_type);

inline constexpr std::string_view enrolment_secret_prefix = "spk_";
inline constexpr std::size_t session_token_characters_max = 128;  // base64url
inline constexpr std::size_t enrolment_secret_characters_max = 128;
inline constexpr std::size_t posture_text_bytes_max = 1024;
inline constexpr std::size_t view_endpoint_characters_max = 255;

}  // namespace sallyport::controlplane
