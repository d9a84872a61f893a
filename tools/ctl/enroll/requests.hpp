// The bodies of the enrolment API's requests.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/base/base64.hpp"
#include "tools/ctl/enroll/posture.hpp"
#include "tools/ctl/enroll/wiped_text.hpp"

namespace sallyport::ctl {

// What this end sees of the tunnel.
struct TunnelView {
  std::uint64_t received_bytes = 0, sent_bytes = 0;
  std::optional<std::uint64_t> last_handshake_age_s;
  std::optional<std::uint32_t> mtu;
  std::string endpoint;  // of the gateway; empty: none yet
};

// `token` empty: the TLS certificate is the proof. `instance`: a name, or empty.
[[nodiscard]] WipedText enroll_body(const PublicKey& key, std::string_view token, std::string_view instance);
[[nodiscard]] WipedText renew_body(const PublicKey& key, const std::optional<PublicKey>& new_key,
                                   std::string_view token);
[[nodiscard]] std::string posture_body(const Posture& posture, std::chrono::seconds time_to_live,
                                       const std::optional<TunnelView>& view);

}  // namespace sallyport::ctl
