#include "dataplane/forwarding/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <barrier>
#include <thread>
#include <vector>

namespace sallyport::dataplane::rate_limiter_test {
namespace {

constexpr FlowDirection out = FlowDirection::from_opener;
constexpr FlowDirection back = FlowDirection::back;
constexpr std::uint64_t hz = 2'100'000'000;
constexpr std::uint64_t start = 1'000'000 * hz;
constexpr std::uint64_t megabit = 1'000'000, gigabit = 1'000'000'000, terabit = 1'000'000'000'000;

struct Table {
  explicit Table(std::uint32_t count, std::uint64_t tsc_hz = hz) : slots(count), limiter(slots.data(), count, tsc_hz) {}

  bool take(RateKey key, std::uint32_t bytes, const RateParameters& rate, std::uint64_t now,
            FlowDirection direction = out) {
    return limiter.take(slot, key, direction, bytes, rate, now) == RateResult::conforms;
  }
  // Bytes, until there is no more.
  std::uint64_t drain(RateKey key, std::uint32_t bytes, const RateParameters& rate, std::uint64_t now,
                      FlowDirection direction = out) {
    std::uint64_t taken = 0;
    while (take(key, bytes, rate, now, direction)) taken += bytes;
    return taken;
  }
  unsigned count_of(RateKey key) const {
    unsigned count = 0;
    for (const RateSlot& candidate : slots) count += candidate.key.load() == key.word ? 1 : 0;
    return count;
  }

