#include "dataplane/forwarding/rate_limiter.hpp"

#include <algorithm>
#include <bit>

#include "config/base/check.hpp"
#include "config/base/hash.hpp"

namespace sallyport::dataplane {
namespace {

constexpr unsigned units_per_s_bits = 42;

unsigned unit_shift(std::uint64_t tsc_hz) noexcept {
  return units_per_s_bits - static_cast<unsigned>(std::bit_width(tsc_hz));
}

std::uint64_t clamp_hz(std::uint64_t tsc_hz) noexcept {
  return std::clamp<std::uint64_t>(tsc_hz, 1, max_tsc_hz);
}

// What the slowest rate can be ahead at most, and a second for clocks.
constexpr std::uint64_t longest_ahead_s = min_rate_burst_bytes * 8 / min_rate_bits_per_s + 2;

// Arrival times wrap, so they are compared by their distance.
void raise(std::atomic<std::uint64_t>& arrival, std::uint64_t to) noexcept {
  std::uint64_t present = arrival.load(std::memory_order_relaxed);
  while (static_cast<std::int64_t>(to - present) > 0 &&
         !arrival.compare_exchange_weak(present, to, std::memory_order_relaxed)) {}
}

// The wait is in units.
RateVerdict charge(std::atomic<std::uint64_t>& arrival, std::uint64_t cost, const RateParameters& rate,
                   std::uint64_t now) noexcept {
  std::uint64_t present = arrival.load(std::memory_order_relaxed);
  for (;;) {
    std::uint64_t ahead = present - now;
    if (ahead > rate.most_ahead) ahead = 0;  // in the past (it wrapped), or left by a slower rate: a full bucket
    const std::uint64_t after = ahead + cost;
    if (after > rate.burst_units + rate.queue_units) return {RateResult::exceeded, 0};
    if (arrival.compare_exchange_weak(present, now + after, std::memory_order_relaxed))
      return {RateResult::conforms, after > rate.burst_units ? after - rate.burst_units : 0};
  }
}

// Of two slots with the same key the loser is freed, and what was charged to it stands against the other.
void merge(RateSlot& winner, RateSlot& loser, RateKey key) noexcept {
  for (unsigned direction = 0; direction < 2; ++direction)
    raise(winner.arrival[direction], loser.arrival[direction].load(std::memory_order_relaxed));
  std::uint64_t expected = key.word;
  loser.key.compare_exchange_strong(expected, 0, std::memory_order_seq_cst);
}

}  // namespace

RateParameters RateParameters::of(std::uint64_t bits_per_s, std::uint64_t tsc_hz) noexcept {
  const std::uint64_t hz = clamp_hz(tsc_hz);
  const std::uint64_t units_per_s = hz << unit_shift(hz);
  const std::uint64_t rate = std::clamp(bits_per_s, min_rate_bits_per_s, abi::max_rate_bits_per_s);
  RateParameters parameters;
  // 42 + 3 + 14 bits, and for the slowest rate 47 + 17 bits in units_of: nothing overflows.
  parameters.units_per_byte = ((units_per_s * 8 << fraction_bits) + rate / 2) / rate;
  parameters.burst_units = std::max(units_per_s * rate_burst_ms / 1000,
                                    parameters.units_of(static_cast<std::uint32_t>(min_rate_burst_bytes)));
  parameters.most_ahead = parameters.burst_units + units_per_s;
  return parameters;
}

RateParameters RateParameters::with_queue(std::uint64_t bits_per_s, std::uint64_t tsc_hz) noexcept {
  const std::uint64_t hz = clamp_hz(tsc_hz);
  RateParameters parameters = of(bits_per_s, tsc_hz);
  parameters.queue_units = std::min((hz << unit_shift(hz)) * rate_queue_ms / 1000,
                                    max_rate_queue_bytes / min_rate_burst_bytes *
                                        parameters.units_of(static_cast<std::uint32_t>(min_rate_burst_bytes)));
  parameters.most_ahead += parameters.queue_units;
  return parameters;
}

RateLimiter::RateLimiter(RateSlot* slots, std::uint32_t slot_count, std::uint64_t tsc_hz) noexcept
    : slots_(slots),
      mask_(slot_count - 1),
      unit_shift_(unit_shift(clamp_hz(tsc_hz))),
      units_per_s_(clamp_hz(tsc_hz) << unit_shift_) {
  SP_CHECK(std::has_single_bit(slot_count) && slot_count <= 1U << 31);
}

std::uint32_t RateLimiter::slot_at(RateKey key, unsigned probe) const noexcept {
  // Double hashing: an odd step meets every slot before it meets one again.
  const std::uint64_t hash = mix_bits(key.word);
  const auto home = static_cast<std::uint32_t>(hash >> 32);
  const auto step = static_cast<std::uint32_t>(hash) | 1;
  return (home + probe * step) & mask_;
}

bool RateLimiter::is_claimed_by(std::uint32_t slot, RateKey key) const noexcept {
  return slot <= mask_ && slots_[slot].key.load(std::memory_order_relaxed) == key.word;
}

RateVerdict RateLimiter::take(std::uint32_t& slot, RateKey key, FlowDirection direction, std::uint32_t bytes,
                              const RateParameters& rate, std::uint64_t now_tsc) noexcept {
  if (!is_claimed_by(slot, key)) slot = find_or_claim(key);
  if (slot == no_rate_slot) return {RateResult::table_full, 0};
  RateVerdict verdict = charge(slots_[slot].arrival[static_cast<unsigned>(direction)], rate.units_of(bytes), rate,
                               now_tsc << unit_shift_);
  verdict.wait_ticks >>= unit_shift_;
  return verdict;
}

std::uint32_t RateLimiter::find_or_claim(RateKey key) noexcept {
  for (unsigned probe = 0; probe < max_probes; ++probe)
    if (const std::uint32_t slot = slot_at(key, probe); is_claimed_by(slot, key)) return slot;
  for (unsigned probe = 0; probe < max_probes; ++probe) {
    const std::uint32_t slot = slot_at(key, probe);
    std::uint64_t owner = 0;
    // Sequentially consistent, for settle(). The arrival times that a former owner left are long past.
    if (slots_[slot].key.compare_exchange_strong(owner, key.word, std::memory_order_seq_cst)) return settle(key, probe);
    if (owner == key.word) return slot;  // another worker was faster
  }
  return no_rate_slot;
}

// Two workers may claim two slots for the same key, if one between them was freed at that moment. Each claims first and
// looks then, both sequentially consistent, so at least one of them sees the other; the one nearer to the key's home
// stays, which is what everybody finds.
std::uint32_t RateLimiter::settle(RateKey key, unsigned claimed) noexcept {
  const std::uint32_t ours = slot_at(key, claimed);
  for (unsigned probe = 0; probe < max_probes && probe <= mask_; ++probe) {
    const std::uint32_t other = slot_at(key, probe);
    if (other == ours || slots_[other].key.load(std::memory_order_seq_cst) != key.word) continue;
    if (probe < claimed) {
      merge(slots_[other], slots_[ours], key);
      return other;
    }
    merge(slots_[ours], slots_[other], key);
  }
  return ours;
}

bool RateLimiter::is_idle(const std::atomic<std::uint64_t>& arrival, std::uint64_t now) const noexcept {
  // Busy: at most 10 s ago, or ahead by no more than any rate allows.
  const std::uint64_t since_idle = arrival.load(std::memory_order_relaxed) - now + rate_idle_s * units_per_s_;
  return since_idle > (rate_idle_s + longest_ahead_s) * units_per_s_;
}

std::uint32_t RateLimiter::reclaim(std::uint64_t now_tsc, std::uint32_t most) noexcept {
  const std::uint64_t now = now_tsc << unit_shift_;
  std::uint32_t freed = 0;
  for (std::uint32_t looked = 0; looked < most && looked <= mask_; ++looked) {
    RateSlot& slot = slots_[next_to_reclaim_];
    next_to_reclaim_ = (next_to_reclaim_ + 1) & mask_;
    const bool idle = is_idle(slot.arrival[0], now) && is_idle(slot.arrival[1], now);
    std::uint64_t owner = slot.key.load(std::memory_order_relaxed);
    if (owner != 0 && idle && slot.key.compare_exchange_strong(owner, 0, std::memory_order_seq_cst)) ++freed;
    for (auto& arrival : slot.arrival) keep_in_the_past(arrival, now);
  }
  return freed;
}

// Time wraps: an arrival time of long ago would one day seem to be ahead.
void RateLimiter::keep_in_the_past(std::atomic<std::uint64_t>& arrival, std::uint64_t now) const noexcept {
  constexpr std::uint64_t quarter = std::uint64_t{1} << 62;
  std::uint64_t present = arrival.load(std::memory_order_relaxed);
  if (is_idle(arrival, now) && now - present > quarter)
    arrival.compare_exchange_strong(present, now - 2 * rate_idle_s * units_per_s_, std::memory_order_relaxed);
}

}  // namespace sallyport::dataplane
