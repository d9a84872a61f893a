// From a TOML value to addresses, prefixes, endpoints, keys and identities, or to "expected X, got Y".
#pragma once

#include "config/read/scalars.hpp"

namespace sallyport::config {

[[nodiscard]] Parsed<IpAddress> parse_address(const TomlValue& value);
// An address that a host can have, with the length of its connected prefix: "10.8.0.1/16".
[[nodiscard]] Parsed<IpPrefix> parse_interface_address(const TomlValue& value);
// A prefix without host bits; the error says the corrected one.
[[nodiscard]] Parsed<IpPrefix> parse_prefix(const TomlValue& value);
[[nodiscard]] Parsed<IpEndpoint> parse_endpoint(const TomlValue& value);
[[nodiscard]] Parsed<HostPort> parse_host_port(const TomlValue& value);
[[nodiscard]] Parsed<MacAddress> parse_mac(const TomlValue& value);
[[nodiscard]] Parsed<HostService> parse_host_service(const TomlValue& value);
// Refuses the all-zero key and the other points of low order, with which every shared secret is zero (RFC 7748,
// section 6.1).
[[nodiscard]] Parsed<PublicKey> parse_public_key(const TomlValue& value);
[[nodiscard]] Parsed<IkeId> parse_ike_id(const TomlValue& value);
// An identity of the policy language: user:, sa:, spiffe:// or ike:.
[[nodiscard]] Parsed<std::string> parse_identity(const TomlValue& value);

// What an address is, in the prefix of its length, if it is not that of a host: "a multicast address", "the prefix's
// broadcast address"; "" for a host.
[[nodiscard]] std::string_view why_no_host(const IpPrefix& address);
[[nodiscard]] bool is_low_order(const PublicKey& key) noexcept;

}  // namespace sallyport::config
