// A denied packet is told once for its flow and minute, so that a client that goes on trying fills no log; the count of
// those that were not told comes with the next one.
#pragma once

#include <array>
#include <cstdint>

namespace sallyport::dataplane {

// One worker's memory of what it told. Direct-mapped: two flows that meet in a place are told more often, never less.
class DenialMemory {
 public:
  explicit DenialMemory(std::uint64_t tsc_hz) noexcept : silence_ticks_(silence_s * tsc_hz) {}

  // True if this flow's denial by this rule is news.
  [[nodiscard]] bool is_news(std::uint64_t flow_hash, std::uint32_t rule, std::uint64_t now_tsc) noexcept {
    Told& told = told_[flow_hash % told_.size()];
    const std::uint64_t what = flow_hash ^ (std::uint64_t{rule} << 40 | rule);
    if (told.what == what && now_tsc - told.at_tsc < silence_ticks_) {
      ++suppressed_;
      return false;
    }
    told = {what, now_tsc};
    return true;
  }
  void suppress() noexcept { ++suppressed_; }
  // Since the last denial that was told.
  [[nodiscard]] std::uint64_t suppressed() const noexcept { return suppressed_; }
  void forget_suppressed() noexcept { suppressed_ = 0; }

 private:
  static constexpr std::uint64_t silence_s = 60;
  struct Told {
    std::uint64_t what = 0;
    std::uint64_t at_tsc = 0;
  };
  std::uint64_t silence_ticks_;
  std::uint64_t suppressed_ = 0;
  std::array<Told, 4096> told_{};
};

}  // namespace sallyport::dataplane
