// Which classes somebody has, and what the dataplane is told of them.
#include <algorithm>
#include <vector>

#include "controlplane/access/policy_service.hpp"

namespace sallyport::controlplane {
namespace {

using std::chrono::nanoseconds;

template <typename Use>
void for_each_class(const policy::SourceAccess& access, Use&& use) {
  if (access.source_class != 0) use(access.source_class);
  for (const policy::AccessStep& step : access.steps)
    if (step.next_class != 0) use(step.next_class);
}

}  // namespace

// ---- classes ----

void PolicyService::use(const policy::SourceAccess& access, std::initializer_list<std::uint32_t> destination_classes,
                        int difference) {
  const auto count = [&](auto& uses, std::uint32_t number) {
    if ((uses[number] += difference) > 0) return;
    uses.erase(number);
    unused_classes_ = true;
  };
  for_each_class(access, [&](std::uint32_t number) { count(source_uses_, number); });
  for (const std::uint32_t number : destination_classes)
    if (number != 0) count(destination_uses_, number);
}

// Classes reach the publisher with the first that has them.
void PolicyService::announce(const policy::SourceAccess& access,
                             std::initializer_list<std::uint32_t> destination_classes) {
  const DesiredPolicy& known = publisher_.policy();
  for_each_class(access, [&](std::uint32_t number) {
    if (known.source_classes.contains(number)) return;
    const auto row = compiler_->source_classes().find(number);
    if (row != compiler_->source_classes().end()) publisher_.set_source_class(number, row->second);
  });
  for (const std::uint32_t number : destination_classes) {
    if (number == 0 || known.destination_classes.contains(number)) continue;
    const auto services = compiler_->destination_classes().find(number);
    if (services != compiler_->destination_classes().end()) publisher_.set_destination_class(number, services->second);
  }
}

void PolicyService::collect_classes() {
  if (!unused_classes_ || !compiler_ || !publisher_.policy_settled()) return;
  unused_classes_ = false;
  const auto keys_of = [](const auto& uses) {
    std::vector<std::uint32_t> numbers;
    for (const auto& [number, count] : uses) numbers.push_back(number);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  };
  const auto unused = [](const auto& known, const auto& uses) {
    std::vector<std::uint32_t> numbers;
    for (const auto& [number, list] : known)
      if (!uses.contains(number)) numbers.push_back(number);
    return numbers;
  };
  compiler_->keep_only(keys_of(source_uses_), keys_of(destination_uses_));
  for (const std::uint32_t number : unused(publisher_.policy().source_classes, source_uses_))
    publisher_.remove_source_class(number);
  for (const std::uint32_t number : unused(publisher_.policy().destination_classes, destination_uses_))
    publisher_.remove_destination_class(number);
}

// ---- messages ----

std::uint64_t PolicyService::boot_ns_of(policy::TimePoint time) const {
  const nanoseconds since_boot = nanoseconds(time.time_since_epoch()) - clock_offset_.value_or(nanoseconds(0));
  return since_boot.count() < 1 ? 1 : static_cast<std::uint64_t>(since_boot.count());
}

abi::Access PolicyService::message(const policy::SourceAccess& access) const {
  abi::Access message{};
  message.source_class = access.source_class;
  std::uint64_t before = 0;
  for (const policy::AccessStep& step : access.steps) {
    if (message.step_count == abi::max_access_steps) break;
    before = std::max(boot_ns_of(step.not_after), before + 1);  // times before the boot are all the same
    message.steps[message.step_count++] = {before, step.next_class, 0};
  }
  return message;
}

abi::SetAddress PolicyService::message(const IpPrefix& prefix, const policy::AddressEntry& entry) const {
  return {.image = 0,
          .access = message(entry.access),
          .destination_class = entry.destination_class,
          .opening_class = entry.opening_class,
          .prefix = prefix,
          .draining = static_cast<std::uint8_t>(entry.draining ? 1 : 0),
          .reserved = {}};
}

abi::SetPeerAccess PolicyService::message(const Member& member) const {
  return {0, *member.id, identity_number(member), message(member.access), member.destination_class, 0};
}

}  // namespace sallyport::controlplane
