#include "tests/integration/traffic.hpp"

#include <array>

namespace sallyport::integration {

Bytes RandomTraffic::noise(std::size_t bytes) {
  Bytes all(bytes);
  for (std::uint8_t& byte : all) byte = static_cast<std::uint8_t>(random_());
  return all;
}

IpAddress RandomTraffic::some_address() {
  static constexpr std::array<const char*, 22> known = {
      "10.8.0.2",    "10.8.0.3",    "10.8.0.1",  "10.8.0.77", "10.0.0.1",      "10.0.0.7", "10.0.0.9", "10.12.0.5",
      "203.0.113.1", "224.0.0.5",   "127.0.0.1", "fd08::2",   "fd08::3",       "fd08::1",  "fd00::7",  "fd00::1",
      "fd12::5",     "2001:db8::1", "ff02::1",   "fe80::7",   "2001:db8:9::9", "192.0.2.1"};
  return ip(known[below(known.size())]);
}

Bytes RandomTraffic::inner_packet(const WireguardPeer* from) {
  IpAddress to = some_address();
  IpAddress source = from != nullptr && chance(85) ? (to.is_v4() ? from->v4 : from->v6)
                     : chance(85)                  ? ip(to.is_v4() ? "10.0.0.7" : "fd00::7")
                                                   : some_address();
  if (source.family != to.family) source = ip(to.is_v4() ? "10.0.0.7" : "fd00::7");
  const IpFields fields{.ttl = chance(5) ? below(3) : 64, .tos = below(256), .dont_fragment = chance(30)};
  switch (below(4)) {
    case 0:
      return echo_request(source, to, below(1400), fields);
    case 1:
      return tcp_syn(source, to, 200 + below(2000));
    default:
      return udp_packet(source, to, chance(10) ? below(3000) : below(1300), fields);
  }
}

Bytes RandomTraffic::message() {
  if (!earlier_.empty() && chance(10)) return earlier_[below(static_cast<std::uint32_t>(earlier_.size()))];
  WireguardPeer& peer = chance(50) ? lab_.ann : lab_.bob;
  Bytes made;
  switch (below(8)) {
    case 0:
      made = peer.seal({});
      break;
    case 1:
      made = peer.seal(noise(below(200)));
      break;
    case 2: {  // a handshake message of some kind, without a right MAC1
      constexpr std::array<std::size_t, 4> sizes = {148, 92, 64, 32};
      made = noise(sizes[below(4)]);
      made[0] = static_cast<std::uint8_t>(1 + below(5));
      made[1] = made[2] = made[3] = 0;
      break;
    }
    case 3:
      made = peer.seal(inner_packet(&peer), random_() >> below(64));
      break;
    default: {
      Bytes inner = inner_packet(&peer);
      if (chance(20)) mutate(inner);
      made = peer.seal(inner);
    }
  }
  if (earlier_.size() < 64) {
    earlier_.push_back(made);
  } else {
    earlier_[below(64)] = made;
  }
  return made;
}

Bytes RandomTraffic::underlay_packet() {
  const WireguardPeer& peer = chance(50) ? lab_.ann : lab_.bob;
  IpEndpoint from = peer.endpoint;
  if (chance(10)) from.port = static_cast<std::uint16_t>(below(65536));
  IpEndpoint to = lab_.gateway_endpoint(from.address.family);
  if (chance(5)) to.port = static_cast<std::uint16_t>(below(65536));
  if (chance(5)) return echo_request(from.address, to.address, below(1000));
  return udp_packet(from, to, message(), {.ttl = below(256), .tos = below(256)});
}

Bytes RandomTraffic::neighbour_frame(std::uint8_t device) {
  const IpAddress target = some_address(), sender = some_address();
  if (target.is_v4() && sender.is_v4())
    return arp_frame(below(4), far_mac(device), sender, port_mac(device), target,
                     chance(50) ? broadcast_mac : port_mac(device));
  if (target.is_v6() && sender.is_v6())
    return chance(50) ? solicitation_frame(far_mac(device), sender, target)
                      : advertisement_frame(far_mac(device), sender, target, port_mac(device));
  return arp_frame(1, far_mac(device), ip("10.0.0.9"), {}, ip("10.0.0.1"), broadcast_mac);
}

// Some bytes changed, or cut, or longer.
void RandomTraffic::mutate(Bytes& bytes) {
  switch (below(4)) {
    case 0:
      bytes.resize(below(static_cast<std::uint32_t>(bytes.size()) + 1));
      break;
    case 1:
      bytes.resize(bytes.size() + below(64), static_cast<std::uint8_t>(random_()));
      break;
    default:
      for (unsigned changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) {
        // The headers are the interesting part.
        const auto reach = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), chance(80) ? 64 : 4096));
        bytes[below(reach)] = chance(50) ? static_cast<std::uint8_t>(random_())
                                         : static_cast<std::uint8_t>(bytes[below(reach)] ^ 1U << below(8));
      }
  }
}

bool RandomTraffic::put_one(unsigned queues) {
  std::uint8_t device = static_cast<std::uint8_t>(below(3));
  const unsigned queue = below(queues);
  const auto finish = [&](Bytes frame) {
    if (device == dmz ? chance(85) : chance(5))
      frame = frame.size() >= 14 ? with_vlan(frame, chance(90) ? dmz_vlan : below(4096)) : frame;
    if (chance(15)) mutate(frame);
    return lab_.put(device, frame, queue);
  };
  const auto framed = [&](const Bytes& packet) {
    return ethernet(chance(97) ? port_mac(device) : broadcast_mac, far_mac(device),
                    packet.empty() || is_v4(packet) ? type_ipv4 : type_ipv6, packet);
  };
  if (chance(5)) return finish(noise(below(2000)));
  if (chance(10)) return finish(neighbour_frame(device));
  if (chance(60)) device = wan;
  Bytes packet = chance(90) == (device == wan) ? underlay_packet() : inner_packet(nullptr);
  if (chance(10) && packet.size() > 100) {
    const std::size_t piece = (1 + below(60)) * 8;
    bool fits = true;
    for (const Bytes& fragment : fragments_of(packet, piece, below(20)))
      if (chance(90)) fits &= finish(framed(fragment));
    return fits;
  }
  return finish(framed(packet));
}

}  // namespace sallyport::integration
