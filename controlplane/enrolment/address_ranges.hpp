// A set of addresses of one family as ranges: what it costs grows with the number of gaps, not with that of addresses,
// so a set may hold a whole /64 or ::/0.
#pragma once

#include <map>

#include "config/base/ip.hpp"

namespace sallyport::controlplane {

// An address as a number. Of IPv4 below 2^32.
__extension__ using AddressNumber = unsigned __int128;
[[nodiscard]] AddressNumber number_of(const IpAddress& address) noexcept;
[[nodiscard]] IpAddress address_of(AddressNumber number, IpFamily family) noexcept;

class AddressRanges {
 public:
  // From `first` to `last`, both included; what is there, or not there, already stays so.
  void insert(AddressNumber first, AddressNumber last);
  void erase(AddressNumber first, AddressNumber last);

  [[nodiscard]] bool contains(AddressNumber number) const;
  [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
  [[nodiscard]] AddressNumber lowest() const;                            // not of an empty set
  [[nodiscard]] AddressNumber count() const noexcept { return count_; }  // modulo 2^128
  [[nodiscard]] const auto& ranges() const noexcept { return ranges_; }  // first -> last, rising

 private:
  using Ranges = std::map<AddressNumber, AddressNumber>;
  // The first range that ends at `number` or later.
  [[nodiscard]] Ranges::const_iterator from(AddressNumber number) const;
  void add(AddressNumber first, AddressNumber last);
  Ranges::const_iterator remove(Ranges::const_iterator range);

  Ranges ranges_;  // they neither overlap nor touch
  AddressNumber count_ = 0;
};

}  // namespace sallyport::controlplane
