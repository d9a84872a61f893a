#include "controlplane/wireguard/tai64n.hpp"

#include <gtest/gtest.h>

#include "controlplane/wireguard/replay_guard.hpp"
#include "tests/unit/wireguard/hex.hpp"

namespace sallyport::wireguard::tai64n_test {
namespace {

using namespace std::chrono_literals;

WallTime wall(std::chrono::nanoseconds since_epoch) {
  return WallTime(since_epoch);
}

TEST(Tai64n, IsBigEndianAndRoundsItsNanosecondsDown) {
  EXPECT_EQ(to_hex(Tai64n::from_wall(wall(0ns)).bytes), "400000000000000a00000000");
  EXPECT_EQ(to_hex(Tai64n::from_wall(wall(1700000000s)).bytes), "400000006553f10a00000000");
  EXPECT_EQ(to_hex(Tai64n::from_wall(wall(1s + 16777215ns)).bytes), "400000000000000b00000000");
  EXPECT_EQ(to_hex(Tai64n::from_wall(wall(1s + 16777216ns)).bytes), "400000000000000b01000000");
  EXPECT_EQ(to_hex(Tai64n::from_wall(wall(1s + 999999999ns)).bytes), "400000000000000b3b000000");
  EXPECT_EQ(to_hex(Tai64n::from_wall(wall(-1ns)).bytes), "40000000000000093b000000");
}

TEST(Tai64n, OrdersByTime) {
  EXPECT_LT(Tai64n::from_wall(wall(255s)), Tai64n::from_wall(wall(256s)));
  EXPECT_LT(Tai64n::from_wall(wall(1s)), Tai64n::from_wall(wall(1s + 20ms)));
  EXPECT_EQ(Tai64n::from_wall(wall(1s)), Tai64n::from_wall(wall(1s + 1ms)));
  EXPECT_LT(Tai64n{}, Tai64n::from_wall(wall(-100 * 365 * 86400s)));
}

TEST(Tai64n, StepsAlwaysForward) {
  Tai64n timestamp = Tai64n::from_wall(wall(5s));
  for (int i = 0; i < 200; ++i) {
    ASSERT_LT(timestamp, timestamp.next_step());
    timestamp = timestamp.next_step();
  }
  EXPECT_EQ(timestamp, Tai64n::from_wall(wall(5s + 3s + 20 * 16777216ns)));  // 60 steps a second
  Tai64n odd;                                                                // nanoseconds that no clock writes
  odd.bytes.fill(0x7f);
  EXPECT_LT(odd, odd.next_step());
}

TEST(TimestampSource, FollowsTheClockAndNeverGoesBack) {
  TimestampSource source;
  const Tai64n first = source.next(wall(1000s), {});
  EXPECT_EQ(first, Tai64n::from_wall(wall(1000s)));
  const Tai64n same_instant = source.next(wall(1000s), first);
  EXPECT_EQ(same_instant, first.next_step());
  const Tai64n clock_went_back = source.next(wall(10s), same_instant);
  EXPECT_EQ(clock_went_back, same_instant.next_step());
  EXPECT_EQ(source.greatest(), clock_went_back);
  // Another peer has its own order: it does not push the first one's.
  EXPECT_EQ(source.next(wall(1000s), {}), Tai64n::from_wall(wall(1000s)));
}

TEST(TimestampSource, StartsAfterTheFloorFromDisk) {
  const Tai64n floor = Tai64n::from_wall(wall(2000s));
  TimestampSource source(floor);
  EXPECT_EQ(source.greatest(), floor);
  EXPECT_EQ(source.next(wall(1500s), {}), floor.next_step());
  EXPECT_EQ(source.next(wall(3000s), {}), Tai64n::from_wall(wall(3000s)));
}

TEST(TimestampSource, AsksForAReservationBeforeItIsNeeded) {
  TimestampSource source;
  const auto wanted = source.reservation_wanted(wall(1000s));
  ASSERT_TRUE(wanted);
  EXPECT_EQ(*wanted, Tai64n::from_wall(wall(1060s)));
  source.reserved(*wanted);
  EXPECT_EQ(source.reserved_until(), *wanted);
  EXPECT_FALSE(source.reservation_wanted(wall(1030s)));
  EXPECT_TRUE(source.reservation_wanted(wall(1031s)));
  EXPECT_LE(source.next(wall(1031s), {}), source.reserved_until());
}

TEST(TimestampSource, RestartsInALoopDoNotRunAwayFromTheClock) {
  // 100 restarts within a minute: each starts from what the last one reserved.
  Tai64n floor;
  for (int restart = 0; restart < 100; ++restart) {
    const WallTime now = wall(1000s + restart * 600ms);
    TimestampSource source(floor);
    if (const auto wanted = source.reservation_wanted(now)) source.reserved(*wanted);
    EXPECT_GT(source.next(now, {}), floor);
    floor = source.reserved_until();
  }
  EXPECT_LT(floor, Tai64n::from_wall(wall(1000s + 60s + 60s + 30s)));
}

BootTime boot(std::chrono::nanoseconds time) {
  return BootTime(time);
}

TEST(ReplayGuard, AcceptsOnlyGrowingTimestamps) {
  ReplayGuard guard;
  const Tai64n t1 = Tai64n::from_wall(wall(1000s));
  EXPECT_TRUE(guard.accept(t1, boot(1s)));
  EXPECT_EQ(guard.accept(t1, boot(2s)).error(), HandshakeError::old_timestamp);
  EXPECT_EQ(guard.accept(Tai64n::from_wall(wall(999s)), boot(3s)).error(), HandshakeError::old_timestamp);
  EXPECT_TRUE(guard.accept(t1.next_step(), boot(4s)));
  EXPECT_EQ(guard.greatest(), (GreatestTimestamp{t1.next_step(), boot(4s)}));
}

TEST(ReplayGuard, LetsAClockThatJumpedComeBackAfterADay) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.accept(Tai64n::from_wall(wall(std::chrono::years(200))), boot(10s)));
  const Tai64n honest = Tai64n::from_wall(wall(std::chrono::years(55)));
  EXPECT_FALSE(guard.accept(honest, boot(10s + 24h - 1ns)));
  EXPECT_EQ(guard.accept(honest, boot(10s + 24h)), Freshness::unproven);
  guard.confirm(honest, boot(10s + 24h));
  EXPECT_FALSE(guard.accept(honest, boot(11s + 24h)));
  EXPECT_TRUE(guard.accept(honest.next_step(), boot(12s + 24h)));
  guard.confirm(honest.next_step(), boot(12s + 24h));
  EXPECT_TRUE(guard.accept(honest, boot(13s + 48h))) << "nor does what it said then lock it out for good";
}

