#include <algorithm>

#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolment_api.hpp"
#include "controlplane/api/parties.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/protocols.hpp"
#include "controlplane/api/reachability.hpp"
#include "controlplane/http/rfc3339.hpp"
#include "policy/describe.hpp"
#include "policy/protocols.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t most_peers_compared = 64;
constexpr std::size_t most_rules_considered = 1000;

struct Question {
  std::string_view source, destination;
  std::uint8_t protocol = 0;
  std::uint16_t port = 0;
  policy::TimePoint at;
};

tl::expected<Question, std::string> read_question(const Call& call) {
  constexpr std::string_view known[] = {"source", "destination", "protocol", "port", "at"};
  if (auto wrong = wrong_query(call.target, known)) return tl::unexpected(std::move(*wrong));
  for (const std::string_view needed : {"source", "destination", "protocol"})
    if (call.target.parameter(needed).value_or("").empty())
      return tl::unexpected("expected the parameter " + std::string(needed));
  const std::string_view protocol_name = *call.target.parameter("protocol");
  const auto protocol = parse_protocol(protocol_name);
  if (!protocol)
    return tl::unexpected("protocol: expected " + std::string(expected_protocol) + ", got " + in_quotes(protocol_name));
  const auto port = number_parameter(call.target, "port", 0, 0xffff);
  if (!port) return tl::unexpected(port.error());
  if (policy::counts_ports(*protocol) != port->has_value())
    return tl::unexpected(policy::counts_ports(*protocol) ? "port: expected one for " + protocol_text(*protocol)
                                                          : "port: there are none in " + protocol_text(*protocol));
  Question question{.source = *call.target.parameter("source"),
                    .destination = *call.target.parameter("destination"),
                    .protocol = *protocol,
                    .port = static_cast<std::uint16_t>(port->value_or(0)),
                    .at = wall_clock(call.time)};
  if (const auto text = call.target.parameter("at")) {
    const auto at = parse_rfc3339(*text);
    if (!at) return tl::unexpected("at: expected a time like 2026-11-23T09:00:00Z, got " + in_quotes(*text));
    question.at = *at;
  }
  return question;
}

Json party_facts_json(const policy::Facts& facts) {
  return {{"peer", facts.peer.empty() ? Json() : Json(facts.peer)},
          {"identities", facts.names},
          {"tags", facts.tags},
          {"claims", claims_json(facts.claims)},
          {"posture", posture_json(facts.posture)},
          {"net", facts.net.valid() ? Json(facts.net.to_string()) : Json()}};
}

Json source_json(std::string_view text, const SourceParty& party, const AdminBackend& backend) {
  Json view = {{"text", text}, {"kind", party.kind}};
  view.update(party_facts_json(party.facts));
  view["peers"] = Json::array();
  for (std::size_t i = 0; i < party.peers.size() && i < most_peers_compared; ++i)
    view["peers"].push_back(party.peers[i]->name);
  view["session"] = party.peers.empty() ? Json() : session_or_null(*party.peers.front(), backend);
  return view;
}

Json destination_json(std::string_view text, const DestinationParty& party, const AdminBackend& backend) {
  const auto& destination = party.destination;
  return {{"text", text},
          {"kind", party.kind},
          {"address", destination.address ? Json(destination.address->to_string()) : Json()},
          {"peer", party.peer == nullptr ? Json() : Json(party.peer->name)},
          {"identities", destination.peer ? Json(destination.peer->names) : Json::array()},
          {"session", party.peer == nullptr ? Json() : session_or_null(*party.peer, backend)},
          {"note", party.note.empty() ? Json() : Json(party.note)}};
}

Reachability reach_of_source(const SourceParty& party, const Call& call) {
  if (!party.peers.empty()) return reach_of(*party.peers.front(), call.backend, call.time);
  if (!party.facts.net.valid()) return {};  // an identity or a tag: whoever has it
  if (party.kind == "address") return reach_of(party.facts.net.address, End::source, call.backend, call.time);
  return reach_of_network(party.facts.net, call.backend, call.time);
}

