// What the peers of a configuration have taken: names, keys and prefixes. A further peer is checked against this alone,
// at a cost that does not grow with the number of the others. The questions are those of check/ for a whole file.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "config/config.hpp"

namespace sallyport::config {

struct PeerConflict {
  std::string message;  // "allowed_ips: 10.8.0.2/32 belongs to peer 'ann' already"
  std::string file;     // of peers.d that has it; empty: gateway.toml has it, or the peer itself is wrong
};

class PeerIndex {
 public:
  // With the peers of the configuration.
  explicit PeerIndex(const Config& base);

  // Empty: it may be added.
  [[nodiscard]] std::vector<PeerConflict> conflicts(const Peer& peer) const;
  // `file` is a file of peers.d. Only what has no conflict may be added, only what was added may be removed.
  void add(const Peer& peer, const std::string& file);
  void remove(const Peer& peer);
  [[nodiscard]] std::size_t size() const noexcept { return by_name_.size(); }

 private:
  struct Holder {
    std::string file;  // as of PeerConflict
    std::string what;  // "peer 'ann'"
  };
  struct PrefixHash {
    std::size_t operator()(const IpPrefix& prefix) const noexcept;
  };
  struct Interface {
    std::uint16_t mtu;
    std::unordered_set<IpPrefix, PrefixHash> connected;
  };

  static std::string key_of(const Peer& peer);
  void check_prefix(const Peer& peer, const IpPrefix& prefix, std::vector<PeerConflict>& found) const;

  std::size_t max_peers_;
  std::unordered_map<std::string, Interface> wireguards_;
  std::unordered_map<IpPrefix, std::string, PrefixHash> own_addresses_;  // -> of what
  std::unordered_map<IpPrefix, std::string, PrefixHash> reserved_;       // connected prefixes and default routes
  std::unordered_map<IpPrefix, Holder, PrefixHash> by_prefix_;
  std::unordered_map<std::string, Holder> by_name_;
  std::unordered_map<std::string, Holder> by_key_;  // interface and key
};

}  // namespace sallyport::config
