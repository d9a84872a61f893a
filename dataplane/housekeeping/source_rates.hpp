// A rate for each source address in a table of fixed size, so that one source cannot use up what is meant for all. An
// IPv6 source is its /64: who has one address there has them all. Sources that fall on one bucket share its rate; where
// they fall depends on a secret, so nobody can choose whose. Each bucket is one word of time (GCRA).
#pragma once

#include <cstdint>
#include <vector>

#include "config/base/ip.hpp"

namespace sallyport::dataplane {

class SourceRates {
 public:
  // `buckets` is a power of two. Rate and burst as for TokenBucket.
  SourceRates(std::uint32_t buckets, std::uint64_t rate_per_s, std::uint64_t burst);

  [[nodiscard]] bool take(const IpAddress& source, std::uint64_t now_ns) noexcept;

 private:
  std::uint64_t interval_ns_;
  std::uint64_t depth_ns_;
  std::vector<std::uint64_t> due_ns_;
  std::uint64_t seed_[2];
};

}  // namespace sallyport::dataplane
