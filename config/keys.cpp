#include "config/keys.hpp"

#include "config/toml/reference.hpp"

namespace sallyport::config::keys {
namespace {

constexpr std::string_view required = "required";
constexpr std::string_view none = "none";

constexpr KeyInfo top_level_keys[] = {
    {"gateway", "table", required, "the gateway itself"},
    {"dataplane", "table", none, "cores, memory, limits"},
    {"controlplane", "table", none, "sockets, state, metrics"},
    {"port", "tables", none, "network ports"},
    {"route", "tables", none, "static routes behind inside ports"},
    {"wireguard", "tables", none, "WireGuard interfaces"},
    {"peer", "tables", none, "WireGuard peers"},
    {"pool", "tables", none, "inner addresses to give out"},
    {"enrolment", "table", none, "tunnels by proof"},
    {"cluster", "table of tables", none, "where live services come from"},
    {"flow_records", "table", none, "a record of each flow"},
    {"ipsec", "table", none, "IKEv2 and ESP"},
    {"ipsec_peer", "tables", none, "IPsec peers"},
    {"policy", "table", required, "who may reach what"},
};

constexpr KeyInfo peer_file_keys[] = {
    {"peer", "tables", required, "WireGuard peers"},
};

constexpr KeyInfo gateway_keys[] = {
    {"name", "name", required, "how this gateway calls itself in logs and to clients"},
};

constexpr KeyInfo dataplane_keys[] = {
    {"workers", "list of core numbers, 1 to 32, each once", "[1]", "CPU cores; one poll-mode worker is pinned to each"},
    {"memory_mb", "\"auto\" or integer 16..4194304", "\"auto\"",
     "memory for buffers and tables; auto: the sum of what `max_*` and the ports need, which `sallyctl check` prints. "
     "A smaller number is an error with the breakdown"},
    {"hugepages", "\"auto\", \"require\" or \"never\"", "\"auto\"", "auto: used where they are configured"},
    {"idle", "\"busy\" or \"adaptive\"", "\"adaptive\"", "busy: never sleep; adaptive: back off when nothing arrives"},
    {"max_peers", "integer 1..1048576", "65536", "peers, of `[[peer]]` and of enrolment together"},
    {"max_sessions", "integer 1..4194304", "131072",
     "live sessions, each with its replay window (1 KiB); twice `max_peers` lets every peer rekey at once"},
    {"max_flows", "integer 1..67108864", "1048576", "entries of the flow table"},
    {"max_classes", "integer 1..65536", "4096", "source classes, and destination classes, that a policy may make"},
    {"crypto", "string", "\"auto\"",
     "auto: the fastest engine, measured at start; or an engine's name: vector, ipsec_mb"},
    {"eal_args", "list of strings", "[]", "handed to DPDK as they are"},
    {"user", "string", none, "the user that the dataplane becomes once its devices are open"},
    {"socket", "file name", "\"/run/sallyport/dataplane.sock\"", "where the control plane finds the dataplane"},
};

constexpr KeyInfo controlplane_keys[] = {
    {"socket", "file name", "\"/run/sallyport/control.sock\"", "the admin API, which `sallyctl` uses"},
    {"state", "file name", "\"/var/lib/sallyport/state.db\"", "what must survive a restart"},
    {"metrics", "address and port, or \"off\"", "\"127.0.0.1:9586\"", "where metrics are served over HTTP"},
    {"log_level", "\"debug\", \"info\", \"warning\" or \"error\"", "\"info\"",
     "the least important lines that are logged"},
    {"log_format", "\"text\" or \"json\"", "\"text\"", "of the lines that both processes log; json: an object a line"},
    {"user", "string", none,
     "the user that the control plane becomes after start; must be able to read every file named here"},
};

constexpr KeyInfo port_keys[] = {
    {"name", "name", required, "unique among ports"},
    {"device", "string", required,
     "a PCI address (`0000:3b:00.0`) or a DPDK vdev with its arguments (`net_af_packet0,iface=wan0`); ports with "
     "different `vlan` may share one"},
    {"vlan", "integer 1..4094", none, "the VLAN tag (802.1Q) of this port's frames; without it they are untagged"},
    {"role", "\"underlay\" or \"inside\"", required, "underlay: tunnels arrive here; inside: the protected site"},
    {"addresses", "list of addresses with prefix length, 1 to 8", required,
     "own addresses and their connected prefixes"},
    {"gateway", "list of addresses, at most one of each family", "[]",
     "the default route: the router of a prefix of `addresses`, or its link-local address; one of each family on a "
     "port, and among all inside ports"},
    {"gateway_onlink", "boolean", "false",
     "`gateway` may be outside of the prefixes of `addresses`: the link itself reaches it"},
    {"mtu", "integer 576..9216 (from 1280 with IPv6)", "1500", "largest IP packet"},
    {"rx_queues", "integer 1..64", "1", "receive queues of the device, spread over the workers"},
    {"host", "list of \"tcp/PORT\" and \"udp/PORT\"", "[]",
     "what may go to and from the host's kernel through this port"},
    {"mac", "MAC address", none, "instead of the device's own"},
    {"rpf", "\"strict\" or \"loose\"", "\"strict\"",
     "of an inside port; strict: a source that is routed through another inside port is refused; loose: it is "
     "accepted"},
};

constexpr KeyInfo route_keys[] = {
    {"to", "prefix", required, "destination; each prefix once"},
    {"via", "address", required, "next hop, inside the connected prefix of a port"},
};

constexpr KeyInfo wireguard_keys[] = {
    {"name", "name", required, "unique among WireGuard interfaces"},
    {"listen_port", "integer 1..65535", required, "UDP port on every underlay port; unique"},
    {"private_key_file", "file name", required,
     "base64, as `sallyctl keygen` writes it; refused if others can read it"},
    {"addresses", "list of addresses with prefix length, 1 to 8", required, "the gateway's own inner addresses"},
    {"mtu", "integer 576..9216 (from 1280 with IPv6)", "1420",
     "largest inner packet; the underlay's MTU less 80 (60 when the underlay has only IPv4) avoids fragments"},
    {"mss_clamp", "boolean", "true", "lower the MSS of TCP connections to what fits the tunnel"},
    {"udp_checksum", "\"auto\" or \"off\"", "\"auto\"",
     "of outer IPv4 packets; auto: there is one, by the NIC where it can; off: zero, which translators to IPv6 drop"},
};

constexpr KeyInfo peer_keys[] = {
    {"name", "name", required, "unique among peers"},
    {"wireguard", "name of a `[[wireguard]]`", required, "the interface that the peer belongs to"},
    {"public_key", "44 characters of base64", required, "unique within the interface"},
    {"preshared_key_file", "file name", none, "base64; refused if others can read it"},
    {"allowed_ips", "list of prefixes", required,
     "inner addresses of the peer and of what is behind it; no prefix belongs to two peers"},
    {"endpoint", "address or DNS name, and port", none, "without one the peer must come first"},
    {"persistent_keepalive_s", "integer 0..65535", none, "seconds between keepalives that hold a NAT open; 0: none"},
    {"identity", "identity", none,
     "`user:ISSUER/NAME`, `sa:CLUSTER/NAMESPACE/NAME`, `spiffe://DOMAIN/PATH` or `ike:TYPE=VALUE`"},
    {"tags", "list of names", "[]", "`tag:NAME` in a policy"},
    {"claims", "table of strings or lists of strings", "{}",
     "what an identity provider would say: `{ groups = [\"sre\"] }`"},
};

constexpr KeyInfo pool_keys[] = {
    {"name", "name", required, "unique among pools"},
    {"prefixes", "list of prefixes, 1 to 16", required,
     "addresses to give out, one of each family to a peer; overlap no other pool and no port. All addresses of an IPv4 "
     "/31 or /32 and of an IPv6 /127 or /128; of a shorter prefix not its first address, and of IPv4 not its last"},
};

constexpr KeyInfo enrolment_keys[] = {
    {"listen", "address and port", required, "HTTPS; the address of a port needs `tcp/PORT` in that port's `host`"},
    {"certificate_file", "file name", required, "PEM, with its chain"},
    {"private_key_file", "file name", required, "PEM; refused if others can read it"},
    {"client_ca_files", "list of file names", "[]", "PEM bundles for enrolment by client certificate (X.509-SVID)"},
    {"wireguard", "name of a `[[wireguard]]`", required, "the interface that enrolled peers join"},
    {"pool", "name of a `[[pool]]`", required, "where their addresses come from"},
    {"endpoint", "address or DNS name, and port", none,
     "where clients find the tunnel; may be left out if `listen` is on an underlay port: its address, and the "
     "interface's `listen_port`"},
    {"sessions_per_identity", "integer 1..65536", "32", "tunnels that one identity may have at a time"},
    {"requests_per_s", "integer 1..100000", "10", "requests of one source address; more are answered with 429"},
    {"max_session", "duration", none, "every session ends at the latest then, whatever its issuer says"},
    {"post_quantum", "\"prefer\" or \"require\"", "\"prefer\"",
     "`require`: whose TLS to `listen` agrees on no post-quantum key exchange (X25519MLKEM768, OpenSSL 3.5 on both "
     "sides) gets no tunnel"},
    {"dns", "list of addresses, at most 8", "[]", "handed to clients"},
    {"routes", "list of prefixes", "[]", "handed to clients: what they reach through the tunnel"},
};

constexpr KeyInfo cluster_keys[] = {
    {"api_server", "https URL", required, "the Kubernetes API"},
    {"ca_file", "file name", required, "PEM: who may vouch for the API server"},
    {"token_file", "file name", required, "bearer token; read again when it changes"},
    {"on_stale", "\"keep\" or \"drop\"", "\"keep\"", "what becomes of endpoints that could not be refreshed"},
    {"stale_after", "duration", "\"5m\"", "how long without news makes them stale"},
};

constexpr KeyInfo flow_records_keys[] = {
    {"file", "file name", required, "JSON, one line for each flow"},
    {"rotate_mb", "integer 1..1048576", "100", "size at which a new file is begun"},
    {"keep", "integer 0..10000", "10", "old files that are kept"},
};

constexpr KeyInfo ipsec_keys[] = {
    {"addresses", "list of addresses, 1 to 8", required,
     "own addresses of underlay ports where IKE and ESP are served"},
};

constexpr KeyInfo ipsec_peer_keys[] = {
    {"name", "name", required, "unique among IPsec peers"},
    {"connect", "\"start\", \"trap\" or \"respond\"", "\"respond\"",
     "start: at once; trap: with the first packet; respond: the peer comes"},
    {"remote", "address or \"any\"", required, "where the peer is; any only with `connect = \"respond\"`"},
    {"local_id", "IKE identity", required, "`fqdn:`, `email:`, `dn:`, `ip:`, `keyid:` or `spiffe://`"},
    {"remote_id", "IKE identity", none, "may be left out only with `remote = \"any\"` and not with a PSK"},
    {"auth", "\"certificate\", \"psk\" or \"eap\"", required, "how the peer proves who it is"},
    {"certificate_file", "file name", none, "PEM, with its chain; needed for certificate and eap"},
    {"private_key_file", "file name", none, "PEM; needed for certificate and eap"},
    {"ca_files", "list of file names", "[]", "PEM; needed for certificate, and for EAP-TLS"},
    {"psk_file", "file name", none, "needed for psk, and only there"},
    {"eap_users_file", "file name", none, "names and passwords for EAP-MSCHAPv2; only with eap"},
    {"local_prefixes", "list of prefixes, 1 to 255", required, "what the peer may reach"},
    {"remote_prefixes", "list of prefixes", none, "what is behind the peer; either this or `pool`"},
    {"pool", "name of a `[[pool]]`", none, "addresses for road warriors"},
    {"identity", "identity", none, "as for `[[peer]]`"},
    {"tags", "list of names", "[]", "as for `[[peer]]`"},
    {"claims", "table of strings or lists of strings", "{}", "as for `[[peer]]`"},
};

constexpr KeyInfo policy_keys[] = {
    {"default", "\"allow\"", none, "everything is allowed: a plain VPN; either this or `files`"},
    {"files", "list of file names, at least 1", none, "policy files: nothing is allowed that no rule allows"},
};

constexpr const TableInfo* tables[] = {&gateway,      &dataplane, &controlplane, &port,      &route,
                                       &wireguard,    &peer,      &pool,         &enrolment, &cluster,
                                       &flow_records, &ipsec,     &ipsec_peer,   &policy};

}  // namespace

const TableInfo top_level = {"the file", "", top_level_keys};
const TableInfo peer_file = {"a file of peers.d", "", peer_file_keys};
const TableInfo gateway = {"[gateway]", "The gateway itself. Required.", gateway_keys};
const TableInfo dataplane = {"[dataplane]", "Cores, memory and limits. A change needs a restart of the dataplane.",
                             dataplane_keys};
const TableInfo controlplane = {
    "[controlplane]",
    "Sockets, state and metrics. A change of all but `log_level` needs a restart of the control plane.",
    controlplane_keys};
const TableInfo port = {"[[port]]", "A network port, 16 at most. A change needs a restart of the dataplane.",
                        port_keys};
const TableInfo route = {"[[route]]", "A static route behind a port.", route_keys};
const TableInfo wireguard = {"[[wireguard]]", "A WireGuard interface, 64 at most. Needs an underlay port.",
                             wireguard_keys};
const TableInfo peer = {"[[peer]]", "A WireGuard peer, as many as `max_peers`.", peer_keys};
const TableInfo pool = {"[[pool]]", "Inner addresses to give out.", pool_keys};
const TableInfo enrolment = {"[enrolment]", "Where workloads and people get a tunnel for a proof.", enrolment_keys};
const TableInfo cluster = {"[cluster.NAME]", "A Kubernetes cluster from which live services come.", cluster_keys};
const TableInfo flow_records = {"[flow_records]", "A record of each flow.", flow_records_keys};
const TableInfo ipsec = {"[ipsec]", "IKEv2 and ESP. **Does nothing yet: a gateway that has it does not start.**",
                         ipsec_keys};
const TableInfo ipsec_peer = {
    "[[ipsec_peer]]", "An IPsec peer. Needs `[ipsec]`. **Does nothing yet: a gateway that has it does not start.**",
    ipsec_peer_keys};
const TableInfo policy = {"[policy]", "Who may reach what. Required, with exactly one of its keys.", policy_keys};

std::span<const TableInfo* const> all_tables() {
  return tables;
}

std::string reference_markdown() {
  return config::reference_markdown(all_tables());
}

}  // namespace sallyport::config::keys
