// What a command is about: the key by which the publisher matches queued work, refusals and problems to objects.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "config/base/ip.hpp"

namespace sallyport::controlplane {

enum class SubjectKind : std::uint8_t {
  none,
  sync,
  tunnel,
  peer,
  route,
  session,
  cookie_secrets,
  // Parts of a policy's image.
  policy_begin,
  rule,
  service,
  source_class,
  destination_class,
  address,
  peer_access,
  policy_commit,
  other,
};

struct Subject {
  SubjectKind kind = SubjectKind::none;
  std::uint32_t id = 0;      // of a tunnel, peer, rule, service or class; a session's index
  std::uint64_t serial = 0;  // a session's id; of a part of a policy, its image
  IpPrefix prefix;           // of a route or address

  static Subject tunnel(std::uint16_t tunnel_id) { return {SubjectKind::tunnel, tunnel_id, 0, {}}; }
  static Subject peer(std::uint32_t peer_id) { return {SubjectKind::peer, peer_id, 0, {}}; }
  static Subject route(const IpPrefix& prefix) { return {SubjectKind::route, 0, 0, prefix}; }
  static Subject session(std::uint32_t index, std::uint64_t session_id) {
    return {SubjectKind::session, index, session_id, {}};
  }
  // Rules, services, classes and the access of peers by their number; begin and commit have none.
  static Subject of_policy(SubjectKind kind, std::uint64_t image, std::uint32_t number = 0) {
    return {kind, number, image, {}};
  }
  static Subject address(std::uint64_t image, const IpPrefix& prefix) {
    return {SubjectKind::address, 0, image, prefix};
  }

  [[nodiscard]] bool is_of_policy() const noexcept {
    return kind >= SubjectKind::policy_begin && kind <= SubjectKind::policy_commit;
  }

  friend auto operator<=>(const Subject&, const Subject&) = default;
};

}  // namespace sallyport::controlplane
