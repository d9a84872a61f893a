#include "tools/ctl/capture_output.hpp"

#include <algorithm>
#include <ctime>
#include <ostream>

#include "tools/ctl/json_fields.hpp"
#include "tools/ctl/packet_summary.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

constexpr std::size_t block_header_bytes = 8;
constexpr std::uint32_t enhanced_packet_block = 6;
constexpr std::uint32_t longest_block_bytes = 1U << 20;
constexpr std::size_t longest_line_bytes = 64 * 1024;

std::uint32_t le32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

std::string packet_time_text(std::uint64_t wall_ns) {
  const auto seconds = static_cast<std::time_t>(wall_ns / 1'000'000'000);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[48];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%06llu", local.tm_hour, local.tm_min, local.tm_sec,
                static_cast<unsigned long long>(wall_ns % 1'000'000'000 / 1000));
  return text;
}

}  // namespace

bool PcapngCounter::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (remaining_ == 0) {
      const std::size_t taken = std::min(block_header_bytes - header_.size(), bytes.size());
      header_ += bytes.substr(0, taken);
      bytes.remove_prefix(taken);
      if (header_.size() < block_header_bytes) return true;
      const std::uint32_t length = le32(header_, 4);
      if (length < 12 || length % 4 != 0 || length > longest_block_bytes) return false;
      packets_ += le32(header_, 0) == enhanced_packet_block ? 1 : 0;
      remaining_ = length - block_header_bytes;
      header_.clear();
    }
    const std::size_t skipped = std::min<std::size_t>(remaining_, bytes.size());
    remaining_ -= skipped;
    bytes.remove_prefix(skipped);
  }
  return true;
}

bool PacketLines::feed(std::string_view bytes) {
  pending_ += bytes;
  std::size_t start = 0;
  for (std::size_t end; (end = pending_.find('\n', start)) != std::string::npos; start = end + 1)
    print(std::string_view(pending_).substr(start, end - start));
  pending_.erase(0, start);
  out_.flush();
  return pending_.size() <= longest_line_bytes && out_.good();
}

void PacketLines::print(std::string_view line) {
  ++packets_;
  if (as_json_) {
    out_ << printable(line) << '\n';
    return;
  }
  const Json packet = parse_json(line).value_or(Json());
  if (const auto lost = number_field(packet, "lost_before"); lost != 0) out_ << "... " << lost << " packets lost ...\n";
  out_ << packet_time_text(number_field(packet, "wall_ns")) << ' ' << printable(text_field(packet, "point")) << ' '
       << printable(text_field(packet, "port"));
  if (const std::string peer = text_field(packet, "peer", ""); !peer.empty()) out_ << " peer " << printable(peer);
  out_ << ": "
       << packet_summary(bytes_of_hex(text_field(packet, "data", "")), text_field(packet, "link_type") == "ethernet")
       << ", length " << number_field(packet, "original_bytes");
  if (const std::string reason = text_field(packet, "drop_reason", ""); !reason.empty())
    out_ << ", DROPPED: " << printable(reason);
  out_ << '\n';
}

}  // namespace sallyport::ctl