TEST(ReplayGuard, NeverLowersItsFloorForWhatMayBeAReplay) {
  ReplayGuard guard;
  const Tai64n recorded = Tai64n::from_wall(wall(1000s)), newest = Tai64n::from_wall(wall(2000s));
  EXPECT_EQ(guard.accept(recorded, boot(1s)), Freshness::unproven) << "no floor binds yet";
  EXPECT_EQ(guard.accept(newest, boot(2s)), Freshness::fresh);
  EXPECT_EQ(guard.accept(recorded, boot(3s + 24h)), Freshness::unproven);
  EXPECT_EQ(guard.greatest(), (GreatestTimestamp{newest, boot(2s)}));
  EXPECT_EQ(guard.accept(newest.next_step(), boot(4s + 24h)), Freshness::unproven);
  EXPECT_EQ(guard.accept(newest, boot(5s + 24h)).error(), HandshakeError::old_timestamp) << "it binds again";
}

TEST(ReplayGuard, ForgetsOnlyWhenTold) {
  ReplayGuard guard;
  const Tai64n timestamp = Tai64n::from_wall(wall(1000s));
  EXPECT_TRUE(guard.accept(timestamp, boot(1s)));
  guard.forget();
  EXPECT_FALSE(guard.greatest());
  EXPECT_TRUE(guard.accept(timestamp, boot(2s)));
}

TEST(ReplayGuard, TakesBackWhatSurvivedARestart) {
  const Tai64n old = Tai64n::from_wall(wall(1000s));
  const Tai64n greater = Tai64n::from_wall(wall(2000s));
  ReplayGuard guard;
  guard.restore({greater, boot(-5s)}, boot(100s));
  guard.restore({old, boot(50s)}, boot(100s));
  EXPECT_EQ(guard.greatest(), (GreatestTimestamp{greater, boot(-5s)}));
  EXPECT_FALSE(guard.accept(greater, boot(101s)));
  EXPECT_TRUE(guard.accept(greater, boot(24h - 5s)));

  ReplayGuard clock_was_wrong;
  clock_was_wrong.restore({greater, boot(90h)}, boot(100s));
  EXPECT_EQ(clock_was_wrong.greatest()->set_at, boot(100s));
}

TEST(ReplayGuard, CallsInitiationsFasterThanFiftyASecondAFlood) {
  ReplayGuard guard;
  EXPECT_FALSE(guard.floods(boot(0ns)));
  EXPECT_TRUE(guard.accept(Tai64n::from_wall(wall(1s)), boot(1s)));
  EXPECT_TRUE(guard.floods(boot(1s + 19ms)));
  EXPECT_FALSE(guard.floods(boot(1s + 20ms)));
}

}  // namespace
}  // namespace sallyport::wireguard::tai64n_test
