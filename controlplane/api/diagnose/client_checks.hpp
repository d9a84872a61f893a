// The client's end against ours: what it says of the tunnel with its posture.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "controlplane/api/diagnose/check.hpp"
#include "controlplane/enrolment/records.hpp"

namespace sallyport::controlplane::diagnose {

struct ClientSeen {
  TimePoint now{};
  std::optional<EnrolledSession::ClientView> view;
  std::uint64_t rx_bytes = 0, tx_bytes = 0;                  // of our end, inner bytes
  std::optional<std::chrono::seconds> latest_handshake_age;  // of our end
};
[[nodiscard]] Check check_client(const ClientSeen& seen);

}  // namespace sallyport::controlplane::diagnose
