#include "dataplane/packet/arp.hpp"

#include <algorithm>

namespace sallyport::dataplane {
namespace {

bool is_host_address(const IpAddress& address) noexcept {
  return address.bytes[0] != 0 && !address.is_loopback() && address.bytes[0] < 224;
}

struct ArpParties {
  MacAddress sender_mac;
  IpAddress sender;
  MacAddress target_mac;
  IpAddress target;
};

std::size_t write_arp_frame(std::span<std::uint8_t> out, const MacAddress& destination, ArpOperation operation,
                            const ArpParties& parties) noexcept {
  if (out.size() < arp_frame_bytes || !parties.sender.is_v4() || !parties.target.is_v4()) return 0;
  ArpWire wire{.operation = Be16{static_cast<std::uint16_t>(operation)},
               .sender_mac = parties.sender_mac,
               .target_mac = parties.target_mac};
  std::copy_n(parties.sender.bytes.begin(), 4, wire.sender_address.begin());
  std::copy_n(parties.target.bytes.begin(), 4, wire.target_address.begin());
  store_wire(out.data(), EthernetHeader{.destination = destination,
                                        .source = parties.sender_mac,
                                        .type = Be16{static_cast<std::uint16_t>(EtherType::arp)}});
  store_wire(out.data() + ethernet_header_bytes, wire);
  return arp_frame_bytes;
}

}  // namespace

ArpError parse_arp(std::span<const std::uint8_t> payload, ArpMessage& out) noexcept {
  if (payload.size() < arp_bytes) return ArpError::truncated;
  const auto wire = load_wire<ArpWire>(payload.data());
  if (wire.hardware_type.host() != 1 || wire.protocol_type.host() != static_cast<std::uint16_t>(EtherType::ipv4) ||
      wire.hardware_length != 6 || wire.protocol_length != 4)
    return ArpError::not_ipv4_over_ethernet;
  const auto operation = static_cast<ArpOperation>(wire.operation.host());
  if (operation != ArpOperation::request && operation != ArpOperation::reply) return ArpError::bad_operation;
  if (!wire.sender_mac.is_unicast()) return ArpError::bad_sender_mac;
  out = {.operation = operation,
         .sender_mac = wire.sender_mac,
         .sender = IpAddress::v4_from_bytes(wire.sender_address.data()),
         .target_mac = wire.target_mac,
         .target = IpAddress::v4_from_bytes(wire.target_address.data())};
  const bool probe = out.is_probe() && operation == ArpOperation::request;
  if (!probe && !is_host_address(out.sender)) return ArpError::bad_sender_address;
  if (!is_host_address(out.target)) return ArpError::bad_target_address;
  return ArpError::none;
}

std::size_t build_arp_request(std::span<std::uint8_t> out, const MacAddress& our_mac, const IpAddress& our_address,
                              const IpAddress& target, const MacAddress& destination) noexcept {
  return write_arp_frame(out, destination, ArpOperation::request,
                         {.sender_mac = our_mac, .sender = our_address, .target_mac = {}, .target = target});
}

std::size_t build_arp_reply(std::span<std::uint8_t> out, const MacAddress& our_mac,
                            const ArpMessage& request) noexcept {
  return write_arp_frame(
      out, request.sender_mac, ArpOperation::reply,
      {.sender_mac = our_mac, .sender = request.target, .target_mac = request.sender_mac, .target = request.sender});
}

std::size_t build_arp_announcement(std::span<std::uint8_t> out, const MacAddress& our_mac,
                                   const IpAddress& our_address) noexcept {
  return write_arp_frame(out, MacAddress::broadcast(), ArpOperation::request,
                         {.sender_mac = our_mac, .sender = our_address, .target_mac = {}, .target = our_address});
}

}  // namespace sallyport::dataplane
