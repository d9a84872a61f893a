// What comes of applying a policy, and a peer as the policy sees it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "controlplane/state/policy_version.hpp"
#include "dataplane/abi/limits.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

// Of peers: from the old name to the new one.
using Renames = std::map<std::string, std::string>;

struct PolicyApplied {
  PolicyVersion version;
  std::vector<std::string> changes;
  std::vector<std::string> warnings;
};
struct PolicyRefusal {
  enum class Kind : std::uint8_t { errors, outdated, unknown_service, not_live, no_policy } kind;
  std::string message;                // one sentence
  std::vector<config::Error> errors;  // of kind errors
};

// A peer as the policy sees it.
struct PeerIdentity {
  std::uint32_t peer_id = abi::no_peer;
  policy::Facts facts;
  std::uint32_t source_class = 0;
  std::vector<std::string> rules;  // in force for it now, by name, in their order
};

// Where the addresses of a live service came from.
struct EndpointSource {
  enum class Kind : std::uint8_t { cluster, api, stored } kind = Kind::api;
  std::string cluster;             // of kind cluster: whose age and staleness clusters() has
  std::vector<IpPrefix> draining;  // flows to them go on, new ones do not begin
};

}  // namespace sallyport::controlplane
