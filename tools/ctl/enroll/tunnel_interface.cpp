#include "tools/ctl/enroll/tunnel_interface.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <utility>

#include "config/file_descriptor.hpp"
#include "tools/ctl/key_material.hpp"
#include "tools/ctl/options.hpp"

namespace sallyport::ctl {
namespace {

constexpr const char* alias = "sallyctl enroll";

// As a socket mark and as the number of a routing table: of the name, so that a later run finds the same one.
std::uint32_t mark_of(std::string_view name) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return 0x5a000000U | (hash & 0x00ffffffU);
}

std::optional<std::uint32_t> mtu_of(const std::string& name) {
  const config::FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), std::min(name.size(), sizeof request.ifr_name - 1));
  if (socket.get() < 0 || ::ioctl(socket.get(), SIOCGIFMTU, &request) != 0 || request.ifr_mtu <= 0) return std::nullopt;
  return static_cast<std::uint32_t>(request.ifr_mtu);
}

// A route that the tunnel's own packets would take: they carry a mark then, by which they pass it by.
bool would_loop(const TunnelPlan& plan, const std::optional<IpEndpoint>& endpoint) {
  return std::any_of(plan.routes.begin(), plan.routes.end(), [&](const IpPrefix& route) {
    return route.length == 0 || (endpoint && route.contains(endpoint->address));
  });
}

std::string joined_prefixes(const std::vector<IpPrefix>& prefixes) {
  std::string text;
  for (const IpPrefix& prefix : prefixes) text += (text.empty() ? "" : ",") + prefix.to_string();
  return text;
}

}  // namespace

bool is_interface_name(std::string_view text) {
  return text.size() < IFNAMSIZ && is_name(text);
}

TunnelInterface::TunnelInterface(std::string name, SystemTools tools)
    : name_(std::move(name)), tools_(std::move(tools)) {}

std::optional<WgInterface> TunnelInterface::dump() const {
  auto output = tools_.run({"wg", "show", name_, "dump"});
  if (!output) return std::nullopt;
  const WipedText text(std::move(*output));  // the private key is in it
  return parse_wg_dump(text.expose());
}

TunnelInterface::Checked TunnelInterface::look() {
  for (const char* program : {"ip", "wg"})
    if (!tools_.has(program)) return tl::unexpected("the program '" + std::string(program) + "' is not installed");
  const auto links = tools_.ask_ip({"link", "show"});
  if (!links) return tl::unexpected(links.error());
  const auto link = std::find_if(links->begin(), links->end(),
                                 [&](const Json& candidate) { return text_field(candidate, "ifname") == name_; });
  exists_ = link != links->end();
  if (!exists_) return {};
  auto found = dump();
  if (!found) return tl::unexpected(name_ + " exists and is no WireGuard interface: choose another name");
  is_ours_ = text_field(*link, "ifalias") == alias;
  if (!is_ours_ && !found->peers.empty())
    return tl::unexpected(name_ + " exists, has peers and was not made by 'sallyctl enroll': choose another name");
  if (is_ours_) former_key_ = std::move(found->private_key);
  return {};
}

TunnelInterface::Checked TunnelInterface::make(std::vector<std::string>& notes) {
  if (exists_) return {};
  const auto kernel = tools_.run({"ip", "link", "add", "dev", name_, "type", "wireguard"});
  if (!kernel) {
    if (!tools_.has("wireguard-go"))
      return tl::unexpected(kernel.error() + " (no WireGuard in the kernel? wireguard-go is not installed either)");
    const auto userspace = tools_.run({"wireguard-go", name_});
    if (!userspace) return tl::unexpected(userspace.error());
    notes.push_back("the kernel has no WireGuard: " + name_ + " is made by wireguard-go");
  }
  exists_ = is_ours_ = true;
  const auto named = tools_.run({"ip", "link", "set", "dev", name_, "alias", alias});
  if (!named) return tl::unexpected(named.error());
  return {};
}

TunnelInterface::Checked TunnelInterface::set_key(const PrivateKey& key) const {
  const SecretText text(key);
  const WipedText line(std::string(text.view()) + '\n');
  const auto set = tools_.run({"wg", "set", name_, "private-key", "/dev/stdin"}, line.expose());
  if (!set) return tl::unexpected(set.error());
  return {};
}

