// Arbitrary frames from a link, and inner packets from a peer, into the handling of the gateway's own addresses: ARP,
// neighbour discovery, ping, and the neighbours and errors behind them. The first byte chooses the port, whether it is
// a frame or an inner packet, whether the harness repairs the checksums (so that the code behind them runs), and how
// much time passes. After each input every packet is accounted for.
#include <rte_eal.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/housekeeping/own_address.hpp"
#include "tests/unit/housekeeping/lab_gateway.hpp"

namespace {

using namespace sallyport::dataplane;

void expect(bool condition) {
  if (!condition) std::abort();
}

void start_eal() {
  std::vector<std::string> words{"fuzz_own_address",
                                 "--no-huge",
                                 "--no-shconf",
                                 "--no-pci",
                                 "--no-telemetry",
                                 "-m",
                                 "256",
                                 "--log-level=lib.eal:3",
                                 "--file-prefix",
                                 "sallyport-fuzz-own-address-" + std::to_string(getpid())};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  expect(rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0);
}

struct Harness {
  LabGateway gateway;
  IcmpErrors icmp_errors{*gateway.context};
  NeighbourService neighbours{*gateway.context, icmp_errors, {}};
  HostBridge host{*gateway.context};
  OwnAddress own{*gateway.context, neighbours, host, icmp_errors};
};

// What the sender of these bytes would have put there.
void repair_checksums(std::span<std::uint8_t> packet) {
  ParsedIp ip;
  if (packet.size() >= 20 && packet[0] >> 4 == 4) {
    const std::size_t header = std::size_t{packet[0] & 15U} * 4;
    if (header < 20 || header > packet.size()) return;
    store_wire(&packet[10], Be16{});
    store_wire(&packet[10], internet_checksum(packet.first(header)));
  }
  if (parse_ip(packet, ip, parse_allow_unspecified_source) != IpParseError::none || ip.is_fragment) return;
  const std::size_t at = ip.l4_protocol == IpProtocol::udp ? 6 : ip.l4_protocol == IpProtocol::tcp ? 16 : 2;
  if (ip.l4_bytes() < at + 2) return;
  const auto l4 = packet.subspan(ip.l4_offset, ip.l4_bytes());
  store_wire(&l4[at], Be16{});
  const ChecksumSum pseudo = ip.l4_protocol == IpProtocol::icmp ? 0 : pseudo_header_sum(packet, ip);
  store_wire(&l4[at], finish_udp_checksum(add_to_checksum(pseudo, l4)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Harness& harness = *[] {
    sallyport::set_log_level(sallyport::LogLevel::error);
    start_eal();
    return new Harness;  // lives as long as the process, like EAL
  }();
  if (size == 0 || size > 1514) return 0;
  const std::uint8_t choice = data[0];
  Bytes bytes(data + 1, data + size);
  const std::uint8_t port = (choice & 1) != 0 ? lan : wan;
  const bool is_inner = (choice & 2) != 0;
  const std::size_t ip_at = is_inner ? 0 : ethernet_header_bytes;
  if ((choice & 4) != 0 && bytes.size() > ip_at) repair_checksums(std::span(bytes).subspan(ip_at));

  ParsedIp ip;
  if (!is_inner) {
    harness.own.handle(harness.gateway.received(port, bytes));
  } else if (parse_ip(bytes, ip) == IpParseError::none) {
    bytes.resize(ip.total_bytes);
    harness.own.handle(harness.gateway.inner(bytes, Task::own_inner_address,
                                             (choice & 8) != 0 ? peer_in_tunnel : sallyport::abi::no_peer, port));
  }
  harness.gateway.advance((choice & 16) != 0 ? sallyport::second_ns : 1000);
  harness.neighbours.poll();
  for (const Sent& sent : harness.gateway.sent()) {
    expect(!sent.bytes.empty() && sent.bytes.size() <= 1514);
    if (sent.task == Task::route)
      expect(parse_ip(sent.bytes, ip) == IpParseError::none && ip.total_bytes == sent.bytes.size());
    if (sent.task == Task::transmit) expect(sent.link().source.bytes == harness.gateway.ports->port(sent.tx_port).mac);
  }
  expect(harness.gateway.packets_in() == harness.gateway.packets_out());
  expect(harness.gateway.pools->in_use() == 0);
  return 0;
}
