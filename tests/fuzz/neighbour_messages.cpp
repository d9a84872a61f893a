// Any ARP and neighbour discovery messages, in any order and at any time, into a small NeighbourTable with packets
// waiting: its bounds hold, every packet that went in comes out once, and only unicast MAC addresses are learnt.
#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "config/base/check.hpp"
#include "dataplane/forwarding/neighbour_table.hpp"

using namespace sallyport;
using namespace sallyport::dataplane;

namespace {

class Run {
 public:
  void take_arp(std::span<const std::uint8_t> bytes) {
    ArpMessage message;
    if (parse_arp(bytes, message) != ArpError::none) return;
    SP_CHECK(message.sender_mac.is_unicast());
    std::vector<std::uint8_t> reply(arp_frame_bytes);
    SP_CHECK(build_arp_reply(reply, MacAddress{{2, 0, 0, 0, 0, 1}}, message) == arp_frame_bytes);
    table_.on_arp(1, message, message.target == IpAddress::v4(10, 0, 0, 1), now_ns_);
    hold(message.target);
  }

  void take_neighbour_message(const std::vector<std::uint8_t>& packet) {
    ParsedIp ip;
    if (parse_ip(packet, ip, parse_allow_unspecified_source) != IpParseError::none) return;
    NeighbourMessage message;
    if (parse_neighbour_discovery(packet, ip, message) != NeighbourDiscoveryError::none) return;
    SP_CHECK(!message.has_link_layer_address || message.link_layer_address.is_unicast());
    std::vector<std::uint8_t> reply(neighbour_frame_bytes);
    SP_CHECK(build_neighbour_advertisement(reply, MacAddress{{2, 0, 0, 0, 0, 1}}, message,
                                           message.link_layer_address) == neighbour_frame_bytes);
    table_.on_neighbour_message(1, message, true, now_ns_);
    hold(message.target);
    hold(message.source);
  }

  void pass(std::uint64_t duration_ns) {
    now_ns_ += duration_ns;
    NeighbourWork work;
    for (bool more = true; more;) {
      more = table_.poll(now_ns_, work);
      for (const auto& item : work.to_send) {
        SP_CHECK(item.mac.is_unicast());
        out(item.packet);
      }
      for (const auto& item : work.to_drop) out(item.packet);
      for (const auto& question : work.solicitations) SP_CHECK(!question.is_unicast || question.mac.is_unicast());
    }
    SP_CHECK(table_.held_packets() == inside_.size() && table_.size() <= table_.capacity());
  }

  void use(std::uint8_t which) {
    MacAddress mac;
    SP_CHECK(!table_.links().resolve(which % 8, mac) || mac.is_unicast());
  }

  void finish() {
    for (int i = 0; i < 20; ++i) pass(second_ns);
    SP_CHECK(inside_.empty());
  }

 private:
  void hold(const IpAddress& address) {
    const std::uint32_t index = table_.find_or_create(1, address, now_ns_);
    if (index == no_neighbour) return;
    void* const packet = reinterpret_cast<void*>(++next_packet_);
    inside_.insert(packet);
    if (void* const displaced = table_.hold(index, packet, now_ns_); displaced != nullptr) out(displaced);
    SP_CHECK(table_.held_packets() <= 8);
  }
  void out(void* packet) { SP_CHECK(inside_.erase(packet) == 1); }

  NeighbourTable table_{{.max_neighbours = 8, .max_held_per_neighbour = 2, .max_held = 8}, {}, 1};
  std::set<void*> inside_;
  std::uintptr_t next_packet_ = 0;
  std::uint64_t now_ns_ = second_ns;
};

}  // namespace

// Steps of: kind, length, that many bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run run;
  Reader reader({data, size});
  for (std::uint8_t kind = 0, length = 0; reader.take(kind) && reader.take(length);) {
    std::span<const std::uint8_t> bytes;
    if (!reader.take_bytes(std::min<std::size_t>(length, reader.remaining()), bytes)) break;
    const std::vector<std::uint8_t> message(bytes.begin(), bytes.end());
    switch (kind % 4) {
      case 0:
        run.take_arp(message);
        break;
      case 1:
        run.take_neighbour_message(message);
        break;
      case 2:
        run.pass(length * 100 * millisecond_ns);
        break;
      default:
        run.use(length);
    }
  }
  run.finish();
  return 0;
}
