#include <utility>

#include "config/toml/suggest.hpp"
#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolled_peers.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/protocols.hpp"
#include "controlplane/api/views.hpp"
#include "controlplane/http/backlog_source.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::uint32_t default_flows_listed = 1000;

std::string_view to_string(abi::TcpState state) {
  using abi::TcpState;
  switch (state) {
    case TcpState::none:
      return "none";
    case TcpState::syn_sent:
      return "syn_sent";
    case TcpState::syn_received:
      return "syn_received";
    case TcpState::established:
      return "established";
    case TcpState::closing:
      return "closing";
    case TcpState::closed:
      return "closed";
  }
  return "unknown";
}

Json name_or_null(const std::string& name) {
  return name.empty() ? Json() : Json(name);
}

Json peer_or_null(std::uint32_t peer_id, const AdminBackend& backend) {
  return peer_id == abi::no_peer ? Json() : name_or_null(backend.peer_name(peer_id));
}

// By the address: a list of a million flows has no time to look for names. Null also if the address has changed hands.
Json identity_or_null(const IpAddress& address, const Json& peer_name, const AdminBackend& backend) {
  if (peer_name.is_null() || !address.valid()) return {};
  const Peer* peer = backend.peer_of(address);
  return peer == nullptr || peer_name != peer->name ? Json() : name_or_null(peer->identity());
}

Json port_or_null(std::uint8_t index, const AdminBackend& backend) {
  const abi::StatisticsView* statistics = backend.statistics();
  return index == abi::no_port || statistics == nullptr ? Json() : Json(port_name(index, *statistics));
}

Json flow_json(const abi::FlowRecord& flow, const AdminBackend& backend, const RequestTime& time) {
  const Json source_peer = peer_or_null(flow.source_peer, backend);
  const Json destination_peer = peer_or_null(flow.destination_peer, backend);
  return {{"source", flow.source.to_string()},
          {"source_port", flow.source_port},
          {"destination", flow.destination.to_string()},
          {"destination_port", flow.destination_port},
          {"protocol", protocol_text(flow.protocol)},
          {"source_peer", source_peer},
          {"source_identity", identity_or_null(flow.source, source_peer, backend)},
          {"destination_peer", destination_peer},
          {"destination_identity", identity_or_null(flow.destination, destination_peer, backend)},
          {"inside_port", port_or_null(flow.inside_port, backend)},
          {"allowed", flow.allowed != 0},
          {"rule", flow.rule == 0 ? Json() : name_or_null(backend.rule_name(flow.rule))},
          {"audit_rule", flow.audit_rule == 0 ? Json() : name_or_null(backend.rule_name(flow.audit_rule))},
          {"generation", flow.generation},
          {"tcp_state", flow.protocol == 6 ? Json(to_string(flow.tcp_state)) : Json()},
          {"age_s", time.seconds_since(flow.started_at_ns)},
          {"idle_s", time.seconds_since(flow.last_seen_at_ns)},
          {"packets", flow.packets},
          {"bytes", flow.bytes}};
}

struct FlowsBacklog : AnswerBacklog {
  void add(const abi::FlowRecord& flow, const AdminBackend& backend, const RequestTime& time) {
    if (closed || ended) return;
    if (bytes.size() > flow_backlog_bytes) {
      ++lost;
      return;
    }
    const bool was_empty = bytes.empty();
    bytes += std::exchange(any, true) ? ",\n" : "\n";
    bytes += to_text(flow_json(flow, backend, time));
    if (was_empty) notify();
  }
  void end(const tl::expected<bool, std::string>& cut) {
    if (std::exchange(ended, true) || closed) return;
    bytes += any ? "\n],\"cut\":" : "],\"cut\":";
    bytes += cut && *cut ? "true" : "false";
    bytes += ",\"lost\":" + std::to_string(lost) + ",\"error\":";
    bytes += (cut ? "null" : to_text(Json(cut.error()))) + "}\n";
    notify();
  }

