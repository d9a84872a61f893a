// How long to wait after a failure: 0.2 s, doubling to 30 s, each between half of that and all of it, so that many
// gateways do not come back to an API server at the same moment. A good minute makes the next one the first again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

#include "controlplane/wireguard/instant.hpp"

namespace sallyport::controlplane {

class Backoff {
 public:
  using Time = wireguard::BootTime;
  static constexpr std::chrono::milliseconds shortest{200};
  static constexpr std::chrono::milliseconds longest{30'000};
  static constexpr std::chrono::seconds good_time{60};

  explicit Backoff(std::uint32_t seed) : random_(seed) {}

  // All is well since now, if it was not before.
  void succeeded(Time now) {
    if (!good_since_) good_since_ = now;
  }
  // The wait from now on.
  [[nodiscard]] std::chrono::milliseconds failed(Time now);
  // As failed(), but the first one does not wait.
  [[nodiscard]] std::chrono::milliseconds failed_once_free(Time now);
  // The same failures, another chance.
  [[nodiscard]] Backoff with_seed(std::uint32_t seed) const {
    Backoff other = *this;
    other.random_.seed(seed);
    return other;
  }

 private:
  std::minstd_rand random_;
  std::optional<Time> good_since_;
  unsigned failures_ = 0;  // since the last good minute
};

}  // namespace sallyport::controlplane
