// Which addresses belong to which identity. A lease outlives its session: whoever comes back gets the address that they
// had, of several the one that their machine had, else the one that was free for the shortest time. When the pool is
// empty the lease that was free for the longest time goes to a newcomer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/enrolment/address_pool.hpp"
#include "controlplane/enrolment/records.hpp"

namespace sallyport::controlplane {

class LeaseTable {
 public:
  LeaseTable();

  // Another pool. Leases that do not fit any more go, of the others nothing changes; returns those that went and were
  // in use. `reserved` are prefixes that others have.
  std::vector<AddressLease> configure(const std::vector<IpPrefix>& pool, const std::vector<IpPrefix>& reserved,
                                      Records& to_store);
  // A lease as it was stored, free. False: its addresses are taken or not of the pool.
  bool restore(const AddressLease& lease);

  // Nothing: no address is free. What it returns is in use until release().
  [[nodiscard]] std::optional<std::vector<IpPrefix>> acquire(const std::string& identity, const std::string& instance,
                                                             TimePoint now, Records& to_store);
  // Exactly these, of a stored session; false: not this identity's, or in use.
  [[nodiscard]] bool acquire(const std::string& identity, const std::vector<IpPrefix>& addresses);
  void release(const std::vector<IpPrefix>& addresses, TimePoint now, Records& to_store);

  // Those that nobody uses; of more the ones that have been free longest go, however large the pool is.
  static constexpr std::size_t free_max = 65'536;
  [[nodiscard]] std::size_t size() const { return leases_.size(); }
  [[nodiscard]] std::uint64_t capacity() const { return pool_.capacity(); }

 private:
  struct Entry {
    AddressLease lease;
    bool in_use = false;
  };
  using Key = IpAddress;  // the first address

  Entry& add(AddressLease lease);
  void forget(const Key& key);
  void forget_oldest(Records& to_store);
  void set_in_use(Entry& entry, bool in_use);
  [[nodiscard]] Entry* best_of(const std::string& identity, const std::string& instance);

  AddressPool pool_;
  std::map<Key, Entry> leases_;
  std::map<std::string, std::set<Key>> by_identity_;
  std::set<std::pair<TimePoint, Key>> free_;  // those that are not in use
};

}  // namespace sallyport::controlplane
