// Peers by proof among all peers: they are there under the names of their sessions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/api/admin_backend.hpp"

namespace sallyport::controlplane {

// Null: a configured peer.
[[nodiscard]] const EnrolledSession* session_of(const Peer& peer, const AdminBackend& backend);
// Those that the files name, without peers by proof.
[[nodiscard]] std::size_t configured_peer_count(const AdminBackend& backend);

// Configured ones first, then those by proof.
[[nodiscard]] std::vector<const Peer*> peers_with_identity(std::string_view identity, const AdminBackend& backend);
// One identity, not a pattern of some.
[[nodiscard]] bool is_identity(std::string_view text);

}  // namespace sallyport::controlplane
