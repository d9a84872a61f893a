// Every command that the control plane may send; the payloads are in commands.hpp and policy_commands.hpp.
#pragma once

#include <cstdint>

namespace sallyport::abi {

enum class CommandKind : std::uint16_t {
  begin_sync = 1,
  end_sync,
  set_tunnel,
  remove_tunnel,
  set_peer,
  remove_peer,
  set_route,
  remove_route,
  install_session,
  retire_session,
  set_cookie_secrets,
  forget_timestamp,
  set_capture,
  begin_policy,
  commit_policy,
  set_rule,
  set_service,
  set_source_class,
  remove_source_class,
  set_destination_class,
  remove_destination_class,
  set_address,
  remove_address,
  set_peer_access,
  list_flows,
};

}  // namespace sallyport::abi
