// What a command is about: the key by which the publisher matches queued work, refusals and problems to objects.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "config/base/ip.hpp"

namespace sallyport::controlplane {

enum class SubjectKind : std::uint8_t { none, sync, tunnel, peer, route, verdict_row, session, cookie_secrets, other };

struct Subject {
  SubjectKind kind = SubjectKind::none;
  std::uint32_t id = 0;          // of a tunnel, peer or source class; a session's index
  std::uint64_t session_id = 0;  // of a session
  IpPrefix prefix;               // of a route

  static Subject tunnel(std::uint16_t tunnel_id) { return {SubjectKind::tunnel, tunnel_id, 0, {}}; }
  static Subject peer(std::uint32_t peer_id) { return {SubjectKind::peer, peer_id, 0, {}}; }
  static Subject route(const IpPrefix& prefix) { return {SubjectKind::route, 0, 0, prefix}; }
  static Subject verdict_row(std::uint32_t source_class) { return {SubjectKind::verdict_row, source_class, 0, {}}; }
  static Subject session(std::uint32_t index, std::uint64_t session_id) {
    return {SubjectKind::session, index, session_id, {}};
  }

  friend auto operator<=>(const Subject&, const Subject&) = default;
};

}  // namespace sallyport::controlplane
