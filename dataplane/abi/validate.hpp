// The values inside a command, checked after its copy left the shared memory. A payload that passes holds no enum,
// address, index or count outside its range; whether the things that it names exist is the tables' question.
#pragma once

#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/packets.hpp"

namespace sallyport::abi {

struct CommandLimits {
  std::uint32_t max_peers;
  std::uint32_t max_sessions;
  std::uint32_t max_classes;
  std::uint32_t port_count;
};

// Of these every value is good.
[[nodiscard]] constexpr bool valid(const BeginSync&) noexcept {
  return true;
}
[[nodiscard]] constexpr bool valid(const EndSync&) noexcept {
  return true;
}
[[nodiscard]] constexpr bool valid(const SetCookieSecrets&) noexcept {
  return true;
}

[[nodiscard]] bool valid(const SetTunnel& payload) noexcept;
[[nodiscard]] bool valid(const RemoveTunnel& payload) noexcept;
[[nodiscard]] bool valid(const SetPeer& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const RemovePeer& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const SetRoute& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const RemoveRoute& payload) noexcept;
[[nodiscard]] bool valid(const InstallSession& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const RetireSession& payload) noexcept;
[[nodiscard]] bool valid(const BeginPolicy& payload) noexcept;
[[nodiscard]] bool valid(const CommitPolicy& payload) noexcept;
[[nodiscard]] bool valid(const SetRule& payload) noexcept;
[[nodiscard]] bool valid(const SetService& payload) noexcept;
[[nodiscard]] bool valid(const SetSourceClass& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const RemoveSourceClass& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const SetDestinationClass& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const RemoveDestinationClass& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const Access& access, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const SetAddress& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const RemoveAddress& payload) noexcept;
[[nodiscard]] bool valid(const SetPeerAccess& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const ListFlows& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const ForgetTimestamp& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const SetCapture& payload, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const PacketDown& packet) noexcept;

// Any command.
template <typename Payload>
[[nodiscard]] bool valid_command(const Payload& payload, const CommandLimits& limits) noexcept {
  if constexpr (requires { valid(payload, limits); })
    return valid(payload, limits);
  else
    return valid(payload);
}

}  // namespace sallyport::abi
