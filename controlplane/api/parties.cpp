#include "controlplane/api/parties.hpp"

#include <algorithm>

#include "config/toml/suggest.hpp"
#include "controlplane/api/admin_call.hpp"
#include "controlplane/api/enrolled_peers.hpp"
#include "policy/match.hpp"

namespace sallyport::controlplane {
namespace {

// What follows a prefix like "peer:"; nothing if the text does not begin so, or ends there.
std::optional<std::string_view> after(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix) || text.size() == prefix.size()) return std::nullopt;
  return text.substr(prefix.size());
}

policy::Facts facts_of_name(std::string_view identity) {
  policy::Facts facts;
  facts.names.emplace_back(identity);
  return facts;
}

std::optional<IpAddress> address_of(const Peer& peer) {
  for (const IpPrefix& prefix : peer.prefixes)
    if (prefix.is_host()) return prefix.address;
  if (peer.prefixes.empty()) return std::nullopt;
  return peer.prefixes.front().address;
}

SourceParty source_peer(const Peer& peer) {
  return {.kind = "peer", .facts = peer.facts, .peers = {&peer}};
}

SourceParty source_network(std::string_view kind, const IpPrefix& net) {
  SourceParty party{.kind = kind, .facts = {}, .peers = {}};
  party.facts.net = net;
  return party;
}

SourceParty source_address(const IpAddress& address, const AdminBackend& backend) {
  const Peer* peer = backend.peer_of(address);
  return peer != nullptr ? source_peer(*peer) : source_network("address", IpPrefix::host(address));
}

DestinationParty destination_address(std::string_view kind, const IpAddress& address, const AdminBackend& backend) {
  DestinationParty party{.kind = kind, .destination = {}, .note = {}};
  party.destination.address = address;
  party.peer = backend.peer_of(address);
  if (party.peer != nullptr) party.destination.peer = party.peer->facts;
  return party;
}

DestinationParty destination_peer(std::string_view kind, const Peer& peer) {
  DestinationParty party{.kind = kind, .destination = {}, .peer = &peer, .note = {}};
  party.destination.address = address_of(peer);
  party.destination.peer = peer.facts;
  return party;
}

// The first address of a prefix that a host may have.
IpAddress first_host(const IpPrefix& prefix) {
  IpAddress address = prefix.network().address;
  const unsigned bits = address.bits();
  if (bits - prefix.length >= 2) address.bytes[bits / 8 - 1] |= 1;
  return address;
}

const Peer* peer_of_service(const policy::Service& service, const AdminBackend& backend) {
  if (service.identities.empty()) return nullptr;
  for (const Peer& peer : backend.peers()) {
    for (const policy::Selector& selector : service.identities)
      if (policy::matches(selector, peer.facts)) return &peer;
  }
  return nullptr;
}

DestinationParty destination_service(const policy::Service& service, const AdminBackend& backend) {
  const auto live = backend.endpoints().find(service.name);
  const bool has_live = service.endpoints && live != backend.endpoints().end() && !live->second.empty();
  if (has_live || !service.prefixes.empty()) {
    const IpPrefix& prefix = has_live ? live->second.front() : service.prefixes.front();
    DestinationParty party = destination_address("service", first_host(prefix), backend);
    party.note = (has_live ? "a live endpoint of " : "an address of ") + service.name;
    return party;
  }
  if (const Peer* peer = peer_of_service(service, backend)) {
    DestinationParty party = destination_peer("service", *peer);
    party.note = "the peer " + peer->name + ", one of " + service.name;
    return party;
  }
  DestinationParty party{.kind = "service", .destination = {}, .note = "any address of " + service.name};
  party.note += service.endpoints ? ", which has no live endpoint now" : ", to which no peer belongs now";
  party.destination.services = {service.name};
  return party;
}

UnknownParty unknown_name(std::string_view what, std::string_view text, std::string_view kinds,
                          const std::vector<std::string_view>& names) {
  return {404, std::string(what) + ": " + in_quotes(text) + " is not " + std::string(kinds) +
                   config::did_you_mean(text, names)};
}

std::vector<std::string_view> known_names(const AdminBackend& backend, bool services) {
  constexpr std::size_t most_names = 10'000;  // of each kind, looked at for a suggestion
  std::vector<std::string_view> names;
  const auto& peers = backend.peers();
  for (std::size_t i = 0; i < peers.size() && i < most_names; ++i) names.emplace_back(peers[i].name);
  const policy::Policy* policy = backend.policy();
  for (std::size_t i = 0; services && policy != nullptr && i < policy->services.size() && i < most_names; ++i)
    names.emplace_back(policy->services[i].name);
  return names;
}

}  // namespace

tl::expected<SourceParty, UnknownParty> find_source(std::string_view text, const AdminBackend& backend) {
  if (const auto address = IpAddress::parse(text)) return source_address(*address, backend);
  if (is_identity(text)) {
    SourceParty party{.kind = "identity", .facts = {}, .peers = peers_with_identity(text, backend)};
    party.facts = party.peers.empty() ? facts_of_name(text) : party.peers.front()->facts;
    return party;
  }
  if (const auto net = after(text, "net:")) {
    const auto prefix = IpPrefix::parse(*net);
    if (prefix && !prefix->has_host_bits()) return source_network("network", *prefix);
    return tl::unexpected(UnknownParty{400, "source: expected net:PREFIX without host bits, got " + in_quotes(text)});
  }
  if (const auto tag = after(text, "tag:")) {
    SourceParty party{.kind = "tag", .facts = {}, .peers = {}};
    party.facts.tags.emplace_back(*tag);
    return party;
  }
  if (const Peer* peer = find_peer(backend, after(text, "peer:").value_or(text))) return source_peer(*peer);
  return tl::unexpected(unknown_name(
      "source", text, "an address, a peer's name or an identity (user:, sa:, spiffe://, ike:, machine:, tag: or net:)",
      known_names(backend, false)));
}

tl::expected<DestinationParty, UnknownParty> find_destination(std::string_view text, const AdminBackend& backend) {
  if (const auto address = IpAddress::parse(text)) return destination_address("address", *address, backend);
  if (is_identity(text)) {
    const auto peers = peers_with_identity(text, backend);
    if (peers.empty()) {
      DestinationParty party{.kind = "identity", .destination = {}, .note = "no peer has this identity"};
      party.destination.peer = facts_of_name(text);
      return party;
    }
    DestinationParty party = destination_peer("identity", *peers.front());
    if (peers.size() > 1) party.note = "the peer " + peers.front()->name + ", one of " + std::to_string(peers.size());
    return party;
  }
  if (const Peer* peer = find_peer(backend, after(text, "peer:").value_or(text)))
    return destination_peer("peer", *peer);
  const policy::Policy* policy = backend.policy();
  const policy::Service* service = policy == nullptr ? nullptr : policy->find_service(std::string(text));
  if (service != nullptr) return destination_service(*service, backend);
  return tl::unexpected(unknown_name("destination", text,
                                     "an address, a peer's name, an identity or a service of the policy",
                                     known_names(backend, true)));
}

}  // namespace sallyport::controlplane
