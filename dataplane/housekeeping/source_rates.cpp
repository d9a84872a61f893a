#include "dataplane/housekeeping/source_rates.hpp"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "config/base/check.hpp"
#include "config/base/clock.hpp"
#include "config/base/hash.hpp"

namespace sallyport::dataplane {
namespace {

std::uint64_t network_of(const IpAddress& source) noexcept {
  std::uint64_t network = 0;
  std::memcpy(&network, source.bytes.data(), source.is_v4() ? 4 : 8);
  return network;
}

}  // namespace

SourceRates::SourceRates(std::uint32_t buckets, std::uint64_t rate_per_s, std::uint64_t burst)
    : interval_ns_(second_ns / std::clamp<std::uint64_t>(rate_per_s, 1, second_ns)),
      depth_ns_(interval_ns_ * (std::max<std::uint64_t>(burst, 1) - 1)),
      due_ns_(buckets) {
  SP_CHECK(std::has_single_bit(buckets) && sodium_init() >= 0);
  randombytes_buf(seed_, sizeof seed_);
}

bool SourceRates::take(const IpAddress& source, std::uint64_t now_ns) noexcept {
  const std::uint64_t hash =
      mix_bits(mix_bits(network_of(source) ^ seed_[0]) + seed_[1] + static_cast<std::uint64_t>(source.family));
  std::uint64_t& bucket = due_ns_[hash & (due_ns_.size() - 1)];
  const std::uint64_t due = std::max(bucket, now_ns);
  if (due - now_ns > depth_ns_) return false;
  bucket = due + interval_ns_;
  return true;
}

}  // namespace sallyport::dataplane
