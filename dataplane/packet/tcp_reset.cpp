#include "dataplane/packet/tcp_reset.hpp"

#include <algorithm>

#include "dataplane/packet/answerable.hpp"
#include "dataplane/packet/tcp.hpp"

namespace sallyport::dataplane {
namespace {

// RFC 9293 section 3.10.7.1. `segment_length` counts SYN and FIN.
TcpHeader reset_about(const TcpHeader& offender, std::uint32_t segment_length) noexcept {
  TcpHeader reset{
      .source_port = offender.destination_port, .destination_port = offender.source_port, .flags = tcp_flag_rst};
  if ((offender.flags & tcp_flag_ack) != 0) {
    reset.sequence = offender.acknowledgement;
  } else {
    reset.acknowledgement = Be32{offender.sequence.host() + segment_length};
    reset.flags |= tcp_flag_ack;
  }
  return reset;
}

// Returns the sum of the pseudo header.
ChecksumSum write_v4(std::uint8_t* out, std::span<const std::uint8_t> offending) noexcept {
  const auto offender = load_wire<Ipv4Header>(offending.data());
  Ipv4Header ip{.total_length = Be16{ipv4_header_bytes + tcp_header_bytes},
                .flags_and_offset = Be16{ipv4_dont_fragment},
                .protocol = IpProtocol::tcp,
                .source = offender.destination,
                .destination = offender.source};
  store_wire(out, ip);
  ip.checksum = finish_checksum(ipv4_header_sum(out));
  store_wire(out, ip);
  return pseudo_header_sum(ip.source, ip.destination, IpProtocol::tcp, tcp_header_bytes);
}

ChecksumSum write_v6(std::uint8_t* out, std::span<const std::uint8_t> offending) noexcept {
  const auto offender = load_wire<Ipv6Header>(offending.data());
  const Ipv6Header ip{.payload_length = Be16{tcp_header_bytes},
                      .next_header = IpProtocol::tcp,
                      .source = offender.destination,
                      .destination = offender.source};
  store_wire(out, ip);
  return pseudo_header_sum(ip.source, ip.destination, IpProtocol::tcp, tcp_header_bytes);
}

}  // namespace

std::size_t build_tcp_reset(std::span<std::uint8_t> out, std::span<const std::uint8_t> offending,
                            const ParsedIp& ip) noexcept {
  if (ip.l4_protocol != IpProtocol::tcp || ip.is_fragment || ip.l4_bytes() < tcp_header_bytes) return 0;
  const auto offender = load_wire<TcpHeader>(offending.data() + ip.l4_offset);
  const std::size_t offender_header = offender.header_bytes();
  if (offender_header < tcp_header_bytes || offender_header > ip.l4_bytes()) return 0;
  if ((offender.flags & tcp_flag_rst) != 0) return 0;
  if (!may_be_answered(source_address(offending, ip), destination_address(offending, ip))) return 0;
  const std::size_t header_bytes = ip.is_v4() ? ipv4_header_bytes : ipv6_header_bytes;
  const std::size_t total = header_bytes + tcp_header_bytes;
  if (out.size() < total) return 0;

  const auto segment_length =
      static_cast<std::uint32_t>(ip.l4_bytes() - offender_header + ((offender.flags & tcp_flag_syn) != 0 ? 1 : 0) +
                                 ((offender.flags & tcp_flag_fin) != 0 ? 1 : 0));
  TcpHeader reset = reset_about(offender, segment_length);
  const ChecksumSum pseudo = ip.is_v4() ? write_v4(out.data(), offending) : write_v6(out.data(), offending);
  store_wire(out.data() + header_bytes, reset);
  reset.checksum = finish_checksum(add_to_checksum(pseudo, out.subspan(header_bytes, tcp_header_bytes)));
  store_wire(out.data() + header_bytes, reset);
  return total;
}

}  // namespace sallyport::dataplane
