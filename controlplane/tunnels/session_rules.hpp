// WireGuard's numbers as the dataplane takes them with each session.
#pragma once

#include "controlplane/wireguard/constants.hpp"
#include "dataplane/abi/commands.hpp"

namespace sallyport::controlplane {

// The white paper, sections 6.1 to 6.5: the initiator alone renews a session by its age, so that two ends do not do it
// at once; an initiator that only receives does so in time before the session is rejected.
[[nodiscard]] constexpr abi::SessionRules wireguard_rules(abi::HandshakeRole role) noexcept {
  const bool initiator = role == abi::HandshakeRole::initiator;
  constexpr auto in_seconds = [](std::chrono::seconds time) { return static_cast<std::uint32_t>(time.count()); };
  constexpr auto answer_within = wireguard::keepalive_timeout + wireguard::rekey_timeout;
  return {.reject_after_packets = wireguard::reject_after_messages,
          .rekey_after_packets = wireguard::rekey_after_messages,
          .reject_after_s = in_seconds(wireguard::reject_after_time),
          .rekey_after_sent_s = initiator ? in_seconds(wireguard::rekey_after_time) : 0,
          .rekey_after_received_s = initiator ? in_seconds(wireguard::reject_after_time - answer_within) : 0,
          .keepalive_after_s = in_seconds(wireguard::keepalive_timeout),
          .answer_within_s = in_seconds(answer_within),
          .replay_window = abi::greatest_replay_window,  // as in Linux
          .reserved = 0};
}

}  // namespace sallyport::controlplane
