#include <algorithm>
#include <utility>

#include "config/toml/suggest.hpp"
#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/views.hpp"
#include "controlplane/http/rfc3339.hpp"
#include "policy/ports.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned services_per_step = 64;

template <typename Value, typename ToText>
Json texts(const std::vector<Value>& values, ToText to_text_of) {
  Json list = Json::array();
  for (const Value& value : values) list.push_back(to_text_of(value));
  return list;
}

constexpr std::size_t most_addresses_shown = 1000;  // of a service, in the list of all

const std::vector<IpPrefix>& live_addresses(const std::string& service, const PolicyBackend& backend) {
  static const std::vector<IpPrefix> none;
  const auto found = backend.endpoints().find(service);
  return found == backend.endpoints().end() ? none : found->second;
}

std::string_view to_string(EndpointSource::Kind kind) {
  using Kind = EndpointSource::Kind;
  switch (kind) {
    case Kind::cluster:
      return "cluster";
    case Kind::api:
      return "api";
    case Kind::stored:
      return "stored";
  }
  return "unknown";
}

// Where the addresses of live services come from: asked once for a whole list.
class LiveSources {
 public:
  LiveSources(const EnrolmentBackend& backend, policy::TimePoint now)
      : backend_(backend), now_(now), clusters_(backend.clusters()) {}

  void describe(const policy::Service& service, Json& view) const {
    if (!service.endpoints) return;
    const auto source = backend_.endpoint_source(service.name);
    view["source"] = source ? source_json(*source) : Json();
    view["draining"] = prefixes_json(source ? source->draining : std::vector<IpPrefix>());
  }

 private:
  [[nodiscard]] Json source_json(const EndpointSource& source) const {
    Json view = {{"kind", to_string(source.kind)}};
    bool stale = false;
    if (source.kind == EndpointSource::Kind::cluster) {
      view["cluster"] = source.cluster;
      const auto cluster = std::find_if(clusters_.begin(), clusters_.end(),
                                        [&](const ClusterStatus& status) { return status.name == source.cluster; });
      stale = cluster == clusters_.end() || cluster->stale;
      if (cluster != clusters_.end() && cluster->in_contact_at)
        view["age_s"] = std::max<std::int64_t>(0, (now_ - *cluster->in_contact_at).count());
    }
    view["stale"] = stale;
    return view;
  }

  const EnrolmentBackend& backend_;
  policy::TimePoint now_;
  std::vector<ClusterStatus> clusters_;
};

Json service_view(const policy::Service& service, const PolicyBackend& backend, const LiveSources& sources) {
  Json view = {
      {"name", service.name},
      {"file", file_json(service.location)},
      {"line", service.location.line},
      {"ports", texts(service.ports, [](const abi::PortRange& ports) { return policy::to_string(ports); })},
      {"prefixes", prefixes_json(service.prefixes)},
      {"identities", texts(service.identities, [](const policy::Selector& selector) { return selector.text; })},
      {"endpoints", service.endpoints ? Json(*service.endpoints) : Json()},
      {"live_addresses", Json()}};
  if (service.endpoints) {
    const std::vector<IpPrefix>& live = live_addresses(service.name, backend);
    view["live_addresses"] = live.size();
    view["addresses"] = prefixes_json(
        {live.begin(), live.begin() + static_cast<std::ptrdiff_t>(std::min(live.size(), most_addresses_shown))});
  }
  sources.describe(service, view);
  return view;
}

HttpResponse unknown_service(const Call& call, const policy::Policy& policy) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < policy.services.size() && i < 10'000; ++i) names.emplace_back(policy.services[i].name);
  return failure(404, "there is no service " + in_quotes(call.name) + config::did_you_mean(call.name, names));
}

HttpResponse no_policy() {
  return failure(409, "this gateway allows everything ([policy] default = \"allow\"): there are no services");
}

// An address, or a prefix without host bits.
std::optional<IpPrefix> parse_endpoint(const std::string& text) {
  if (const auto address = IpAddress::parse(text)) return IpPrefix::host(*address);
  const auto prefix = IpPrefix::parse(text);
  return prefix && !prefix->has_host_bits() ? prefix : std::nullopt;
}

tl::expected<std::vector<IpPrefix>, std::string> read_endpoints(const std::string& body) {
  const Json document = Json::parse(body, nullptr, false);
  if (!document.is_object() || document.size() != 1 || !document.contains("endpoints") ||
      !document["endpoints"].is_array())
    return tl::unexpected(std::string("expected {\"endpoints\": [ADDRESS or PREFIX, ...]}"));
  const Json& list = document["endpoints"];
  if (list.size() > most_endpoints)
    return tl::unexpected("endpoints: expected at most " + std::to_string(most_endpoints) + ", got " +
                          std::to_string(list.size()));
  std::vector<IpPrefix> endpoints;
  for (const Json& element : list) {
    const auto parsed = element.is_string() ? parse_endpoint(element.get_ref<const std::string&>()) : std::nullopt;
    if (!parsed)
      return tl::unexpected("endpoints: expected an address or a prefix without host bits, got " +
                            in_quotes(to_text(element)));
    endpoints.push_back(*parsed);
  }
  std::sort(endpoints.begin(), endpoints.end());
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
  return endpoints;
}

HttpResponse get_services(const Call& call) {
  auto step = [&backend = call.backend, sources = LiveSources(call.backend, wall_clock(call.time)),
               next = std::size_t{0}](const JsonEmit& emit) mutable {
    const policy::Policy* policy = backend.policy();
    if (policy == nullptr) return false;
    for (unsigned i = 0; i < services_per_step && next < policy->services.size(); ++i)
      emit(service_view(policy->services[next++], backend, sources));
    return next < policy->services.size();
  };
  return stream(json_array(std::move(step)));
}

HttpResponse get_endpoints(const Call& call) {
  const policy::Policy* policy = call.backend.policy();
  if (policy == nullptr) return no_policy();
  const policy::Service* service = policy->find_service(call.name);
  if (service == nullptr) return unknown_service(call, *policy);
  if (!service->endpoints)
    return failure(
        409, "the service '" + service->name + "' has its addresses from the policy files: it has no 'endpoints'");
  return document({{"service", service->name},
                   {"source", *service->endpoints},
                   {"endpoints", prefixes_json(live_addresses(service->name, call.backend))}});
}

HttpResponse put_endpoints(const Call& call) {
  const policy::Policy* policy = call.backend.policy();
  if (policy == nullptr) return no_policy();
  if (policy->find_service(call.name) == nullptr) return unknown_service(call, *policy);
  auto endpoints = read_endpoints(call.request.body);
  if (!endpoints) return failure(400, endpoints.error());
  const std::size_t count = endpoints->size();
  const auto done = call.backend.set_endpoints(call.name, std::move(*endpoints));
  if (!done) return refusal(done.error(), call.backend);
  return document({{"service", call.name}, {"endpoints", count}});
}

}  // namespace

std::span<const Endpoint> service_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"services"}, get_services, "the services of the policy"},
      Endpoint{"GET", {"services", "NAME", "endpoints"}, get_endpoints, "the addresses of a live service"},
      Endpoint{"PUT", {"services", "NAME", "endpoints"}, put_endpoints, "replace them"},
  };
  return list;
}

}  // namespace sallyport::controlplane
