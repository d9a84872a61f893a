// Blocks of a pcapng file (draft-ietf-opsawg-pcapng), as far as a capture needs them: one section, an interface for
// each port and link type, enhanced packets with nanoseconds. Little-endian, whatever the machine.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::controlplane {

enum class LinkType : std::uint16_t { ethernet = 1, raw_ip = 101 };  // the registry of the tcpdump group

enum class PacketDirection : std::uint8_t { unknown = 0, inbound = 1, outbound = 2 };

struct PcapngPacket {
  std::uint32_t interface = 0;  // in the order of append_interface()
  std::uint64_t wall_ns = 0;    // since 1970
  std::uint32_t original_bytes = 0;
  std::span<const std::uint8_t> data;
  PacketDirection direction = PacketDirection::unknown;
  std::uint64_t lost_before = 0;  // packets between the one before and this that were not captured
  std::string_view comment;
};

inline constexpr std::size_t longest_pcapng_text_bytes = 1024;  // of a name or comment; the rest is cut

void append_section_header(std::string& out, std::string_view application);
void append_interface(std::string& out, LinkType link_type, std::uint32_t snap_bytes, std::string_view name);
void append_packet(std::string& out, const PcapngPacket& packet);

}  // namespace sallyport::controlplane