TunnelInterface::Checked TunnelInterface::remove_peers(const std::vector<WgPeer>& peers,
                                                       const std::optional<PublicKey>& but) const {
  for (const WgPeer& peer : peers) {
    if (peer.key == but) continue;
    const auto removed = tools_.run({"wg", "set", name_, "peer", encode_key(peer.key), "remove"});
    if (!removed) return tl::unexpected(removed.error());
  }
  return {};
}

TunnelInterface::Checked TunnelInterface::set_peer(const TunnelPlan& plan, const PrivateKey& key, Session session) {
  if (session == Session::is_new)
    if (const auto before = dump())
      if (auto removed = remove_peers(before->peers, std::nullopt); !removed) return removed;
  if (auto set = set_key(key); !set) return set;
  const bool has_secret = plan.preshared_key.is_set();
  const SecretText preshared_text(plan.preshared_key.duplicate());
  const WipedText line(has_secret ? std::string(preshared_text.view()) + '\n' : std::string());
  const auto set =
      tools_.run({"wg", "set", name_, "peer", encode_key(plan.gateway_key), "preshared-key",
                  has_secret ? "/dev/stdin" : "/dev/null", "endpoint", plan.endpoint, "persistent-keepalive",
                  std::to_string(plan.persistent_keepalive_s), "allowed-ips", joined_prefixes(plan.routes)},
                 line.expose());
  if (!set) return tl::unexpected(set.error());
  const auto now = dump();
  if (!now) return tl::unexpected("'wg show " + name_ + " dump' prints what cannot be understood");
  std::optional<IpEndpoint> endpoint;
  for (const WgPeer& peer : now->peers)
    if (peer.key == plan.gateway_key) endpoint = IpEndpoint::parse(peer.endpoint);  // a name became an address
  if (auto removed = remove_peers(now->peers, plan.gateway_key); !removed) return removed;
  mark_ = would_loop(plan, endpoint) ? mark_of(name_) : 0;
  const auto marked = tools_.run({"wg", "set", name_, "fwmark", std::to_string(mark_)});
  if (!marked) return tl::unexpected(marked.error());
  return {};
}

TunnelInterface::Checked TunnelInterface::set_rules(bool ipv6, bool has_default_route) const {
  const char* family = ipv6 ? "-6" : "-4";
  const auto rules = tools_.ask_ip({family, "rule", "show"});
  if (!rules) return tl::unexpected(rules.error());
  const std::string table = std::to_string(mark_);
  bool has_table = false, has_others = false;
  for (const Json& rule : *rules) {
    has_table = has_table || text_field(rule, "table") == table;
    has_others = has_others || (text_field(rule, "table") == "main" && !field(rule, "suppress_prefixlen").is_null());
  }
  std::string lines;
  if (!has_table) lines += "rule add not fwmark " + table + " table " + table + '\n';
  // Every other route of the machine goes before the tunnel's default route.
  if (has_default_route && !has_others) lines += "rule add table main suppress_prefixlength 0\n";
  // Answers to marked packets pass the check of their way back.
  if (!ipv6) std::ofstream("/proc/sys/net/ipv4/conf/all/src_valid_mark") << '1';
  return tools_.run_ip(ipv6, lines);
}

Json TunnelInterface::routes_of(const BatchTarget& target) const {
  const auto routes = tools_.ask_ip(
      {target.ipv6 ? "-6" : "-4", "route", "show", "dev", target.interface, "proto", "static", "table", target.table});
  return routes.value_or(Json::array());  // an error: there is no such table yet
}

