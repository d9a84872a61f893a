// The small numbers by which the dataplane knows tunnels and peers. An object keeps its number for as long as it is
// configured (a peer is its public key on its interface, whatever its name, until rename()), and over a restart of the
// control plane: what the dataplane holds already is recognised by its public key.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "config/config.hpp"
#include "controlplane/identity/peer.hpp"
#include "dataplane/abi/statistics_view.hpp"

namespace sallyport::controlplane {

class ObjectIds {
 public:
  // Before the first assign(), with the first dataplane that this control plane meets. `former_keys`, by the peer's
  // name: it may know a peer by one of these still.
  using FormerKeys = std::map<std::string, PublicKey, std::less<>>;
  void adopt(std::span<const Peer> peers, const abi::StatisticsView& statistics, const FormerKeys& former_keys = {});
  // Gives each of them a number and takes back those of the others.
  void assign(std::span<const config::Wireguard> wanted_tunnels, std::span<const Peer> wanted_peers);
  // One peer more or less, after an assign(). The number of a peer that went rests for a while before another peer gets
  // it, so that what is still told of the old one is not taken for the new one's.
  std::uint32_t add(const Peer& peer);
  void remove(const Peer& peer);
  // The same peer with another key keeps its number. One that has none gets none.
  void rename(const Peer& before, const Peer& after);

  [[nodiscard]] std::optional<std::uint16_t> tunnel(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint32_t> peer(const Peer& peer) const;

 private:
  using PeerIdentity = std::pair<std::string, PublicKey>;  // the interface's name, the peer's key
  static PeerIdentity identity_of(const Peer& peer) { return {peer.interface, peer.public_key}; }

  std::map<std::string, std::uint16_t, std::less<>> tunnels_;
  std::map<PeerIdentity, std::uint32_t> peers_;
  std::set<std::uint32_t> foreign_peers_;  // numbers that the dataplane's leftovers had at adoption
  std::size_t max_peers_ = 0;
  std::deque<std::uint32_t> free_peers_;  // below next_peer_, those that went first in front
  std::uint32_t next_peer_ = 0;           // no peer has this number or a higher one
};

}  // namespace sallyport::controlplane
