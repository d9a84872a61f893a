// The peers that there are, wherever they come from: gateway.toml, peers.d, enrolment. A peer begins, changes, gets
// another name and ends here and nowhere else, at a cost that does not grow with the number of the others; and all of
// them at once after a reload, or on the first link. It is told on to whoever keeps something of each peer:
//
//   begin, rename, end ──▶ PeerDirectory, ObjectIds, keys ──▶ Publisher, WireguardService, PolicyService
//   apply              ──▶   the same for all of them            PeerMemory: what binds a peer that comes back
//
// A peer is its interface and its key: whatever it is called, with these it keeps its number, sessions and flows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "controlplane/access/policy_service.hpp"
#include "controlplane/identity/peer.hpp"
#include "controlplane/link/dataplane_access.hpp"
#include "controlplane/peers/endpoint_names.hpp"
#include "controlplane/peers/gateway_keys.hpp"
#include "controlplane/peers/object_ids.hpp"
#include "controlplane/peers/peer_directory.hpp"
#include "controlplane/peers/peer_memory.hpp"
#include "controlplane/publisher/publisher.hpp"
#include "controlplane/runtime/name_resolver.hpp"
#include "controlplane/runtime/report.hpp"
#include "controlplane/state/state_keeper.hpp"
#include "controlplane/tunnels/wireguard_service.hpp"

namespace sallyport::controlplane {

class Peers {
 public:
  using Keys = std::shared_ptr<const wireguard::PeerKeys>;

  // `configuration` is the one in force. Until a reload its peers are all that there are.
  Peers(boost::asio::io_context& loop, const config::Config& configuration, Publisher& publisher,
        WireguardService& service, PolicyService& policy, StateKeeper& state, DataplaneAccess& dataplane);

  // ---- all of them ----
  void set_keys(GatewayKeys keys) { keys_ = std::move(keys); }
  // With another configuration: all peers that there are from now on. apply() and follow_names() come next.
  void replace(std::vector<Peer> peers, GatewayKeys keys) {
    peers_ = std::move(peers);
    keys_ = std::move(keys);
  }
  // On the first link: numbers are taken over from what the dataplane has. Until then nobody has one.
  void adopt(const abi::StatisticsView& statistics);
  // Tunnels, peers and routes as the configuration has them: told to the dataplane (once there was a link) and to
  // WireguardService. PolicyService is told by the caller, with the policy.
  void apply();

  // ---- one ----
  // A new one, or other values of the one of this name. Its keys are read unless they are given; if they cannot be had,
  // nothing changes.
  tl::expected<void, std::string> begin(const Peer& peer, const std::optional<PublicKey>& former_key = {});
  void begin(const Peer& peer, Keys keys);
  // Only what the policy knows of it differs.
  void change_facts(const Peer& peer);
  void rename(const Renames& renames);
  // Prefixes that only `before` has may be somebody else's from now on: before anybody begins.
  void withdraw_routes(const Peer& before, const Peer& after);
  void end(const Peer& peer);

  // ---- what is ----
  [[nodiscard]] const std::vector<Peer>& all() const { return peers_; }
  [[nodiscard]] const PeerDirectory& directory() const { return directory_; }
  [[nodiscard]] const GatewayKeys& keys() const { return keys_; }
  [[nodiscard]] std::optional<std::uint32_t> id_of(const Peer& peer) const { return directory_.id_of(peer.name); }
  [[nodiscard]] PeerKey key_of(const Peer& peer) const;
  [[nodiscard]] PeerMemory& memory() { return memory_; }
  [[nodiscard]] const PeerMemory& memory() const { return memory_; }

  // ---- DNS names among the endpoints ----
  // A handshake failed: its name is asked for again, or another of its addresses gets its turn.
  void reresolve_endpoint(std::uint32_t peer_id);
  // Which names there are has changed.
  void follow_names();
  // Once a second: those that are due.
  void ask_for_names();
  [[nodiscard]] std::vector<Problem> problems() const { return names_.problems(); }
  [[nodiscard]] std::vector<NamedCounter> counters() const;

 private:
  // False: its tunnel has no key.
  bool publish(const Peer& peer);
  [[nodiscard]] bool is_configured(const PeerKey& key) const;
  void on_resolved(const std::string& name, const std::vector<IpAddress>& addresses);
  // To the peers of this name.
  void apply_address_of(const std::string& name);

  const config::Config& configuration_;
  Publisher& publisher_;
  WireguardService& service_;
  PolicyService& policy_;
  StateKeeper& state_;
  DataplaneAccess& dataplane_;
  GatewayKeys keys_;
  ObjectIds ids_;
  bool has_ids_ = false;
  EndpointNames names_;
  std::vector<Peer> peers_;
  PeerDirectory directory_;  // of peers_
  PeerMemory memory_;
  bool reservations_told_ = false;
  NameResolver resolver_;
};

}  // namespace sallyport::controlplane
