// The configuration of a gateway as plain values: what load.hpp makes of gateway.toml. A Config that came from there is
// valid: references resolve, prefixes do not clash, numbers are in range; nobody downstream checks again. Paths are
// absolute, times are std::chrono, every object knows the line on which the operator wrote it. The keys, their
// meaning and their defaults are described in keys.cpp, from which README.md has its reference.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/base64.hpp"
#include "config/base/ip.hpp"
#include "config/base/log.hpp"
#include "config/location.hpp"

namespace sallyport::config {

enum class IdleMode : std::uint8_t { busy, adaptive };
enum class HugePages : std::uint8_t { automatic, require, never };
enum class PortRole : std::uint8_t { underlay, inside };
enum class HostProtocol : std::uint8_t { tcp, udp };
enum class ReversePath : std::uint8_t { strict, loose };
enum class UdpChecksum : std::uint8_t { automatic, off };
enum class OnStale : std::uint8_t { keep, drop };
enum class PostQuantum : std::uint8_t { prefer, require };
enum class IpsecConnect : std::uint8_t { start, trap, respond };
enum class IpsecAuth : std::uint8_t { certificate, psk, eap };
enum class IkeIdType : std::uint8_t { fqdn, email, dn, ip, key_id, spiffe };

// The words of the file.
[[nodiscard]] std::string_view to_string(IdleMode mode);
[[nodiscard]] std::string_view to_string(HugePages pages);
[[nodiscard]] std::string_view to_string(PortRole role);
[[nodiscard]] std::string_view to_string(HostProtocol protocol);
[[nodiscard]] std::string_view to_string(ReversePath check);
[[nodiscard]] std::string_view to_string(UdpChecksum checksum);
[[nodiscard]] std::string_view to_string(OnStale action);
[[nodiscard]] std::string_view to_string(PostQuantum wish);
[[nodiscard]] std::string_view to_string(IpsecConnect connect);
[[nodiscard]] std::string_view to_string(IpsecAuth auth);
[[nodiscard]] std::string_view to_string(IkeIdType type);
[[nodiscard]] std::string_view to_string(LogLevel level);
[[nodiscard]] std::string_view to_string(LogFormat format);

using MacAddress = std::array<std::uint8_t, 6>;
[[nodiscard]] std::string to_string(const MacAddress& mac);

// An endpoint that may be a DNS name. `literal` is set when the host is an address and nothing needs to be resolved.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  std::optional<IpEndpoint> literal;

  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

struct Gateway {
  Location location;
  std::string name;

  friend bool operator==(const Gateway&, const Gateway&) = default;
};

struct Dataplane {
  Location location;
  std::vector<std::uint16_t> workers = {1};  // CPU cores, unique, at least one
  std::optional<std::uint32_t> memory_mb;    // nullopt: computed from the limits
  HugePages hugepages = HugePages::automatic;
  IdleMode idle = IdleMode::adaptive;
  std::uint32_t max_peers = 65536;
  std::uint32_t max_sessions = 131072;
  std::uint32_t max_flows = 1048576;
  std::uint32_t max_classes = 4096;
  std::string crypto = "auto";  // or the name of an engine, which the dataplane knows
  std::vector<std::string> eal_args;
  std::optional<std::string> user;  // that the process becomes once its devices are open
  std::filesystem::path socket = "/run/sallyport/dataplane.sock";

  friend bool operator==(const Dataplane&, const Dataplane&) = default;
};

struct Controlplane {
  Location location;
  std::filesystem::path socket = "/run/sallyport/control.sock";
  std::filesystem::path state = "/var/lib/sallyport/state.db";
  std::optional<IpEndpoint> metrics = IpEndpoint{.address = IpAddress::v4(127, 0, 0, 1), .port = 9586};  // nullopt: off
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;
  std::optional<std::string> user;

  friend bool operator==(const Controlplane&, const Controlplane&) = default;
};

// What may go to and from the host's kernel through a port.
struct HostService {
  HostProtocol protocol = HostProtocol::tcp;
  std::uint16_t port = 0;

  [[nodiscard]] std::string to_string() const;  // "tcp/8443"
  friend bool operator==(const HostService&, const HostService&) = default;
};

struct Port {
  Location location;
  std::string name;
  std::string device;                 // a PCI address or a vdev with its arguments, as DPDK takes it
  std::optional<std::uint16_t> vlan;  // nullopt: untagged
  PortRole role = PortRole::inside;
  std::vector<IpPrefix> addresses;  // own address and connected prefix in one
  std::vector<IpAddress> gateway;   // the default route, at most one of each family
  bool gateway_onlink = false;      // a gateway may be outside of every prefix of `addresses`
  std::uint16_t mtu = 1500;
  std::uint16_t rx_queues = 1;  // of the device: the same for all ports that share it
  std::vector<HostService> host;
  std::optional<MacAddress> mac;          // nullopt: the device's own
  ReversePath rpf = ReversePath::strict;  // of inside ports: RFC 3704, sections 2.2 and 2.4

  // What DPDK calls the device: a PCI address in full and lower case, or the vdev's name without its arguments.
  [[nodiscard]] std::string device_id() const;
  friend bool operator==(const Port&, const Port&) = default;
};

struct Route {
  Location location;
  IpPrefix to;
  IpAddress via;
  std::string port;  // whose connected prefix holds `via`; not a key, found at load

