// A compiled policy as workers read it (abi/policy_commands.hpp has the picture). Housekeeping builds an image, puts it
// in force by one pointer, and may change it in place afterwards, piece by piece; workers read without a lock. What is
// replaced waits for a grace period in PolicyTable.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "config/base/ip.hpp"
#include "dataplane/abi/policy_commands.hpp"
#include "dataplane/forwarding/rate_limiter.hpp"

namespace sallyport::dataplane {

struct RuleEntry {
  std::uint32_t rank = abi::no_rank;
  abi::RuleAction action = abi::RuleAction::deny;
  abi::RuleLog log = abi::RuleLog::denied;
  bool reject = false;
  bool has_rate = false;
  RateParameters rate{};
};

struct ServicePorts {
  std::uint32_t count = 0;
  std::array<abi::PortRange, abi::max_service_ports> ranges{};

  [[nodiscard]] bool match(std::uint8_t protocol, std::uint16_t port) const noexcept {
    for (std::uint32_t i = 0; i < count; ++i) {
      const abi::PortRange& range = ranges[i];
      if ((range.protocol == protocol || range.protocol == abi::any_protocol) && port >= range.first &&
          port <= range.last)
        return true;
    }
    return false;
  }
};

// Both rise: entries by service (any_service last), services by number.
using SourceRow = std::vector<abi::RowEntry>;
using DestinationServices = std::vector<std::uint32_t>;

// What a packet's source may do and what its destination is called. Housekeeping stores, workers load, relaxed: a
// change is followed by a new epoch (release), after which every flow is decided anew.
struct PeerAccess {
  std::atomic<std::uint32_t> source_class;
  std::atomic<std::uint32_t> destination_class;
  std::atomic<std::uint32_t> identity;
};
inline constexpr std::uint32_t closed_to_new_flows = 0xffffffff;  // above every class
struct AddressAccess {
  std::atomic<std::uint32_t> source_class{0};
  std::atomic<std::uint32_t> destination_class{0};
  // Of flows that begin: they need what this class allows too. 0: nothing is draining; closed_to_new_flows: none
  // begins.
  std::atomic<std::uint32_t> opening_class{0};
  std::uint32_t identity = 0;  // made of the prefix; never that of a peer
};

// The address entries as disjoint ranges, made anew when entries come and go. Values: the entry, or null.
class AddressIndex {
 public:
  struct Key128 {
    std::uint64_t high, low;
    friend auto operator<=>(const Key128&, const Key128&) = default;
  };
  struct Entry {
    IpPrefix prefix;
    const AddressAccess* access;
  };
  // `entries` in the order of their prefixes (IpPrefix's), so that a prefix stands before those inside it.
  explicit AddressIndex(const std::vector<Entry>& entries);

  // `address` points at 4 or 16 bytes in network order.
  [[nodiscard]] const AddressAccess* find(const std::uint8_t* address, bool is_v4) const noexcept {
    if (is_v4) {
      std::uint32_t key;
      std::memcpy(&key, address, sizeof key);
      return v4_.find(__builtin_bswap32(key));
    }
    Key128 key;
    std::memcpy(&key.high, address, 8);
    std::memcpy(&key.low, address + 8, 8);
    key.high = __builtin_bswap64(key.high);
    key.low = __builtin_bswap64(key.low);
    return v6_.find(key);
  }

 private:
  template <typename Key>
  struct Ranges {
    std::vector<Key> starts;  // starts[0] is 0
    std::vector<const AddressAccess*> values;

    [[nodiscard]] const AddressAccess* find(const Key& key) const noexcept {
      // The last start that is not above the key; no branch that depends on the address.
      std::size_t base = 0;
      for (std::size_t count = starts.size(); count > 1;) {
        const std::size_t half = count / 2;
        base += starts[base + half] <= key ? half : 0;
        count -= half;
      }
      return values[base];
    }
  };
  template <typename Key, typename ToKey>
  static void build(Ranges<Key>& ranges, const std::vector<Entry>& entries, IpFamily family, ToKey&& to_key);

  Ranges<std::uint32_t> v4_;
  Ranges<Key128> v6_;
};

struct PolicyDecision {
  bool allowed = false;
  std::uint32_t rule = 0;        // 0: no rule
  std::uint32_t audit_rule = 0;  // would have denied what is allowed; 0: none
};

struct PolicyImage {
  PolicyImage(const abi::BeginPolicy& begin, std::uint32_t max_peers, std::uint32_t max_classes);
  ~PolicyImage();
  PolicyImage(const PolicyImage&) = delete;
  PolicyImage& operator=(const PolicyImage&) = delete;

  const std::uint64_t image;
  const std::uint32_t generation;
  const bool allow_all;
  const bool record_flows;
  const std::uint16_t pick_up_s;
  std::uint64_t pick_up_until_tsc = 0;  // set before the image is in force
  // By number; changed only while the image is built.
  std::vector<RuleEntry> rules;
  std::vector<ServicePorts> services;
  // By class; changed in place: housekeeping stores (release), workers load (acquire).
  std::vector<std::atomic<const SourceRow*>> rows;
  std::vector<std::atomic<const DestinationServices*>> destinations;
  std::atomic<const AddressIndex*> addresses;
  std::unique_ptr<PeerAccess[]> peers;  // by id

  [[nodiscard]] const RuleEntry& rule(std::uint32_t number) const noexcept {
    return number < rules.size() ? rules[number] : rules[0];
  }
  // Which rule decides, by classes and port: of the services of both destination classes that match the port, and of
  // any_service, the entry with the lowest rank. Costs about a binary search for each service of the destination.
  [[nodiscard]] PolicyDecision decide(std::uint32_t source_class, std::uint32_t address_class, std::uint32_t peer_class,
                                      std::uint8_t protocol, std::uint16_t port) const noexcept;

 private:
  struct Best;
  void consider(const SourceRow& row, std::uint32_t destination_class, std::uint8_t protocol, std::uint16_t port,
                Best& best) const noexcept;
};

}  // namespace sallyport::dataplane