  std::vector<RateSlot> slots;
  RateLimiter limiter;
  std::uint32_t slot = no_rate_slot;
};

TEST(RateLimiter, KeepsTheRateWithinAThousandth) {
  for (const std::uint64_t tsc_hz : {std::uint64_t{500'000'000}, std::uint64_t{1'000'000'000}, hz, max_tsc_hz}) {
    for (const std::uint64_t rate :
         {min_rate_bits_per_s, 3 * megabit, std::uint64_t{999'999'937}, 40 * gigabit, terabit}) {
      for (const std::uint32_t bytes : {64U, 1420U, 32768U}) {
        Table table(16, tsc_hz);
        const auto parameters = RateParameters::of(rate, tsc_hz);
        const RateKey key = RateKey::of(5, 1);
        table.drain(key, 65536, parameters, start);
        table.drain(key, bytes, parameters, start);
        // Twice as many as the rate allows.
        constexpr unsigned tries = 20'000;
        const double seconds_per_try = bytes * 8.0 / static_cast<double>(rate) / 2;
        std::uint64_t taken = 0;
        for (unsigned i = 1; i <= tries; ++i) {
          const auto ticks = static_cast<std::uint64_t>(i * seconds_per_try * static_cast<double>(tsc_hz));
          if (table.take(key, bytes, parameters, start + ticks)) taken += bytes;
        }
        const double allowed = static_cast<double>(rate) / 8 * seconds_per_try * tries;
        EXPECT_NEAR(static_cast<double>(taken), allowed, allowed / 1000) << tsc_hz << ' ' << rate << ' ' << bytes;
      }
    }
  }
}

TEST(RateLimiter, GivesABurstOfFiftyMillisecondsOr64KiB) {
  const RateKey key = RateKey::of(5, 1);
  for (const std::uint64_t rate : {min_rate_bits_per_s, megabit, 10 * megabit, 100 * megabit, 10 * gigabit, terabit}) {
    Table table(16);
    const std::uint64_t burst = std::max<std::uint64_t>(rate / 8 / 20, 65536);
    const std::uint64_t taken = table.drain(key, 4096, RateParameters::of(rate, hz), start);
    EXPECT_LE(taken, burst) << rate;
    EXPECT_GT(taken + 4096 + burst / 10'000, burst) << rate;
  }
}

TEST(RateLimiter, LetsThroughTheLargestPacketAtTheSlowestRate) {
  Table table(16);
  const auto slowest = RateParameters::of(min_rate_bits_per_s, hz);
  const RateKey key = RateKey::of(5, 1);
  EXPECT_TRUE(table.take(key, 65536, slowest, start));
  EXPECT_FALSE(table.take(key, 1, slowest, start));
  EXPECT_FALSE(table.take(key, 65536, slowest, start + 65 * hz));
  EXPECT_TRUE(table.take(key, 65536, slowest, start + 66 * hz));
}

TEST(RateLimiter, TakesARateOutsideItsBoundsAsTheNearest) {
  EXPECT_EQ(RateParameters::of(1, hz).units_per_byte, RateParameters::of(min_rate_bits_per_s, hz).units_per_byte);
  EXPECT_EQ(RateParameters::of(~std::uint64_t{0}, hz).units_per_byte, RateParameters::of(terabit, hz).units_per_byte);
}

TEST(RateLimiter, CountsIdentitiesRulesAndDirectionsApart) {
  Table table(64);
  const auto rate = RateParameters::of(megabit, hz);
  EXPECT_EQ(table.drain(RateKey::of(5, 1), 64, rate, start), 65536U);
  EXPECT_EQ(table.drain(RateKey::of(5, 1), 64, rate, start, back), 65536U);
  EXPECT_EQ(table.drain(RateKey::of(6, 1), 64, rate, start), 65536U);
  EXPECT_EQ(table.drain(RateKey::of(5, 2), 64, rate, start), 65536U);
  EXPECT_EQ(table.drain(RateKey::of(5, 1), 64, rate, start), 0U);
}

TEST(RateLimiter, FindsTheSlotWhateverItWasTold) {
  Table table(64);
  const RateKey key = RateKey::of(5, 1), other = RateKey::of(6, 1);
  const std::uint32_t slot = table.limiter.find_or_claim(key);
  const std::uint32_t wrong = table.limiter.find_or_claim(other);
  EXPECT_NE(slot, wrong);
  for (std::uint32_t told : {no_rate_slot, wrong, 64U, slot}) {
    EXPECT_EQ(table.limiter.take(told, key, out, 64, RateParameters::of(gigabit, hz), start), RateResult::conforms);
    EXPECT_EQ(told, slot);
  }
}

TEST(RateLimiter, GainsNothingFromAClockThatIsBehind) {
  Table table(16);
  const auto rate = RateParameters::of(100 * megabit, hz);
  const RateKey key = RateKey::of(5, 1);
  const std::uint64_t behind = hz / 1000;
  std::uint64_t taken = 0;
  constexpr unsigned tries = 100'000;
  for (unsigned i = 0; i < tries; ++i) {
    const std::uint64_t now = start + i * (hz / tries);  // a second
    if (table.take(key, 1000, rate, i % 2 == 0 ? now : now - behind)) taken += 1000;
  }
  EXPECT_LE(taken, (100 * megabit / 8) * 21 / 20);
  EXPECT_GT(taken, (100 * megabit / 8) * 104 / 100);
}

// The limiter's time has 64 bits and wraps; here in the middle of the run.
TEST(RateLimiter, WorksWhenItsTimeWraps) {
  constexpr std::uint64_t wraps_at = std::uint64_t{1} << 54;  // 2.1 GHz: 32 bits, so a tick is 2^10 units
  Table table(16);
  const auto rate = RateParameters::of(8 * megabit, hz);
  const RateKey key = RateKey::of(5, 1);
  std::uint64_t now = wraps_at - 10 * hz;
  table.drain(key, 1000, rate, now);
  std::uint64_t taken = 0;
  for (unsigned i = 0; i < 40'000; ++i) {
    now += hz / 2000;
    if (table.take(key, 1000, rate, now)) taken += 1000;
  }
  EXPECT_NEAR(static_cast<double>(taken), 20e6, 20e3);
}

// A slot of zeros looks like one of the moment at which time wraps, unless housekeeping came by.
TEST(RateLimiter, OldSlotsNeverSeemToBeAhead) {
  constexpr std::uint64_t wraps_at = std::uint64_t{1} << 54;
  Table table(16);
  const auto slowest = RateParameters::of(min_rate_bits_per_s, hz);
  for (std::uint64_t day = 60; day > 0; --day) EXPECT_EQ(table.limiter.reclaim(wraps_at - day * 86'400 * hz, 16), 0U);
  EXPECT_TRUE(table.take(RateKey::of(5, 1), 65536, slowest, wraps_at - 30 * hz));
  EXPECT_EQ(table.limiter.reclaim(wraps_at - 30 * hz, 16), 0U);
}

TEST(RateLimiter, AFasterRateDoesNotWaitForTheSlowerOne) {
  Table table(16);
  const RateKey key = RateKey::of(5, 1);
  table.drain(key, 1000, RateParameters::of(min_rate_bits_per_s, hz), start);
  EXPECT_TRUE(table.take(key, 1000, RateParameters::of(gigabit, hz), start + 1));
}

TEST(RateLimiter, SaysWhenItsTableIsFull) {
  Table table(16);
  for (std::uint32_t identity = 0; identity < 16; ++identity)
    EXPECT_NE(table.limiter.find_or_claim(RateKey::of(identity, 1)), no_rate_slot) << identity;
  std::uint32_t slot = no_rate_slot;
  const auto rate = RateParameters::of(gigabit, hz);
  EXPECT_EQ(table.limiter.take(slot, RateKey::of(16, 1), out, 64, rate, start), RateResult::table_full);
  EXPECT_EQ(slot, no_rate_slot);
  EXPECT_EQ(table.limiter.take(slot, RateKey::of(3, 1), out, 64, rate, start), RateResult::conforms);
}

TEST(RateLimiter, HalfFullHasRoomForAll) {
  Table table(8192);
  for (std::uint32_t identity = 0; identity < 4096; ++identity)
    ASSERT_NE(table.limiter.find_or_claim(RateKey::of(identity, 1 + identity % 7)), no_rate_slot) << identity;
}

TEST(RateLimiter, WorksWithASingleSlot) {
  Table table(1);
  EXPECT_EQ(table.limiter.find_or_claim(RateKey::of(1, 1)), 0U);
  EXPECT_EQ(table.limiter.find_or_claim(RateKey::of(1, 1)), 0U);
  EXPECT_EQ(table.limiter.find_or_claim(RateKey::of(2, 1)), no_rate_slot);
}

TEST(RateLimiter, FreesWhatWasIdleForTenSecondsAndUsesItAgain) {
  Table table(16);
  const auto rate = RateParameters::of(gigabit, hz);
  for (std::uint32_t identity = 0; identity < 16; ++identity) {
    std::uint32_t slot = no_rate_slot;
    const FlowDirection direction = identity % 2 == 0 ? out : back;
    const std::uint64_t now = start + (identity < 4 ? 0 : 5 * hz);
    EXPECT_EQ(table.limiter.take(slot, RateKey::of(identity, 1), direction, 64, rate, now), RateResult::conforms);
  }
  EXPECT_EQ(table.limiter.reclaim(start + 9 * hz, 16), 0U);
  EXPECT_EQ(table.limiter.reclaim(start + 11 * hz, 16), 4U);
  EXPECT_EQ(table.count_of(RateKey::of(0, 1)), 0U);
  EXPECT_EQ(table.count_of(RateKey::of(4, 1)), 1U);
  EXPECT_NE(table.limiter.find_or_claim(RateKey::of(99, 1)), no_rate_slot);
  EXPECT_EQ(table.drain(RateKey::of(99, 1), 64, RateParameters::of(megabit, hz), start + 11 * hz), 65536U);
}

TEST(RateLimiter, ReclaimsALittleAtATime) {
  Table table(64);
  for (std::uint32_t identity = 0; identity < 16; ++identity) {
    std::uint32_t slot = no_rate_slot;
    (void)table.limiter.take(slot, RateKey::of(identity, 1), out, 64, RateParameters::of(gigabit, hz), start);
  }
  std::uint32_t freed = 0;
  for (unsigned step = 0; step < 8; ++step) {
    const std::uint32_t now = table.limiter.reclaim(start + 20 * hz, 8);
    EXPECT_LE(now, 8U);
    freed += now;
  }
  EXPECT_EQ(freed, 16U);
}

// An empty bucket of a slow rate is ahead for more than a minute: it is busy, however long nothing came.
TEST(RateLimiter, DoesNotForgetADebt) {
  Table table(16);
  const auto slowest = RateParameters::of(min_rate_bits_per_s, hz);
  const RateKey key = RateKey::of(5, 1);
  table.drain(key, 64, slowest, start);
  for (std::uint64_t s = 1; s <= 75; ++s) EXPECT_EQ(table.limiter.reclaim(start + s * hz, 16), 0U) << s;
  EXPECT_EQ(table.limiter.reclaim(start + 76 * hz, 16), 1U);
}

TEST(RateLimiter, TwoWorkersTogetherStayWithinRateAndBurst) {
  Table table(16);
  const auto rate = RateParameters::of(gigabit, hz);
  std::atomic<std::uint64_t> clock{start};
  std::atomic<std::uint64_t> taken{0};
  const auto work = [&] {
    std::uint32_t slot = no_rate_slot;
    std::uint64_t mine = 0;
    for (unsigned i = 0; i < 200'000; ++i) {
      const std::uint64_t now = clock.fetch_add(hz / 1'000'000) - (i % 3) * (hz / 100'000);
      if (table.limiter.take(slot, RateKey::of(5, 1), out, 1000, rate, now) == RateResult::conforms) mine += 1000;
    }
    taken += mine;
  };
  std::thread one(work), two(work);
  one.join();
  two.join();
  // 400,000 microseconds.
  const std::uint64_t allowed = gigabit / 8 * 4 / 10 + gigabit / 8 / 20;
  EXPECT_LE(taken.load(), allowed + 1000);
  EXPECT_GE(taken.load(), allowed * 99 / 100);
}

TEST(RateLimiter, WorkersThatClaimAtOnceGetOneSlotEvenWhileSlotsAreFreed) {
  Table table(16);
  constexpr unsigned rounds = 3000;
  const auto rate = RateParameters::of(gigabit, hz);
  std::barrier sync(3);
  std::array<std::uint32_t, 2> found{};
  const auto key_of = [](unsigned round) { return RateKey::of(1000 + round, 1); };
  const auto claim = [&](unsigned worker) {
    for (unsigned round = 0; round < rounds; ++round) {
      sync.arrive_and_wait();
      found[worker] = table.limiter.find_or_claim(key_of(round));
      sync.arrive_and_wait();
      sync.arrive_and_wait();
    }
  };
  std::thread one(claim, 0), two(claim, 1);
  std::uint64_t now = start;
  for (unsigned round = 0; round < rounds; ++round) {
    // Eight slots that are about to be freed while the workers look for one; the round's key is kept by a charge.
    for (std::uint32_t identity = 0; identity < 8; ++identity) {
      std::uint32_t slot = no_rate_slot;
      EXPECT_EQ(table.limiter.take(slot, RateKey::of(identity, 2), out, 64, rate, now), RateResult::conforms);
    }
    now += 20 * hz;
    sync.arrive_and_wait();
    (void)table.limiter.reclaim(now, 16);
    sync.arrive_and_wait();
    EXPECT_LE(table.count_of(key_of(round)), 1U) << round;
    EXPECT_TRUE(found[0] != no_rate_slot && found[1] != no_rate_slot);
    now += 20 * hz;
    (void)table.limiter.reclaim(now, 16);
    sync.arrive_and_wait();
  }
  one.join();
  two.join();
}

}  // namespace
}  // namespace sallyport::dataplane::rate_limiter_test
