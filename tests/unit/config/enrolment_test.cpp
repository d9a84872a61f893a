// [enrolment] and its [[pool]].
#include "config_text.hpp"

namespace sallyport::config::enrolment_test {
namespace {

// A complete gateway whose [enrolment] begins in line 1 with these lines. certificate_file and the other required keys
// follow them.
std::string enrolling(std::string_view lines, std::string_view wan_host = "", std::string_view lan_host = "") {
  return joined({"[enrolment]\n", lines,
                 "certificate_file = \"e.pem\"\nprivate_key_file = \"e.key\"\nwireguard = \"wg0\"\npool = \"people\"\n",
                 pool_toml, gateway_toml, policy_toml, wan_toml, wan_host, lan_toml, lan_host, wg0_toml});
}

constexpr std::string_view host_8443 = "host = [\"tcp/8443\"]\n";
constexpr std::string_view no_endpoint =
    "1:1: missing key 'endpoint' in [enrolment]: expected the address or DNS name, and the port, of the tunnel, which "
    "clients are told, as listen (";

TEST(Enrolment, ReadsEveryKey) {
  const Config config = valid(complete(joined({enrolment_toml, R"(sessions_per_identity = 3
requests_per_s = 7
max_session = "12h"
post_quantum = "require"
client_ca_files = ["ca.pem"]
dns = ["10.0.0.53"]
routes = ["10.20.0.0/16"]
)",
                                               pool_toml})));
  ASSERT_TRUE(config.enrolment);
  const Enrolment& enrolment = *config.enrolment;
  EXPECT_EQ(enrolment.listen.to_string(), "198.51.100.9:8443");
  EXPECT_EQ(enrolment.pool, "people");
  ASSERT_TRUE(enrolment.endpoint);
  EXPECT_EQ(enrolment.endpoint->to_string(), "vpn.example.com:51820");
  EXPECT_EQ(config.enrolment_endpoint(), enrolment.endpoint);
  EXPECT_EQ(enrolment.sessions_per_identity, 3U);
  EXPECT_EQ(enrolment.requests_per_s, 7U);
  EXPECT_EQ(enrolment.max_session, std::chrono::hours(12));
  EXPECT_EQ(enrolment.post_quantum, PostQuantum::require);
  EXPECT_EQ(enrolment.client_ca_files.size(), 1U);
  EXPECT_EQ(enrolment.dns.size(), 1U);
  EXPECT_EQ(enrolment.routes.size(), 1U);
}

TEST(Enrolment, RefusesWhatIsOutOfRange) {
  const auto with = [](std::string_view line) { return complete(joined({enrolment_toml, line, pool_toml})); };
  for (const auto line : {"sessions_per_identity = 0", "sessions_per_identity = 65537"})
    expect_errors(with(line), {"8:25: sessions_per_identity: expected an integer from 1 to 65536, got the integer " +
                               std::string(std::string_view(line).substr(24))});
  for (const auto line : {"requests_per_s = 0", "requests_per_s = 100001"})
    expect_errors(with(line), {"8:18: requests_per_s: expected an integer from 1 to 100000, got the integer " +
                               std::string(std::string_view(line).substr(17))});
  expect_errors(
      with("max_session = \"never\""),
      {"8:15: max_session: expected a duration such as \"30s\", \"5m\", \"8h\" or \"1d\", at most a year, got "
       "the string \"never\""});
}

TEST(Enrolment, RefersToAnInterfaceAndAPool) {
  expect_errors(complete(enrolment_toml), {"7:8: pool: there is no [[pool]] named 'people'"});
  expect_errors(complete(joined({R"([enrolment]
listen = "0.0.0.0:8443"
endpoint = "vpn.example.com:51820"
certificate_file = "e.pem"
private_key_file = "e.key"
wireguard = "wg9"
pool = "peopel"
)",
                                 pool_toml})),
                {"6:13: wireguard: there is no [[wireguard]] named 'wg9'; did you mean 'wg0'?",
                 "7:8: pool: there is no [[pool]] named 'peopel'; did you mean 'people'?"});
  EXPECT_EQ(errors_of(complete("[enrolment]\n")).size(), 5U);
}

TEST(Enrolment, OnAPortNeedsThatPortsHostInterface) {
  const auto wan = "listen = \"192.0.2.1:8443\"\n";
  expect_errors(enrolling(wan), {"2:10: listen: 192.0.2.1:8443 is on port 'wan', whose host key does not have "
                                 "\"tcp/8443\""});
  expect_errors(enrolling(wan, "host = [\"udp/8443\", \"tcp/8444\"]\n"),
                {"2:10: listen: 192.0.2.1:8443 is on port 'wan', whose host key does not have \"tcp/8443\""});
  valid(enrolling(wan, host_8443));
  const auto lan = "listen = \"[fd00::1]:8443\"\nendpoint = \"192.0.2.1:51820\"\n";
  expect_errors(enrolling(lan, host_8443),
                {"2:10: listen: [fd00::1]:8443 is on port 'lan', whose host key does not have \"tcp/8443\""});
  valid(enrolling(lan, "", host_8443));
}

