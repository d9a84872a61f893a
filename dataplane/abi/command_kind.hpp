// Every command that the control plane may send, once; the payloads are in commands.hpp and policy_commands.hpp. From
// this list follow the dispatch (housekeeping/commands.cpp, where each has a perform()), the fuzz target and the
// hostile-memory test.
#pragma once

#include <cstdint>

namespace sallyport::abi {

// X(number, kind, Payload)
#define SALLYPORT_COMMANDS(X)                             \
  X(1, begin_sync, BeginSync)                             \
  X(2, end_sync, EndSync)                                 \
  X(3, set_tunnel, SetTunnel)                             \
  X(4, remove_tunnel, RemoveTunnel)                       \
  X(5, set_peer, SetPeer)                                 \
  X(6, remove_peer, RemovePeer)                           \
  X(7, set_route, SetRoute)                               \
  X(8, remove_route, RemoveRoute)                         \
  X(9, install_session, InstallSession)                   \
  X(10, retire_session, RetireSession)                    \
  X(11, set_cookie_secrets, SetCookieSecrets)             \
  X(12, forget_timestamp, ForgetTimestamp)                \
  X(13, set_capture, SetCapture)                          \
  X(14, begin_policy, BeginPolicy)                        \
  X(15, commit_policy, CommitPolicy)                      \
  X(16, set_rule, SetRule)                                \
  X(17, set_service, SetService)                          \
  X(18, set_source_class, SetSourceClass)                 \
  X(19, remove_source_class, RemoveSourceClass)           \
  X(20, set_destination_class, SetDestinationClass)       \
  X(21, remove_destination_class, RemoveDestinationClass) \
  X(22, set_address, SetAddress)                          \
  X(23, remove_address, RemoveAddress)                    \
  X(24, set_peer_access, SetPeerAccess)                   \
  X(25, list_flows, ListFlows)

enum class CommandKind : std::uint16_t {
#define SALLYPORT_ENUM(number, kind, Payload) kind = number,
  SALLYPORT_COMMANDS(SALLYPORT_ENUM)
#undef SALLYPORT_ENUM
};

}  // namespace sallyport::abi