  std::uint64_t lost = 0;
  bool any = false;
};

struct RefusedListing {
  unsigned status = 400;
  std::string message;
};

std::string suggest_rule(std::string_view name, const policy::Policy* policy) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; policy != nullptr && i < policy->rules.size() && i < 10'000; ++i)
    names.emplace_back(policy->rules[i].name);
  return config::did_you_mean(name, names);
}

std::optional<IpPrefix> parse_network(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) return IpPrefix::host(*address);
  const auto prefix = IpPrefix::parse(text);
  return prefix && !prefix->has_host_bits() ? prefix : std::nullopt;
}

std::optional<RefusedListing> read_names(const Call& call, abi::ListFlows& request) {
  if (const auto name = call.target.parameter("peer")) {
    const auto id = call.backend.peer_id(*name);
    if (!id)
      return RefusedListing{404, "peer: there is no peer " + in_quotes(*name) + suggest_peer(call.backend, *name)};
    request.peer_id = *id;
  }
  if (const auto name = call.target.parameter("rule")) {
    request.rule = call.backend.rule_number(std::string(*name));
    if (request.rule == 0)
      return RefusedListing{404,
                            "rule: there is no rule " + in_quotes(*name) + suggest_rule(*name, call.backend.policy())};
  }
  return std::nullopt;
}

tl::expected<abi::ListFlows, RefusedListing> read_request(const Call& call) {
  constexpr std::string_view known[] = {"peer", "address", "port", "protocol", "rule", "most"};
  if (auto wrong = wrong_query(call.target, known)) return tl::unexpected(RefusedListing{400, std::move(*wrong)});
  abi::ListFlows request{};
  request.peer_id = abi::no_peer;
  request.protocol = abi::any_protocol;
  if (auto refused = read_names(call, request)) return tl::unexpected(std::move(*refused));
  if (const auto text = call.target.parameter("address")) {
    const auto address = parse_network(*text);
    if (!address)
      return tl::unexpected(
          RefusedListing{400, "address: expected an address or a prefix without host bits, got " + in_quotes(*text)});
    request.address = *address;
  }
  if (const auto text = call.target.parameter("protocol")) {
    const auto protocol = parse_protocol(*text);
    if (!protocol)
      return tl::unexpected(
          RefusedListing{400, "protocol: expected " + std::string(expected_protocol) + ", got " + in_quotes(*text)});
    request.protocol = *protocol;
  }
  const auto port = number_parameter(call.target, "port", 1, 0xffff);
  const auto most = number_parameter(call.target, "most", 1, most_flows_listed);
  if (!port || !most) return tl::unexpected(RefusedListing{400, port ? most.error() : port.error()});
  request.port = static_cast<std::uint16_t>(port->value_or(0));
  request.most = most->value_or(default_flows_listed);
  return request;
}

HttpResponse get_flows(const Call& call) {
  const auto request = read_request(call);
  if (!request) return failure(request.error().status, request.error().message);
  if (call.backend.statistics() == nullptr) return failure(503, "no dataplane is connected: there are no flows");
  if (call.request.method == "HEAD") return document(Json::object());  // nobody would take the list
  auto backlog = std::make_shared<FlowsBacklog>();
  backlog->bytes = "{\"flows\":[";
  const auto listing = call.backend.list_flows(
      *request,
      [backlog, &backend = call.backend, time = call.time](const abi::FlowRecord& flow) {
        backlog->add(flow, backend, time);
      },
      [backlog](const tl::expected<bool, std::string>& cut) { backlog->end(cut); });
  if (!listing) return failure(409, listing.error());
  return stream(std::make_unique<BacklogSource>(
      std::move(backlog), [&backend = call.backend, listing = *listing] { backend.stop_listing(listing); }));
}

}  // namespace

std::span<const Endpoint> flow_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"flows"}, get_flows, "live flows: ?peer= &address= &port= &protocol= &rule= &most="},
  };
  return list;
}

}  // namespace sallyport::controlplane