TEST(Enrolment, NeedsAListenPortOfItsOwn) {
  for (const auto listen : {"192.0.2.1:0", "0.0.0.0:0", "[::]:0"})
    expect_errors(enrolling("listen = \"" + std::string(listen) + "\"\n"),
                  {"2:10: listen: expected an address and a port such as \"192.0.2.1:8443\" or \"[2001:db8::1]:8443\", "
                   "got the string \"" +
                   std::string(listen) + '"'});
  const std::string metrics = "[controlplane]\nmetrics = \"127.0.0.1:8443\"\n";
  for (const auto listen : {"127.0.0.1:8443", "0.0.0.0:8443"})
    expect_errors(enrolling("listen = \"" + std::string(listen) + "\"\nendpoint = \"h:1\"\n") + metrics,
                  {"2:10: listen: " + std::string(listen) +
                   " is where metrics are served ([controlplane] metrics = \"127.0.0.1:8443\")"});
  valid(enrolling("listen = \"127.0.0.2:8443\"\nendpoint = \"h:1\"\n") + metrics);
}

TEST(Enrolment, OnAnUnderlayPortTellsItsAddressAsTheEndpoint) {
  EXPECT_EQ(valid(enrolling("listen = \"192.0.2.1:8443\"\n", host_8443)).enrolment_endpoint().to_string(),
            "192.0.2.1:51820");
  EXPECT_EQ(valid(enrolling("listen = \"[2001:db8::1]:8443\"\n", host_8443)).enrolment_endpoint().to_string(),
            "[2001:db8::1]:51820");
}

TEST(Enrolment, ElsewhereNeedsAnEndpointForClients) {
  for (const auto listen : {"0.0.0.0:8443", "[::]:8443", "172.16.0.9:8443"}) {
    const std::string line = "listen = \"" + std::string(listen) + "\"\n";
    expect_errors(enrolling(line), {std::string(no_endpoint) + listen + ") is not on an underlay port"});
    valid(enrolling(line + "endpoint = \"198.51.100.77:4500\"\n"));
  }
  expect_errors(enrolling("listen = \"10.0.0.1:8443\"\n", "", host_8443),
                {std::string(no_endpoint) + "10.0.0.1:8443) is not on an underlay port"});
  // One that is wrong is not missing.
  EXPECT_EQ(errors_of(enrolling("listen = \"0.0.0.0:8443\"\nendpoint = \"vpn.example.com\"\n")),
            std::vector<std::string>{
                "gateway.toml:3:12: endpoint: expected an address or a DNS name, and a port, such as "
                "\"198.51.100.7:51820\", \"[2001:db8::7]:51820\" or \"vpn.example.com:51820\", got the string "
                "\"vpn.example.com\""});
}

TEST(Enrolment, AnEndpointOfOurOwnIsWhereTunnelsArrive) {
  const auto with = [](std::string_view endpoint) {
    return enrolling(joined({"listen = \"0.0.0.0:8443\"\nendpoint = \"", endpoint, "\"\n"}));
  };
  valid(with("192.0.2.1:51820"));
  expect_errors(with("192.0.2.1:8443"), {"3:12: endpoint: expected port 51820, that of wireguard 'wg0' (line 32), got "
                                         "8443"});
  expect_errors(with("10.0.0.1:51820"),
                {"3:12: endpoint: 10.0.0.1 is an address of port 'lan' (line 26), where no tunnels arrive"});
  expect_errors(with("[fd08::1]:51820"),
                {"3:12: endpoint: fd08::1 is an address of wireguard 'wg0' (line 32), where no tunnels arrive"});
}

TEST(Enrolment, APoolWithIpv6NeedsAnInterfaceThatCarriesIt) {
  const std::string pool = "\n[[pool]]\nname = \"people\"\nprefixes = [\"10.8.128.0/17\", \"fd09::/64\"]\n";
  const std::string narrow =
      "[[wireguard]]\nname = \"wg0\"\nlisten_port = 51820\nprivate_key_file = \"k\"\naddresses = [\"10.8.0.1/16\"]\n"
      "mtu = 1279\n";
  expect_errors(with_wireguard(joined({narrow, enrolment_toml, pool})),
                {"6:7: mtu: expected at least 1280, as pool 'people' gives IPv6 addresses to its peers, got 1279"});
  valid(with_wireguard(joined({narrow, enrolment_toml, pool_toml})));
}

TEST(Enrolment, WarnsOfRoutesThatClientsHaveNoAddressFor) {
  const Config config =
      valid(complete(joined({enrolment_toml, "routes = [\"10.20.0.0/16\", \"fd20::/64\"]\n", pool_toml})));
  ASSERT_FALSE(config.warnings.empty());
  EXPECT_EQ(config.warnings[0],
            "gateway.toml:8:10: routes: clients get no IPv6 address to use them from, as pool 'people' has none");
  const std::string both = "\n[[pool]]\nname = \"people\"\nprefixes = [\"10.8.128.0/17\", \"fd09::/64\"]\n";
  EXPECT_EQ(
      valid(complete(joined({enrolment_toml, "routes = [\"10.20.0.0/16\", \"fd20::/64\"]\n", both}))).warnings.size(),
      config.warnings.size() - 1);
}

TEST(Pool, MayBeAsSmallAsOneAddress) {
  for (const auto prefix : {"10.9.0.0/32", "10.9.0.0/31", "fd09::/128", "fd09::/127"})
    valid(complete("[[pool]]\nname = \"people\"\nprefixes = [\"" + std::string(prefix) + "\"]\n"));
}

}  // namespace
}  // namespace sallyport::config::enrolment_test
