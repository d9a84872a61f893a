#include <algorithm>
#include <unordered_map>

#include "config/check/checks.hpp"

namespace sallyport::config {
namespace {

template <typename Object>
void check_unique(Draft& draft, Kind kind, const std::vector<Object>& objects) {
  std::unordered_map<std::string_view, std::size_t> first_with;
  first_with.reserve(objects.size());
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const std::string& name = objects[i].name;
    if (name.empty()) continue;  // reported when it was read
    const auto [first, is_new] = first_with.emplace(name, i);
    if (!is_new)
      draft.errors.add(draft.position_of({kind, i}, "name"),
                       "name: '" + name + "' is taken by " + draft.describe({kind, first->second}));
  }
}

// The names that a reference of one kind may have.
class References {
 public:
  template <typename Object>
  References(std::string_view kind, const std::vector<Object>& objects) : kind_(kind) {
    for (const Object& object : objects) names_.push_back(object.name);
  }

  void check(ErrorList& errors, std::string_view name, Position at) const {
    if (name.empty() || std::find(names_.begin(), names_.end(), name) != names_.end()) return;
    std::string message =
        std::string(kind_) + ": there is no [[" + std::string(kind_) + "]] named '" + std::string(name) + '\'';
    errors.add(at, message + did_you_mean(name, names_));
  }

 private:
  std::string_view kind_;
  std::vector<std::string_view> names_;  // few: 64 interfaces, 256 pools
};

void check_references(Draft& draft) {
  const Config& config = draft.config;
  const References wireguards("wireguard", config.wireguards);
  const References pools("pool", config.pools);
  for (std::size_t i = 0; i < config.peers.size(); ++i)
    wireguards.check(draft.errors, config.peers[i].wireguard, draft.position_of({Kind::peer, i}, "wireguard"));
  for (std::size_t i = 0; i < config.ipsec_peers.size(); ++i)
    if (config.ipsec_peers[i].pool)
      pools.check(draft.errors, *config.ipsec_peers[i].pool, draft.position_of({Kind::ipsec_peer, i}, "pool"));
  if (config.enrolment) {
    wireguards.check(draft.errors, config.enrolment->wireguard, draft.position_of(draft.enrolment_table, "wireguard"));
    pools.check(draft.errors, config.enrolment->pool, draft.position_of(draft.enrolment_table, "pool"));
  }
}

// The same key twice on one interface would make two peers out of one client.
void check_public_keys(Draft& draft) {
  const auto& peers = draft.config.peers;
  std::unordered_map<std::string, std::size_t> first_with;  // by interface and key
  first_with.reserve(peers.size());
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (peers[i].public_key == PublicKey{}) continue;
    std::string id = peers[i].wireguard + '/';
    id.append(peers[i].public_key.begin(), peers[i].public_key.end());
    const auto [first, is_new] = first_with.emplace(std::move(id), i);
    if (!is_new)
      draft.errors.add(draft.position_of({Kind::peer, i}, "public_key"),
                       "public_key: is also the key of " + draft.describe({Kind::peer, first->second}));
  }
}

}  // namespace

void check_names(Draft& draft) {
  check_unique(draft, Kind::port, draft.config.ports);
  check_unique(draft, Kind::wireguard, draft.config.wireguards);
  check_unique(draft, Kind::peer, draft.config.peers);
  check_unique(draft, Kind::pool, draft.config.pools);
  check_unique(draft, Kind::ipsec_peer, draft.config.ipsec_peers);
  check_references(draft);
  check_public_keys(draft);
}

}  // namespace sallyport::config
