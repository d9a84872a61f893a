#include "controlplane/api/pcapng.hpp"

namespace sallyport::controlplane {
namespace {

// The draft's names: 4.1 SHB, 4.2 IDB, 4.3 EPB.
constexpr std::uint32_t section_header_block = 0x0a0d0d0a;
constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr std::uint32_t interface_description_block = 1;
constexpr std::uint32_t enhanced_packet_block = 6;
constexpr std::uint16_t opt_endofopt = 0, opt_comment = 1, shb_userappl = 4, if_name = 2, if_tsresol = 9;
constexpr std::uint16_t epb_flags = 2, epb_dropcount = 4;
constexpr char nanoseconds = 9;  // 10^-9

template <typename Integer>
void put(std::string& out, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
}

void pad_to_32_bits(std::string& out, std::size_t bytes) {
  out.append((4 - bytes % 4) % 4, '\0');
}

void put_option(std::string& out, std::uint16_t code, std::string_view value) {
  value = value.substr(0, longest_pcapng_text_bytes);
  put(out, code);
  put(out, static_cast<std::uint16_t>(value.size()));
  out += value;
  pad_to_32_bits(out, value.size());
}

template <typename Integer>
void put_integer_option(std::string& out, std::uint16_t code, Integer value) {
  std::string bytes;
  put(bytes, value);
  put_option(out, code, bytes);
}

void end_options(std::string& out) {
  put(out, opt_endofopt);
  put(out, std::uint16_t{0});
}

// Type, length, body, length again.
void put_block(std::string& out, std::uint32_t type, std::string_view body) {
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  put(out, type);
  put(out, length);
  out += body;
  put(out, length);
}

}  // namespace

void append_section_header(std::string& out, std::string_view application) {
  std::string body;
  put(body, byte_order_magic);
  put(body, std::uint16_t{1});  // version 1.0
  put(body, std::uint16_t{0});
  put(body, ~std::uint64_t{0});  // section length: not known
  put_option(body, shb_userappl, application);
  end_options(body);
  put_block(out, section_header_block, body);
}

void append_interface(std::string& out, LinkType link_type, std::uint32_t snap_bytes, std::string_view name) {
  std::string body;
  put(body, static_cast<std::uint16_t>(link_type));
  put(body, std::uint16_t{0});
  put(body, snap_bytes);
  put_option(body, if_name, name);
  put_option(body, if_tsresol, std::string_view(&nanoseconds, 1));
  end_options(body);
  put_block(out, interface_description_block, body);
}

void append_packet(std::string& out, const PcapngPacket& packet) {
  std::string body;
  put(body, packet.interface);
  put(body, static_cast<std::uint32_t>(packet.wall_ns >> 32));
  put(body, static_cast<std::uint32_t>(packet.wall_ns));
  put(body, static_cast<std::uint32_t>(packet.data.size()));
  put(body, packet.original_bytes);
  body.append(reinterpret_cast<const char*>(packet.data.data()), packet.data.size());
  pad_to_32_bits(body, packet.data.size());
  if (!packet.comment.empty()) put_option(body, opt_comment, packet.comment);
  put_integer_option(body, epb_flags, static_cast<std::uint32_t>(packet.direction));
  if (packet.lost_before != 0) put_integer_option(body, epb_dropcount, packet.lost_before);
  end_options(body);
  put_block(out, enhanced_packet_block, body);
}

}  // namespace sallyport::controlplane
