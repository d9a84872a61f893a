// What the endpoints about enrolment share: who has a tunnel by proof, who must not have one any more, whom the gateway
// believes, and where live services are.
#pragma once

#include <map>
#include <string>

#include "controlplane/api/admin_call.hpp"

namespace sallyport::controlplane {

inline constexpr std::size_t longest_identity_bytes = 1024;
inline constexpr std::size_t longest_reason_bytes = 1024;

[[nodiscard]] Json posture_json(const std::map<std::string, policy::PostureValue>& posture);
[[nodiscard]] Json enrolled_session_view(const EnrolledSession& session);
// Of a peer by proof, null of a configured one.
[[nodiscard]] Json session_or_null(const Peer& peer, const AdminBackend& backend);

}  // namespace sallyport::controlplane
