#include "dataplane/housekeeping/path_mtu.hpp"

#include <algorithm>
#include <optional>

#include "dataplane/packet/icmp.hpp"
#include "dataplane/packet/icmp6.hpp"
#include "dataplane/packet/udp.hpp"
#include "dataplane/packet/wireguard.hpp"

namespace sallyport::dataplane {
namespace {

// RFC 1191, section 7: what a router that names no MTU (section 5) may have meant.
constexpr std::uint32_t plateaus[] = {8166, 4352, 2002, 1492, 1280, 1006};

// What the message reports; nothing: it is no message about size. 0: a router from before RFC 1191.
std::optional<std::uint32_t> reported_mtu(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept {
  if (ip.is_fragment || ip.l4_bytes() < icmp_header_bytes) return std::nullopt;
  if (ip.is_v4()) {
    if (ip.l4_protocol != IpProtocol::icmp) return std::nullopt;
    const auto header = load_wire<IcmpHeader>(packet.data() + ip.l4_offset);
    if (header.type != IcmpType::destination_unreachable ||
        header.code != static_cast<std::uint8_t>(IcmpUnreachableCode::fragmentation_needed))
      return std::nullopt;
    return header.sequence_or_mtu.host();
  }
  if (ip.l4_protocol != IpProtocol::icmpv6) return std::nullopt;
  const auto header = load_wire<Icmp6Header>(packet.data() + ip.l4_offset);
  if (header.type != Icmp6Type::packet_too_big) return std::nullopt;
  return header.body.host();
}

}  // namespace

bool PathMtu::take(Packet* frame) noexcept {
  const PacketMeta& meta = meta_of(frame);
  if (meta.rx_port >= context_.tables.ports.ports().size() || meta.ip.family == IpFamily::none) return false;
  if (context_.tables.ports.port(meta.rx_port).role != config::PortRole::underlay) return false;
  if (frame->data_len < ethernet_header_bytes + meta.ip.total_bytes) return false;
  const auto packet = bytes_of(frame).subspan(ethernet_header_bytes, meta.ip.total_bytes);
  const auto reported = reported_mtu(packet, meta.ip);
  if (!reported) return false;
  if (!l4_checksum_holds(packet, meta.ip)) {
    context_.counters.drop(frame, DropReason::bad_checksum);
    return true;
  }
  const auto quote = parse_icmp_quote(packet, meta.ip);
  if (quote && lower(*quote, *reported))
    context_.counters.finish(frame, Counter::consumed);
  else
    context_.counters.drop(frame, DropReason::path_mtu_refused);
  return true;
}

bool PathMtu::lower(const IcmpQuote& quote, std::uint32_t reported) noexcept {
  if (quote.protocol != IpProtocol::udp) return false;
  if (reported == 0 && quote.source.is_v4()) {
    const auto* smaller = std::find_if(std::begin(plateaus), std::end(plateaus),
                                       [&](std::uint32_t plateau) { return plateau < quote.packet_bytes; });
    reported = smaller != std::end(plateaus) ? *smaller : least_path_mtu_v4;
  }
  // A packet that fits is no reason. RFC 8201, section 4: below IPv6's least MTU the message is to be discarded.
  if (reported >= quote.packet_bytes || (quote.source.is_v6() && reported < least_path_mtu_v6)) return false;
  const std::uint32_t mtu = std::max(reported, quote.source.is_v4() ? least_path_mtu_v4 : least_path_mtu_v6);
  const IpEndpoint local{.address = quote.source, .port = quote.ports.source};
  const IpEndpoint remote{.address = quote.destination, .port = quote.ports.destination};
  bool is_ours = false;
  paths_.for_each_at(remote, most_peers, [&](std::uint32_t peer_id) {
    const PeerRecord& peer = state_.peers[peer_id];
    if (!peer.live || context_.tables.peers[peer_id].path().local != local || !quotes_session_of(peer, quote)) return;
    is_ours = true;
    if (!paths_.lower_mtu(peer_id, static_cast<std::uint16_t>(mtu))) return;
    context_.counters.add(no_port, Counter::path_mtu_lowered);
    if (log_.admit(context_.now_ns))
      log_info("path mtu lowered",
               {{"endpoint", remote.to_string()}, {"mtu", mtu}, {"suppressed", log_.take_suppressed()}});
  });
  return is_ours;
}

bool PathMtu::quotes_session_of(const PeerRecord& peer, const IcmpQuote& quote) const noexcept {
  if (quote.transport.size() < udp_header_bytes) return false;
  const auto header = load_wireguard_data_header(quote.transport.subspan(udp_header_bytes));
  if (!header) return false;
  for (const std::uint32_t index : {peer.current, peer.previous}) {
    const SealSession* session = context_.tables.sessions.find_seal(index);
    if (session == nullptr || session->remote_index != header->receiver_index.host()) continue;
    const std::uint64_t next = session->next_counter.load(std::memory_order_relaxed);
    const std::uint64_t counter = header->counter.host();
    if (counter < next && next - counter <= counters_back) return true;
  }
  return false;
}

}  // namespace sallyport::dataplane
