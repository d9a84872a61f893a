// A policy image with what workers do not read of it: whose access goes on to another class when, which addresses were
// removed, and how much there is of everything.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataplane/abi/policy_commands.hpp"
#include "dataplane/forwarding/policy_image.hpp"
#include "dataplane/housekeeping/held.hpp"

namespace sallyport::dataplane {

struct PolicyBook {
  struct Address {
    std::unique_ptr<AddressAccess> access;
    abi::Access steps;
  };
  using RemovedAddresses = std::multimap<IpPrefix, std::unique_ptr<AddressAccess>>;

  std::unique_ptr<PolicyImage> image;
  std::map<IpPrefix, Address> addresses;
  std::unordered_map<std::uint32_t, abi::Access> peers_with_steps;
  std::set<std::pair<std::uint64_t, std::uint32_t>> peers_due;  // by the end of their step
  std::set<std::pair<std::uint64_t, IpPrefix>> addresses_due;
  RemovedAddresses removed_addresses;  // until the index does not name them
  bool index_outdated = false;
  bool is_spoilt = false;
  std::size_t list_elements = 0;  // of all rows and destination classes
  std::size_t source_classes = 0, destination_classes = 0;
  std::vector<bool> has_access;  // by peer id: it was set since the id has its owner
  std::size_t peers_with_access = 0;

  // The entry of a prefix, made if there is none.
  struct Entry {
    Address& address;
    bool is_new;
  };
  [[nodiscard]] Entry entry_of(const IpPrefix& prefix);

  // The access as of now; its next step is due when it ends.
  void set_address_access(const IpPrefix& prefix, Address& address, const abi::Access& access, std::uint64_t now_ns);
  void set_peer(std::uint32_t peer_id, const abi::Access& access, std::uint64_t now_ns);
  void note_access(std::uint32_t peer_id, bool has, std::uint32_t max_peers);

  // Removed entries inside `prefix`, which the index names a little longer, give what the prefix around them gives:
  // their own rights end at once, and flows that stay allowed are not cut meanwhile. True if there is one.
  bool pass_on(const IpPrefix& prefix) noexcept;

  [[nodiscard]] HeldPolicyParts held() const noexcept;
};

}  // namespace sallyport::dataplane
