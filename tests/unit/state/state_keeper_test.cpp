#include "controlplane/state/state_keeper.hpp"

#include <cstdlib>
#include <filesystem>
#include <optional>

#include <gtest/gtest.h>

#include "tests/unit/controlplane/parts_lab.hpp"
#include "tests/unit/state/full_disk.hpp"

namespace sallyport::controlplane::state_keeper_test {
namespace {

using testing::PartsLab;

struct KeeperTest : ::testing::Test {
  KeeperTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-keeper-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    tunnel[0] = 7;
  }
  ~KeeperTest() override {
    keeper.reset();
    std::filesystem::remove_all(folder);
  }
  // A process of its own: what it had before is on disk.
  tl::expected<StoredState, std::string> start() {
    keeper.reset();
    keeper =
        std::make_unique<StateKeeper>(lab.loop, [this](const PublicKey&, const wireguard::Tai64n&) { ++reserved; });
    return keeper->open(folder / "state.db", {tunnel});
  }

  PartsLab lab;  // its loop
  std::filesystem::path folder;
  PublicKey tunnel{};
  std::unique_ptr<StateKeeper> keeper;
  int reserved = 0;
};

TEST_F(KeeperTest, ReservesTimestampsBeforeAnythingElseAndAheadOfThoseOfTheProcessBefore) {
  ASSERT_TRUE(start());
  EXPECT_FALSE(keeper->ran_before());
  EXPECT_TRUE(keeper->floors().empty());
  ASSERT_TRUE(keeper->reserved_at_start().contains(tunnel));
  const wireguard::Tai64n first = keeper->reserved_at_start().at(tunnel);
  ASSERT_TRUE(start());
  EXPECT_TRUE(keeper->ran_before());
  EXPECT_EQ(keeper->floors().at(tunnel), first);
}

TEST_F(KeeperTest, WritesWhatIsPendingWhenItEnds) {
  ASSERT_TRUE(start());
  keeper->pending().set.enrolment[{RecordKind::pin, "sa:a"}] = "{}";
  const auto stored = start();
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->enrolment.size(), 1U);
}

TEST_F(KeeperTest, SaysWhetherItIsOnDisk) {
  ASSERT_TRUE(start());
  std::optional<bool> stored;
  keeper->pending().set.enrolment[{RecordKind::pin, "sa:a"}] = "{}";
  keeper->save([&](bool is_stored) { stored = is_stored; });
  ASSERT_TRUE(lab.eventually([&] { return stored.has_value(); }));
  EXPECT_TRUE(*stored);
  {
    const FullDisk full;
    stored.reset();
    keeper->pending().set.enrolment[{RecordKind::pin, "sa:b"}] = "{}";
    keeper->save([&](bool is_stored) { stored = is_stored; });
    ASSERT_TRUE(lab.eventually([&] { return stored.has_value(); }));
    EXPECT_FALSE(*stored);
    ASSERT_EQ(keeper->problems().size(), 1U);
    EXPECT_NE(keeper->problems()[0].what.find("state file "), std::string::npos);
    EXPECT_EQ(keeper->counters()[0].value, 1U);
  }
  keeper->write();
  EXPECT_TRUE(lab.eventually([&] { return keeper->problems().empty(); })) << "with room it is tried again";
  const auto read = start();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->enrolment.size(), 2U) << "nothing was lost";
}

TEST_F(KeeperTest, CallsNobodyBeforeItsOwnTimestampsAreReservedOnAFullDisk) {
  ASSERT_TRUE(start());
  keeper.reset();
  {
    const FullDisk full;
    ASSERT_TRUE(start()) << "what is known is of use without a write";
    EXPECT_EQ(keeper->problems().size(), 1U);
    EXPECT_EQ(keeper->reserved_at_start(), keeper->floors());
  }
  EXPECT_EQ(reserved, 0);
  keeper->write();
  EXPECT_TRUE(lab.eventually([&] { return reserved == 1; }));
}

TEST_F(KeeperTest, SaysWithoutAFileThatNothingIsStored) {
  StateKeeper unopened(lab.loop, [](const PublicKey&, const wireguard::Tai64n&) {});
  std::optional<bool> stored;
  unopened.save([&](bool is_stored) { stored = is_stored; });
  EXPECT_EQ(stored, false);
}

}  // namespace
}  // namespace sallyport::controlplane::state_keeper_test
