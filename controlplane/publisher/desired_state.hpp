// What the dataplane should hold, as maps from key to the very message that makes it so. Sessions are not part of it:
// they are made once, from a handshake, and never sent again.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "config/base/ip.hpp"
#include "dataplane/abi/commands.hpp"

namespace sallyport::controlplane {

// Messages without padding are equal if their bytes are.
template <typename Message>
[[nodiscard]] bool same_message(const Message& left, const Message& right) noexcept {
  static_assert(std::has_unique_object_representations_v<Message>);
  return std::memcmp(&left, &right, sizeof(Message)) == 0;
}

// Message and the operator's name for it, by which problems are reported.
template <typename Message>
struct Named {
  Message message{};
  std::string name;

  friend bool operator==(const Named& left, const Named& right) noexcept {
    return same_message(left.message, right.message);
  }
};

// A compiled policy: one image. The messages have no image number; the publisher numbers each staging.
struct DesiredPolicy {
  std::uint64_t image = 0;  // 0: none was set yet
  std::uint32_t generation = 0;
  bool allow_all = false;
  bool record_flows = false;
  std::map<std::uint32_t, abi::SetRule> rules;                              // by number
  std::map<std::uint32_t, abi::SetService> services;                        // by number
  std::map<std::uint32_t, std::vector<abi::RowEntry>> source_classes;       // by number; entries rise by service
  std::map<std::uint32_t, std::vector<std::uint32_t>> destination_classes;  // by number; services rise
  std::map<IpPrefix, abi::SetAddress> addresses;
  std::map<std::uint32_t, abi::SetPeerAccess> peers;  // by peer id
};

struct DesiredState {
  std::map<std::uint16_t, Named<abi::SetTunnel>> tunnels;  // by tunnel id
  std::map<std::uint32_t, Named<abi::SetPeer>> peers;      // by peer id; without timestamps
  std::map<IpPrefix, Named<abi::SetRoute>> routes;         // by prefix
};

}  // namespace sallyport::controlplane
