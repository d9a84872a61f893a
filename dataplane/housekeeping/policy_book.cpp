#include "dataplane/housekeeping/policy_book.hpp"

#include <algorithm>
#include <array>

#include "config/base/hash.hpp"
#include "dataplane/forwarding/flow_table.hpp"

namespace sallyport::dataplane {
namespace {

// What counts rates and flows of a source on an inside port: the prefix that gave it its access.
std::uint32_t identity_of(const IpPrefix& prefix) noexcept {
  const std::array kind{static_cast<std::uint8_t>(prefix.address.family), prefix.length};
  return fnv1a(kind, fnv1a<std::uint32_t>(prefix.address.bytes)) | inside_end_bit;
}

// Takes the steps that have ended.
abi::Access as_of(abi::Access access, std::uint64_t now_ns) noexcept {
  unsigned ended = 0;
  while (ended < access.step_count && access.steps[ended].not_after_ns <= now_ns) ++ended;
  if (ended == 0) return access;
  access.source_class = access.steps[ended - 1].next_class;
  std::copy(access.steps.begin() + ended, access.steps.begin() + access.step_count, access.steps.begin());
  access.step_count -= ended;
  return access;
}

// The entry of the longest prefix that contains this one, itself included, or null.
const AddressAccess* longest_around(const PolicyBook& book, IpPrefix prefix) noexcept {
  for (;; --prefix.length) {
    prefix = prefix.network();
    if (const auto found = book.addresses.find(prefix); found != book.addresses.end())
      return found->second.access.get();
    if (prefix.length == 0) return nullptr;
  }
}

}  // namespace

PolicyBook::Entry PolicyBook::entry_of(const IpPrefix& prefix) {
  if (const auto found = addresses.find(prefix); found != addresses.end()) return {found->second, false};
  Address& added = addresses.emplace(prefix, Address{std::make_unique<AddressAccess>(), {}}).first->second;
  added.access->identity = identity_of(prefix);
  index_outdated = true;
  return {added, true};
}

void PolicyBook::set_address_access(const IpPrefix& prefix, Address& address, const abi::Access& access,
                                    std::uint64_t now_ns) {
  if (address.steps.step_count != 0) addresses_due.erase({address.steps.steps[0].not_after_ns, prefix});
  address.steps = as_of(access, now_ns);
  if (address.steps.step_count != 0) addresses_due.emplace(address.steps.steps[0].not_after_ns, prefix);
  address.access->source_class.store(address.steps.source_class, std::memory_order_relaxed);
}

void PolicyBook::set_peer(std::uint32_t peer_id, const abi::Access& access, std::uint64_t now_ns) {
  if (const auto old = peers_with_steps.find(peer_id); old != peers_with_steps.end()) {
    peers_due.erase({old->second.steps[0].not_after_ns, peer_id});
    peers_with_steps.erase(old);
  }
  const abi::Access now = as_of(access, now_ns);
  if (now.step_count != 0) {
    peers_with_steps[peer_id] = now;
    peers_due.emplace(now.steps[0].not_after_ns, peer_id);
  }
  image->peers[peer_id].source_class.store(now.source_class, std::memory_order_relaxed);
}

void PolicyBook::note_access(std::uint32_t peer_id, bool has, std::uint32_t max_peers) {
  if (peer_id >= has_access.size()) has_access.resize(max_peers);
  if (has_access[peer_id] == has) return;
  has_access[peer_id] = has;
  has ? ++peers_with_access : --peers_with_access;
}

bool PolicyBook::pass_on(const IpPrefix& prefix) noexcept {
  bool any = false;
  for (auto at = removed_addresses.lower_bound(prefix); at != removed_addresses.end(); ++at) {
    IpAddress address = at->first.address;
    const bool is_other_family = std::exchange(address.family, prefix.address.family) != prefix.address.family;
    if (!prefix.contains(address)) break;
    if (is_other_family) continue;  // both stand in one order
    const AddressAccess* outer = longest_around(*this, at->first);
    const auto take = [&](std::atomic<std::uint32_t> AddressAccess::*value) {
      (at->second.get()->*value)
          .store(outer != nullptr ? (outer->*value).load(std::memory_order_relaxed) : 0, std::memory_order_relaxed);
    };
    take(&AddressAccess::source_class);
    take(&AddressAccess::destination_class);
    take(&AddressAccess::opening_class);
    any = true;
  }
  return any;
}

HeldPolicyParts PolicyBook::held() const noexcept {
  return {.source_classes = source_classes,
          .destination_classes = destination_classes,
          .addresses = addresses.size(),
          .peers_with_access = peers_with_access};
}

}  // namespace sallyport::dataplane
