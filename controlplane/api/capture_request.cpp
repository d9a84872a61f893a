#include <algorithm>
#include <array>

#include "config/toml/suggest.hpp"
#include "controlplane/api/capture.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

using abi::CapturePoint;

struct PointName {
  std::string_view name;
  CapturePoint point;
};
constexpr std::array point_names = {
    PointName{"outer_received", CapturePoint::outer_received},
    PointName{"inner_received", CapturePoint::inner_received}, PointName{"inner_sent", CapturePoint::inner_sent},
    PointName{"outer_sent", CapturePoint::outer_sent}, PointName{"dropped", CapturePoint::dropped}};

using Refused = tl::expected<void, CaptureRefusal>;

Refused refuse(std::string message, unsigned status = 400) {
  return tl::unexpected(CaptureRefusal{status, std::move(message)});
}

// Everything of `names`, then what might have been meant.
template <std::size_t N>
std::string expected_one_of(std::string_view written, const std::array<std::string_view, N>& names) {
  std::string text = "expected one of";
  for (const std::string_view name : names) text += ' ' + std::string(name);
  return text + config::did_you_mean(written, names);
}

Refused read_points(const Json& value, CaptureRequest& request) {
  if (!value.is_array() || value.empty() || value.size() > 16) return refuse("points: expected a list of names");
  std::array<std::string_view, point_names.size()> names;
  std::transform(point_names.begin(), point_names.end(), names.begin(), [](const PointName& p) { return p.name; });
  for (const Json& element : value) {
    if (!element.is_string()) return refuse("points: expected a list of names");
    const auto& written = element.get_ref<const std::string&>();
    const auto found = std::find(names.begin(), names.end(), written);
    if (found == names.end()) return refuse("points: " + expected_one_of(written, names));
    request.command.points |=
        static_cast<std::uint8_t>(point_names[static_cast<std::size_t>(found - names.begin())].point);
  }
  return {};
}

Refused read_peer(const std::string& name, const AdminBackend& backend, CaptureRequest& request) {
  const auto id = backend.peer_id(name);
  if (!id) return refuse("peer: there is no peer of this name", 404);
  request.command.peer_id = *id;
  return {};
}

Refused read_port(const std::string& name, const abi::StatisticsView& statistics, CaptureRequest& request) {
  std::vector<std::string> names;
  for (unsigned index = 0; index < statistics.port_count(); ++index) names.push_back(port_name(index, statistics));
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    const std::vector<std::string_view> views(names.begin(), names.end());
    return refuse("port: there is no port of this name" + config::did_you_mean(name, views), 404);
  }
  request.command.port_index = static_cast<std::uint8_t>(found - names.begin());
  return {};
}

Refused read_drop_reason(const std::string& name, CaptureRequest& request) {
  if (name == "any") return {};
  std::array<std::string_view, abi::drop_reason_count> names;
  for (unsigned reason = 0; reason < names.size(); ++reason)
    names[reason] = abi::counter_infos[abi::index_of(static_cast<abi::DropReason>(reason))].name;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    return refuse("drop_reason: expected \"any\" or a drop reason of /v1/counters" + config::did_you_mean(name, names));
  request.command.any_drop_reason = 0;
  request.command.drop_reason = static_cast<abi::DropReason>(found - names.begin());
  return {};
}

tl::expected<std::uint32_t, CaptureRefusal> read_number(const Json& value, const std::string& key, std::uint32_t most) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() == 0 || value.get<std::uint64_t>() > most)
    return tl::unexpected(CaptureRefusal{400, key + ": expected an integer from 1 to " + std::to_string(most)});
  return value.get<std::uint32_t>();
}

Refused read_key(const std::string& key, const Json& value, const AdminBackend& backend, CaptureRequest& request) {
  constexpr std::array<std::string_view, 7> keys = {"points",      "peer",       "port",  "drop_reason",
                                                    "max_packets", "snap_bytes", "format"};
  if (key == "points") return read_points(value, request);
  if (key == "max_packets" || key == "snap_bytes") {
    const bool packets = key == "max_packets";
    const auto number =
        read_number(value, key, packets ? most_capture_packets : std::uint32_t{abi::capture_snap_bytes});
    if (!number) return tl::unexpected(number.error());
    if (packets) request.command.max_packets = *number;
    if (!packets) request.command.snap_bytes = static_cast<std::uint16_t>(*number);
    return {};
  }
  if (std::find(keys.begin(), keys.end(), key) == keys.end())
    return refuse("unknown key" + config::did_you_mean(key, keys));
  if (!value.is_string()) return refuse(key + ": expected text");
  const auto& text = value.get_ref<const std::string&>();
  if (key == "peer") return read_peer(text, backend, request);
  if (key == "port") return read_port(text, *backend.statistics(), request);
  if (key == "drop_reason") return read_drop_reason(text, request);
  if (text != "pcapng" && text != "json") return refuse("format: expected \"pcapng\" or \"json\"");
  request.format = text == "json" ? CaptureFormat::json : CaptureFormat::pcapng;
  return {};
}

}  // namespace

tl::expected<CaptureRequest, CaptureRefusal> parse_capture_request(std::string_view body, const AdminBackend& backend) {
  if (backend.statistics() == nullptr)
    return tl::unexpected(CaptureRefusal{503, "no dataplane is connected: there is nothing to capture"});
  CaptureRequest request;
  request.command.peer_id = abi::no_peer;
  request.command.port_index = abi::no_port;
  request.command.max_packets = default_capture_packets;
  request.command.snap_bytes = abi::capture_snap_bytes;
  request.command.any_drop_reason = 1;
  const Json document = body.empty() ? Json::object() : Json::parse(body, nullptr, false);
  if (!document.is_object()) return tl::unexpected(CaptureRefusal{400, "expected a JSON object"});
  for (const auto& [key, value] : document.items())
    if (const auto read = read_key(key, value, backend, request); !read) return tl::unexpected(read.error());
  if (request.command.points == 0) {
    const bool drops = document.contains("drop_reason");
    for (const PointName& point : point_names)
      if ((point.point == CapturePoint::dropped) == drops)
        request.command.points |= static_cast<std::uint8_t>(point.point);
  }
  return request;
}

std::string_view to_string(abi::CapturePoint point) {
  for (const PointName& candidate : point_names)
    if (candidate.point == point) return candidate.name;
  return {};
}

}  // namespace sallyport::controlplane
