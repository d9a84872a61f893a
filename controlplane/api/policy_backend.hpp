// What the admin API needs to know of and do to the policy. The control plane implements it; every call is made on the
// event loop's thread and none blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "controlplane/access/policy_answers.hpp"
#include "controlplane/identity/peer.hpp"
#include "dataplane/abi/events.hpp"
#include "dataplane/abi/policy_commands.hpp"
#include "policy/bundle.hpp"
#include "policy/decide.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

class PolicyBackend {
 public:
  virtual ~PolicyBackend() = default;

  // Null: default = "allow". Valid until the next change.
  [[nodiscard]] virtual const policy::Policy* policy() const = 0;
  [[nodiscard]] virtual const policy::Bundle& bundle() const = 0;
  [[nodiscard]] virtual PolicyVersion policy_version() const = 0;
  [[nodiscard]] virtual const policy::Endpoints& endpoints() const = 0;
  // Endpoints that take no new flows.
  [[nodiscard]] virtual const policy::Endpoints& draining() const {
    static const policy::Endpoints none;
    return none;
  }

  // Without a bundle the configured files are read. `made_from`: refused (outdated) unless that ETag is in force.
  virtual tl::expected<PolicyApplied, PolicyRefusal> apply_policy(const std::optional<policy::Bundle>& bundle,
                                                                  const std::optional<std::string>& made_from,
                                                                  std::string_view by) = 0;
  // Replaces the endpoints of a live service; they survive a restart.
  virtual tl::expected<void, PolicyRefusal> set_endpoints(const std::string& service,
                                                          std::vector<IpPrefix> endpoints) = 0;
  // Newest first.
  [[nodiscard]] virtual std::vector<PolicyChange> policy_changes(std::size_t most) const = 0;

  struct RuleCounts {
    std::uint64_t allowed_packets = 0, allowed_bytes = 0, denied_packets = 0, limited_packets = 0;
  };
  // Since the rule exists. Empty name: what no rule allowed.
  [[nodiscard]] virtual RuleCounts rule_counts(const std::string& rule) const = 0;
  [[nodiscard]] virtual std::string rule_name(std::uint32_t number) const = 0;         // empty: none
  [[nodiscard]] virtual std::uint32_t rule_number(const std::string& rule) const = 0;  // 0: none

  [[nodiscard]] virtual std::vector<PeerIdentity> identities() const = 0;
  // The peer whose prefixes cover the address (longest prefix); null: none.
  [[nodiscard]] virtual const Peer* peer_of(const IpAddress& address) const = 0;

  // One listing at a time. `on_flow` for each flow, then `on_end` once: cut says that there were more; an error that
  // the dataplane went away. The listing number of `request` is filled in by the backend. Returns it, or why not.
  using FlowSink = std::function<void(const abi::FlowRecord&)>;
  using FlowEndSink = std::function<void(tl::expected<bool, std::string> cut)>;
  virtual tl::expected<std::uint32_t, std::string> list_flows(abi::ListFlows request, FlowSink on_flow,
                                                              FlowEndSink on_end) = 0;
  virtual void stop_listing(std::uint32_t listing) = 0;
};

}  // namespace sallyport::controlplane
