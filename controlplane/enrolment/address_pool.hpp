// The addresses of a [[pool]] and who has them: nobody, an enrolled peer (taken) or somebody else (reserved). An
// enrolled peer has one of each family that the pool has.
//
// Addresses are given lowest first. A call costs the logarithm of the number of gaps, whatever the size of a prefix.
// Which ones are hosts: all of an IPv4 /31 (RFC 3021) or /32 and of an IPv6 /127 (RFC 6164) or /128. A shorter IPv4
// prefix has a network and a broadcast address, a shorter IPv6 prefix a subnet-router anycast address (RFC 4291,
// section 2.6.1): they are never given. On the event loop.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "config/base/ip.hpp"
#include "controlplane/enrolment/address_ranges.hpp"

namespace sallyport::controlplane {

class AddressPool {
 public:
  // Without prefixes it gives nothing. Of prefixes that overlap, what is no host in one of them is no host.
  explicit AddressPool(std::span<const IpPrefix> prefixes);

  // The lowest free address of each family, IPv4 first, as host prefixes. Nothing, and nothing is taken, if a family
  // has none left.
  [[nodiscard]] std::optional<std::vector<IpPrefix>> take();
  // Those that are remembered, of whatever families. False, and nothing is taken, unless there is one at least and each
  // of them is free, once in the list, and a host of the pool.
  [[nodiscard]] bool take(std::span<const IpPrefix> hosts);
  // What is not taken stays as it is.
  void give_back(std::span<const IpPrefix> hosts);

  // Whether the pool may give this address, free or not.
  [[nodiscard]] bool contains(const IpAddress& address) const;

  // Addresses that others have. One that is taken already stays with its peer, and is not given again afterwards.
  void reserve(const IpPrefix& prefix);
  // These and no others.
  void set_reserved(std::span<const IpPrefix> prefixes);

  // How many peers it is for, reserved addresses left out: of the family with fewest.
  [[nodiscard]] std::uint64_t capacity() const;

 private:
  struct Family {
    IpFamily family = IpFamily::none;
    AddressRanges hosts;     // of the prefixes
    AddressRanges leasable;  // of those, what is not reserved
    AddressRanges taken;
    AddressRanges free;  // what is leasable and not taken

    [[nodiscard]] IpPrefix take(AddressNumber number);
    void give_back(AddressNumber number);
    void reserve(const IpPrefix& prefix);
    void set_reserved(std::span<const IpPrefix> prefixes);
  };
  [[nodiscard]] Family* family_of(const IpAddress& address);

  std::vector<Family> families_;  // that the pool has, IPv4 first
};

}  // namespace sallyport::controlplane