  friend bool operator==(const Route&, const Route&) = default;
};

struct Wireguard {
  Location location;
  std::string name;
  std::uint16_t listen_port = 0;
  std::filesystem::path private_key_file;  // secret_files.hpp reads it
  std::vector<IpPrefix> addresses;
  std::uint16_t mtu = 1420;
  bool mss_clamp = true;
  UdpChecksum udp_checksum = UdpChecksum::automatic;  // of outer IPv4 packets; over IPv6 there always is one

  friend bool operator==(const Wireguard&, const Wireguard&) = default;
};

// What an identity provider would say of a peer: groups = ["sre"]. A single value is a list of one.
struct Claim {
  std::string name;
  std::vector<std::string> values;

  friend bool operator==(const Claim&, const Claim&) = default;
};

struct Peer {
  Location location;
  std::string name;
  std::string wireguard;
  PublicKey public_key{};
  std::optional<std::filesystem::path> preshared_key_file;
  std::vector<IpPrefix> allowed_ips;  // no host bits; no prefix belongs to two peers
  std::optional<HostPort> endpoint;   // nullopt: the peer comes first
  std::optional<std::chrono::seconds> persistent_keepalive;
  std::optional<std::string> identity;
  std::vector<std::string> tags;
  std::vector<Claim> claims;

  friend bool operator==(const Peer&, const Peer&) = default;
};

struct Pool {
  Location location;
  std::string name;
  std::vector<IpPrefix> prefixes;

  friend bool operator==(const Pool&, const Pool&) = default;
};

struct Enrolment {
  Location location;
  IpEndpoint listen;
  std::filesystem::path certificate_file;
  std::filesystem::path private_key_file;
  std::vector<std::filesystem::path> client_ca_files;
  std::string wireguard;
  std::string pool;
  std::optional<HostPort> endpoint;  // nullopt: the address of `listen` (an underlay port's) and the listen_port
  std::uint32_t sessions_per_identity = 32;
  std::uint32_t requests_per_s = 10;                // of one source address
  std::optional<std::chrono::seconds> max_session;  // of every session, beside its issuer's
  PostQuantum post_quantum = PostQuantum::prefer;
  std::vector<IpAddress> dns;
  std::vector<IpPrefix> routes;

  friend bool operator==(const Enrolment&, const Enrolment&) = default;
};

struct Cluster {
  Location location;
  std::string name;
  std::string api_server;  // an https URL
  std::filesystem::path ca_file;
  std::filesystem::path token_file;
  OnStale on_stale = OnStale::keep;
  std::chrono::seconds stale_after = std::chrono::minutes(5);

  friend bool operator==(const Cluster&, const Cluster&) = default;
};

struct FlowRecords {
  Location location;
  std::filesystem::path file;
  std::uint32_t rotate_mb = 100;
  std::uint32_t keep = 10;

  friend bool operator==(const FlowRecords&, const FlowRecords&) = default;
};

struct Ipsec {
  Location location;
  std::vector<IpAddress> addresses;  // of underlay ports

  friend bool operator==(const Ipsec&, const Ipsec&) = default;
};

// An IKE identity: "fqdn:gw.example.com", "email:", "dn:", "ip:", "keyid:" or "spiffe://...".
struct IkeId {
  IkeIdType type = IkeIdType::fqdn;
  std::string value;  // without the type's prefix, except for SPIFFE, whose value is the whole URI

  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const IkeId&, const IkeId&) = default;
};

struct IpsecPeer {
  Location location;
  std::string name;
  IpsecConnect connect = IpsecConnect::respond;
  std::optional<IpAddress> remote;  // nullopt: any
  IkeId local_id;
  std::optional<IkeId> remote_id;  // nullopt (only with remote = "any"): whatever the credential proves
  IpsecAuth auth = IpsecAuth::certificate;
  std::optional<std::filesystem::path> certificate_file;
  std::optional<std::filesystem::path> private_key_file;
  std::vector<std::filesystem::path> ca_files;
  std::optional<std::filesystem::path> psk_file;
  std::optional<std::filesystem::path> eap_users_file;
  std::vector<IpPrefix> local_prefixes;
  std::vector<IpPrefix> remote_prefixes;  // or
  std::optional<std::string> pool;        // for road warriors
  std::optional<std::string> identity;
  std::vector<std::string> tags;
  std::vector<Claim> claims;

  friend bool operator==(const IpsecPeer&, const IpsecPeer&) = default;
};

// Either everything is allowed (a plain VPN) or `files` say what is.
struct Policy {
  Location location;
  bool allow_everything = false;  // default = "allow"
  std::vector<std::filesystem::path> files;

  friend bool operator==(const Policy&, const Policy&) = default;
};

struct Config {
  Gateway gateway;
  Dataplane dataplane;
  Controlplane controlplane;
  std::vector<Port> ports;
  std::vector<Route> routes;
  std::vector<Wireguard> wireguards;
  std::vector<Peer> peers;
  std::vector<Pool> pools;
  std::optional<Enrolment> enrolment;
  std::vector<Cluster> clusters;
  std::optional<FlowRecords> flow_records;
  std::optional<Ipsec> ipsec;
  std::vector<IpsecPeer> ipsec_peers;
  Policy policy;
  // Not errors, but what an operator should hear at every load: "gateway.toml:30:7: mtu: ...".
  std::vector<std::string> warnings;

  // The port with this own address, or null.
  [[nodiscard]] const Port* port_with(const IpAddress& address) const;
  // What clients of [enrolment], which must be there, are told of the tunnel.
  [[nodiscard]] HostPort enrolment_endpoint() const;

  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace sallyport::config
