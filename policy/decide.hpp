// The decision about one flow, evaluated rule by rule: slow, exact, with all its reasons. `sallyctl explain`, tests in
// policies and `policy diff` come from here; the dataplane must agree with it, which a test proves with packets.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/model.hpp"

namespace sallyport::policy {

// The addresses of live services, by the service's name. Hosts or prefixes.
using Endpoints = std::map<std::string, std::vector<IpPrefix>>;

struct Destination {
  std::optional<IpAddress> address;   // which services' prefixes and endpoints cover it
  std::optional<Facts> peer;          // whose address it is; nothing: no peer's
  std::vector<std::string> services;  // belongs to these whatever its address (a live service in a test)
};

struct Flow {
  Facts source;
  Destination destination;
  std::uint8_t protocol = 0;
  std::uint16_t port = 0;
};

struct Decision {
  bool allowed = false;
  const Rule* rule = nullptr;        // that decides; null: no rule allows it
  const Rule* audit_rule = nullptr;  // that would have denied what is allowed
  bool draining = false;             // denied only because the destination is draining
};

// Rules whose `from` and `to` match but which do not decide, with the reason ("hours: outside Mon-Fri ...",
// "posture managed: disk_encrypted is unknown", "comes after frontend-to-backend").
struct Considered {
  const Rule* rule = nullptr;
  std::string why_not;
};
struct Explanation {
  Decision decision;
  std::vector<std::string> services;        // of the destination, that match the port
  std::vector<std::string> other_services;  // of the destination, with other ports
  std::vector<Considered> considered;
  std::vector<std::string> hints;  // what would have to change, one sentence each
};

// Without what is draining.
[[nodiscard]] std::vector<const Service*> services_of(const Policy& policy, const Endpoints& endpoints,
                                                      const Destination& destination);
// For a flow that begins. Towards a draining endpoint it needs to be allowed without the services that are draining
// there (and with them: nobody gains by that). Where nothing else covers the address, nothing begins.
[[nodiscard]] Decision decide(const Policy& policy, const Endpoints& endpoints, const Flow& flow, TimePoint at,
                              const Endpoints& draining = {});
[[nodiscard]] Explanation explain(const Policy& policy, const Endpoints& endpoints, const Flow& flow, TimePoint at,
                                  const Endpoints& draining = {});
// The services that the address belongs to as a draining endpoint alone, in the order of the policy.
[[nodiscard]] std::vector<const Service*> draining_services_of(const Policy& policy, const Endpoints& endpoints,
                                                               const Endpoints& draining, const IpAddress& address);

}  // namespace sallyport::policy
