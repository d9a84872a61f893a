// The questions about a configuration that config::load() cannot answer: key files, certificates, policy files, and
// what this version does not do yet. Start, reload and `sallyctl check` ask them here, so that none calls good what
// another refuses. What depends on the machine besides its files (cores, huge pages, devices) is the dataplane's to
// refuse: dataplane/io/eal_plan.hpp.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "controlplane/access/policy_service.hpp"
#include "controlplane/identity/peer.hpp"
#include "controlplane/peers/gateway_keys.hpp"

namespace sallyport::controlplane {

enum class KeyFiles : std::uint8_t { read, leave };  // leave: they are on another machine

// The keys of the configuration (none if they are left), or all errors at once: sections that nothing acts on, key
// files, public keys, the certificate of [enrolment]. `before` as for load_keys().
[[nodiscard]] tl::expected<GatewayKeys, std::vector<config::Error>> validate(const config::Config& configuration,
                                                                             const GatewayKeys& before,
                                                                             KeyFiles key_files = KeyFiles::read);

// The policy files of the configuration, which names some: parsed, tested, and compiled for `peers` within the limits
// of the configuration, as a process does it at its first start.
[[nodiscard]] tl::expected<PolicyService::Prepared, std::vector<config::Error>> validate_policy(
    const config::Config& configuration, std::span<const Peer> peers, wireguard::Instant now);

}  // namespace sallyport::controlplane
