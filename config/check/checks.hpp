// What must hold between the objects of a configuration. Each check adds its errors to the draft; an object that could
// not be read in full takes part with what is known of it, so that one mistake is reported once.
#pragma once

#include "config/read/draft.hpp"

namespace sallyport::config {

// Names are unique within their kind, references resolve, a public key stands once per WireGuard interface.
void check_names(Draft& draft);
// Devices, VLANs, UDP ports, MTUs and counts of ports, WireGuard interfaces and peers.
void check_interfaces(Draft& draft);
// Own addresses, connected prefixes and gateways.
void check_addresses(Draft& draft);
// The next hops of routes, and behind which port each leads.
void check_routes(Draft& draft);
// Prefixes that one owner has alone: of routes, peers and pools.
void check_destinations(Draft& draft);
// Where the enrolment API listens, what it tells clients, and the addresses that it gives them.
void check_enrolment(Draft& draft);
// After all others: what a reload cannot put in force beside the ports that run, which only a restart changes.
void check_beside_running(Draft& draft, const std::vector<Port>& running);
// IPsec, peers' endpoints and the files that the processes themselves make.
void check_services(Draft& draft);

}  // namespace sallyport::config
