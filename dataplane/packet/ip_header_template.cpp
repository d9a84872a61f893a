#include "dataplane/packet/ip_header_template.hpp"

#include <algorithm>

namespace sallyport::dataplane {

OuterHeaderTemplate make_outer_template_without_udp(const IpAddress& source, const IpAddress& destination,
                                                    IpProtocol protocol) noexcept {
  OuterHeaderTemplate outer;
  if (!source.is_set() || source.family != destination.family) return outer;
  outer.family = source.family;
  if (outer.family == IpFamily::v4) {
    Ipv4Header ip{.protocol = protocol};
    std::copy_n(source.bytes.begin(), 4, ip.source.begin());
    std::copy_n(destination.bytes.begin(), 4, ip.destination.begin());
    store_wire(outer.bytes.data(), ip);
    outer.header_bytes = ipv4_header_bytes;
    outer.ipv4_header_sum = fold_checksum(ipv4_header_sum(outer.bytes.data()));
    outer.pseudo_header_sum = fold_checksum(pseudo_header_sum(ip.source, ip.destination, protocol, 0));
  } else {
    const Ipv6Header ip{.next_header = protocol, .source = source.bytes, .destination = destination.bytes};
    store_wire(outer.bytes.data(), ip);
    outer.header_bytes = ipv6_header_bytes;
    outer.pseudo_header_sum = fold_checksum(pseudo_header_sum(ip.source, ip.destination, protocol, 0));
  }
  return outer;
}

OuterHeaderTemplate make_outer_template(const IpEndpoint& source, const IpEndpoint& destination,
                                        bool udp_checksum_over_ipv4) noexcept {
  OuterHeaderTemplate outer =
      source.is_set() ? make_outer_template_without_udp(source.address, destination.address, IpProtocol::udp)
                      : OuterHeaderTemplate{};
  if (!outer.is_set()) return outer;
  store_wire(outer.bytes.data() + outer.header_bytes,
             UdpHeader{.source_port = Be16{source.port}, .destination_port = Be16{destination.port}});
  outer.header_bytes = static_cast<std::uint8_t>(outer.header_bytes + udp_header_bytes);
  outer.has_udp = true;
  outer.has_udp_checksum = outer.family == IpFamily::v6 || udp_checksum_over_ipv4;
  return outer;
}

void write_udp_checksum(const OuterHeaderTemplate& outer, std::uint8_t* at, std::size_t udp_payload_bytes) noexcept {
  if (!outer.has_udp_checksum) return;
  const std::size_t udp_bytes = udp_payload_bytes + udp_header_bytes;
  std::uint8_t* udp = at + outer.header_bytes - udp_header_bytes;
  store_wire(udp + 6, Be16{0});
  const ChecksumSum sum = ChecksumSum{outer.pseudo_header_sum} + Be16{static_cast<std::uint16_t>(udp_bytes)}.raw();
  store_wire(udp + 6, finish_udp_checksum(add_to_checksum(sum, {udp, udp_bytes})));
}

}  // namespace sallyport::dataplane
