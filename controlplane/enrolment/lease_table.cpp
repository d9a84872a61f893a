#include "controlplane/enrolment/lease_table.hpp"

namespace sallyport::controlplane {

LeaseTable::LeaseTable() : pool_(std::vector<IpPrefix>{}) {}

std::vector<AddressLease> LeaseTable::configure(const std::vector<IpPrefix>& pool,
                                                const std::vector<IpPrefix>& reserved, Records& to_store) {
  pool_ = AddressPool(pool);
  for (const IpPrefix& prefix : reserved) pool_.reserve(prefix);
  std::vector<AddressLease> lost;
  std::vector<Key> unfit;
  for (const auto& [key, entry] : leases_)
    if (!pool_.take(entry.lease.addresses)) unfit.push_back(key);
  for (const Key& key : unfit) {
    const Entry& entry = leases_.at(key);
    if (entry.in_use) lost.push_back(entry.lease);
    to_store[key_of(entry.lease)].clear();
    forget(key);
  }
  return lost;
}

bool LeaseTable::restore(const AddressLease& lease) {
  if (lease.addresses.empty() || !pool_.take(lease.addresses)) return false;
  add(lease);
  return true;
}

std::optional<std::vector<IpPrefix>> LeaseTable::acquire(const std::string& identity, const std::string& instance,
                                                         TimePoint now, Records& to_store) {
  Entry* entry = best_of(identity, instance);
  if (entry == nullptr) {
    auto addresses = pool_.take();
    if (!addresses && !free_.empty()) {
      forget_oldest(to_store);
      addresses = pool_.take();
    }
    if (!addresses || addresses->empty()) return std::nullopt;
    entry = &add({identity, instance, std::move(*addresses), now});
  }
  set_in_use(*entry, true);
  entry->lease.instance = instance;
  entry->lease.last_used = now;
  to_store[key_of(entry->lease)] = to_document(entry->lease);
  return entry->lease.addresses;
}

bool LeaseTable::acquire(const std::string& identity, const std::vector<IpPrefix>& addresses) {
  if (addresses.empty()) return false;
  const auto found = leases_.find(addresses.front().address);
  if (found == leases_.end() || found->second.in_use || found->second.lease.identity != identity ||
      found->second.lease.addresses != addresses)
    return false;
  set_in_use(found->second, true);
  return true;
}

void LeaseTable::release(const std::vector<IpPrefix>& addresses, TimePoint now, Records& to_store) {
  const auto found = addresses.empty() ? leases_.end() : leases_.find(addresses.front().address);
  if (found == leases_.end() || !found->second.in_use) return;
  found->second.lease.last_used = now;
  set_in_use(found->second, false);
  to_store[key_of(found->second.lease)] = to_document(found->second.lease);
  while (free_.size() > free_max) forget_oldest(to_store);
}

void LeaseTable::forget_oldest(Records& to_store) {
  const Key oldest = free_.begin()->second;
  const AddressLease lease = leases_.at(oldest).lease;
  to_store[key_of(lease)].clear();
  forget(oldest);
  pool_.give_back(lease.addresses);
}

LeaseTable::Entry& LeaseTable::add(AddressLease lease) {
  const Key key = lease.addresses.front().address;
  by_identity_[lease.identity].insert(key);
  free_.emplace(lease.last_used, key);
  Entry& entry = leases_[key];
  entry = {std::move(lease), false};
  return entry;
}

void LeaseTable::forget(const Key& key) {
  const auto found = leases_.find(key);
  const auto group = by_identity_.find(found->second.lease.identity);
  group->second.erase(key);
  if (group->second.empty()) by_identity_.erase(group);
  free_.erase({found->second.lease.last_used, key});
  leases_.erase(found);
}

// last_used may change only while a lease is in use: it orders those that are not.
void LeaseTable::set_in_use(Entry& entry, bool in_use) {
  const Key& key = entry.lease.addresses.front().address;
  if (in_use)
    free_.erase({entry.lease.last_used, key});
  else
    free_.emplace(entry.lease.last_used, key);
  entry.in_use = in_use;
}

LeaseTable::Entry* LeaseTable::best_of(const std::string& identity, const std::string& instance) {
  const auto group = by_identity_.find(identity);
  if (group == by_identity_.end()) return nullptr;
  Entry* best = nullptr;
  for (const Key& key : group->second) {
    Entry& entry = leases_.at(key);
    if (entry.in_use) continue;
    const bool same = entry.lease.instance == instance;
    if (best == nullptr || (same && best->lease.instance != instance) ||
        (same == (best->lease.instance == instance) && entry.lease.last_used > best->lease.last_used))
      best = &entry;
  }
  return best;
}

}  // namespace sallyport::controlplane
