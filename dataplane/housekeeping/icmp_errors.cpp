#include "dataplane/housekeeping/icmp_errors.hpp"

#include "dataplane/housekeeping/port_addresses.hpp"
#include "dataplane/packet/icmp_error.hpp"
#include "dataplane/packet/tcp_reset.hpp"
#include "dataplane/pipeline/link_header.hpp"

namespace sallyport::dataplane {
namespace {

// Of the tunnel's addresses the one whose prefix holds the sender, else the first of the family.
std::optional<IpAddress> tunnel_source(const Tunnel& tunnel, const IpAddress& sender) noexcept {
  std::optional<IpAddress> first;
  for (unsigned i = 0; i < tunnel.address_count; ++i) {
    const IpPrefix& own = tunnel.addresses[i];
    if (own.address.family != sender.family) continue;
    if (own.contains(sender)) return own.address;
    if (!first) first = own.address;
  }
  return first;
}

}  // namespace

IcmpErrors::IcmpErrors(HousekeepingContext& context) : context_(context) {}

void IcmpErrors::handle(Packet* packet) noexcept {
  const PacketMeta& meta = meta_of(packet);
  drop_with_error(packet, meta.drop_reason, meta.icmp);
}

void IcmpErrors::drop_with_error(Packet* packet, DropReason reason, IcmpErrorRequest error) noexcept {
  const std::uint8_t rx_port = meta_of(packet).rx_port;
  // The gateway does not complain to itself.
  if (rx_port == abi::no_port && meta_of(packet).source_peer == abi::no_peer)
    return context_.counters.drop(packet, reason);
  context_.counters.add(rx_port, send(packet, error) ? Counter::icmp_errors_sent : Counter::icmp_errors_suppressed);
  context_.counters.drop(packet, reason);
}

// RFC 1812 section 4.3.2.4: an address of the interface that the packet came in by.
std::optional<IpAddress> IcmpErrors::reply_source(const PacketMeta& meta, const IpAddress& sender) const noexcept {
  const auto ports = context_.tables.ports.ports();
  if (meta.source_peer < context_.tables.peers.capacity()) {
    const Tunnel* tunnel =
        context_.tables.tunnels.find(context_.tables.peers[meta.source_peer].tunnel_id.load(std::memory_order_relaxed));
    if (tunnel != nullptr)
      if (const auto own = tunnel_source(*tunnel, sender)) return own;
  } else if (meta.rx_port < ports.size()) {
    if (const auto own = source_for(ports[meta.rx_port], sender)) return own;
  }
  // An interface without an address of the family speaks with that of another (RFC 1812 section 4.3.2.4: the router
  // id); an inside one first, because the sender is more likely to have a route there.
  for (const config::PortRole role : {config::PortRole::inside, config::PortRole::underlay})
    for (const LogicalPort& port : ports)
      if (port.role == role)
        if (const auto own = source_for(port, sender)) return own;
  return std::nullopt;
}

bool IcmpErrors::send(const Packet* about, IcmpErrorRequest error) noexcept {
  const PacketMeta& meta = meta_of(about);
  const std::span<const std::uint8_t> offending{rte_pktmbuf_mtod(about, const std::uint8_t*), about->data_len};
  if (meta.ip.family == IpFamily::none || meta.ip.total_bytes > offending.size()) return false;
  const IpAddress sender = source_address(offending, meta.ip);
  const auto source = reply_source(meta, sender);
  if ((!source && !error.as_tcp_reset) || !all_.would_take(context_.now_ns) ||
      !by_source_.take(sender, context_.now_ns))
    return false;

  Packet* reply = context_.allocate(max_icmpv6_error_bytes);
  if (reply == nullptr) return false;
  // A RST speaks for the destination, an error for us.
  const std::size_t length =
      error.as_tcp_reset ? build_tcp_reset(bytes_of(reply), offending, meta.ip)
                         : build_icmp_error(bytes_of(reply), offending, meta.ip, error.kind, error.mtu, *source);
  reset_meta(reply, abi::no_port);
  shorten(reply, length);
  PacketMeta& reply_meta = meta_of(reply);
  if (length == 0 || parse_ip(bytes_of(reply), reply_meta.ip) != IpParseError::none) {
    rte_pktmbuf_free(reply);
    return false;
  }
  static_cast<void>(all_.take(context_.now_ns));
  reply_meta.is_trusted = 1;
  context_.count_originated(reply);
  context_.route(reply);
  return true;
}

}  // namespace sallyport::dataplane
