#include <string_view>
#include <unordered_map>

#include "config/check/checks.hpp"

namespace sallyport::config {
namespace {

struct PrefixHash {
  std::size_t operator()(const IpPrefix& prefix) const noexcept {
    // No padding (asserted in ip.hpp), so equal prefixes have equal bytes.
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&prefix), sizeof prefix});
  }
};

// Who has a prefix already, and in which sense.
struct Holder {
  Owner owner;
  std::string_view as;  // "the connected prefix of ", "" for a destination
};

// The key that a destination stands under.
std::string_view key_of(Kind kind) {
  return kind == Kind::route  ? "to"
         : kind == Kind::pool ? "prefixes"
         : kind == Kind::peer ? "allowed_ips"
                              : "remote_prefixes";
}

void refuse(Draft& draft, const Owned<IpPrefix>& destination, const std::string& why) {
  draft.errors.add(destination.at,
                   std::string(key_of(destination.owner.kind)) + ": " + destination.value.to_string() + ' ' + why);
}

using Holders = std::unordered_map<IpPrefix, Holder, PrefixHash>;

// A peer may be given the whole prefix of its own interface, and a pool may hand out that of any: both are more of the
// same direction. Everything else that a connected prefix has is a contradiction.
bool may_share(const Draft& draft, Owner claimant, Owner interface) {
  if (interface.kind != Kind::wireguard) return false;
  if (claimant.kind == Kind::pool) return true;
  return claimant.kind == Kind::peer &&
         draft.config.peers[claimant.index].wireguard == draft.config.wireguards[interface.index].name;
}

void check_own_addresses(Draft& draft) {
  Holders own;
  for (const auto& address : draft.interface_addresses)
    own.emplace(IpPrefix::host(address.value.address), Holder{address.owner, {}});
  for (const auto& destination : draft.destinations) {
    if (!destination.value.is_host()) continue;
    if (const auto holder = own.find(destination.value); holder != own.end())
      refuse(draft, destination, "is the gateway's own address, on " + draft.describe(holder->second.owner));
  }
}

// What the interfaces have before anybody else.
struct InterfaceHolders {
  Holders connected;
  Holders inside_defaults;    // of inner packets
  Holders underlay_defaults;  // of outer packets, which have routes of their own: those behind underlay ports

  explicit InterfaceHolders(const Draft& draft) {
    for (const auto& own : draft.interface_addresses)
      if (!own.value.is_host()) connected.emplace(own.value.network(), Holder{own.owner, "the connected prefix of "});
    for (const auto& gateway : draft.port_gateways) {
      const bool inside = draft.config.ports[gateway.owner.index].role == PortRole::inside;
      (inside ? inside_defaults : underlay_defaults)
          .emplace(IpPrefix{{.family = gateway.value.family}, 0}, Holder{gateway.owner, "the default route of "});
    }
  }

  // Who has the prefix of this destination already, or null.
  [[nodiscard]] const Holder* find(const Draft& draft, const Owned<IpPrefix>& destination) const {
    const bool outer =
        destination.owner.kind == Kind::route && draft.route_role(destination.owner.index) == PortRole::underlay;
    const Holders& defaults = outer ? underlay_defaults : inside_defaults;
    if (const auto holder = defaults.find(destination.value); holder != defaults.end()) return &holder->second;
    const auto holder = connected.find(destination.value);
    if (holder == connected.end() || may_share(draft, destination.owner, holder->second.owner)) return nullptr;
    return &holder->second;
  }
};

// The same prefix twice would send a packet two ways. A longer prefix inside a shorter one is fine: the longest wins.
void check_duplicates(Draft& draft) {
  const InterfaceHolders interfaces(draft);
  Holders destinations;
  destinations.reserve(draft.destinations.size());
  for (const auto& destination : draft.destinations) {
    if (const Holder* holder = interfaces.find(draft, destination))
      refuse(draft, destination, "is " + std::string(holder->as) + draft.describe(holder->owner) + " already");
    const auto [first, is_new] = destinations.emplace(destination.value, Holder{destination.owner, {}});
    if (is_new) continue;
    const Owner other = first->second.owner;
    refuse(draft, destination,
           other == destination.owner ? "stands here twice" : "belongs to " + draft.describe(other) + " already");
  }
}

// Addresses of a pool are given to one client each: no two pools, and no site behind a port, may have them too.
void check_pools(Draft& draft) {
  std::vector<const Owned<IpPrefix>*> before;
  for (const auto& destination : draft.destinations) {
    if (destination.owner.kind != Kind::pool) continue;
    const auto overlaps = [&](const Owned<IpPrefix>& other) {
      refuse(draft, destination,
             "overlaps " + other.value.network().to_string() + " of " + draft.describe(other.owner));
    };
    for (const auto* other : before)
      if (other->value != destination.value && other->value.overlaps(destination.value)) overlaps(*other);
    for (const auto& connected : draft.interface_addresses)
      if (connected.owner.kind == Kind::port && connected.value.network() != destination.value &&
          connected.value.overlaps(destination.value))
        overlaps(connected);
    before.push_back(&destination);
  }
}

}  // namespace

void check_destinations(Draft& draft) {
  check_own_addresses(draft);
  check_duplicates(draft);
  check_pools(draft);
}

}  // namespace sallyport::config
