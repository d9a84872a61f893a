#include "controlplane/wireguard/replay_guard.hpp"

#include <algorithm>

#include "controlplane/wireguard/constants.hpp"

namespace sallyport::wireguard {
namespace {

bool binds(const std::optional<GreatestTimestamp>& floor, BootTime now) noexcept {
  return floor && now - floor->set_at < timestamp_floor_lifetime;
}

}  // namespace

bool ReplayGuard::floods(BootTime now) const noexcept {
  return last_accepted_at_ && now - *last_accepted_at_ < initiation_interval_min;
}

tl::expected<Freshness, HandshakeError> ReplayGuard::accept(const Tai64n& timestamp, BootTime now) noexcept {
  const bool floor_binds = binds(greatest_, now);
  if (floor_binds && timestamp <= greatest_->value) return tl::unexpected(HandshakeError::old_timestamp);
  if (binds(confirmed_, now) && timestamp <= confirmed_->value) return tl::unexpected(HandshakeError::old_timestamp);
  if (!greatest_ || timestamp > greatest_->value) greatest_ = GreatestTimestamp{timestamp, now};
  last_accepted_at_ = now;
  return floor_binds ? Freshness::fresh : Freshness::unproven;
}

void ReplayGuard::confirm(const Tai64n& timestamp, BootTime now) noexcept {
  if (binds(confirmed_, now) && timestamp <= confirmed_->value) return;
  confirmed_ = GreatestTimestamp{timestamp, now};
}

void ReplayGuard::restore(const GreatestTimestamp& saved, BootTime now) noexcept {
  if (greatest_ && greatest_->value >= saved.value) return;
  greatest_ = GreatestTimestamp{saved.value, std::min(saved.set_at, now)};
}

}  // namespace sallyport::wireguard