TunnelInterface::Checked TunnelInterface::set_addresses_and_routes(const TunnelPlan& plan, bool ipv6) const {
  const char* family = ipv6 ? "-6" : "-4";
  const auto addresses = tools_.ask_ip({family, "address", "show", "dev", name_});
  if (!addresses) return tl::unexpected(addresses.error());
  const std::string own_table = std::to_string(mark_of(name_));
  const BatchTarget here{.interface = name_, .table = mark_ == 0 ? "main" : own_table, .ipv6 = ipv6};
  const BatchTarget elsewhere{.interface = name_, .table = mark_ == 0 ? own_table : "main", .ipv6 = ipv6};
  if (auto set = tools_.run_ip(ipv6, address_lines(here, plan.addresses, *addresses)); !set) return set;
  if (auto set = tools_.run_ip(ipv6, route_lines(here, plan.routes, routes_of(here))); !set) return set;
  if (auto set = tools_.run_ip(ipv6, route_lines(elsewhere, {}, routes_of(elsewhere))); !set) return set;
  const auto of_family = [&](const IpPrefix& route) { return route.address.is_v6() == ipv6; };
  const bool any = std::any_of(plan.routes.begin(), plan.routes.end(), of_family);
  if (mark_ == 0 || !any) return {};
  return set_rules(ipv6, std::any_of(plan.routes.begin(), plan.routes.end(),
                                     [&](const IpPrefix& route) { return of_family(route) && route.length == 0; }));
}

void TunnelInterface::set_resolvers(const TunnelPlan& plan, std::vector<std::string>& notes) const {
  if (plan.dns.empty()) return;
  std::vector<std::string> command = {"resolvectl", "dns", name_};
  std::string servers;
  for (const IpAddress& server : plan.dns) {
    command.push_back(server.to_string());
    servers += (servers.empty() ? "" : ", ") + server.to_string();
  }
  const auto set = tools_.run(command);
  if (!set) {
    notes.push_back("the tunnel's name servers (" + servers + ") are not in use: " + set.error());
    return;
  }
  const bool all =
      std::any_of(plan.routes.begin(), plan.routes.end(), [](const auto& route) { return route.length == 0; });
  if (all) (void)tools_.run({"resolvectl", "domain", name_, "~."});
}

TunnelInterface::Checked TunnelInterface::apply(const TunnelPlan& plan, const PrivateKey& key, Session session,
                                                std::vector<std::string>& notes) {
  if (auto made = make(notes); !made) return made;
  if (auto set = set_peer(plan, key, session); !set) return set;
  const auto up = tools_.run({"ip", "link", "set", "dev", name_, "mtu", std::to_string(plan.mtu), "up"});
  if (!up) return tl::unexpected(up.error());
  const bool has_v4 = std::any_of(plan.addresses.begin(), plan.addresses.end(),
                                  [](const IpPrefix& prefix) { return prefix.address.is_v4(); });
  if (auto set = set_addresses_and_routes(plan, false); !set) return set;
  if (auto set = set_addresses_and_routes(plan, true); !set) {
    if (!has_v4) return set;
    notes.push_back("no IPv6 in the tunnel: " + set.error());
  }
  set_resolvers(plan, notes);
  return {};
}

std::optional<TunnelView> TunnelInterface::view(const PublicKey& gateway_key, WallTime now) const {
  const auto interface = dump();
  if (!interface) return std::nullopt;
  const auto peer = std::find_if(interface->peers.begin(), interface->peers.end(),
                                 [&](const WgPeer& candidate) { return candidate.key == gateway_key; });
  if (peer == interface->peers.end()) return std::nullopt;
  TunnelView view{.received_bytes = peer->received_bytes,
                  .sent_bytes = peer->sent_bytes,
                  .last_handshake_age_s = {},
                  .mtu = mtu_of(name_),
                  .endpoint = peer->endpoint};
  const auto now_s = static_cast<std::uint64_t>(std::max<std::int64_t>(now.time_since_epoch().count(), 0));
  if (peer->last_handshake_unix_s != 0)
    view.last_handshake_age_s = now_s - std::min(now_s, peer->last_handshake_unix_s);
  return view;
}

TunnelInterface::Checked TunnelInterface::remove() {
  if (!exists_ || !is_ours_) return {};
  for (const bool ipv6 : {false, true}) {
    if (mark_ == 0) break;
    (void)tools_.run_ip(ipv6, "rule delete table " + std::to_string(mark_) + '\n');
    (void)tools_.run_ip(ipv6, "rule delete table main suppress_prefixlength 0\n");
  }
  const auto removed = tools_.run({"ip", "link", "delete", "dev", name_});
  if (!removed) return tl::unexpected(removed.error());
  exists_ = is_ours_ = false;
  return {};
}

}  // namespace sallyport::ctl