Reachability reach_of_destination(const DestinationParty& party, const Call& call) {
  if (party.destination.address) return reach_of(*party.destination.address, End::destination, call.backend, call.time);
  return party.peer == nullptr ? Reachability{} : reach_of(*party.peer, call.backend, call.time);
}

Json considered_json(const std::vector<policy::Considered>& considered) {
  Json list = Json::array();
  for (std::size_t i = 0; i < considered.size() && i < most_rules_considered; ++i)
    list.push_back({{"rule", considered[i].rule->name},
                    {"file", file_json(considered[i].rule->location)},
                    {"line", considered[i].rule->location.line},
                    {"why_not", considered[i].why_not}});
  return list;
}

// Peers of the same identity need not have the same tags and claims: whoever is decided otherwise is named.
void add_other_peers(Json& hints, const SourceParty& source, policy::Flow flow, const policy::Decision& decision,
                     const Question& question, const AdminBackend& backend) {
  for (std::size_t i = 1; i < source.peers.size() && i < most_peers_compared; ++i) {
    flow.source = source.peers[i]->facts;
    const auto other = policy::decide(*backend.policy(), backend.endpoints(), flow, question.at, backend.draining());
    if (other.rule == decision.rule && other.allowed == decision.allowed && other.draining == decision.draining)
      continue;
    hints.push_back("the peer " + source.peers[i]->name + " of the same identity is " + policy::decision_words(other));
  }
}

HttpResponse get_explanation(const Call& call) {
  const auto question = read_question(call);
  if (!question) return failure(400, question.error());
  const auto source = find_source(question->source, call.backend);
  if (!source) return failure(source.error().status, source.error().message);
  const auto destination = find_destination(question->destination, call.backend);
  if (!destination) return failure(destination.error().status, destination.error().message);
  const policy::Policy* policy = call.backend.policy();
  const policy::Flow flow{.source = source->facts,
                          .destination = destination->destination,
                          .protocol = question->protocol,
                          .port = question->port};
  policy::Explanation explanation;
  if (policy != nullptr)
    explanation = policy::explain(*policy, call.backend.endpoints(), flow, question->at, call.backend.draining());
  const Reachability from = reach_of_source(*source, call), to = reach_of_destination(*destination, call);
  // Advice about rules is of no use where no packet gets.
  Json hints = from.rule_can_help && to.rule_can_help ? Json(explanation.hints) : Json::array();
  if (policy == nullptr) {
    explanation.decision.allowed = true;
    hints.push_back("this gateway allows everything: [policy] default = \"allow\"");
  } else {
    add_other_peers(hints, *source, flow, explanation.decision, *question, call.backend);
  }
  for (const Problem& problem : call.backend.problems())
    if (problem.what == "routes")
      hints.push_back("a route of this flow may be missing: of all routes " + problem.why + " (sallyctl status)");
  if (call.backend.statistics() == nullptr)
    hints.push_back("no dataplane is connected: this is what the policy says, and perhaps not what packets meet");
  else if (!call.backend.policy_version().in_force)
    hints.push_back(
        "the dataplane does not have this version of the policy yet: packets are decided by the one before");
  Json source_view = source_json(question->source, *source, call.backend);
  source_view["reachability"] = reachability_json(from);
  Json destination_view = destination_json(question->destination, *destination, call.backend);
  destination_view["reachability"] = reachability_json(to);
  return document({{"allowed", explanation.decision.allowed},
                   {"rule", rule_json(explanation.decision.rule)},
                   {"audit_rule", rule_json(explanation.decision.audit_rule)},
                   {"source", std::move(source_view)},
                   {"destination", std::move(destination_view)},
                   {"protocol", protocol_text(question->protocol)},
                   {"port", policy::counts_ports(question->protocol) ? Json(question->port) : Json()},
                   {"at", policy::time_words(question->at)},
                   {"services", explanation.services},
                   {"other_services", explanation.other_services},
                   {"considered", considered_json(explanation.considered)},
                   {"considered_total", explanation.considered.size()},
                   {"hints", std::move(hints)}});
}

}  // namespace

std::span<const Endpoint> explain_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET",
               {"explain"},
               get_explanation,
               "the decision about a flow: ?source= &destination= &protocol= &port= &at="},
  };
  return list;
}

}  // namespace sallyport::controlplane
