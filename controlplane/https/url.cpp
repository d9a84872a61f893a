// parse_https_url: the URLs of RFC 3986 that an operator may name. Stricter than browsers: nobody has to guess which
// host is meant.
#include <algorithm>
#include <charconv>

#include "config/base/ip.hpp"
#include "controlplane/https/https_client.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t url_bytes_max = 2048;
constexpr std::size_t host_bytes_max = 253;
constexpr std::size_t label_bytes_max = 63;
constexpr std::string_view scheme = "https://";

tl::unexpected<std::string> expected(std::string_view what) {
  return tl::unexpected("expected " + std::string(what));
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_hexadecimal(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Names of hosts, with the underscore that some have. All digits and dots: an address, and only in its usual form.
bool is_host_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > host_bytes_max || name.ends_with('.')) return false;
  std::string_view label;
  for (std::string_view rest = name; !rest.empty(); rest.remove_prefix(std::min(rest.size(), label.size() + 1))) {
    label = rest.substr(0, rest.find('.'));
    const bool good =
        std::all_of(label.begin(), label.end(), [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
    if (!good || label.empty() || label.size() > label_bytes_max || label.front() == '-' || label.back() == '-')
      return false;
  }
  // As browsers have it: a last label that is a number makes it an address ("127.1", "0x7f.1").
  const bool digits = std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
  return !digits && !label.starts_with("0x") && !label.starts_with("0X");
}

// RFC 3986, 3.3 and 3.4.
bool is_target(std::string_view target) {
  static constexpr std::string_view others = "-._~!$&'()*+,;=:@/?";
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (is_alphanumeric(target[i]) || others.find(target[i]) != std::string_view::npos) continue;
    if (target[i] != '%' || target.size() - i < 3) return false;
    if (!is_hexadecimal(target[i + 1]) || !is_hexadecimal(target[i + 2])) return false;
    i += 2;
  }
  return true;
}

tl::expected<std::uint16_t, std::string> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || text.size() > 5 || port == 0 || port > 65535)
    return expected("a port from 1 to 65535");
  return static_cast<std::uint16_t>(port);
}

tl::expected<std::string, std::string> parse_host(std::string_view text) {
  if (text.starts_with('[')) {
    const auto address = IpAddress::parse(text.substr(1, text.size() - 2));
    if (!address || address->is_v4()) return expected("an IPv6 address in brackets");
    return address->to_string();
  }
  if (const auto address = IpAddress::parse(text); address && address->is_v4()) return address->to_string();
  if (!is_host_name(text)) return expected("the name or the address of a host after https://");
  std::string host(text);
  std::transform(host.begin(), host.end(), host.begin(), to_lower);
  return host;
}

}  // namespace

tl::expected<HttpsUrl, std::string> parse_https_url(std::string_view url) {
  if (url.size() > url_bytes_max) return expected("a URL of " + std::to_string(url_bytes_max) + " bytes at most");
  const std::string_view start = url.substr(0, scheme.size());
  if (!std::equal(start.begin(), start.end(), scheme.begin(), scheme.end(),
                  [](char a, char b) { return to_lower(a) == b; }))
    return expected("a URL that begins with https://");
  url.remove_prefix(scheme.size());
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  const std::string_view target = url.substr(authority.size());
  if (authority.find('@') != std::string_view::npos) return expected("a URL without a user");
  if (target.find('#') != std::string_view::npos) return expected("a URL without a fragment");
  if (!is_target(target)) return expected("a path and a query of RFC 3986");

  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) return expected("an IPv6 address in brackets");
  const std::size_t colon = authority.find(':', bracket);
  const auto host = parse_host(authority.substr(0, colon));
  if (!host) return tl::unexpected(host.error());
  HttpsUrl parsed{.host = *host};
  if (colon != std::string_view::npos) {
    const auto port = parse_port(authority.substr(colon + 1));
    if (!port) return tl::unexpected(port.error());
    parsed.port = *port;
  }
  parsed.target = target.starts_with('/') ? std::string(target) : '/' + std::string(target);
  return parsed;
}

}  // namespace sallyport::controlplane
