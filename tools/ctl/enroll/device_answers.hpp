// What an identity provider answers in the device flow (RFC 8628), every value parsed and within bounds, and the forms
// that it is sent. No I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

#include "tools/ctl/enroll/https_place.hpp"
#include "tools/ctl/enroll/wiped_text.hpp"

namespace sallyport::ctl {

// Of the provider's metadata (OpenID Connect Discovery 1.0, 3; RFC 8628, 4).
struct ProviderEndpoints {
  HttpsPlace device_authorization, token;
};
// `issuer`: who it must be about, to the letter.
[[nodiscard]] tl::expected<ProviderEndpoints, std::string> parse_provider(std::string_view body,
                                                                          std::string_view issuer);

// RFC 8628, 3.2.
struct DeviceCode {
  WipedText device_code;
  std::string user_code, verification_uri;  // visible ASCII, for people
  std::string verification_uri_complete;    // empty: none
  std::chrono::seconds expires_in{};
  std::chrono::seconds interval{5};
};
[[nodiscard]] tl::expected<DeviceCode, std::string> parse_device_code(std::string_view body);

// RFC 8628, 3.5: what a poll comes to.
struct TokenAnswer {
  enum class Kind : std::uint8_t {
    granted,
    pending,    // nobody has confirmed it yet
    slow_down,  // the same, and we ask too often
    denied,     // somebody said no
    expired,    // nobody came in time
    busy,       // 429, 5xx: later perhaps
    senseless,
  };
  Kind kind = Kind::senseless;
  WipedText id_token;       // of granted
  WipedText refresh_token;  // of granted; empty: none
  std::string message;      // of senseless: what the answer says, printable
};
[[nodiscard]] TokenAnswer parse_token_answer(unsigned status, std::string_view body);

// application/x-www-form-urlencoded. A member without a value is left out.
using FormMembers = std::initializer_list<std::pair<std::string_view, std::string_view>>;
[[nodiscard]] WipedText form_body(FormMembers members);

inline constexpr std::chrono::seconds longest_device_code{24 * 3600};
inline constexpr std::chrono::seconds longest_poll_interval{300};

}  // namespace sallyport::ctl
