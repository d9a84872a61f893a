// The checks of a diagnosis in the order in which a packet meets them.
#pragma once

#include <string>
#include <vector>

#include "controlplane/api/admin_backend.hpp"
#include "controlplane/api/diagnose/check.hpp"
#include "controlplane/http/request_time.hpp"

namespace sallyport::controlplane::diagnose {

[[nodiscard]] std::vector<Check> walk_gateway(const AdminBackend& backend, const RequestTime& time);
[[nodiscard]] std::vector<Check> walk_peer(const Peer& peer, const AdminBackend& backend, const RequestTime& time);
// Of an identity that no peer has.
[[nodiscard]] std::vector<Check> walk_identity(const std::string& identity, const AdminBackend& backend,
                                               const RequestTime& time);
// Of an address that is no peer's.
[[nodiscard]] std::vector<Check> walk_address(const IpAddress& address, const AdminBackend& backend,
                                              const RequestTime& time);

}  // namespace sallyport::controlplane::diagnose
