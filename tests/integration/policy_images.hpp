// What a control plane sends of a compiled policy, for tests that have their policy as text or as values.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "policy/compile.hpp"
#include "policy/load.hpp"
#include "tests/integration/lab.hpp"

namespace sallyport::integration {

// One file, "policy.toml". Stops the test's program on an error in it.
[[nodiscard]] policy::Policy parse_policy(std::string_view text);

// Policies of a Lab, one after the other: rules and services keep their numbers.
class PolicyImages {
 public:
  explicit PolicyImages(Lab& lab) : lab_(lab) {}

  // Who stands behind a peer, and by which number its rates are counted (its own unless said).
  void identify(const WireguardPeer& peer, policy::Facts facts, std::optional<std::uint32_t> identity = {});
  policy::Endpoints endpoints, draining;
  bool record_flows = false;
  std::uint16_t pick_up_s = 0;
  policy::TimePoint now{};  // of the wall clock, as of the Lab's clock

  // A new image of this policy; nothing is settled.
  void put(policy::Policy policy);
  void put(std::string_view text) { put(parse_policy(text)); }
  // Into the image in force: what changed of a peer, or of the addresses.
  void put_peer(const WireguardPeer& peer);
  void put_addresses();

  [[nodiscard]] std::uint32_t number_of(const std::string& rule) const { return rules_.of(rule); }
  [[nodiscard]] std::string rule_of(std::uint32_t number) const { return rules_.name_of(number); }
  [[nodiscard]] abi::StatisticsView::RuleTotals counts(const std::string& rule) const;
  [[nodiscard]] const policy::Policy& policy() const { return compiler_->policy(); }

 private:
  struct Identity {
    policy::Facts facts;
    std::uint32_t number;
  };
  void push_classes();
  [[nodiscard]] abi::Access access_of(const policy::SourceAccess& access) const;

  Lab& lab_;
  policy::Numbers rules_{abi::max_rules}, services_{abi::max_services};
  std::optional<policy::Compiler> compiler_;
  std::map<std::uint32_t, Identity> identities_;  // by peer
  std::map<IpPrefix, policy::AddressEntry> addresses_;
  std::map<std::uint32_t, std::vector<abi::RowEntry>> sent_rows_;
  std::map<std::uint32_t, std::vector<std::uint32_t>> sent_destinations_;
  std::uint32_t generation_ = 0;
};

}  // namespace sallyport::integration
