#include "dataplane/stages/flow_probe.hpp"

#include "dataplane/packet/fragment.hpp"
#include "dataplane/packet/icmp_query.hpp"
#include "dataplane/packet/icmp_quote.hpp"
#include "dataplane/packet/tcp.hpp"
#include "dataplane/packet/transport.hpp"

namespace sallyport::dataplane {
namespace {

std::uint32_t destination_end_of(const RouteEntry& destination) noexcept {
  switch (destination.kind) {
    case NextHopKind::peer:
      return destination.peer_id;
    case NextHopKind::port:
    case NextHopKind::connected:
      return inside_end(destination.port_index);
    case NextHopKind::local:
    case NextHopKind::none:
    case NextHopKind::blackhole:
      break;
  }
  return gateway_end;
}

FlowEndpoint endpoint(const std::uint8_t* address, bool is_v4, std::uint32_t end, std::uint16_t port) noexcept {
  FlowEndpoint made{.end = end, .port = port};
  // Whole words: a load that is wider than the store before it waits for the cache.
  if (is_v4) {
    std::uint32_t word;
    std::memcpy(&word, address, sizeof word);
    made.address[0] = word;
  } else {
    std::memcpy(made.address.data(), address, 16);
  }
  return made;
}

// In line: what endpoint() made in words shall not go through memory to be read otherwise.
[[gnu::always_inline]] inline void set_key(FlowProbe& probe, const FlowEndpoint& source,
                                           const FlowEndpoint& destination, IpProtocol protocol, bool is_v4) noexcept {
  probe.protocol = static_cast<std::uint8_t>(protocol);
  const FlowKey::Words words = FlowKey::words_of(source, destination, probe.protocol, is_v4, probe.source_is_first);
  std::memcpy(static_cast<void*>(&probe.key), words.data(),
              sizeof probe.key);  // not field by field: it is read as words again
}

// The key is that of the packet which the error quotes: it went to where the error comes from.
std::optional<DropReason> probe_icmp_error(std::span<const std::uint8_t> bytes, const ParsedIp& ip,
                                           std::uint32_t destination_end, FlowProbe& probe) noexcept {
  const auto quote = parse_icmp_quote(bytes, ip);
  if (!quote) return DropReason::icmp_unrelated;
  probe.kind = ProbeKind::reports;
  set_key(probe, endpoint(quote->source.bytes.data(), ip.is_v4(), destination_end, quote->ports.source),
          endpoint(quote->destination.bytes.data(), ip.is_v4(), probe.source_end, quote->ports.destination),
          quote->protocol, ip.is_v4());
  return std::nullopt;
}

}  // namespace

std::optional<DropReason> probe_flow(const Packet* packet, const RouteEntry& destination, FlowProbe& probe) noexcept {
  const PacketMeta& meta = meta_of(packet);
  const ParsedIp& ip = meta.ip;
  const std::span<const std::uint8_t> bytes{rte_pktmbuf_mtod(packet, const std::uint8_t*), packet->data_len};
  probe.source_end = source_end_of(meta);
  probe.entry = nullptr;
  probe.tcp_flags = 0;
  if (ip.is_fragment) {
    if (judge_fragment(ip) != FragmentJudgement::harmless) return DropReason::fragment_refused;
    if (!ip.first_fragment) {
      probe.kind = ProbeKind::later_fragment;
      return std::nullopt;
    }
  }
  if (ip.l4_bytes() < least_transport_bytes(ip.l4_protocol)) return DropReason::truncated;
  const std::uint8_t* const transport = bytes.data() + ip.l4_offset;
  const std::uint32_t destination_end = destination_end_of(destination);
  TransportPorts ports;
  probe.kind = ProbeKind::opens;
  if (has_ports(ip.l4_protocol)) {
    ports = load_ports(transport);
    // RFC 768: a UDP source port of 0 means that no reply is expected.
    if (ports.destination == 0 || (ports.source == 0 && ip.l4_protocol != IpProtocol::udp))
      return DropReason::port_zero;
    if (ip.l4_protocol == IpProtocol::tcp) {
      probe.tcp_flags = transport[offsetof(TcpHeader, flags)];
      if (!are_tcp_flags_valid(probe.tcp_flags)) return DropReason::out_of_state;
      if (!tcp_may_open(probe.tcp_flags)) probe.kind = ProbeKind::continues;
    }
  } else if (is_icmp(ip)) {
    const auto query = icmp_query_key(bytes, ip);
    if (!query) return DropReason::truncated;
    if (query->kind == IcmpClass::error) return probe_icmp_error(bytes, ip, destination_end, probe);
    ports = query->ports;
    if (!query->may_open()) probe.kind = ProbeKind::continues;
  }
  set_key(probe, endpoint(bytes.data() + ip.source_offset(), ip.is_v4(), probe.source_end, ports.source),
          endpoint(bytes.data() + ip.destination_offset(), ip.is_v4(), destination_end, ports.destination),
          ip.l4_protocol, ip.is_v4());
  return std::nullopt;
}

}  // namespace sallyport::dataplane
