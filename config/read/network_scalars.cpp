#include "config/read/network_scalars.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "config/limits.hpp"

namespace sallyport::config {
namespace {

// The points of order 1, 2, 4 and 8 of curve25519 and its twist, as libsodium lists them; the highest bit is ignored.
constexpr PublicKey low_order_points[] = {
    {},
    {1},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
     0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
     0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

template <typename Integer>
std::optional<Integer> parse_number(std::string_view text, int base = 10) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_text(std::string_view text) {
  return !text.empty() && text.size() <= limits::text_characters &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::string_view string_of(const TomlValue& value) {
  const auto* text = value.as<std::string>();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

// RFC 4291, section 2.5.5.2: an IPv4 address in the clothes of IPv6, which no packet on a wire has.
bool is_v4_mapped(const IpAddress& address) {
  constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return address.is_v6() && std::equal(mapped.begin(), mapped.end(), address.bytes.begin());
}

std::string refuse_v4_mapped(const std::string& as_v4, const std::string& got) {
  return "expected " + as_v4 + " as IPv4, got the IPv4-mapped " + got;
}

std::string as_v4(const IpAddress& mapped) {
  return IpAddress::v4_from_bytes(mapped.bytes.data() + 12).to_string();
}

// An address that one host has: what it is instead, if it is not.
std::string_view not_a_host(const IpAddress& address) {
  if (address.is_unspecified()) return "the unspecified address";
  if (address.is_multicast()) return "a multicast address";
  if (address.is_loopback()) return "a loopback address";
  if (address == IpAddress::v4(255, 255, 255, 255)) return "the broadcast address";
  return {};
}

IpAddress last_address(const IpPrefix& prefix) {
  IpAddress last = prefix.address;
  for (unsigned bit = prefix.length; bit < prefix.address.bits(); ++bit)
    last.bytes[bit / 8] = static_cast<std::uint8_t>(last.bytes[bit / 8] | (0x80U >> (bit % 8)));
  return last;
}

bool parts_are(std::string_view text, std::size_t count) {
  for (std::size_t i = 1; i <= count; ++i) {
    const auto slash = i == count ? std::string_view::npos : text.find('/');
    if (text.substr(0, slash).empty() || (i < count && slash == std::string_view::npos)) return false;
    if (i < count) text.remove_prefix(slash + 1);
  }
  return true;
}

}  // namespace

Parsed<IpAddress> parse_address(const TomlValue& value) {
  const auto address = IpAddress::parse(string_of(value));
  if (!address) return mismatch("an IP address such as \"192.0.2.1\" or \"2001:db8::1\"", value);
  if (is_v4_mapped(*address)) return tl::make_unexpected(refuse_v4_mapped(as_v4(*address), address->to_string()));
  if (const auto kind = not_a_host(*address); !kind.empty())
    return tl::make_unexpected("expected the address of a host, got " + std::string(kind) + ' ' + address->to_string());
  return *address;
}

std::string_view why_no_host(const IpPrefix& address) {
  if (const auto kind = not_a_host(address.address); !kind.empty()) return kind;
  if (address.length == 0) return "a prefix that holds every address,";
  // RFC 3021: both addresses of a /31 are hosts; the same goes for a /127 (RFC 6164).
  if (address.length + 1U >= address.address.bits()) return {};
  if (!address.has_host_bits()) return "the address of the prefix itself,";
  if (address.address.is_v4() && address.address == last_address(address)) return "the prefix's broadcast address";
  return {};
}

Parsed<IpPrefix> parse_interface_address(const TomlValue& value) {
  const auto prefix = IpPrefix::parse(string_of(value));
  if (!prefix) return mismatch("an address with its prefix length such as \"192.0.2.1/24\"", value);
  if (is_v4_mapped(prefix->address))
    return tl::make_unexpected(refuse_v4_mapped(as_v4(prefix->address), prefix->to_string()));
  if (const auto kind = why_no_host(*prefix); !kind.empty())
    return tl::make_unexpected("expected the address of a host, got " + std::string(kind) + ' ' + prefix->to_string());
  return *prefix;
}

Parsed<IpPrefix> parse_prefix(const TomlValue& value) {
  const auto prefix = IpPrefix::parse(string_of(value));
  if (!prefix) return mismatch("a prefix such as \"10.20.0.0/16\" or \"2001:db8::/48\"", value);
  if (constexpr unsigned mapped_bits = 96; prefix->length >= mapped_bits && is_v4_mapped(prefix->address))
    return tl::make_unexpected(refuse_v4_mapped(
        as_v4(prefix->address) + '/' + std::to_string(prefix->length - mapped_bits), prefix->to_string()));
  if (prefix->has_host_bits())
    return tl::make_unexpected("expected a prefix without host bits, got " + prefix->to_string() + "; did you mean " +
                               prefix->network().to_string() + " or " + IpPrefix::host(prefix->address).to_string() +
                               '?');
  if (prefix->length >= (prefix->address.is_v4() ? 4 : 8) && prefix->address.is_multicast())
    return tl::make_unexpected("expected a unicast prefix, got the multicast prefix " + prefix->to_string());
  if (prefix->length >= 8 && prefix->address.is_loopback())
    return tl::make_unexpected("expected a unicast prefix, got the loopback prefix " + prefix->to_string());
  return *prefix;
}

Parsed<IpEndpoint> parse_endpoint(const TomlValue& value) {
  const auto endpoint = IpEndpoint::parse(string_of(value));
  if (!endpoint || endpoint->address.is_multicast())
    return mismatch("an address and a port such as \"192.0.2.1:8443\" or \"[2001:db8::1]:8443\"", value);
  if (is_v4_mapped(endpoint->address))
    return tl::make_unexpected(refuse_v4_mapped(as_v4(endpoint->address), endpoint->address.to_string()));
  return *endpoint;
}

Parsed<HostPort> parse_host_port(const TomlValue& value) {
  const auto wrong = [&] {
    return mismatch(
        "an address or a DNS name, and a port, such as \"198.51.100.7:51820\", \"[2001:db8::7]:51820\" or "
        "\"vpn.example.com:51820\"",
        value);
  };
  const std::string_view text = string_of(value);
  if (const auto literal = IpEndpoint::parse(text)) {
    if (is_v4_mapped(literal->address))
      return tl::make_unexpected(refuse_v4_mapped(as_v4(literal->address), literal->address.to_string()));
    if (const auto kind = not_a_host(literal->address); !kind.empty())
      return tl::make_unexpected("expected the address of a host, got " + std::string(kind) + ' ' +
                                 literal->address.to_string());
    return HostPort{literal->address.to_string(), literal->port, literal};
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_host_name(text.substr(0, colon))) return wrong();
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port || *port == 0) return wrong();
  return HostPort{std::string(text.substr(0, colon)), *port, std::nullopt};
}

Parsed<MacAddress> parse_mac(const TomlValue& value) {
  const auto wrong = [&] { return mismatch("a unicast MAC address such as \"02:00:00:00:00:01\"", value); };
  const std::string_view text = string_of(value);
  MacAddress mac{};
  if (text.size() != 17) return wrong();
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const auto byte = parse_number<std::uint8_t>(text.substr(i * 3, 2), 16);
    if (!byte || (i > 0 && text[i * 3 - 1] != ':')) return wrong();
    mac[i] = *byte;
  }
  if ((mac[0] & 1) != 0 || mac == MacAddress{}) return wrong();
  return mac;
}

Parsed<HostService> parse_host_service(const TomlValue& value) {
  const std::string_view text = string_of(value);
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto port = parse_number<std::uint16_t>(text.substr(slash + 1));
    for (const auto& word : words_of<HostProtocol>())
      if (word.text == text.substr(0, slash) && port && *port != 0) return HostService{word.value, *port};
  }
  return mismatch("\"tcp/PORT\" or \"udp/PORT\"", value);
}

bool is_low_order(const PublicKey& key) noexcept {
  PublicKey masked = key;
  masked[31] &= 0x7f;
  return std::find(std::begin(low_order_points), std::end(low_order_points), masked) != std::end(low_order_points);
}

Parsed<PublicKey> parse_public_key(const TomlValue& value) {
  // The text is not repeated: it may be a private key in the wrong place.
  const std::string expected = "expected a WireGuard public key (44 characters of base64), got ";
  const auto* text = value.as<std::string>();
  if (text == nullptr) return tl::make_unexpected(expected + value.describe());
  const auto key = decode_key(*text);
  if (!key && text->size() != 44) return tl::make_unexpected(expected + std::to_string(text->size()) + " characters");
  if (!key) return tl::make_unexpected(expected + "something else of that length");
  if (*key == PublicKey{}) return tl::make_unexpected(expected + "the all-zero key");
  if (is_low_order(*key))
    return tl::make_unexpected(expected + "a point of low order, with which no secret can be shared");
  return *key;
}

Parsed<IkeId> parse_ike_id(const TomlValue& value) {
  const auto wrong = [&] {
    return mismatch(
        "an IKE identity: \"fqdn:...\", \"email:...\", \"dn:...\", \"ip:...\", \"keyid:...\" or \"spiffe://...\"",
        value);
  };
  const std::string_view text = string_of(value);
  if (!is_text(text)) return wrong();
  if (text.starts_with("spiffe://"))
    return parts_are(text.substr(9), 2) ? Parsed<IkeId>(IkeId{IkeIdType::spiffe, std::string(text)}) : wrong();
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return wrong();
  const std::string_view content = text.substr(colon + 1);
  for (const auto& word : words_of<IkeIdType>()) {
    if (word.value == IkeIdType::spiffe || word.text != text.substr(0, colon)) continue;
    if (word.value == IkeIdType::ip && !IpAddress::parse(content)) return wrong();
    if (word.value == IkeIdType::fqdn && !is_host_name(content)) return wrong();
    if (word.value == IkeIdType::email && (content.find('@') == std::string_view::npos || content.front() == '@'))
      return wrong();
    return IkeId{word.value, std::string(content)};
  }
  return wrong();
}

Parsed<std::string> parse_identity(const TomlValue& value) {
  const std::string_view text = string_of(value);
  const auto follows = [&](std::string_view prefix, std::size_t parts) {
    return text.starts_with(prefix) && parts_are(text.substr(prefix.size()), parts);
  };
  const bool known = follows("user:", 2) || follows("sa:", 3) || follows("spiffe://", 2) || follows("ike:fqdn=", 1) ||
                     follows("ike:email=", 1) || follows("ike:dn=", 1);
  // A '*' is for the selectors of a policy; an identity is one.
  if (!known || !is_text(text) || text.find('*') != std::string_view::npos)
    return mismatch(
        "an identity: \"user:ISSUER/NAME\", \"sa:CLUSTER/NAMESPACE/NAME\", \"spiffe://DOMAIN/PATH\" or "
        "\"ike:fqdn=...\" (email=, dn=)",
        value);
  return std::string(text);
}

}  // namespace sallyport::config
