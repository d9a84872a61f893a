#include "controlplane/api/capture.hpp"
#include "controlplane/api/endpoint.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "controlplane/api/pcapng.hpp"
#include "controlplane/api/views.hpp"
#include "controlplane/http/backlog_source.hpp"

namespace sallyport::controlplane {
namespace {

using abi::CapturedPacket;
using abi::CapturePoint;

std::string_view drop_reason_name(const CapturedPacket& packet) {
  if (packet.point != CapturePoint::dropped || packet.drop_reason >= abi::DropReason::count) return {};
  return abi::counter_infos[abi::index_of(packet.drop_reason)].name;
}

std::span<const std::uint8_t> bytes_of(const CapturedPacket& packet) {
  return std::span(packet.data).first(std::min<std::size_t>(packet.captured_bytes, packet.data.size()));
}

std::string hex_text(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

PacketDirection direction_of(CapturePoint point) {
  switch (point) {
    case CapturePoint::outer_received:
    case CapturePoint::inner_received:
      return PacketDirection::inbound;
    case CapturePoint::inner_sent:
    case CapturePoint::outer_sent:
      return PacketDirection::outbound;
    case CapturePoint::dropped:
      break;
  }
  return PacketDirection::unknown;
}

// Names of ports and peers at the time of the packet.
struct PacketNames {
  std::string port;
  std::string peer;
};

// Makes the bytes of the answer out of packets.
class CaptureWriter {
 public:
  CaptureWriter(const CaptureRequest& request, const AdminBackend& backend, const RequestTime& time)
      : request_(request), backend_(backend), time_(time) {}

  void begin(std::string& out) {
    if (request_.format == CaptureFormat::pcapng) append_section_header(out, "sallyport " + std::string(version()));
  }

  void packet(std::string& out, const CapturedPacket& packet, std::uint64_t lost_before) {
    const PacketNames names{.port = name_of_port(packet.port_index),
                            .peer = packet.peer_id == abi::no_peer ? "" : backend_.peer_name(packet.peer_id)};
    request_.format == CaptureFormat::pcapng ? pcapng(out, packet, names, lost_before)
                                             : json(out, packet, names, lost_before);
  }

 private:
  [[nodiscard]] std::string name_of_port(std::uint8_t index) const {
    const abi::StatisticsView* statistics = backend_.statistics();
    return statistics == nullptr ? std::string(no_port_name) : port_name(index, *statistics);
  }

  // The interface of this port and link type, described when it is first seen.
  std::uint32_t interface_of(std::string& out, const CapturedPacket& packet, const PacketNames& names) {
    const std::size_t port = std::min<std::size_t>(packet.port_index, abi::max_ports);
    const bool raw = packet.link_type != 0;
    std::uint32_t& known = interfaces_[port * 2 + (raw ? 1 : 0)];
    if (known == 0) {
      append_interface(out, raw ? LinkType::raw_ip : LinkType::ethernet, request_.command.snap_bytes,
                       raw ? names.port + " (inner)" : names.port);
      known = ++interface_count_;
    }
    return known - 1;
  }

  void pcapng(std::string& out, const CapturedPacket& packet, const PacketNames& names, std::uint64_t lost_before) {
    std::string comment = "point=" + std::string(to_string(packet.point)) + " port=" + names.port;
    if (!names.peer.empty()) comment += " peer=" + names.peer;
    if (const auto reason = drop_reason_name(packet); !reason.empty()) comment += " drop=" + std::string(reason);
    const auto data = bytes_of(packet);
    const std::uint32_t interface = interface_of(out, packet, names);
    append_packet(out, {.interface = interface,
                        .wall_ns = time_.to_wall_ns(packet.at_ns),
                        .original_bytes = std::max(packet.original_bytes, static_cast<std::uint32_t>(data.size())),
                        .data = data,
                        .direction = direction_of(packet.point),
                        .lost_before = lost_before,
                        .comment = comment});
  }

  void json(std::string& out, const CapturedPacket& packet, const PacketNames& names, std::uint64_t lost_before) {
    const auto reason = drop_reason_name(packet);
    const Json line = {{"wall_ns", time_.to_wall_ns(packet.at_ns)},
                       {"point", to_string(packet.point)},
                       {"port", names.port},
                       {"peer", names.peer.empty() ? Json() : Json(names.peer)},
                       {"drop_reason", reason.empty() ? Json() : Json(reason)},
                       {"link_type", packet.link_type == 0 ? "ethernet" : "ip"},
                       {"original_bytes", packet.original_bytes},
                       {"lost_before", lost_before},
                       {"data", hex_text(bytes_of(packet))}};
    out += to_text(line) + '\n';
  }

  CaptureRequest request_;
  const AdminBackend& backend_;
  RequestTime time_;
  std::array<std::uint32_t, (abi::max_ports + 1) * 2> interfaces_{};  // 1 + number, 0: not yet described
  std::uint32_t interface_count_ = 0;
};

struct CaptureBacklog : AnswerBacklog {
  CaptureBacklog(const CaptureRequest& request, const AdminBackend& backend, const RequestTime& time)
      : writer(request, backend, time) {
    writer.begin(bytes);
  }

  void add(const CapturedPacket& packet) {
    if (closed) return;
    if (bytes.size() > capture_backlog_bytes) {
      ++lost;
      return;
    }
    const bool was_empty = bytes.empty();
    writer.packet(bytes, packet, std::exchange(lost, 0));
    if (was_empty) notify();
  }
  void end() {
    ended = true;
    if (!closed) notify();
  }

  CaptureWriter writer;
  std::uint64_t lost = 0;
};

}  // namespace

tl::expected<std::unique_ptr<BodySource>, CaptureRefusal> start_capture(const CaptureRequest& request,
                                                                        AdminBackend& backend,
                                                                        const RequestTime& time) {
  auto backlog = std::make_shared<CaptureBacklog>(request, backend, time);
  auto id = backend.start_capture(
      request.command, [backlog](const CapturedPacket& packet) { backlog->add(packet); },
      [backlog] { backlog->end(); });
  if (!id) return tl::unexpected(CaptureRefusal{409, id.error()});
  return std::make_unique<BacklogSource>(std::move(backlog), [&backend, id = *id] { backend.stop_capture(id); });
}

namespace {

HttpResponse post_capture(const Call& call) {
  const auto request = parse_capture_request(call.request.body, call.backend);
  if (!request) return failure(request.error().status, request.error().message);
  auto source = start_capture(*request, call.backend, call.time);
  if (!source) return failure(source.error().status, source.error().message);
  return stream(std::move(*source),
                request->format == CaptureFormat::pcapng ? "application/x-pcapng" : "application/x-ndjson");
}

}  // namespace

std::span<const Endpoint> capture_endpoints() {
  static constexpr std::array list = {
      Endpoint{"POST", {"capture"}, post_capture, "packets as pcapng or JSON lines, until the client goes"},
  };
  return list;
}

}  // namespace sallyport::controlplane
