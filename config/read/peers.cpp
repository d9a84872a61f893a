// WireGuard peers, IPsec and its peers.
#include <utility>

#include "config/limits.hpp"
#include "config/read/draft.hpp"
#include "config/read/network_scalars.hpp"

namespace sallyport::config {
namespace {

// Seconds; 0 turns the keepalive off.
Parsed<std::optional<std::chrono::seconds>> parse_keepalive(const TomlValue& value) {
  return parse_integer(value, 0, 65535).map([](std::int64_t seconds) {
    return seconds == 0 ? std::nullopt : std::optional(std::chrono::seconds(seconds));
  });
}

// "any" is nullopt.
Parsed<std::optional<IpAddress>> parse_remote(const TomlValue& value) {
  const auto* text = value.as<std::string>();
  if (text != nullptr && *text == "any") return std::nullopt;
  const auto address = parse_address(value);
  if (!address) return mismatch("the address of the peer or \"any\"", value);
  return *address;
}

// What each way of proving an identity needs, and what would have no meaning there.
void check_credentials(const IpsecPeer& peer, TableReader& reader) {
  const std::string auth = "auth = " + in_quotes(to_string(peer.auth));
  const auto need = [&](std::string_view key) {
    if (!reader.has(key))
      reader.errors().add(reader.position(), "missing key '" + std::string(key) + "': " + auth + " needs it");
  };
  const auto refuse = [&](std::string_view key) {
    if (reader.has(key)) reader.add_error(key, "has no meaning with " + auth);
  };
  if (peer.auth == IpsecAuth::psk) {
    need("psk_file");
    for (const auto* key : {"certificate_file", "private_key_file", "ca_files", "eap_users_file"}) refuse(key);
    return;
  }
  need("certificate_file");
  need("private_key_file");
  refuse("psk_file");
  if (peer.auth == IpsecAuth::certificate) {
    need("ca_files");
    refuse("eap_users_file");
  } else if (!reader.has("ca_files") && !reader.has("eap_users_file")) {
    reader.errors().add(reader.position(), auth + " needs 'ca_files' (EAP-TLS) or 'eap_users_file' (EAP-MSCHAPv2)");
  }
}

void check_remote(const IpsecPeer& peer, TableReader& reader) {
  const bool any = reader.has("remote") && !peer.remote;
  if (any && peer.connect != IpsecConnect::respond)
    reader.add_error("connect", "expected \"respond\" with remote = \"any\": there is no address to connect to");
  if (!reader.has("remote_id") && (!any || peer.auth == IpsecAuth::psk))
    reader.errors().add(reader.position(), "missing key 'remote_id' in [[ipsec_peer]]: expected an IKE identity");
  if (reader.has("remote_prefixes") == reader.has("pool"))
    reader.errors().add(reader.position(),
                        std::string("[[ipsec_peer]]: expected either remote_prefixes or pool, got ") +
                            (reader.has("pool") ? "both" : "neither"));
}

}  // namespace

void read_peer(Draft& draft, TableReader reader) {
  read_peer(draft, std::move(reader), {});
}

void read_peer(Draft& draft, TableReader reader, const std::string& default_name) {
  const Owner owner{Kind::peer, draft.config.peers.size()};
  Peer& peer = draft.config.peers.emplace_back();
  peer.location = reader.location();
  peer.name = default_name;
  if (!default_name.empty())
    reader.read("name", peer.name, parse_name);
  else
    reader.require("name", peer.name, parse_name);
  reader.require("wireguard", peer.wireguard, parse_name);
  reader.require("public_key", peer.public_key, parse_public_key);
  reader.read("preshared_key_file", peer.preshared_key_file,
              [&](const TomlValue& value) { return parse_secret_file(draft.paths, value); });
  reader.must_have("allowed_ips");
  peer.allowed_ips = read_destinations(draft, reader, "allowed_ips", {1, limits::allowed_ips}, owner);
  reader.read("endpoint", peer.endpoint, parse_host_port);
  reader.read("persistent_keepalive_s", peer.persistent_keepalive, parse_keepalive);
  read_labels(reader, peer.identity, peer.tags, peer.claims);
}

void read_ipsec(Draft& draft, TableReader reader) {
  Ipsec& ipsec = draft.config.ipsec.emplace();
  ipsec.location = reader.location();
  draft.ipsec_addresses = reader.require_list("addresses", {1, limits::interface_addresses}, parse_address);
  ipsec.addresses = values_of(draft.ipsec_addresses);
}

void read_ipsec_peer(Draft& draft, TableReader reader) {
  const Owner owner{Kind::ipsec_peer, draft.config.ipsec_peers.size()};
  IpsecPeer& peer = draft.config.ipsec_peers.emplace_back();
  const auto secret_file = [&](const TomlValue& value) { return parse_secret_file(draft.paths, value); };
  peer.location = reader.location();
  reader.require("name", peer.name, parse_name);
  reader.read("connect", peer.connect, parse_word<IpsecConnect>);
  reader.require("remote", peer.remote, parse_remote);
  reader.require("local_id", peer.local_id, parse_ike_id);
  reader.read("remote_id", peer.remote_id, parse_ike_id);
  const bool auth_known = reader.require("auth", peer.auth, parse_word<IpsecAuth>);
  reader.read("certificate_file", peer.certificate_file, draft.paths);
  reader.read("private_key_file", peer.private_key_file, secret_file);
  peer.ca_files = values_of(reader.read_list("ca_files", {1, limits::ca_files}, draft.paths));
  reader.read("psk_file", peer.psk_file, secret_file);
  reader.read("eap_users_file", peer.eap_users_file, secret_file);
  peer.local_prefixes = values_of(reader.require_list("local_prefixes", {1, limits::ipsec_prefixes}, parse_prefix));
  peer.remote_prefixes = read_destinations(draft, reader, "remote_prefixes", {1, limits::ipsec_prefixes}, owner);
  reader.read("pool", peer.pool, parse_name);
  read_labels(reader, peer.identity, peer.tags, peer.claims);
  if (auth_known) check_credentials(peer, reader);
  check_remote(peer, reader);
}

}  // namespace sallyport::config
