#include "controlplane/enrolment/source_limits.hpp"

#include <algorithm>
#include <cstring>

#include <sodium.h>

#include "config/base/check.hpp"

namespace sallyport::controlplane {
namespace {

using std::chrono::nanoseconds;

constexpr double slowest_per_s = 1e-4, fastest_per_s = 1e9;

nanoseconds interval_of(double requests_per_s) {
  return nanoseconds(static_cast<std::int64_t>(1e9 / std::clamp(requests_per_s, slowest_per_s, fastest_per_s)));
}

// How far ahead of its rate a source may be.
nanoseconds depth_of(double requests_per_s, double burst) {
  constexpr double deepest_ns = 1e9 * 3600 * 24 * 365;
  const double depth_ns = static_cast<double>(interval_of(requests_per_s).count()) * (std::max(burst, 1.0) - 1);
  return nanoseconds(static_cast<std::int64_t>(std::min(depth_ns, deepest_ns)));
}

}  // namespace

SourceLimits::KeyedHash::KeyedHash() : secret() {
  static_assert(crypto_shorthash_KEYBYTES == 16);
  SP_CHECK(sodium_init() >= 0);
  randombytes_buf(secret.data(), secret.size());
}

std::size_t SourceLimits::KeyedHash::operator()(const Key& key) const {
  std::array<std::uint8_t, crypto_shorthash_BYTES> hash{};
  crypto_shorthash(hash.data(), key.data(), key.size(), secret.data());
  std::size_t value = 0;
  std::memcpy(&value, hash.data(), sizeof value);
  return value;
}

SourceLimits::SourceLimits(double requests_per_s, double burst, std::size_t sources_max)
    : interval_(interval_of(requests_per_s)),
      depth_(depth_of(requests_per_s, burst)),
      sources_max_(std::max<std::size_t>(sources_max, 1)) {}

SourceLimits::Key SourceLimits::key_of(const IpAddress& source) {
  Key key{};
  // An IPv4 client of a socket that listens on [::] is the same source as on 0.0.0.0: RFC 4291, 2.5.5.2.
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool is_mapped = source.is_v6() && std::equal(mapped.begin(), mapped.end(), source.bytes.begin());
  key[0] = static_cast<std::uint8_t>(is_mapped ? IpFamily::v4 : source.family);
  const std::uint8_t* first = source.bytes.data() + (is_mapped ? mapped.size() : 0);
  std::copy_n(first, source.is_v6() && !is_mapped ? 8 : 4, key.begin() + 1);
  return key;
}

SourceLimits::Source& SourceLimits::find_or_add(const Key& key, nanoseconds now) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    sources_.splice(sources_.begin(), sources_, found->second);
    return sources_.front();
  }
  if (sources_.size() < sources_max_) {
    sources_.emplace_front();
  } else {
    by_key_.erase(sources_.back().key);
    sources_.splice(sources_.begin(), sources_, std::prev(sources_.end()));
  }
  sources_.front() = {.key = key, .due = now};
  by_key_.emplace(key, sources_.begin());
  return sources_.front();
}

std::optional<nanoseconds> SourceLimits::count(const IpAddress& address, nanoseconds now) {
  Source& source = find_or_add(key_of(address), now);
  const nanoseconds due = std::max(source.due, now);
  if (due - now > depth_) return due - now - depth_;
  source.due = due + interval_;
  return std::nullopt;
}

}  // namespace sallyport::controlplane
