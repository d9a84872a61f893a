#include "config/config.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "config/base/check.hpp"

namespace sallyport::config {

std::string to_string(const MacAddress& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  return text;
}

std::string HostPort::to_string() const {
  return literal ? literal->to_string() : host + ':' + std::to_string(port);
}

std::string HostService::to_string() const {
  return std::string(config::to_string(protocol)) + '/' + std::to_string(port);
}

std::string IkeId::to_string() const {
  return type == IkeIdType::spiffe ? value : std::string(config::to_string(type)) + ':' + value;
}

std::string Port::device_id() const {
  std::string id = device.substr(0, device.find(','));
  // A PCI address may leave out its domain: "3b:00.0" is "0000:3b:00.0".
  const auto shape_is = [&](std::string_view shape) {
    return id.size() == shape.size() && std::equal(id.begin(), id.end(), shape.begin(), [](char c, char expected) {
             return expected == 'x' ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : c == expected;
           });
  };
  const bool short_pci = shape_is("xx:xx.x");
  if (short_pci || shape_is("xxxx:xx:xx.x"))
    std::transform(id.begin(), id.end(), id.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return short_pci ? "0000:" + id : id;
}

const Port* Config::port_with(const IpAddress& address) const {
  for (const Port& port : ports)
    for (const IpPrefix& own : port.addresses)
      if (own.address == address) return &port;
  return nullptr;
}

HostPort Config::enrolment_endpoint() const {
  SP_CHECK(enrolment);
  if (enrolment->endpoint) return *enrolment->endpoint;
  const auto wireguard = std::find_if(wireguards.begin(), wireguards.end(),
                                      [&](const Wireguard& w) { return w.name == enrolment->wireguard; });
  SP_CHECK(wireguard != wireguards.end());
  const IpEndpoint endpoint{.address = enrolment->listen.address, .port = wireguard->listen_port};
  return {endpoint.address.to_string(), endpoint.port, endpoint};
}

}  // namespace sallyport::config
