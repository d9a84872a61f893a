// When a URL is fetched next: regularly, sooner and then ever later while it fails, at once when a key is wanted that
// nobody knows. Spread, so that a fleet that was started at once does not ask at once. No I/O, no clock of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <random>

#include "policy/model.hpp"

namespace sallyport::controlplane {

class FetchSchedule {
 public:
  struct Intervals {
    std::chrono::seconds refresh, retry, unknown_key;
  };
  FetchSchedule(const Intervals& intervals, std::uint64_t seed) : intervals_(intervals), random_(seed) {}

  // At first it is due. Never far away, even if the clock was set back.
  [[nodiscard]] bool due(policy::TimePoint now);
  [[nodiscard]] bool may_hurry(policy::TimePoint now) const;  // for an unknown key
  void on_started(policy::TimePoint now) { started_at_ = now; }
  void on_good(policy::TimePoint now);
  void on_failed(policy::TimePoint now);

  static constexpr unsigned spread_percent = 20;  // more or less
  static constexpr unsigned doublings_max = 8;    // of the retry interval, up to the refresh interval

 private:
  [[nodiscard]] std::chrono::seconds spread(std::chrono::seconds interval);

  const Intervals intervals_;
  std::minstd_rand random_;
  std::optional<policy::TimePoint> next_at_;
  std::optional<policy::TimePoint> started_at_;
  unsigned failures_ = 0;
};

}  // namespace sallyport::controlplane
