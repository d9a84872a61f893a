// [[port]], [[route]], [[wireguard]] and [[pool]]: by themselves and with each other.
#include "config_text.hpp"

namespace sallyport::config::interfaces_test {
namespace {

std::string port(std::string_view name, std::string_view device, std::string_view role, std::string_view address,
                 std::string_view more = "") {
  return joined({"[[port]]\nname = \"", name, "\"\ndevice = \"", device, "\"\nrole = \"", role, "\"\naddresses = [\"",
                 address, "\"]\n", more});
}

std::string wireguard(std::string_view name, std::string_view listen_port, std::string_view address,
                      std::string_view more = "") {
  return joined({"[[wireguard]]\nname = \"", name, "\"\nlisten_port = ", listen_port,
                 "\nprivate_key_file = \"k\"\naddresses = [\"", address, "\"]\n", more});
}

TEST(Port, ReadsEveryKey) {
  const Config config = valid(with_ports(port("wan", "net_af_packet0,iface=wan0", "underlay", "192.0.2.1/24",
                                              "vlan = 12\ngateway = [\"192.0.2.254\"]\nmtu = 9000\nrx_queues = 4\nhost "
                                              "= [\"tcp/8443\", \"udp/53\"]\nmac = \"02:00:00:00:00:0A\"\n")));
  ASSERT_EQ(config.ports.size(), 1U);
  const Port& p = config.ports[0];
  EXPECT_EQ(p.role, PortRole::underlay);
  EXPECT_EQ(p.vlan, 12);
  EXPECT_EQ(p.addresses[0].to_string(), "192.0.2.1/24");
  EXPECT_EQ(p.gateway[0].to_string(), "192.0.2.254");
  EXPECT_EQ(p.mtu, 9000);
  EXPECT_EQ(p.rx_queues, 4);
  EXPECT_EQ(p.host, (std::vector<HostService>{{HostProtocol::tcp, 8443}, {HostProtocol::udp, 53}}));
  EXPECT_EQ(to_string(*p.mac), "02:00:00:00:00:0a");
  EXPECT_EQ(p.device_id(), "net_af_packet0");
}

TEST(Port, DeviceIdOfAPciAddressIsFullAndLowerCase) {
  EXPECT_EQ((Port{.device = "3B:00.1"}.device_id()), "0000:3b:00.1");
  EXPECT_EQ((Port{.device = "0000:3B:00.1,arg=1"}.device_id()), "0000:3b:00.1");
  EXPECT_EQ((Port{.device = "net_tap0"}.device_id()), "net_tap0");
}

TEST(Port, RefusesWhatIsWrong) {
  const auto with = [](std::string_view line) {
    return with_ports(port("wan", "net_null0", "underlay", "192.0.2.1/24", line));
  };
  expect_errors(with("vlan = 4095\n"), {"6:8: vlan: expected an integer from 1 to 4094, got the integer 4095"});
  expect_errors(with("mtu = 575\n"), {"6:7: mtu: expected an integer from 576 to 9216, got the integer 575"});
  expect_errors(with("rx_queues = 0\n"), {"6:13: rx_queues: expected an integer from 1 to 64, got the integer 0"});
  expect_errors(with("host = [\"tcp\"]\n"),
                {"6:9: host: expected \"tcp/PORT\" or \"udp/PORT\", got the string \"tcp\""});
  expect_errors(with("host = [\"sctp/5\", \"tcp/0\", \"tcp/65536\"]\n"),
                {"6:9: host: expected \"tcp/PORT\" or \"udp/PORT\", got the string \"sctp/5\"",
                 "6:19: host: expected \"tcp/PORT\" or \"udp/PORT\", got the string \"tcp/0\"",
                 "6:28: host: expected \"tcp/PORT\" or \"udp/PORT\", got the string \"tcp/65536\""});
  expect_errors(with("host = [\"tcp/5\", \"tcp/5\"]\n"), {"6:18: host: tcp/5 stands here twice"});
  expect_errors(
      with("mac = \"01:00:5e:00:00:01\"\n"),
      {"6:7: mac: expected a unicast MAC address such as \"02:00:00:00:00:01\", got the string \"01:00:5e:00:00:01\""});
  expect_errors(with("gateway = \"192.0.2.254\"\n"), {"6:11: gateway: expected an array (list of addresses, at most "
                                                      "one of each family), got the string \"192.0.2.254\""});
  expect_errors(with_ports(port("wan", "x", "outside", "192.0.2.1/24") + wireguard("wg0", "1", "10.8.0.1/16")),
                {"4:8: role: expected \"underlay\" or \"inside\", got the string \"outside\""});
}

TEST(Port, Ipv6NeedsAnMtuOf1280) {
  expect_errors(with_ports(port("wan", "x", "underlay", "2001:db8::1/64", "mtu = 1279\n")),
                {"6:7: mtu: expected an integer from 1280 to 9216, got the integer 1279"});
  valid(with_ports(port("wan", "x", "underlay", "192.0.2.1/24", "mtu = 1279\n")));
}

TEST(Port, AddressIsThatOfAHost) {
  const auto error = [](std::string_view address) {
    return errors_of(with_ports(port("wan", "x", "underlay", address))).at(0);
  };
  const std::string start = "gateway.toml:5:14: addresses: expected the address of a host, got ";
  EXPECT_EQ(error("192.0.2.0/24"), start + "the address of the prefix itself, 192.0.2.0/24");
  EXPECT_EQ(error("192.0.2.255/24"), start + "the prefix's broadcast address 192.0.2.255/24");
  EXPECT_EQ(error("2001:db8::/64"), start + "the address of the prefix itself, 2001:db8::/64");
  EXPECT_EQ(error("224.0.0.1/24"), start + "a multicast address 224.0.0.1/24");
  EXPECT_EQ(error("127.0.0.1/8"), start + "a loopback address 127.0.0.1/8");
  EXPECT_EQ(error("0.0.0.0/8"), start + "the unspecified address 0.0.0.0/8");
  EXPECT_EQ(error("192.0.2.1/0"), start + "a prefix that holds every address, 192.0.2.1/0");
  EXPECT_EQ(error("192.0.2.1"),
            "gateway.toml:5:14: addresses: expected an address with its prefix length such as \"192.0.2.1/24\", got "
            "the string \"192.0.2.1\"");
  for (const auto address : {"192.0.2.0/31", "192.0.2.1/31", "192.0.2.1/32", "2001:db8::/127", "2001:db8::1/128"})
    valid(with_ports(port("wan", "x", "underlay", address)));
}

TEST(Port, SharesADeviceOnlyWithAnotherVlan) {
  const std::string first = port("a", "3b:00.0", "underlay", "192.0.2.1/24");
  expect_errors(with_ports(first + port("b", "0000:3B:00.0", "inside", "10.0.0.1/24")),
                {"8:10: device: is that of port 'a' (line 1) already; ports share a device only with different vlans"});
  valid(with_ports(first + port("b", "0000:3B:00.0", "inside", "10.0.0.1/24", "vlan = 7\n") +
                   port("c", "3b:00.0", "inside", "10.0.1.1/24", "vlan = 8\n")));
  expect_errors(with_ports(first + port("b", "3b:00.0", "inside", "10.0.0.1/24",
                                        "vlan = 7\nrx_queues = 2\nmac = \"02:00:00:00:00:01\"\n")),
                {"12:13: rx_queues: expected 1, as for port 'a' (line 1) on the same device, got 2",
                 "13:7: mac: expected the same as for port 'a' (line 1), which shares the device"});
  expect_errors(with_ports(port("a", "net_tap0,iface=a", "underlay", "192.0.2.1/24") +
                           port("b", "net_tap0,iface=b", "inside", "10.0.0.1/24", "vlan = 7\n")),
                {"8:10: device: is that of port 'a' (line 1) with other arguments"});
}

TEST(Port, GatewayMayBeOutsideOfItsPrefixOnTheLinkItself) {
  const auto with = [](std::string_view addresses, std::string_view gateway) {
    return with_ports(port("wan", "x", "underlay", addresses,
                           "gateway_onlink = true\ngateway = [\"" + std::string(gateway) + "\"]\n"));
  };
  valid(with("192.0.2.1/32", "203.0.113.1"));
  valid(with("192.0.2.1/24", "203.0.113.1"));
  valid(with("192.0.2.1/24", "192.0.2.254"));
  valid(with("2001:db8::1/128", "2001:db8:ffff::1"));
  expect_errors(with("192.0.2.1/32", "2001:db8::1"),
                {"7:12: gateway: expected the address of a host, of a family that this port has, got 2001:db8::1"});
  expect_errors(with("192.0.2.1/32", "192.0.2.1"), {"7:12: gateway: 192.0.2.1 is the gateway's own address"});
}

TEST(Port, GatewayIsInItsPrefixAndOnePerFamily) {
  expect_errors(
      with_ports(port("wan", "x", "underlay", "192.0.2.1/24", "gateway = [\"198.51.100.1\"]\n")),
      {"6:12: gateway: expected an address inside a prefix of this port (or gateway_onlink = true), got 198.51.100.1"});
  expect_errors(with_ports(port("wan", "x", "underlay", "192.0.2.1/24", "gateway = [\"192.0.2.1\"]\n")),
                {"6:12: gateway: 192.0.2.1 is the gateway's own address"});
  expect_errors(with_ports(port("wan", "x", "underlay", "192.0.2.1/24", "gateway = [\"192.0.2.2\", \"192.0.2.3\"]\n")),
                {"6:25: gateway: expected at most one IPv4 gateway, got a second; the first is 192.0.2.2"});
  expect_errors(
      with_ports(port("wan", "x", "underlay", "192.0.2.1/24", "gateway = [\"192.0.2.255\"]\n")),
      {"6:12: gateway: expected an address inside a prefix of this port (or gateway_onlink = true), got 192.0.2.255"});
  expect_errors(
      with_ports(port("wan", "x", "underlay", "192.0.2.1/24", "gateway = [\"fe80::1\"]\n")),
      {"6:12: gateway: expected an address inside a prefix of this port (or gateway_onlink = true), got fe80::1"});
  valid(with_ports(port("wan", "x", "underlay", "2001:db8::1/64", "gateway = [\"fe80::1\"]\n")));
}

TEST(Port, InsidePortsHaveOneDefaultRouteAndUnderlayPortsTheirOwn) {
  const auto two = [](std::string_view role, std::string_view other) {
    return with_ports(port("a", "x", role, "192.0.2.1/24", "gateway = [\"192.0.2.2\"]\n") +
                      port("b", "y", other, "10.0.0.1/24", "gateway = [\"10.0.0.2\"]\n"));
  };
  valid(two("underlay", "underlay"));
  valid(two("underlay", "inside"));
  expect_errors(two("inside", "inside"), {"12:12: gateway: expected at most one IPv4 gateway among inside ports, got a "
                                          "second; the first is that of port 'a' (line 1)"});
}

TEST(Route, DefaultRouteIsNotSaidTwice) {
  const auto with = [](std::string_view via, std::string_view role) {
    return with_ports(joined({"[[route]]\nto = \"0.0.0.0/0\"\nvia = \"", via, "\"\n"}) +
                      port("a", "x", role, "192.0.2.1/24", "gateway = [\"192.0.2.2\"]\n") +
                      port("b", "y", "inside", "10.0.0.1/24"));
  };
  valid(with("10.0.0.2", "underlay"));
  expect_errors(with("192.0.2.3", "underlay"),
                {"2:6: to: 0.0.0.0/0 is the default route of port 'a' (line 4) already"});
  expect_errors(with("10.0.0.2", "inside"), {"2:6: to: 0.0.0.0/0 is the default route of port 'a' (line 4) already"});
}

TEST(Route, NumberBehindUnderlayPortsIsBounded) {
  std::string routes;
  for (int i = 0; i < 1025; ++i)
    routes += joined({"[[route]]\nto = \"10.", std::to_string(i >> 8), ".", std::to_string(i & 255),
                      ".0/24\"\nvia = \"192.0.2.9\"\n"});
  expect_errors(with_ports(routes + port("a", "x", "underlay", "192.0.2.1/24")),
                {"3073:1: route: expected at most 1024 behind underlay ports"});
}

TEST(Interfaces, HaveBounds) {
  const auto numbered = [](std::string_view before, int number, std::string_view after) {
    std::string text(before);
    text += std::to_string(number);
    text += after;
    return text;
  };
  std::string ports, interfaces, addresses;
  for (int i = 0; i < 17; ++i)
    ports += port(numbered("p", i, ""), numbered("net_null", i, ""), "underlay", numbered("192.0.", i, ".1/24"));
  expect_errors(with_ports(ports), {"81:1: port: expected at most 16, got 17"});
  for (int i = 0; i < 65; ++i)
    interfaces += wireguard(numbered("w", i, ""), std::to_string(i + 1), numbered("10.8.", i, ".1/24"));
  expect_errors(with_wireguard(interfaces), {"321:1: wireguard: expected at most 64, got 65"});
  for (int i = 1; i <= 9; ++i) addresses += numbered("\"10.9.", i, ".1/24\",");
  expect_errors(with_ports(joined(
                    {"[[port]]\nname = \"p\"\ndevice = \"x\"\nrole = \"inside\"\naddresses = [", addresses, "]\n"})),
                {"5:13: addresses: expected 1 to 8 elements, got 9"});
}

TEST(Interfaces, NamesAreUniqueWithinTheirKind) {
  expect_errors(with_ports(port("a", "x", "underlay", "192.0.2.1/24") + port("a", "y", "inside", "10.0.0.1/24")),
                {"7:8: name: 'a' is taken by port 'a' (line 1)"});
  expect_errors(complete(wireguard("wg0", "1", "10.9.0.1/16")),
                {"27:8: name: 'wg0' is taken by wireguard 'wg0' (line 1)"});
  expect_errors(complete("[[pool]]\nname = \"a\"\nprefixes = [\"10.8.1.0/24\"]\n[[pool]]\nname = \"a\"\nprefixes = "
                         "[\"10.8.2.0/24\"]\n"),
                {"5:8: name: 'a' is taken by pool 'a' (line 1)"});
  valid(with_ports(port("a", "x", "underlay", "192.0.2.1/24") + wireguard("a", "1", "10.8.0.1/16")));
}

TEST(Interfaces, ConnectedPrefixesDoNotOverlap) {
  expect_errors(with_ports(port("wan", "x", "underlay", "192.0.2.1/24") + port("lan", "y", "inside", "192.0.2.129/25")),
                {"10:14: addresses: 192.0.2.129/25 overlaps 192.0.2.1/24 of port 'wan' (line 1)"});
  expect_errors(with_wireguard(wireguard("wg0", "1", "10.0.0.9/8")),
                {"5:14: addresses: 10.0.0.9/8 overlaps 10.0.0.1/24 of port 'lan' (line 20)"});
  expect_errors(with_ports("[[port]]\nname = \"p\"\ndevice = \"x\"\nrole = \"inside\"\naddresses = [\"10.0.0.1/24\", "
                           "\"10.0.0.1/16\"]\n"),
                {"5:29: addresses: 10.0.0.1/16 stands here twice"});
  valid(with_ports(
      "[[port]]\nname = \"p\"\ndevice = \"x\"\nrole = \"inside\"\naddresses = [\"10.0.0.1/24\", \"10.0.0.2/24\"]\n"));
}

TEST(Wireguard, ReadsEveryKey) {
  const Config config =
      valid(with_wireguard(wireguard("wg0", "51820", "10.8.0.1/16", "mtu = 1400\nmss_clamp = false\n")));
  ASSERT_EQ(config.wireguards.size(), 1U);
  EXPECT_EQ(config.wireguards[0].listen_port, 51820);
  EXPECT_EQ(config.wireguards[0].mtu, 1400);
  EXPECT_FALSE(config.wireguards[0].mss_clamp);
  EXPECT_TRUE(valid(complete("")).wireguards[0].mss_clamp);
  EXPECT_EQ(valid(complete("")).wireguards[0].mtu, 1420);
}

TEST(Wireguard, NeedsAnUnderlayPort) {
  expect_errors(with_ports(wireguard("wg0", "1", "10.8.0.1/16") + port("lan", "x", "inside", "10.0.0.1/24")),
                {"1:1: wireguard: expected a [[port]] with role = \"underlay\", got none"});
}

TEST(Wireguard, ListenPortIsItsOwn) {
  expect_errors(with_wireguard(wireguard("a", "5000", "10.8.0.1/24") + wireguard("b", "5000", "10.9.0.1/24")),
                {"8:15: listen_port: 5000 is that of wireguard 'a' (line 1) already"});
  expect_errors(with_wireguard(wireguard("a", "0", "10.8.0.1/24")),
                {"3:15: listen_port: expected an integer from 1 to 65535, got the integer 0"});
  expect_errors(with_ports(wireguard("a", "53", "10.8.0.1/24") +
                           port("wan", "x", "underlay", "192.0.2.1/24", "host = [\"udp/53\", \"tcp/53\"]\n")),
                {"11:8: host: udp/53 is that of wireguard 'a' (line 1)"});
  expect_errors(with_wireguard(wireguard("a", "4500", "10.8.0.1/24") + "[ipsec]\naddresses = [\"192.0.2.1\"]\n"),
                {"3:15: listen_port: 4500 is that of [ipsec] already"});
}

TEST(Wireguard, KeyInPlaceOfItsFileIsNotRepeated) {
  const auto errors = errors_of(with_wireguard(
      joined({"[[wireguard]]\nname = \"a\"\nlisten_port = 1\naddresses = [\"10.8.0.1/24\"]\nprivate_key_file = \"",
              ann_key, "\"\n"})));
  EXPECT_EQ(errors, std::vector<std::string>{"gateway.toml:5:20: private_key_file: expected the name of a file, got a "
                                             "key; put the key into a file that only its owner can read"});
}

TEST(Wireguard, WarnsOfAnMtuThatMakesFragments) {
  const auto warnings = [](std::string_view address, std::string_view mtu) {
    return valid(with_ports(wireguard("wg0", "1", "10.8.0.1/16", joined({"mtu = ", mtu, "\n"})) +
                            port("wan", "x", "underlay", address)))
        .warnings;
  };
  EXPECT_EQ(warnings("192.0.2.1/24", "1441").at(0),
            "gateway.toml:6:7: mtu: 1441 does not fit the underlay: more than 1440 makes fragments");
  EXPECT_EQ(warnings("2001:db8::1/64", "1421").at(0),
            "gateway.toml:6:7: mtu: 1421 does not fit the underlay: more than 1420 makes fragments");
  EXPECT_EQ(warnings("192.0.2.1/24", "1440").size(), 1U);  // that of the policy
  EXPECT_EQ(warnings("2001:db8::1/64", "1420").size(), 1U);
}

TEST(Wireguard, SmallMtuCarriesNoIpv6) {
  expect_errors(
      with_wireguard(wireguard("wg0", "1", "10.8.0.1/16", "mtu = 1000\n") + peer_toml("ann", ann_key, "fd09::2/128")),
      {"6:7: mtu: expected at least 1280, as peer 'ann' has IPv6 addresses, got 1000"});
}

TEST(Route, NextHopIsBehindAPort) {
  const auto route = [](std::string_view to, std::string_view via) {
    return complete(joined({"[[route]]\nto = \"", to, "\"\nvia = \"", via, "\"\n"}));
  };
  EXPECT_EQ(valid(route("10.20.0.0/16", "10.0.0.254")).routes.at(0).port, "lan");
  EXPECT_EQ(valid(route("fd20::/16", "2001:db8::5")).routes.at(0).port, "wan");
  expect_errors(route("10.20.0.0/16", "10.9.0.1"),
                {"3:7: via: expected an address inside the connected prefix of a port (192.0.2.0/24 of 'wan', "
                 "10.0.0.0/24 of 'lan'), got 10.9.0.1"});
  expect_errors(route("10.20.0.0/16", "10.8.0.9"),  // behind a tunnel, not a port
                {"3:7: via: expected an address inside the connected prefix of a port (192.0.2.0/24 of 'wan', "
                 "10.0.0.0/24 of 'lan'), got 10.8.0.9"});
  expect_errors(route("10.20.0.0/16", "fd00::2"), {"3:7: via: expected an IPv4 address, as 'to' has, got fd00::2"});
  EXPECT_EQ(errors_of(route("10.20.0.0/16", "10.0.0.255")).size(), 1U);  // the broadcast address is nobody's
  expect_errors(route("10.20.0.0/16", "10.0.0.1"), {"3:7: via: 10.0.0.1 is the own address of port 'lan' (line 18)"});
  expect_errors(
      route("10.20.0.1/16", "10.0.0.254"),
      {"2:6: to: expected a prefix without host bits, got 10.20.0.1/16; did you mean 10.20.0.0/16 or 10.20.0.1/32?"});
  expect_errors(
      route("10.20.0.0", "localhost"),
      {"2:6: to: expected a prefix such as \"10.20.0.0/16\" or \"2001:db8::/48\", got the string \"10.20.0.0\"",
       "3:7: via: expected an IP address such as \"192.0.2.1\" or \"2001:db8::1\", got the string \"localhost\""});
}

TEST(Pool, OverlapsNeitherPoolNorPort) {
  const auto pools = [](std::string_view a, std::string_view b) {
    return complete(joined(
        {"[[pool]]\nname = \"a\"\nprefixes = [\"", a, "\"]\n[[pool]]\nname = \"b\"\nprefixes = [\"", b, "\"]\n"}));
  };
  valid(pools("10.8.0.0/16", "10.9.0.0/16"));
  expect_errors(pools("10.9.0.0/16", "10.9.1.0/24"),
                {"6:13: prefixes: 10.9.1.0/24 overlaps 10.9.0.0/16 of pool 'a' (line 1)"});
  expect_errors(pools("10.9.0.0/16", "10.9.0.0/16"),
                {"6:13: prefixes: 10.9.0.0/16 belongs to pool 'a' (line 1) already"});
  expect_errors(pools("10.9.0.0/16", "10.0.0.128/25"),
                {"6:13: prefixes: 10.0.0.128/25 overlaps 10.0.0.0/24 of port 'lan' (line 21)"});
}

}  // namespace
}  // namespace sallyport::config::interfaces_test
