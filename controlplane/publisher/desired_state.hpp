// What the dataplane should hold, as maps from key to the very message that makes it so. Sessions are not part of it:
// they are made once, from a handshake, and never sent again.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>

#include "config/base/ip.hpp"
#include "dataplane/abi/commands.hpp"

namespace sallyport::controlplane {

// Message and the operator's name for it, by which problems are reported.
template <typename Message>
struct Named {
  // Equal messages have equal bytes, so that comparing is one memcmp.
  static_assert(std::has_unique_object_representations_v<Message>);

  Message message{};
  std::string name;

  friend bool operator==(const Named& left, const Named& right) noexcept {
    return std::memcmp(&left.message, &right.message, sizeof(Message)) == 0;
  }
};

struct DesiredState {
  std::map<std::uint16_t, Named<abi::SetTunnel>> tunnels;           // by tunnel id
  std::map<std::uint32_t, Named<abi::SetPeer>> peers;               // by peer id; without timestamps
  std::map<IpPrefix, Named<abi::SetRoute>> routes;                  // by prefix
  std::map<std::uint32_t, Named<abi::SetVerdictRow>> verdict_rows;  // by source class
};

}  // namespace sallyport::controlplane
