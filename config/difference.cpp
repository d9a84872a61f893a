#include "config/difference.hpp"

#include <concepts>

namespace sallyport::config {
namespace {

std::string show(const std::string& text) {
  return text;
}
std::string show(const std::filesystem::path& path) {
  return path.string();
}
std::string show(const IpPrefix& prefix) {
  return prefix.to_string();
}
std::string show(const IpAddress& address) {
  return address.to_string();
}
std::string show(const IpEndpoint& endpoint) {
  return endpoint.to_string();
}
std::string show(const HostService& service) {
  return service.to_string();
}
std::string show(const MacAddress& mac) {
  return to_string(mac);
}
std::string show(std::same_as<bool> auto flag) {
  return flag ? "true" : "false";
}
std::string show(std::uint32_t number) {
  return std::to_string(number);
}
template <typename Enum>
requires std::is_enum_v<Enum> std::string show(Enum value) {
  return std::string(to_string(value));
}

template <typename T>
std::string show(const std::vector<T>& list) {
  std::string text;
  for (const T& one : list) text += (text.empty() ? "" : ", ") + show(one);
  return '[' + text + ']';
}

// `absent` says what the lack of a value means.
template <typename T>
std::string show(const std::optional<T>& value, std::string_view absent) {
  return value ? show(*value) : std::string(absent);
}

// Collects "WHAT KEY: OLD -> NEW" for the keys that differ.
class KeyChanges {
 public:
  KeyChanges(std::vector<std::string>& out, std::string what) : out_(out), what_(std::move(what)) {}

  template <typename T>
  KeyChanges& key(std::string_view name, const T& before, const T& after) {
    return add(name, before == after, show(before), show(after));
  }
  template <typename T>
  KeyChanges& key(std::string_view name, const std::optional<T>& before, const std::optional<T>& after,
                  std::string_view absent) {
    return add(name, before == after, show(before, absent), show(after, absent));
  }

 private:
  KeyChanges& add(std::string_view name, bool equal, const std::string& before, const std::string& after) {
    if (!equal) out_.push_back(what_ + ' ' + std::string(name) + ": " + before + " -> " + after);
    return *this;
  }

  std::vector<std::string>& out_;
  std::string what_;
};

void compare_dataplane(const Dataplane& before, const Dataplane& after, std::vector<std::string>& out) {
  KeyChanges(out, "[dataplane]")
      .key("workers", before.workers, after.workers)
      .key("memory_mb", before.memory_mb, after.memory_mb, "auto")
      .key("hugepages", before.hugepages, after.hugepages)
      .key("idle", before.idle, after.idle)
      .key("max_peers", before.max_peers, after.max_peers)
      .key("max_sessions", before.max_sessions, after.max_sessions)
      .key("max_flows", before.max_flows, after.max_flows)
      .key("max_classes", before.max_classes, after.max_classes)
      .key("crypto", before.crypto, after.crypto)
      .key("eal_args", before.eal_args, after.eal_args)
      .key("user", before.user, after.user, "unchanged")
      .key("socket", before.socket, after.socket);
}

void compare_port(const Port& before, const Port& after, std::vector<std::string>& out) {
  KeyChanges(out, "port '" + after.name + '\'')
      .key("device", before.device, after.device)
      .key("vlan", before.vlan, after.vlan, "untagged")
      .key("role", before.role, after.role)
      .key("addresses", before.addresses, after.addresses)
      .key("gateway", before.gateway, after.gateway)
      .key("gateway_onlink", before.gateway_onlink, after.gateway_onlink)
      .key("mtu", before.mtu, after.mtu)
      .key("rx_queues", before.rx_queues, after.rx_queues)
      .key("host", before.host, after.host)
      .key("mac", before.mac, after.mac, "the device's own")
      .key("rpf", before.rpf, after.rpf);
}

void compare_controlplane(const Controlplane& before, const Controlplane& after, std::vector<std::string>& out) {
  KeyChanges(out, "[controlplane]")
      .key("socket", before.socket, after.socket)
      .key("state", before.state, after.state)
      .key("metrics", before.metrics, after.metrics, "off")
      .key("log_format", before.log_format, after.log_format)
      .key("user", before.user, after.user, "unchanged");
}

void compare_ports(const Config& before, const Config& after, Difference& difference) {
  difference.ports = compare(before.ports, after.ports);
  for (const std::string& name : difference.ports.added)
    difference.restart_dataplane.push_back("port '" + name + "' added");
  for (const std::string& name : difference.ports.removed)
    difference.restart_dataplane.push_back("port '" + name + "' removed");
  for (const Port& old : before.ports)
    for (const Port& port : after.ports)
      if (old.name == port.name) compare_port(old, port, difference.restart_dataplane);
}

void append(std::string& out, std::string_view kind, const ObjectChanges& changes) {
  const auto lines = [&](char sign, const std::vector<std::string>& names) {
    for (const std::string& name : names) out += std::string(1, sign) + ' ' + std::string(kind) + ' ' + name + '\n';
  };
  lines('+', changes.added);
  lines('-', changes.removed);
  lines('~', changes.changed);
}

}  // namespace

bool Difference::empty() const noexcept {
  return ports.empty() && routes.empty() && wireguards.empty() && peers.empty() && pools.empty() && clusters.empty() &&
         ipsec_peers.empty() && sections.empty() && !needs_restart();
}

void keep_until_restart(const Config& running, Config& next) {
  next.ports = running.ports;
  next.dataplane = running.dataplane;
  Controlplane controlplane = running.controlplane;
  controlplane.log_level = next.controlplane.log_level;
  next.controlplane = std::move(controlplane);
}

Difference diff(const Config& before, const Config& after) {
  Difference difference;
  compare_ports(before, after, difference);
  difference.routes = compare(before.routes, after.routes);
  difference.wireguards = compare(before.wireguards, after.wireguards);
  difference.peers = compare(before.peers, after.peers);
  difference.pools = compare(before.pools, after.pools);
  difference.clusters = compare(before.clusters, after.clusters);
  difference.ipsec_peers = compare(before.ipsec_peers, after.ipsec_peers);

  const auto section = [&](std::string_view header, bool equal) {
    if (!equal) difference.sections.emplace_back(header);
  };
  section("[gateway]", before.gateway == after.gateway);
  section("[dataplane]", before.dataplane == after.dataplane);
  section("[controlplane]", before.controlplane == after.controlplane);
  section("[enrolment]", before.enrolment == after.enrolment);
  section("[flow_records]", before.flow_records == after.flow_records);
  section("[ipsec]", before.ipsec == after.ipsec);
  section("[policy]", before.policy == after.policy);

  compare_dataplane(before.dataplane, after.dataplane, difference.restart_dataplane);
  compare_controlplane(before.controlplane, after.controlplane, difference.restart_controlplane);
  return difference;
}

std::string to_string(const Difference& difference) {
  std::string out;
  for (const std::string& section : difference.sections) out += "~ " + section + '\n';
  append(out, "port", difference.ports);
  append(out, "route", difference.routes);
  append(out, "wireguard", difference.wireguards);
  append(out, "peer", difference.peers);
  append(out, "pool", difference.pools);
  append(out, "cluster", difference.clusters);
  append(out, "ipsec_peer", difference.ipsec_peers);
  for (const std::string& text : difference.restart_dataplane)
    out += "! needs a restart of the dataplane: " + text + '\n';
  for (const std::string& text : difference.restart_controlplane)
    out += "! needs a restart of the control plane: " + text + '\n';
  return out;
}

}  // namespace sallyport::config
