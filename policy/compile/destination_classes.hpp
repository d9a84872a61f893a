// Destination classes: sets of services, equal ones under one number. Services that no rule names are left out: they
// are in no row.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "policy/compile/interned_classes.hpp"
#include "policy/model.hpp"
#include "policy/selector_index.hpp"
#include "policy/verdict_row.hpp"

namespace sallyport::policy {

class DestinationClasses {
 public:
  // `policy` and `targets` must stay where they are. The numbers are those of its services, in its order.
  DestinationClasses(const Policy& policy, const RuleTargets& targets, std::vector<std::uint32_t> service_numbers,
                     std::uint32_t limit);

  [[nodiscard]] tl::expected<std::uint32_t, std::string> of_peer(const Facts& peer);
  // `services`: indices into the policy.
  [[nodiscard]] tl::expected<std::uint32_t, std::string> intern(std::span<const std::uint32_t> services);
  [[nodiscard]] const std::map<std::uint32_t, std::vector<std::uint32_t>>& all() const { return classes_.all(); }
  void keep_only(const std::vector<std::uint32_t>& kept);

 private:
  [[nodiscard]] std::string too_many() const;

  const Policy* policy_;
  const RuleTargets* targets_;
  std::vector<std::uint32_t> service_numbers_;
  SelectorIndex identities_;  // of services
  InternedClasses<std::uint32_t> classes_;
  std::string too_many_;  // the error, as long as nothing is released: thousands of peers may meet it
};

}  // namespace sallyport::policy
