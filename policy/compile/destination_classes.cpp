#include "policy/compile/destination_classes.hpp"

#include <algorithm>
#include <utility>

#include "policy/compile/split_most.hpp"
#include "policy/describe.hpp"

namespace sallyport::policy {

DestinationClasses::DestinationClasses(const Policy& policy, const RuleTargets& targets,
                                       std::vector<std::uint32_t> service_numbers, std::uint32_t limit)
    : policy_(&policy), targets_(&targets), service_numbers_(std::move(service_numbers)), classes_(limit) {
  for (std::uint32_t service = 0; service < policy.services.size(); ++service) {
    for (const Selector& selector : policy.services[service].identities) identities_.add(selector, service);
  }
}

tl::expected<std::uint32_t, std::string> DestinationClasses::of_peer(const Facts& peer) {
  return intern(identities_.matching(peer));
}

tl::expected<std::uint32_t, std::string> DestinationClasses::intern(std::span<const std::uint32_t> services) {
  std::vector<std::uint32_t> numbers;
  for (const std::uint32_t service : services) {
    if (targets_->is_named(service)) numbers.push_back(service_numbers_[service]);
  }
  std::sort(numbers.begin(), numbers.end());
  const auto number = classes_.intern(numbers);
  if (number) return *number;
  if (too_many_.empty()) too_many_ = too_many();
  return tl::make_unexpected(too_many_);
}

void DestinationClasses::keep_only(const std::vector<std::uint32_t>& kept) {
  classes_.keep_only(kept);
  too_many_.clear();
}

std::string DestinationClasses::too_many() const {
  std::map<std::uint32_t, std::size_t> classes_of_service;
  for (const auto& [number, services] : classes_.all()) {
    for (const std::uint32_t service : services) ++classes_of_service[service];
  }
  std::vector<std::pair<std::size_t, std::string>> candidates;
  for (std::size_t service = 0; service < policy_->services.size(); ++service) {
    const auto count = classes_of_service.find(service_numbers_[service]);
    if (count == classes_of_service.end()) continue;
    candidates.emplace_back(count->second, service_words(policy_->services[service]));
  }
  return classes_.excess("sets of services at one address") +
         "; those split most: " + split_most(std::move(candidates), classes_.all().size());
}

}  // namespace sallyport::policy
