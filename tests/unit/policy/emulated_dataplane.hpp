// The look-up of the dataplane, as dataplane/abi/policy_commands.hpp draws it, over what the compiler made. It knows no
// names and no identities.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "policy/compile.hpp"

namespace sallyport::policy {

class EmulatedDataplane {
 public:
  struct Verdict {
    bool allowed = false;
    std::uint32_t rule = 0;
    std::uint32_t audit_rule = 0;
    friend bool operator==(const Verdict&, const Verdict&) = default;
  };

  EmulatedDataplane(const Compiler& compiler, const std::map<IpPrefix, AddressEntry>& addresses)
      : compiler_(&compiler), addresses_(&addresses) {
    for (const abi::SetRule& rule : compiler.rules()) rules_.emplace(rule.number, rule);
    for (const abi::SetService& service : compiler.services()) services_.emplace(service.number, service);
  }

  [[nodiscard]] AddressEntry entry_of(const IpAddress& address) const {
    for (int length = static_cast<int>(address.bits()); length >= 0; --length) {
      const auto entry = addresses_->find(IpPrefix{address, static_cast<std::uint8_t>(length)}.network());
      if (entry != addresses_->end()) return entry->second;
    }
    return {};
  }

  // The first packet of a flow.
  [[nodiscard]] Verdict decide_first(const SourceAccess& access, TimePoint at, const AddressEntry& destination,
                                     std::uint32_t class_of_peer, std::uint8_t protocol, std::uint16_t port) const {
    const Verdict going_on = decide(access, at, destination.destination_class, class_of_peer, protocol, port);
    if (!going_on.allowed || (!destination.draining && destination.opening_class == 0)) return going_on;
    const bool opens =
        !destination.draining && decide(access, at, destination.opening_class, class_of_peer, protocol, port).allowed;
    return opens ? going_on : Verdict{};
  }

  [[nodiscard]] Verdict decide(const SourceAccess& access, TimePoint at, std::uint32_t class_of_address,
                               std::uint32_t class_of_peer, std::uint8_t protocol, std::uint16_t port) const {
    std::uint32_t source_class = access.source_class;
    for (const AccessStep& step : access.steps) {
      if (at >= step.not_after) source_class = step.next_class;
    }
    const auto row = compiler_->source_classes().find(source_class);
    if (row == compiler_->source_classes().end()) return {};

    const abi::SetRule* deciding = nullptr;
    const abi::SetRule* audit = nullptr;
    for (const abi::RowEntry& entry : row->second) {
      const bool meets = entry.service == abi::any_service ||
                         ((contains(class_of_address, entry.service) || contains(class_of_peer, entry.service)) &&
                          port_matches(services_.at(entry.service), protocol, port));
      if (!meets) continue;
      if (entry.rule != 0) deciding = lower(deciding, rules_.at(entry.rule));
      if (entry.audit_rule != 0) audit = lower(audit, rules_.at(entry.audit_rule));
    }
    if (deciding == nullptr) return {};
    const bool allowed = deciding->action == abi::RuleAction::allow;
    const bool audited = allowed && audit != nullptr && audit->rank < deciding->rank;
    return {allowed, deciding->number, audited ? audit->number : 0};
  }

 private:
  static const abi::SetRule* lower(const abi::SetRule* best, const abi::SetRule& rule) {
    return best == nullptr || rule.rank < best->rank ? &rule : best;
  }

  [[nodiscard]] bool contains(std::uint32_t destination_class, std::uint32_t service) const {
    const auto services = compiler_->destination_classes().find(destination_class);
    return services != compiler_->destination_classes().end() &&
           std::binary_search(services->second.begin(), services->second.end(), service);
  }

  static bool port_matches(const abi::SetService& service, std::uint8_t protocol, std::uint16_t port) {
    const bool has_ports = protocol == 6 || protocol == 17 || protocol == 132;
    for (std::uint32_t i = 0; i < service.port_count; ++i) {
      const abi::PortRange& range = service.ports[i];
      if (range.protocol != abi::any_protocol && range.protocol != protocol) continue;
      if (!has_ports || (range.first <= port && port <= range.last)) return true;
    }
    return false;
  }

  const Compiler* compiler_;
  const std::map<IpPrefix, AddressEntry>* addresses_;
  std::map<std::uint32_t, abi::SetRule> rules_;
  std::map<std::uint32_t, abi::SetService> services_;
};

}  // namespace sallyport::policy
