#include "tools/ctl/enroll/grant.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "tools/ctl/enroll/proof_source.hpp"
#include "tools/ctl/json_fields.hpp"
#include "tools/ctl/options.hpp"

namespace sallyport::ctl {
namespace {

using Checked = tl::expected<void, std::string>;

constexpr std::size_t longest_session_id = 64;
constexpr std::size_t longest_identity_bytes = 2048;
constexpr std::uint64_t smallest_mtu = 576, largest_mtu = 9000;

tl::unexpected<std::string> wrong(std::string_view key, std::string_view expected) {
  return tl::unexpected("'" + std::string(key) + "' of the answer: expected " + std::string(expected));
}

// Empty if it is anything but a text: text_field would take a number for one.
std::string string_of(const Json& object, std::string_view key) {
  const Json& value = field(object, key);
  return value.is_string() ? value.get_ref<const std::string&>() : std::string();
}

bool is_session_id(std::string_view text) {
  return !text.empty() && text.size() <= longest_session_id && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

// Text that a line of output may hold: UTF-8 is checked by the JSON parser.
bool is_identity(std::string_view text) {
  return !text.empty() && text.size() <= longest_identity_bytes && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
}

template <typename Value, typename Parse>
Checked read_list(const Json& answer, const char* key, std::size_t most, std::string_view expected,
                  std::vector<Value>& out, Parse parse) {
  const Json& list = field(answer, key);
  if (!list.is_array() || list.size() > most)
    return wrong(key, "a list of at most " + std::to_string(most) + " elements");
  std::set<Value> seen;
  for (const Json& element : list) {
    const auto value = element.is_string() ? parse(element.get_ref<const std::string&>()) : std::nullopt;
    if (!value) return wrong(key, expected);
    if (seen.insert(*value).second) out.push_back(*value);
  }
  return {};
}

std::optional<IpPrefix> host_address(const std::string& text) {
  const auto prefix = IpPrefix::parse(text);
  if (!prefix || prefix->address.is_unspecified() || prefix->address.is_multicast() || prefix->address.is_loopback())
    return std::nullopt;
  return prefix;
}

std::optional<IpPrefix> network(const std::string& text) {
  const auto prefix = IpPrefix::parse(text);
  if (!prefix || prefix->has_host_bits()) return std::nullopt;
  return prefix;
}

std::optional<IpAddress> resolver(const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (!address || address->is_unspecified() || address->is_multicast()) return std::nullopt;
  return address;
}

// Absent from the answers of a gateway that is older than preshared keys.
Checked read_preshared_key(const Json& answer, Grant& grant) {
  grant.post_quantum = field(answer, "post_quantum") == Json(true);
  if (field(answer, "preshared_key").is_null()) return {};
  constexpr PublicKey none{};
  auto key = decode_key(string_of(answer, "preshared_key"));
  if (!key || *key == none) return wrong("preshared_key", "a WireGuard key in base64");
  grant.tunnel.preshared_key = SharedKey(Secret<key_bytes>(*key));
  explicit_bzero(key->data(), key->size());
  return {};
}

Checked read_gateway(const Json& answer, TunnelPlan& tunnel) {
  const Json& gateway = field(answer, "gateway");
  const auto key = decode_key(string_of(gateway, "public_key"));
  if (!key) return wrong("gateway.public_key", "a WireGuard key in base64");
  tunnel.gateway_key = *key;
  tunnel.endpoint = string_of(gateway, "endpoint");
  if (!is_host_and_port(tunnel.endpoint)) return wrong("gateway.endpoint", "HOST:PORT");
  return {};
}

Checked read_tunnel(const Json& answer, TunnelPlan& tunnel) {
  if (auto read = read_gateway(answer, tunnel); !read) return read;
  if (auto read = read_list(answer, "addresses", most_tunnel_addresses, "ADDRESS/LENGTH of this machine",
                            tunnel.addresses, host_address);
      !read)
    return read;
  if (tunnel.addresses.empty()) return wrong("addresses", "at least one address");
  if (auto read = read_list(answer, "routes", most_tunnel_routes, "networks as ADDRESS/LENGTH", tunnel.routes, network);
      !read)
    return read;
  if (auto read = read_list(answer, "dns", most_tunnel_resolvers, "addresses", tunnel.dns, resolver); !read)
    return read;
  const auto mtu = optional_number(answer, "mtu");
  if (!mtu || *mtu < smallest_mtu || *mtu > largest_mtu)
    return wrong("mtu", std::to_string(smallest_mtu) + " to " + std::to_string(largest_mtu));
  tunnel.mtu = static_cast<std::uint16_t>(*mtu);
  const auto keepalive = optional_number(answer, "persistent_keepalive_s");
  if (!keepalive || *keepalive > 65535) return wrong("persistent_keepalive_s", "0 to 65535");
  tunnel.persistent_keepalive_s = static_cast<std::uint16_t>(*keepalive);
  return {};
}

Checked read_times(const Json& answer, WallTime now, WallTime& expires_at) {
  const std::string text = string_of(answer, "expires_at");
  const auto at = parse_time(text);
  if (!at) return wrong("expires_at", "a time like 2026-11-26T10:00:00Z");
  if (*at <= now)
    return tl::unexpected("the session that was granted expired " + distance_text(*at, now) +
                          ": is the clock of this machine right?");
  expires_at = std::min(*at, now + longest_session);
  return {};
}

}  // namespace

tl::expected<Grant, std::string> parse_grant(std::string_view body, GrantOf of, const PublicKey& own_key,
                                             WallTime now) {
  const auto answer = parse_json(body);
  if (!answer || !answer->is_object()) return tl::unexpected(std::string("the answer is no JSON object"));
  Grant grant;
  grant.session = string_of(*answer, "session");
  if (!is_session_id(grant.session)) return wrong("session", "the name of a session");
  grant.identity = string_of(*answer, "identity");
  if (!is_identity(grant.identity)) return wrong("identity", "an identity");
  const auto key = decode_key(string_of(*answer, "public_key"));
  if (!key || *key != own_key) return wrong("public_key", "the key of this machine");
  grant.public_key = *key;
  if (of == GrantOf::enroll) {
    std::string token = string_of(*answer, "session_token");
    if (!is_token(token)) return wrong("session_token", "a token");
    grant.session_token = WipedText(std::move(token));
  }
  if (const auto read = read_tunnel(*answer, grant.tunnel); !read) return tl::unexpected(read.error());
  if (const auto read = read_preshared_key(*answer, grant); !read) return tl::unexpected(read.error());
  if (grant.tunnel.gateway_key == own_key) return wrong("gateway.public_key", "another key than this machine's");
  if (const auto read = read_times(*answer, now, grant.expires_at); !read) return tl::unexpected(read.error());
  return grant;
}

}  // namespace sallyport::ctl
