// Prefixes that lie in each other, and all that covers each of them. A packet's address takes the longest prefix that
// contains it, as in the dataplane, so each prefix stands for its *own* addresses: those that no longer one takes.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "config/base/ip.hpp"

namespace sallyport::policy {

struct CoveredPrefix {
  IpPrefix prefix;
  std::size_t end = 0;                   // this one and all prefixes inside it are those up to here
  std::uint32_t set = 0;                 // what covers it, an index into PrefixCover::sets()
  std::optional<IpAddress> own_address;  // the first one; nothing: longer prefixes take all of it
};

class PrefixCover {
 public:
  // Adds to what covers the prefix (whose host bits do not count), or only makes the prefix known.
  void add(const IpPrefix& prefix, std::uint32_t item) { pairs_.push_back({prefix.network(), item}); }
  void add(const IpPrefix& prefix) { add(prefix, no_item); }
  // Call once, after the last add().
  void build();

  // By family, then address, then length: a prefix before those inside it.
  [[nodiscard]] const std::vector<CoveredPrefix>& prefixes() const { return prefixes_; }
  // The index of a prefix that was added.
  [[nodiscard]] std::size_t find(const IpPrefix& prefix) const;
  // Each rising, each only once.
  [[nodiscard]] const std::vector<std::vector<std::uint32_t>>& sets() const { return sets_; }

 private:
  static constexpr std::uint32_t no_item = 0xffffffff;
  struct Pair {
    IpPrefix prefix;
    std::uint32_t item;
  };

  void nest();
  void find_own_addresses();

  std::vector<Pair> pairs_;
  std::vector<CoveredPrefix> prefixes_;
  std::vector<std::vector<std::uint32_t>> sets_;
};

}  // namespace sallyport::policy
