#include "tools/ctl/enroll/gateway_url.hpp"

#include "config/base/ip.hpp"
#include "tools/ctl/options.hpp"

namespace sallyport::ctl {

std::string GatewayUrl::host_header() const {
  const std::string name = host.find(':') == std::string::npos ? host : '[' + host + ']';
  return port == 443 ? name : name + ':' + std::to_string(port);
}

tl::expected<GatewayUrl, std::string> parse_gateway_url(std::string_view text) {
  constexpr std::string_view scheme = "https://";
  const auto refuse = [&] {
    return tl::make_unexpected("expected https://HOST or https://HOST:PORT, got '" + std::string(text) + "'");
  };
  if (!text.starts_with(scheme)) return refuse();
  std::string_view rest = text.substr(scheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  // A port of its own, so that one parser decides what a host and a port are.
  const std::size_t after_host = rest.starts_with('[') ? rest.find(']') : 0;
  if (after_host == std::string_view::npos) return refuse();
  std::string with_port(rest);
  if (rest.find(':', after_host) == std::string_view::npos) with_port += ":443";
  if (const auto endpoint = IpEndpoint::parse(with_port)) {
    if (endpoint->port == 0) return refuse();
    return GatewayUrl{endpoint->address.to_string(), endpoint->port};
  }
  if (!is_host_and_port(with_port)) return refuse();
  const std::size_t colon = with_port.rfind(':');
  return GatewayUrl{with_port.substr(0, colon), static_cast<std::uint16_t>(std::stoul(with_port.substr(colon + 1)))};
}

}  // namespace sallyport::ctl
