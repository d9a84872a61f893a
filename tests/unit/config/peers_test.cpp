// [[peer]], [ipsec] and [[ipsec_peer]], and the prefixes that each of them has alone.
#include <sodium.h>

#include <chrono>

#include "config/read/network_scalars.hpp"
#include "config_text.hpp"

namespace sallyport::config::peers_test {
namespace {

std::string peer_with(std::string_view lines) {
  return complete(joined({"[[peer]]\nname = \"ann\"\nwireguard = \"wg0\"\npublic_key = \"", ann_key, "\"\n", lines}));
}

std::string with_key(std::string_view key) {
  return complete(peer_toml("ann", key, "10.8.0.2/32"));
}

TEST(Peer, ReadsEveryKey) {
  const Config config = valid(peer_with(R"(allowed_ips = ["10.8.0.2/32", "fd08::2/128"]
preshared_key_file = "ann.psk"
endpoint = "198.51.100.7:51820"
persistent_keepalive_s = 25
identity = "user:corp/ann@example.com"
tags = ["laptop"]
claims = { groups = ["sre", "dev"], level = "3" }
)"));
  ASSERT_EQ(config.peers.size(), 1U);
  const Peer& ann = config.peers[0];
  EXPECT_EQ(encode_key(ann.public_key), ann_key);
  EXPECT_EQ(ann.preshared_key_file->filename(), "ann.psk");
  EXPECT_TRUE(ann.preshared_key_file->is_absolute());
  EXPECT_EQ(ann.allowed_ips.size(), 2U);
  EXPECT_EQ(ann.endpoint->literal->to_string(), "198.51.100.7:51820");
  EXPECT_EQ(ann.persistent_keepalive, std::chrono::seconds(25));
  EXPECT_EQ(ann.identity, "user:corp/ann@example.com");
  EXPECT_EQ(ann.tags, std::vector<std::string>{"laptop"});
  EXPECT_EQ(ann.claims, (std::vector<Claim>{{"groups", {"sre", "dev"}}, {"level", {"3"}}}));
  EXPECT_EQ(ann.location.to_string(), "gateway.toml:1:1");
}

TEST(Peer, KeepaliveOfZeroIsNone) {
  EXPECT_EQ(
      valid(peer_with("allowed_ips = [\"10.8.0.2/32\"]\npersistent_keepalive_s = 0\n")).peers[0].persistent_keepalive,
      std::nullopt);
}

TEST(Peer, EndpointMayBeADnsName) {
  const auto with = [](std::string_view endpoint) {
    return peer_with(joined({"allowed_ips = [\"10.8.0.2/32\"]\nendpoint = \"", endpoint, "\"\n"}));
  };
  const HostPort named = *valid(with("vpn.example.com:51820")).peers[0].endpoint;
  EXPECT_EQ(named.host, "vpn.example.com");
  EXPECT_EQ(named.port, 51820);
  EXPECT_EQ(named.literal, std::nullopt);
  EXPECT_EQ(valid(with("[2001:db8::7]:1")).peers[0].endpoint->to_string(), "[2001:db8::7]:1");
  for (const auto endpoint : {"", ":1", "host", "host:", "host:0", "host:65536", "2001:db8::7:1", "1.2.3:5",
                              "300.1.1.1:5", "-a:5", "a..b:5", "a b:5"})
    EXPECT_EQ(errors_of(with(endpoint)),
              std::vector<std::string>{
                  "gateway.toml:6:12: endpoint: expected an address or a DNS name, and a port, such as "
                  "\"198.51.100.7:51820\", \"[2001:db8::7]:51820\" or \"vpn.example.com:51820\", got the string \"" +
                  std::string(endpoint) + '"'});
  expect_errors(with("0.0.0.0:5"),
                {"6:12: endpoint: expected the address of a host, got the unspecified address 0.0.0.0"});
  expect_errors(with("192.0.2.1:5"), {"6:12: endpoint: 192.0.2.1 is the gateway's own address"});
}

TEST(Peer, AnExitPeerIsNotWarnedOf) {
  // Tunnels are routed by the underlay alone: an endpoint may lie inside the peer's own allowed_ips.
  for (const auto prefixes : {"\"0.0.0.0/0\", \"::/0\"", "\"198.51.100.0/24\"", "\"0.0.0.0/1\", \"128.0.0.0/1\""})
    EXPECT_EQ(
        valid(peer_with(joined({"allowed_ips = [", prefixes, "]\nendpoint = \"198.51.100.7:5\"\n"}))).warnings.size(),
        1U)  // that of the policy
        << prefixes;
}

TEST(Peer, WarnsOfAnEndpointThatTheUnderlayDoesNotReach) {
  const auto with = [&](std::string_view endpoint, std::string_view wan, std::string_view more = {}) {
    return valid(joined({peer_toml("ann", ann_key, "10.8.0.2/32"), "endpoint = \"", endpoint, "\"\n", gateway_toml,
                         policy_toml, "[[port]]\nname = \"wan\"\ndevice = \"net_null0\"\nrole = \"underlay\"\n", wan,
                         lan_toml, wg0_toml, more}))
        .warnings;
  };
  const std::string v4 = "addresses = [\"192.0.2.1/24\"]\n", gateway = "gateway = [\"192.0.2.254\"]\n";
  EXPECT_EQ(with("[2001:db8::7]:5", v4 + gateway).at(0),
            "gateway.toml:6:12: endpoint: the gateway cannot call 2001:db8::7: expected an underlay port with an IPv6 "
            "address, there is none");
  EXPECT_EQ(with("198.51.100.7:5", v4).at(0),
            "gateway.toml:6:12: endpoint: the gateway cannot call 198.51.100.7: expected a connected prefix, a gateway "
            "or a [[route]] of an underlay port that leads there");
  EXPECT_EQ(with("198.51.100.7:5", v4 + gateway).size(), 1U);
  EXPECT_EQ(with("192.0.2.7:5", v4).size(), 1U);
  EXPECT_EQ(with("198.51.100.7:5", v4, "[[route]]\nto = \"198.51.100.0/24\"\nvia = \"192.0.2.9\"\n").size(), 1U);
  // A route behind an inside port leads no tunnel anywhere.
  EXPECT_EQ(with("198.51.100.7:5", v4, "[[route]]\nto = \"198.51.100.0/24\"\nvia = \"10.0.0.9\"\n").size(), 2U);
  EXPECT_EQ(with("vpn.example.com:5", v4).size(), 1U);
}

TEST(Peer, WarnsOfAnAddressInsideThePrefixOfAnInsidePort) {
  const auto warnings = [](std::string_view prefix) {
    return valid(complete(peer_toml("ann", ann_key, prefix))).warnings;
  };
  EXPECT_EQ(warnings("10.0.0.77/32").at(0),
            "gateway.toml:5:16: allowed_ips: 10.0.0.77/32 lies inside 10.0.0.0/24 of inside port 'lan': its hosts look "
            "for it on their own link, where nobody answers; expected a prefix outside of it");
  EXPECT_EQ(warnings("fd00::7/128").size(), 2U);
  EXPECT_EQ(warnings("10.0.0.0/8").size(), 1U);     // the site's own prefix is longer, and wins
  EXPECT_EQ(warnings("192.0.2.77/32").size(), 1U);  // the underlay's addresses are not those of inner packets
}

TEST(Peer, RefusesIpv4MappedAddresses) {
  expect_errors(complete(peer_toml("ann", ann_key, "::ffff:10.8.0.2/128")),
                {"5:16: allowed_ips: expected 10.8.0.2/32 as IPv4, got the IPv4-mapped ::ffff:10.8.0.2/128"});
  expect_errors(complete(peer_toml("ann", ann_key, "::ffff:10.8.0.0/112")),
                {"5:16: allowed_ips: expected 10.8.0.0/16 as IPv4, got the IPv4-mapped ::ffff:10.8.0.0/112"});
  expect_errors(peer_with("allowed_ips = [\"10.8.0.2/32\"]\nendpoint = \"[::ffff:198.51.100.7]:5\"\n"),
                {"6:12: endpoint: expected 198.51.100.7 as IPv4, got the IPv4-mapped ::ffff:198.51.100.7"});
  expect_errors(with_ports("[[port]]\nname = \"lan\"\ndevice = \"net_null0\"\nrole = \"inside\"\n"
                           "addresses = [\"::ffff:10.0.0.1/120\"]\n"),
                {"5:14: addresses: expected 10.0.0.1 as IPv4, got the IPv4-mapped ::ffff:10.0.0.1/120"});
  // ::/0 and other prefixes that only cover the range are what they seem.
  EXPECT_TRUE(errors_of(complete(peer_toml("ann", ann_key, "::/0"))).empty());
}

TEST(Peer, PublicKeyIsCheckedAndNotRepeated) {
  const std::string start =
      "gateway.toml:4:14: public_key: expected a WireGuard public key (44 characters of base64), got ";
  EXPECT_EQ(errors_of(with_key("short")), std::vector<std::string>{start + "5 characters"});
  EXPECT_EQ(errors_of(with_key("!TIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=")),
            std::vector<std::string>{start + "something else of that length"});
  EXPECT_EQ(errors_of(with_key("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
            std::vector<std::string>{start + "the all-zero key"});
  EXPECT_EQ(errors_of(with_key("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA=")),
            std::vector<std::string>{start + "a point of low order, with which no secret can be shared"});
}

TEST(Peer, LowOrderPointsAreThoseThatLibsodiumRefuses) {
  ASSERT_GE(sodium_init(), 0);
  const PublicKey scalar{8, 1, 2, 3};
  PublicKey shared{};
  int refused = 0;
  // Every value whose bytes but the first and last are all zero or all ones, with the order-8 points besides.
  std::vector<PublicKey> candidates;
  for (unsigned first = 0; first < 256; ++first)
    for (const std::uint8_t fill : std::initializer_list<std::uint8_t>{0x00, 0xff})
      for (const std::uint8_t last : std::initializer_list<std::uint8_t>{0x00, 0x7f, 0x80, 0xff}) {
        PublicKey key;
        key.fill(fill);
        key[0] = static_cast<std::uint8_t>(first);
        key[31] = last;
        candidates.push_back(key);
      }
  candidates.push_back(*decode_key("4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA="));
  candidates.push_back(*decode_key("X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc="));
  for (const PublicKey& key : candidates) {
    const bool low_order = crypto_scalarmult(shared.data(), scalar.data(), key.data()) != 0;
    EXPECT_EQ(is_low_order(key), low_order) << encode_key(key);
    refused += low_order ? 1 : 0;
  }
  EXPECT_EQ(refused, 12);  // 0, 1, p-1, p, p+1 with either top bit, and the two of order 8
}

TEST(Peer, BelongsToAnInterfaceThatExists) {
  expect_errors(complete(joined({"[[peer]]\nname = \"ann\"\nwireguard = \"wg1\"\npublic_key = \"", ann_key,
                                 "\"\nallowed_ips = [\"10.8.0.2/32\"]\n"})),
                {"3:13: wireguard: there is no [[wireguard]] named 'wg1'; did you mean 'wg0'?"});
}

TEST(Peer, NameAndKeyAreItsOwn) {
  expect_errors(complete(peer_toml("ann", ann_key, "10.8.0.2/32") + peer_toml("ann", bob_key, "10.8.0.3/32")),
                {"7:8: name: 'ann' is taken by peer 'ann' (line 1)"});
  expect_errors(complete(peer_toml("ann", ann_key, "10.8.0.2/32") + peer_toml("bob", ann_key, "10.8.0.3/32")),
                {"9:14: public_key: is also the key of peer 'ann' (line 1)"});
  // One client may be a peer of two interfaces.
  valid(
      complete(joined({"[[wireguard]]\nname = \"wg1\"\nlisten_port = 1\nprivate_key_file = \"k\"\naddresses = "
                       "[\"10.9.0.1/24\"]\n[[peer]]\nname = \"ann1\"\nwireguard = \"wg1\"\npublic_key = \"",
                       ann_key, "\"\nallowed_ips = [\"10.9.0.2/32\"]\n", peer_toml("ann0", ann_key, "10.8.0.2/32")})));
}

TEST(Peer, MissingKeysAreNamed) {
  expect_errors(complete("[[peer]]\n"), {"1:1: missing key 'name' in [[peer]]: expected name",
                                         "1:1: missing key 'wireguard' in [[peer]]: expected name of a `[[wireguard]]`",
                                         "1:1: missing key 'public_key' in [[peer]]: expected 44 characters of base64",
                                         "1:1: missing key 'allowed_ips' in [[peer]]: expected list of prefixes"});
}

TEST(Peer, NumberIsBoundedByMaxPeers) {
  expect_errors(complete("[dataplane]\nmax_peers = 1\n" + peer_toml("ann", ann_key, "10.8.0.2/32") +
                         peer_toml("bob", bob_key, "10.8.0.3/32")),
                {"8:1: peer: expected at most 1 ([dataplane] max_peers), got 2"});
}

TEST(Peer, LabelsHaveAShape) {
  const auto with = [](std::string_view line) {
    return peer_with(joined({"allowed_ips = [\"10.8.0.2/32\"]\n", line, "\n"}));
  };
  for (const auto identity : {"user:corp/ann", "sa:prod/ns/name", "spiffe://example.org/a/b", "ike:fqdn=a.example",
                              "ike:email=a@b", "ike:dn=CN=x"})
    EXPECT_EQ(valid(with(joined({"identity = \"", identity, "\""}))).peers[0].identity, identity);
  for (const auto identity : {"ann", "user:ann", "user:/ann", "user:corp/", "sa:a/b", "spiffe://d", "ike:x=y",
                              "ike:fqdn=", "spiffe://*.example.org/x", "tag:x"})
    EXPECT_EQ(
        errors_of(with(joined({"identity = \"", identity, "\""}))),
        std::vector<std::string>{
            "gateway.toml:6:12: identity: expected an identity: \"user:ISSUER/NAME\", \"sa:CLUSTER/NAMESPACE/NAME\", "
            "\"spiffe://DOMAIN/PATH\" or \"ike:fqdn=...\" (email=, dn=), got the string \"" +
            std::string(identity) + '"'});
  expect_errors(
      with("tags = [\"a b\"]"),
      {"6:9: tags: expected a name (letters, digits, '.', '_', '-', 63 characters at most), got the string \"a b\""});
  expect_errors(with("claims = [\"sre\"]"), {"6:10: claims: expected a table, [claims], got an array"});
  expect_errors(with("claims = { groups = [1, {}] }"),
                {"6:22: claims: expected a text of 1 to 1024 characters without control characters, got the integer 1",
                 "6:25: claims: expected a text of 1 to 1024 characters without control characters, got a table"});
}

TEST(AllowedIps, HaveNoHostBits) {
  expect_errors(complete(peer_toml("ann", ann_key, "10.8.0.2/24")),
                {"5:16: allowed_ips: expected a prefix without host bits, got 10.8.0.2/24; did you mean 10.8.0.0/24 or "
                 "10.8.0.2/32?"});
  expect_errors(complete(peer_toml("ann", ann_key, "224.0.0.0/4")),
                {"5:16: allowed_ips: expected a unicast prefix, got the multicast prefix 224.0.0.0/4"});
  expect_errors(complete(peer_toml("ann", ann_key, "127.0.0.0/8")),
                {"5:16: allowed_ips: expected a unicast prefix, got the loopback prefix 127.0.0.0/8"});
}

TEST(AllowedIps, BelongToOnePeer) {
  expect_errors(complete(peer_toml("ann", ann_key, "10.8.0.2/32") + peer_toml("bob", bob_key, "10.8.0.2/32")),
                {"10:16: allowed_ips: 10.8.0.2/32 belongs to peer 'ann' (line 1) already"});
  expect_errors(peer_with("allowed_ips = [\"10.8.0.2/32\", \"10.8.0.2/32\"]\n"),
                {"5:31: allowed_ips: 10.8.0.2/32 stands here twice"});
  valid(complete(peer_toml("site", ann_key, "10.8.0.0/24") +
                 peer_toml("bob", bob_key, "10.8.0.2/32")));  // the longest wins
}

TEST(AllowedIps, AreNotThoseOfARouteAPortOrTheGateway) {
  expect_errors(
      complete(peer_toml("ann", ann_key, "10.20.0.0/16") + "[[route]]\nto = \"10.20.0.0/16\"\nvia = \"10.0.0.254\"\n"),
      {"5:16: allowed_ips: 10.20.0.0/16 belongs to the route to 10.20.0.0/16 (line 6) already"});
  expect_errors(complete(peer_toml("ann", ann_key, "10.0.0.0/24")),
                {"5:16: allowed_ips: 10.0.0.0/24 is the connected prefix of port 'lan' (line 20) already"});
  valid(complete(peer_toml("ann", ann_key, "0.0.0.0/0")));  // the underlay has a default route of its own
  expect_errors(joined({peer_toml("ann", ann_key, "0.0.0.0/0"), gateway_toml, policy_toml, wg0_toml, wan_toml, lan_toml,
                        "gateway = [\"10.0.0.254\"]\n"}),
                {"5:16: allowed_ips: 0.0.0.0/0 is the default route of port 'lan' (line 26) already"});
  expect_errors(complete(peer_toml("ann", ann_key, "10.8.0.1/32")),
                {"5:16: allowed_ips: 10.8.0.1/32 is the gateway's own address, on wireguard 'wg0' (line 26)"});
  expect_errors(complete(peer_toml("ann", ann_key, "2001:db8::1/128")),
                {"5:16: allowed_ips: 2001:db8::1/128 is the gateway's own address, on port 'wan' (line 13)"});
  valid(complete(peer_toml("ann", ann_key, "10.8.0.0/16")));  // all of its own interface
}

TEST(AllowedIps, AreNotTheConnectedPrefixOfAnotherInterface) {
  const std::string wg1 =
      "[[wireguard]]\nname = \"wg1\"\nlisten_port = 1\nprivate_key_file = \"k\"\naddresses = [\"10.9.0.1/24\"]\n";
  expect_errors(complete(wg1 + peer_toml("ann", ann_key, "10.9.0.0/24")),
                {"10:16: allowed_ips: 10.9.0.0/24 is the connected prefix of wireguard 'wg1' (line 1) already"});
}

std::string ipsec_peer(std::string_view lines) {
  return complete(
      joined({"[ipsec]\naddresses = [\"192.0.2.1\"]\n[[ipsec_peer]]\nname = \"branch\"\nlocal_id = "
              "\"fqdn:gw.example.com\"\nlocal_prefixes = [\"10.0.0.0/16\"]\n",
              lines}));
}
constexpr std::string_view by_certificate =
    "auth = \"certificate\"\ncertificate_file = \"c\"\nprivate_key_file = \"k\"\nca_files = [\"ca\"]\n";
constexpr std::string_view to_branch =
    "remote = \"198.51.100.20\"\nremote_id = \"fqdn:b.example.com\"\nremote_prefixes = [\"10.12.0.0/16\"]\n";

TEST(IpsecPeer, ReadsEveryKey) {
  const Config config =
      valid(ipsec_peer(joined({by_certificate, to_branch,
                               "connect = \"trap\"\nidentity = \"ike:fqdn=b.example.com\"\ntags = [\"branch\"]\n"})));
  ASSERT_EQ(config.ipsec_peers.size(), 1U);
  const IpsecPeer& peer = config.ipsec_peers[0];
  EXPECT_EQ(peer.connect, IpsecConnect::trap);
  EXPECT_EQ(peer.remote->to_string(), "198.51.100.20");
  EXPECT_EQ(peer.local_id.to_string(), "fqdn:gw.example.com");
  EXPECT_EQ(peer.remote_id->to_string(), "fqdn:b.example.com");
  EXPECT_EQ(peer.ca_files.size(), 1U);
}

TEST(IpsecPeer, CredentialsFitTheKindOfProof) {
  expect_errors(
      ipsec_peer(joined({"auth = \"psk\"\nca_files = [\"x\"]\n", to_branch})),
      {"3:1: missing key 'psk_file': auth = \"psk\" needs it", "8:12: ca_files: has no meaning with auth = \"psk\""});
  expect_errors(ipsec_peer(joined({"auth = \"certificate\"\npsk_file = \"x\"\n", to_branch})),
                {"3:1: missing key 'certificate_file': auth = \"certificate\" needs it",
                 "3:1: missing key 'private_key_file': auth = \"certificate\" needs it",
                 "3:1: missing key 'ca_files': auth = \"certificate\" needs it",
                 "8:12: psk_file: has no meaning with auth = \"certificate\""});
  expect_errors(ipsec_peer(joined({"auth = \"eap\"\ncertificate_file = \"c\"\nprivate_key_file = \"k\"\n", to_branch})),
                {"3:1: auth = \"eap\" needs 'ca_files' (EAP-TLS) or 'eap_users_file' (EAP-MSCHAPv2)"});
  valid(ipsec_peer(joined({"auth = \"psk\"\npsk_file = \"x\"\n", to_branch})));
}

TEST(IpsecPeer, AnyRemoteOnlyResponds) {
  expect_errors(ipsec_peer(joined(
                    {by_certificate, "remote = \"any\"\nconnect = \"start\"\nremote_prefixes = [\"10.12.0.0/16\"]\n"})),
                {"12:11: connect: expected \"respond\" with remote = \"any\": there is no address to connect to"});
  expect_errors(
      ipsec_peer(joined({by_certificate, "remote = \"198.51.100.20\"\nremote_prefixes = [\"10.12.0.0/16\"]\n"})),
      {"3:1: missing key 'remote_id' in [[ipsec_peer]]: expected an IKE identity"});
  valid(ipsec_peer(
      joined({by_certificate,
              "remote = \"any\"\npool = \"people\"\n[[pool]]\nname = \"people\"\nprefixes = [\"10.8.128.0/17\"]\n"})));
}

TEST(IpsecPeer, HasPrefixesOrAPool) {
  expect_errors(ipsec_peer(joined({by_certificate, "remote = \"any\"\n"})),
                {"3:1: [[ipsec_peer]]: expected either remote_prefixes or pool, got neither"});
  expect_errors(ipsec_peer(joined({by_certificate, "remote = \"any\"\npool = \"nobody\"\n"})),
                {"12:8: pool: there is no [[pool]] named 'nobody'"});
  expect_errors(ipsec_peer(joined({by_certificate, to_branch, peer_toml("ann", ann_key, "10.12.0.0/16")})),
                {"13:20: remote_prefixes: 10.12.0.0/16 belongs to peer 'ann' (line 14) already"});
}

TEST(IpsecPeer, NeedsTheIpsecSection) {
  expect_errors(complete(joined(
                    {"[[ipsec_peer]]\nname = \"b\"\nlocal_id = \"ip:192.0.2.1\"\nlocal_prefixes = [\"10.0.0.0/16\"]\n",
                     by_certificate, to_branch})),
                {"1:1: ipsec_peer: expected an [ipsec] section with the gateway's addresses, got none"});
}

TEST(IpsecPeer, IdentitiesHaveATypeAndAValue) {
  for (const auto id : {"gw.example.com", "fqdn:", "fqdn:a b", "email:x", "ip:x", "dns:x", "spiffe://x", "spiffe:x"})
    EXPECT_EQ(
        errors_of(ipsec_peer(joined({by_certificate,
                                     "remote = \"198.51.100.20\"\nremote_prefixes = [\"10.12.0.0/16\"]\nremote_id = \"",
                                     id, "\"\n"})))
            .size(),
        1U)
        << id;
  for (const auto id : {"fqdn:a.example", "email:a@b", "dn:CN=a, O=b", "ip:2001:db8::1", "keyid:abc", "spiffe://d/p"})
    EXPECT_EQ(
        valid(ipsec_peer(joined({by_certificate,
                                 "remote = \"198.51.100.20\"\nremote_prefixes = [\"10.12.0.0/16\"]\nremote_id = \"", id,
                                 "\"\n"})))
            .ipsec_peers[0]
            .remote_id->to_string(),
        id);
}

TEST(Ipsec, ServesOnOwnUnderlayAddresses) {
  expect_errors(complete("[ipsec]\naddresses = [\"10.0.0.1\", \"192.0.2.9\", \"192.0.2.1\", \"192.0.2.1\"]\n"),
                {"2:14: addresses: expected an own address of an underlay port, got 10.0.0.1",
                 "2:26: addresses: expected an own address of an underlay port, got 192.0.2.9",
                 "2:52: addresses: 192.0.2.1 stands here twice"});
  expect_errors(complete("[ipsec]\n"), {"1:1: missing key 'addresses' in [ipsec]: expected list of addresses, 1 to 8"});
  expect_errors(
      ipsec_peer(joined(
          {by_certificate, "remote = \"192.0.2.1\"\nremote_id = \"fqdn:b\"\nremote_prefixes = [\"10.12.0.0/16\"]\n"})),
      {"11:10: remote: 192.0.2.1 is the gateway's own address"});
}

TEST(ManyPeers, TwentyThousandAreReadAndTheOneMistakeIsFound) {
  constexpr unsigned count = 20'000;
  std::string text;
  const auto append_peer = [&](unsigned i, unsigned address) {
    PublicKey key{0x55, 1, 2, 3};
    key[8] = static_cast<std::uint8_t>(i);
    key[9] = static_cast<std::uint8_t>(i >> 8);
    const std::string v4 = "10.8." + std::to_string(address >> 8) + '.' + std::to_string(address & 255) + "/32";
    text += peer_toml("peer-" + std::to_string(i), encode_key(key), v4);
  };
  for (unsigned i = 0; i < count; ++i) append_peer(i, i + 2);
  const Config config = valid(complete(text));
  ASSERT_EQ(config.peers.size(), count);
  EXPECT_EQ(config.peers[12'345].name, "peer-12345");
  EXPECT_EQ(config.peers[12'345].allowed_ips[0].to_string(), "10.8.48.59/32");
  EXPECT_EQ(config.peers[12'345].location.line, 12'345U * 5 + 1);
  append_peer(count, 7'002);
  expect_errors(complete(text),
                {"100005:16: allowed_ips: 10.8.27.90/32 belongs to peer 'peer-7000' (line 35001) already"});
}

}  // namespace
}  // namespace sallyport::config::peers_test
