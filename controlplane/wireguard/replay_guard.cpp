#include "controlplane/wireguard/replay_guard.hpp"

#include <algorithm>

#include "controlplane/wireguard/constants.hpp"

namespace sallyport::wireguard {

bool ReplayGuard::floods(BootTime now) const noexcept {
  return last_accepted_at_ && now - *last_accepted_at_ < initiation_interval_min;
}

tl::expected<void, HandshakeError> ReplayGuard::accept(const Tai64n& timestamp, BootTime now) noexcept {
  const bool binding = greatest_ && now - greatest_->set_at < timestamp_floor_lifetime;
  if (binding && timestamp <= greatest_->value) return tl::unexpected(HandshakeError::old_timestamp);
  greatest_ = GreatestTimestamp{timestamp, now};
  last_accepted_at_ = now;
  return {};
}

void ReplayGuard::restore(const GreatestTimestamp& saved, BootTime now) noexcept {
  if (greatest_ && greatest_->value >= saved.value) return;
  greatest_ = GreatestTimestamp{saved.value, std::min(saved.set_at, now)};
}

}  // namespace sallyport::wireguard
