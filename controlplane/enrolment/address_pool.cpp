#include "controlplane/enrolment/address_pool.hpp"

#include <algorithm>
#include <limits>

#include "config/base/check.hpp"

namespace sallyport::controlplane {
namespace {

struct Range {
  AddressNumber first, last;
};

Range range_of(const IpPrefix& prefix) {
  SP_CHECK(prefix.valid());
  const AddressNumber first = number_of(prefix.network().address);
  const unsigned host_bits = prefix.address.bits() - prefix.length;
  if (host_bits == std::numeric_limits<AddressNumber>::digits) return {0, ~AddressNumber{0}};
  return {first, first + ((AddressNumber{1} << host_bits) - 1)};
}

bool is_host_of_its_family(const IpPrefix& prefix) {
  return prefix.valid() && prefix.is_host();
}

AddressRanges hosts_of(std::span<const IpPrefix> prefixes, IpFamily family) {
  AddressRanges hosts;
  for (const IpPrefix& prefix : prefixes)
    if (prefix.address.family == family) hosts.insert(range_of(prefix).first, range_of(prefix).last);
  for (const IpPrefix& prefix : prefixes) {
    if (prefix.address.family != family || prefix.length + 1U >= prefix.address.bits()) continue;
    const auto [first, last] = range_of(prefix);
    hosts.erase(first, first);
    if (family == IpFamily::v4) hosts.erase(last, last);
  }
  return hosts;
}

}  // namespace

AddressPool::AddressPool(std::span<const IpPrefix> prefixes) {
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    AddressRanges hosts = hosts_of(prefixes, family);
    if (!hosts.empty()) families_.push_back({family, hosts, hosts, {}, hosts});
  }
}

std::optional<std::vector<IpPrefix>> AddressPool::take() {
  if (families_.empty()) return std::nullopt;
  if (std::any_of(families_.begin(), families_.end(), [](const Family& f) { return f.free.empty(); }))
    return std::nullopt;
  std::vector<IpPrefix> hosts;
  for (Family& family : families_) hosts.push_back(family.take(family.free.lowest()));
  return hosts;
}

bool AddressPool::take(std::span<const IpPrefix> hosts) {
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    Family* family = is_host_of_its_family(hosts[i]) ? family_of(hosts[i].address) : nullptr;
    if (family == nullptr || !family->free.contains(number_of(hosts[i].address))) {
      give_back(hosts.first(i));
      return false;
    }
    (void)family->take(number_of(hosts[i].address));
  }
  return !hosts.empty();
}

void AddressPool::give_back(std::span<const IpPrefix> hosts) {
  for (const IpPrefix& host : hosts)
    if (Family* family = is_host_of_its_family(host) ? family_of(host.address) : nullptr)
      family->give_back(number_of(host.address));
}

bool AddressPool::contains(const IpAddress& address) const {
  return std::any_of(families_.begin(), families_.end(), [&](const Family& family) {
    return family.family == address.family && family.hosts.contains(number_of(address));
  });
}

void AddressPool::reserve(const IpPrefix& prefix) {
  if (Family* family = family_of(prefix.address)) family->reserve(prefix);
}

void AddressPool::set_reserved(std::span<const IpPrefix> prefixes) {
  for (Family& family : families_) family.set_reserved(prefixes);
}

std::uint64_t AddressPool::capacity() const {
  if (families_.empty()) return 0;
  AddressNumber least = std::numeric_limits<std::uint64_t>::max();
  for (const Family& family : families_) least = std::min(least, family.leasable.count());
  return static_cast<std::uint64_t>(least);
}

AddressPool::Family* AddressPool::family_of(const IpAddress& address) {
  const auto found =
      std::find_if(families_.begin(), families_.end(), [&](const Family& f) { return f.family == address.family; });
  return found == families_.end() ? nullptr : &*found;
}

IpPrefix AddressPool::Family::take(AddressNumber number) {
  free.erase(number, number);
  taken.insert(number, number);
  return IpPrefix::host(address_of(number, family));
}

void AddressPool::Family::give_back(AddressNumber number) {
  if (!taken.contains(number)) return;
  taken.erase(number, number);
  if (leasable.contains(number)) free.insert(number, number);
}

void AddressPool::Family::reserve(const IpPrefix& prefix) {
  const auto [first, last] = range_of(prefix);
  leasable.erase(first, last);
  free.erase(first, last);
}

void AddressPool::Family::set_reserved(std::span<const IpPrefix> prefixes) {
  leasable = hosts;
  for (const IpPrefix& prefix : prefixes)
    if (prefix.address.family == family) leasable.erase(range_of(prefix).first, range_of(prefix).last);
  free = leasable;
  for (const auto& [first, last] : taken.ranges()) free.erase(first, last);
}

}  // namespace sallyport::controlplane
