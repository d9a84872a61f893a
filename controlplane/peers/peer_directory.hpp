// Finds peers by name, by number and by inner address. It keeps positions in the vector of peers,
// never pointers, so that peers may come and go one by one: a peer that goes gives its place to the last one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/access/policy_answers.hpp"
#include "controlplane/identity/peer.hpp"

namespace sallyport::controlplane {

class PeerDirectory {
 public:
  // Of all peers, none of which has a number. The vector outlives the directory or the next rebuild, and nobody else
  // changes it in between.
  void rebuild(std::vector<Peer>& peers);

  // The reference is good until the next peer comes or goes.
  const Peer& add(Peer peer);
  // The same name, everything else may differ.
  const Peer& replace(Peer peer);
  void remove(const std::string& name);
  // Peers that are called otherwise from now on, all at once: two may exchange their names. A new name is free, or
  // another one's old name.
  void rename(const Renames& renames);
  void set_id(const std::string& name, std::uint32_t id);

  [[nodiscard]] const Peer* by_name(std::string_view name) const;
  [[nodiscard]] const Peer* by_id(std::uint32_t id) const;
  [[nodiscard]] std::optional<std::uint32_t> id_of(std::string_view name) const;
  [[nodiscard]] const Peer* by_key(std::string_view interface, const PublicKey& key) const;
  // Whose prefixes cover it with the longest prefix.
  [[nodiscard]] const Peer* by_address(const IpAddress& address) const;

 private:
  struct PrefixHash {
    std::size_t operator()(const IpPrefix& prefix) const noexcept;
  };
  struct Entry {
    std::size_t position;
    std::optional<std::uint32_t> id;
  };

  void index(std::size_t position);
  void forget(const Peer& peer);  // its prefixes and its key
  [[nodiscard]] static std::string key_of(std::string_view interface, const PublicKey& key);
  [[nodiscard]] const Entry* find(std::string_view name) const;

  std::vector<Peer>* peers_ = nullptr;
  std::unordered_map<std::string, Entry> by_name_;
  std::unordered_map<std::uint32_t, std::string> by_id_;
  std::unordered_map<std::string, std::string> by_key_;  // the interface's name and the key
  std::unordered_map<IpPrefix, std::string, PrefixHash> by_prefix_;
  std::array<std::size_t, 129> prefixes_v4_{}, prefixes_v6_{};  // how many there are of each length
};

}  // namespace sallyport::controlplane
