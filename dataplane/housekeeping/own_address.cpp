#include "dataplane/housekeeping/own_address.hpp"

#include "config/base/log.hpp"
#include "dataplane/housekeeping/port_addresses.hpp"
#include "dataplane/packet/icmp_echo.hpp"
#include "dataplane/pipeline/link_header.hpp"

namespace sallyport::dataplane {
namespace {

std::span<std::uint8_t> ip_bytes_of(Packet* frame) noexcept {
  return bytes_of(frame).subspan(ethernet_header_bytes, meta_of(frame).ip.total_bytes);
}

}  // namespace

OwnAddress::OwnAddress(HousekeepingContext& context, NeighbourService& neighbours, HostBridge& host,
                       IcmpErrors& icmp_errors)
    : context_(context),
      neighbours_(neighbours),
      host_(host),
      icmp_errors_(icmp_errors),
      rates_(context.tables.ports.ports().size() + 1) {}

void OwnAddress::handle(Packet* packet) noexcept {
  meta_of(packet).task == Task::own_inner_address ? handle_inner(packet) : handle_frame(packet);
}

// --- frames from a port ---

void OwnAddress::handle_frame(Packet* frame) noexcept {
  const PacketMeta& meta = meta_of(frame);
  if (meta.rx_port >= context_.tables.ports.ports().size())
    return context_.counters.drop(frame, DropReason::not_for_us);
  const LogicalPort& port = context_.tables.ports.port(meta.rx_port);
  ParsedFrame parsed;
  if (parse_frame(bytes_of(frame), parsed) != FrameError::none)
    return context_.counters.drop(frame, DropReason::truncated);
  // The one tag that a frame may have is gone; behind another one nothing of ours lives.
  if (parsed.l3_offset != ethernet_header_bytes) return context_.counters.drop(frame, DropReason::unknown_ethertype);
  switch (parsed.type) {
    case EtherType::arp:
      return handle_arp(frame, port);
    case EtherType::ipv4:
    case EtherType::ipv6:
      return handle_ip(frame, port);
    default:
      return context_.counters.drop(frame, DropReason::unknown_ethertype);
  }
}

void OwnAddress::begin_own_packet(Packet* packet) noexcept {
  context_.counters.add(meta_of(packet).rx_port, Counter::consumed);
  packet->ol_flags = 0;
  packet->l2_len = 0;
  reset_meta(packet, abi::no_port);
  context_.count_originated(packet);
}

void OwnAddress::reply_in_place(Packet* frame, const LogicalPort& port, std::size_t length_bytes) noexcept {
  shorten(frame, length_bytes);
  begin_own_packet(frame);
  context_.transmit(frame, port.index);
}

void OwnAddress::report_conflict(const LogicalPort& port, const IpAddress& address,
                                 const MacAddress& claimant) noexcept {
  if (conflicts_.admit(context_.now_ns))
    log_warning("address is used by another station as well", {{"port", port.name},
                                                               {"address", address.to_string()},
                                                               {"mac", claimant.to_string()},
                                                               {"suppressed", conflicts_.take_suppressed()}});
  // RFC 5227 section 2.4 (c): we do not give it up; the others hear whose it is, at most once a second.
  if (rates_[port.index].defences.take(context_.now_ns)) neighbours_.announce(port.index);
}

void OwnAddress::handle_arp(Packet* frame, const LogicalPort& port) noexcept {
  ArpMessage message;
  if (parse_arp(bytes_of(frame).subspan(ethernet_header_bytes), message) != ArpError::none)
    return context_.counters.drop(frame, DropReason::bad_neighbour_message);
  if (message.sender_mac == mac_of(port))
    return context_.counters.finish(frame, Counter::consumed);  // our own, reflected
  if (owns_address(port, message.sender)) {
    report_conflict(port, message.sender, message.sender_mac);
    return context_.counters.finish(frame, Counter::consumed);
  }
  const bool for_us = owns_address(port, message.target);
  if (!message.is_probe()) neighbours_.on_arp(port.index, message, for_us);
  if (message.operation == ArpOperation::reply) {
    host_.copy(frame);
    return context_.counters.finish(frame, Counter::consumed);
  }
  if (!for_us) return context_.counters.finish(frame, Counter::consumed);
  if (!rates_[port.index].neighbour_answers.take(context_.now_ns))
    return context_.counters.drop(frame, DropReason::own_address_rate);
  const std::size_t length = build_arp_reply(bytes_of(frame), mac_of(port), message);
  if (length == 0) return context_.counters.drop(frame, DropReason::bad_neighbour_message);
  reply_in_place(frame, port, length);
}

void OwnAddress::handle_ip(Packet* frame, const LogicalPort& port) noexcept {
  const PacketMeta& meta = meta_of(frame);
  const auto payload = bytes_of(frame).subspan(ethernet_header_bytes);
  if (meta.ip.family == IpFamily::none || meta.ip.total_bytes > payload.size())
    return context_.counters.drop(frame, DropReason::bad_ip_header);
  if (is_icmp(meta.ip) && !meta.ip.is_v4()) return handle_icmpv6(frame, port);
  if (!owns_address(port, destination_address(payload, meta.ip)))
    return context_.counters.drop(frame, DropReason::not_our_address);
  if (is_icmp(meta.ip)) return answer_echo(frame, port);
  if (meta.ip.is_fragment) return context_.counters.drop(frame, DropReason::no_listener);
  if (!l4_checksum_holds(ip_bytes_of(frame), meta.ip)) return context_.counters.drop(frame, DropReason::bad_checksum);
  host_.deliver(frame);
}

void OwnAddress::handle_icmpv6(Packet* frame, const LogicalPort& port) noexcept {
  const PacketMeta& meta = meta_of(frame);
  NeighbourMessage message;
  switch (parse_neighbour_discovery(ip_bytes_of(frame), meta.ip, message)) {
    case NeighbourDiscoveryError::none:
      break;
    case NeighbourDiscoveryError::not_for_us:
      return answer_echo(frame, port);
    case NeighbourDiscoveryError::bad_checksum:
      return context_.counters.drop(frame, DropReason::bad_checksum);
    default:
      return context_.counters.drop(frame, DropReason::bad_neighbour_message);
  }
  // To an address of the port, or to a group; what merely came in a group's frame is not for us.
  if (!message.destination.is_multicast() && !owns_address(port, message.destination))
    return context_.counters.drop(frame, DropReason::not_our_address);
  if (message.type == Icmp6Type::neighbour_solicitation) return answer_solicitation(frame, port, message);
  take_advertisement(frame, port, message);
}

void OwnAddress::answer_solicitation(Packet* frame, const LogicalPort& port, const NeighbourMessage& message) noexcept {
  const MacAddress asker = load_wire<EthernetHeader>(bytes_of(frame).data()).source;
  if (!owns_address(port, message.target)) return context_.counters.finish(frame, Counter::consumed);
  if (message.is_duplicate_address_detection())
    report_conflict(port, message.target, asker);
  else
    neighbours_.on_neighbour_message(port.index, message, true);
  if (!rates_[port.index].neighbour_answers.take(context_.now_ns))
    return context_.counters.drop(frame, DropReason::own_address_rate);
  // A solicitation without options is shorter than its answer.
  const std::size_t more = neighbour_frame_bytes > frame->data_len ? neighbour_frame_bytes - frame->data_len : 0;
  if (more != 0 && rte_pktmbuf_append(frame, static_cast<std::uint16_t>(more)) == nullptr)
    return context_.counters.drop(frame, DropReason::no_buffer);
  const std::size_t length = build_neighbour_advertisement(bytes_of(frame), mac_of(port), message, asker);
  if (length == 0) return context_.counters.drop(frame, DropReason::bad_neighbour_message);
  reply_in_place(frame, port, length);
}

void OwnAddress::take_advertisement(Packet* frame, const LogicalPort& port, const NeighbourMessage& message) noexcept {
  const MacAddress sender = load_wire<EthernetHeader>(bytes_of(frame).data()).source;
  if (owns_address(port, message.target)) {
    if (sender != mac_of(port)) report_conflict(port, message.target, sender);
  } else {
    neighbours_.on_neighbour_message(port.index, message, owns_address(port, message.destination));
    host_.copy(frame);
  }
  context_.counters.finish(frame, Counter::consumed);
}

void OwnAddress::answer_echo(Packet* frame, const LogicalPort& port) noexcept {
  PacketMeta& meta = meta_of(frame);
  const auto ip_packet = ip_bytes_of(frame);
  if (!owns_address(port, destination_address(ip_packet, meta.ip)))
    return context_.counters.drop(frame, DropReason::icmp_ignored);
  TokenBucket& rate = rates_[port.index].echoes;
  if (!rate.would_take(context_.now_ns)) return context_.counters.drop(frame, DropReason::own_address_rate);
  switch (make_echo_reply(ip_packet, meta.ip)) {
    case EchoResult::replied:
      break;
    case EchoResult::not_echo_request:
    case EchoResult::refused:
      return context_.counters.drop(frame, DropReason::icmp_ignored);
    case EchoResult::bad_checksum:
      return context_.counters.drop(frame, DropReason::bad_checksum);
  }
  static_cast<void>(rate.take(context_.now_ns));
  // Back to the station that it came from, which is the way to its sender.
  auto header = load_wire<EthernetHeader>(bytes_of(frame).data());
  header.destination = header.source;
  header.source = mac_of(port);
  store_wire(bytes_of(frame).data(), header);
  reply_in_place(frame, port, ethernet_header_bytes + meta.ip.total_bytes);
}

// --- packets of the inner table ---

void OwnAddress::handle_inner(Packet* packet) noexcept {
  const PacketMeta& meta = meta_of(packet);
  if (meta.ip.family == IpFamily::none || meta.ip.total_bytes > packet->data_len)
    return context_.counters.drop(packet, DropReason::bad_ip_header);
  if (is_icmp(meta.ip)) return answer_inner_echo(packet);
  if (meta.ip.l4_protocol != IpProtocol::udp || meta.ip.is_fragment)
    return context_.counters.drop(packet, DropReason::no_listener);
  if (!l4_checksum_holds(bytes_of(packet).first(meta.ip.total_bytes), meta.ip))
    return context_.counters.drop(packet, DropReason::bad_checksum);
  icmp_errors_.drop_with_error(packet, DropReason::no_listener, {.kind = IcmpErrorKind::port_unreachable});
}

void OwnAddress::answer_inner_echo(Packet* packet) noexcept {
  PacketMeta& meta = meta_of(packet);
  TokenBucket& rate = rates_.back().echoes;
  if (!rate.would_take(context_.now_ns)) return context_.counters.drop(packet, DropReason::own_address_rate);
  switch (make_echo_reply(bytes_of(packet).first(meta.ip.total_bytes), meta.ip)) {
    case EchoResult::replied:
      break;
    case EchoResult::not_echo_request:
    case EchoResult::refused:
      return context_.counters.drop(packet, DropReason::icmp_ignored);
    case EchoResult::bad_checksum:
      return context_.counters.drop(packet, DropReason::bad_checksum);
  }
  static_cast<void>(rate.take(context_.now_ns));
  const ParsedIp ip = meta.ip;
  shorten(packet, ip.total_bytes);
  begin_own_packet(packet);
  meta.ip = ip;
  meta.is_trusted = 1;
  context_.route(packet);
}

}  // namespace sallyport::dataplane
