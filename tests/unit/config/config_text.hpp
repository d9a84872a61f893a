// Pieces of gateway.toml for tests. What a test is about stands first in its text, so that the line numbers of its
// errors can be counted; the sections that a valid configuration needs besides follow.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"

namespace sallyport::config {

inline constexpr std::string_view gateway_toml = R"(
[gateway]
name = "test"
)";
inline constexpr std::string_view policy_toml = R"(
[policy]
default = "allow"
)";
inline constexpr std::string_view wan_toml = R"(
[[port]]
name = "wan"
device = "0000:3b:00.0"
role = "underlay"
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
gateway = ["192.0.2.254", "2001:db8::fe"]
)";
inline constexpr std::string_view lan_toml = R"(
[[port]]
name = "lan"
device = "0000:3b:00.1"
role = "inside"
addresses = ["10.0.0.1/24", "fd00::1/64"]
)";
inline constexpr std::string_view wg0_toml = R"(
[[wireguard]]
name = "wg0"
listen_port = 51820
private_key_file = "wg0.key"
addresses = ["10.8.0.1/16", "fd08::1/64"]
)";
inline constexpr std::string_view pool_toml = R"(
[[pool]]
name = "people"
prefixes = ["10.8.128.0/17"]
)";
inline constexpr std::string_view enrolment_toml = R"([enrolment]
listen = "198.51.100.9:8443"
endpoint = "vpn.example.com:51820"
certificate_file = "e.pem"
private_key_file = "e.key"
wireguard = "wg0"
pool = "people"
)";
inline constexpr std::string_view cluster_toml = R"([cluster.prod-eu]
api_server = "https://10.20.0.10:6443"
ca_file = "ca.pem"
token_file = "t"
)";
inline constexpr std::string_view ann_key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
inline constexpr std::string_view bob_key = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";

inline std::string peer_toml(std::string_view name, std::string_view key, std::string_view allowed_ip) {
  return "[[peer]]\nname = \"" + std::string(name) + "\"\nwireguard = \"wg0\"\npublic_key = \"" + std::string(key) +
         "\"\nallowed_ips = [\"" + std::string(allowed_ip) + "\"]\n";
}

inline std::string joined(std::initializer_list<std::string_view> pieces) {
  std::string text;
  for (const auto piece : pieces) text += piece;
  return text;
}

// `first`, then all that a gateway needs: name, policy, two ports and a WireGuard interface.
inline std::string complete(std::string_view first) {
  return joined({first, gateway_toml, policy_toml, wan_toml, lan_toml, wg0_toml});
}

// As complete(), with policy files.
inline std::string complete_with_policy(std::string_view first) {
  return joined({first, gateway_toml, "[policy]\nfiles = [\"policy.toml\"]\n", wan_toml, lan_toml, wg0_toml});
}

// As complete(), but `first` brings the ports, or the interfaces, itself.
inline std::string with_ports(std::string_view first) {
  return joined({first, gateway_toml, policy_toml});
}
inline std::string with_wireguard(std::string_view first) {
  return joined({first, gateway_toml, policy_toml, wan_toml, lan_toml});
}

// Each error as one line; empty for a valid text.
inline std::vector<std::string> errors_of(std::string_view text) {
  std::vector<std::string> lines;
  const auto config = parse(text, "gateway.toml");
  if (!config)
    for (const Error& error : config.error()) lines.push_back(to_string(error));
  return lines;
}

inline Config valid(std::string_view text) {
  auto config = parse(text, "gateway.toml");
  EXPECT_TRUE(config) << testing::PrintToString(errors_of(text));
  return config ? *config : Config{};
}

// The errors of a text, all of them, without "gateway.toml:".
inline void expect_errors(std::string_view text, std::initializer_list<std::string_view> expected) {
  const auto lines = errors_of(text);
  std::vector<std::string> wanted;
  for (const auto line : expected) wanted.push_back("gateway.toml:" + std::string(line));
  EXPECT_EQ(lines, wanted) << text;
}

}  // namespace sallyport::config
