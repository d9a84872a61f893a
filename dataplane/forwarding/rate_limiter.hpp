// Rates of a rule, for each identity and direction, shared by all workers without a lock: an open-addressing table
// whose slots hold one virtual schedule (GCRA, ITU-T I.371 annex A) for each direction. A schedule is one word, the
// theoretical arrival time: when the next byte would conform without any burst.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/abi/policy_commands.hpp"
#include "dataplane/forwarding/flow_direction.hpp"

namespace sallyport::dataplane {

inline constexpr std::uint64_t min_rate_bits_per_s = 8'000;
inline constexpr std::uint64_t rate_burst_ms = 50;
inline constexpr std::uint64_t min_rate_burst_bytes = 65'536;
inline constexpr std::uint64_t rate_queue_ms = 50;
inline constexpr std::uint64_t max_rate_queue_bytes = 4 * min_rate_burst_bytes;
inline constexpr std::uint64_t rate_idle_s = 10;  // a bucket that has been full for so long is forgotten
inline constexpr std::uint64_t max_tsc_hz = 6'000'000'000;

// Who is limited by what. Never zero, because rule 0 has no rate.
struct RateKey {
  std::uint64_t word = 0;

  static constexpr unsigned rule_bits = 17;
  static constexpr unsigned identity_bits = 46;
  static_assert(abi::max_rules == 1U << rule_bits);

  // rule: 1 to max_rules - 1. Of an identity the low 46 bits count; whether a peer or an address, is the caller's code.
  [[nodiscard]] static constexpr RateKey of(std::uint64_t identity, std::uint32_t rule) noexcept {
    return {(identity & ((std::uint64_t{1} << identity_bits) - 1)) << rule_bits | (rule & (abi::max_rules - 1))};
  }
  friend bool operator==(const RateKey&, const RateKey&) = default;
};

// A rate in the limiter's time, computed once when the rule is set. The unit is a TSC tick divided by a power of two,
// so that there are between 2^41 and 2^42 units in a second, whatever the clock: fine enough for a small packet at
// 1 Tbit/s (0.05 %), and it wraps after 48 days, which the limiter reckons with.
struct RateParameters {
  static constexpr unsigned fraction_bits = 14;

  std::uint64_t units_per_byte = 0;  // fixed point, fraction_bits
  std::uint64_t burst_units = 0;     // 50 ms or 64 KiB, whichever is more
  std::uint64_t queue_units = 0;     // what is over the burst may wait so long; 0: it is refused at once
  std::uint64_t most_ahead = 0;      // an arrival time further ahead is none of this rate's

  // bits_per_s: 8,000 to 10^12, taken as the nearer one outside of it; tsc_hz: 1 to 6 * 10^9.
  [[nodiscard]] static RateParameters of(std::uint64_t bits_per_s, std::uint64_t tsc_hz) noexcept;
  // The same, with a queue of 50 ms, but no more than 256 KiB: decisions/rates.md says why.
  [[nodiscard]] static RateParameters with_queue(std::uint64_t bits_per_s, std::uint64_t tsc_hz) noexcept;

  // bytes: at most 65,575, the largest IP packet.
  [[nodiscard]] std::uint64_t units_of(std::uint32_t bytes) const noexcept {
    return (bytes * units_per_byte + (std::uint64_t{1} << (fraction_bits - 1))) >> fraction_bits;
  }
};

struct RateSlot {
  std::atomic<std::uint64_t> key;  // RateKey::word; 0: free. Workers claim, housekeeping frees.
  // Workers, with compare-and-swap. One word each and nothing is read through them, so relaxed.
  std::atomic<std::uint64_t> arrival[2];
  std::uint64_t reserved;
};
static_assert(sizeof(RateSlot) == 32);

inline constexpr std::uint32_t no_rate_slot = 0xffffffff;

enum class RateResult : std::uint8_t {
  conforms,
  exceeded,
  table_full,  // no slot within reach: the caller drops and counts
};

struct RateVerdict {
  RateResult result;
  std::uint64_t wait_ticks;  // of a packet that conforms: it does so after this time

  friend bool operator==(RateVerdict verdict, RateResult result) noexcept { return verdict.result == result; }
};

class RateLimiter {
 public:
  static constexpr unsigned max_probes = 16;  // when half of the slots are taken, one key in 65,536 finds none

  // `slots` are zeroed, outlive the limiter, and number a power of two from 1 to 2^31.
  RateLimiter(RateSlot* slots, std::uint32_t slot_count, std::uint64_t tsc_hz) noexcept;

  // --- workers ---

  // Charges a packet, or nothing unless it conforms. `slot` is where the key was found last, or no_rate_slot; it is put
  // right if it is wrong. A `now_tsc` that is somewhat behind another worker's gains nothing. bytes as in units_of.
  [[nodiscard]] RateVerdict take(std::uint32_t& slot, RateKey key, FlowDirection direction, std::uint32_t bytes,
                                 const RateParameters& rate, std::uint64_t now_tsc) noexcept;

  // no_rate_slot: all slots within reach are taken.
  [[nodiscard]] std::uint32_t find_or_claim(RateKey key) noexcept;

  // --- housekeeping ---

  // Looks at the next `most` slots and frees those whose buckets have both been full for 10 s: forgetting them changes
  // nothing, but for a packet that is being charged at this moment, which then is free. Returns how many it freed.
  // Every slot must be looked at once in a day.
  std::uint32_t reclaim(std::uint64_t now_tsc, std::uint32_t most) noexcept;

  [[nodiscard]] bool is_claimed_by(std::uint32_t slot, RateKey key) const noexcept;

 private:
  [[nodiscard]] std::uint32_t slot_at(RateKey key, unsigned probe) const noexcept;
  [[nodiscard]] std::uint32_t settle(RateKey key, unsigned claimed) noexcept;
  [[nodiscard]] bool is_idle(const std::atomic<std::uint64_t>& arrival, std::uint64_t now) const noexcept;
  void keep_in_the_past(std::atomic<std::uint64_t>& arrival, std::uint64_t now) const noexcept;

  RateSlot* slots_;
  std::uint32_t mask_;
  unsigned unit_shift_;  // units = ticks << unit_shift_
  std::uint64_t units_per_s_;
  std::uint32_t next_to_reclaim_ = 0;  // housekeeping's
};

}  // namespace sallyport::dataplane
