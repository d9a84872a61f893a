#include "controlplane/state/store.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/unit/state/full_disk.hpp"

namespace sallyport::controlplane::store_test {
namespace {

using namespace std::chrono_literals;
using wireguard::Tai64n;
using wireguard::WallTime;

const WallTime now = WallTime(std::chrono::years(56));

PublicKey key(std::uint8_t number) {
  PublicKey value{};
  value.fill(number);
  return value;
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-store-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    file = folder / "state.db";
  }
  ~StoreTest() override { std::filesystem::remove_all(folder); }

  Store open() {
    auto store = Store::open(file);
    EXPECT_TRUE(store) << (store ? "" : store.error());
    return std::move(*store);
  }
  static StoreChange with_timestamp(const PeerKey& peer, WallTime set_at, Tai64n value = Tai64n::from_wall(now)) {
    StoreChange change;
    change.set.timestamps[peer] = {value, set_at};
    return change;
  }

  std::filesystem::path folder;
  std::filesystem::path file;
  const PeerKey ann{key(1), key(2)};
};

TEST_F(StoreTest, IsEmptyAndPrivateAtFirst) {
  Store store = open();
  const auto state = store.load(now);
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->timestamps.empty());
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(StoreTest, RemembersOverARestart) {
  {
    Store store = open();
    StoreChange change = with_timestamp(ann, now - 1h);
    change.set.reservations[key(1)] = Tai64n::from_wall(now + 60s);
    ASSERT_TRUE(store.write(change, now));
  }
  Store store = open();
  const auto state = store.load(now);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->timestamps.at(ann), (TimestampRow{Tai64n::from_wall(now), now - 1h}));
  EXPECT_EQ(state->reservations.at(key(1)), Tai64n::from_wall(now + 60s));
}

TEST_F(StoreTest, RemembersWhereAPeerWasAndFromWhichAddressItWasCalled) {
  const EndpointRow there{*IpEndpoint::parse("198.51.100.7:4242"), *IpEndpoint::parse("192.0.2.2:51820"), now};
  const EndpointRow elsewhere{*IpEndpoint::parse("[2001:db8::7]:4242"), {}, now - 1h};
  const PeerKey bob{key(1), key(3)};
  {
    Store store = open();
    StoreChange change;
    change.set.peer_endpoints[ann] = there;
    change.set.peer_endpoints[bob] = elsewhere;
    EXPECT_FALSE(change.empty());
    ASSERT_TRUE(store.write(change, now));
  }
  {
    Store store = open();
    const auto state = store.load(now + 48h);
    ASSERT_TRUE(state);
    EXPECT_EQ(state->peer_endpoints.at(ann), there) << "it does not lapse";
    EXPECT_EQ(state->peer_endpoints.at(bob), elsewhere);
    StoreChange change, later;
    change.set.peer_endpoints[ann] = elsewhere;
    later.set.peer_endpoints[ann] = {};
    change.merge(later);
    ASSERT_TRUE(store.write(change, now));
  }
  Store store = open();
  const auto state = store.load(now);
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->peer_endpoints.contains(ann)) << "forgotten";
  EXPECT_EQ(state->peer_endpoints.size(), 1U);
}

TEST_F(StoreTest, KeepsPeersOfDifferentInterfacesApart) {
  Store store = open();
  ASSERT_TRUE(store.write(with_timestamp(ann, now), now));
  const PeerKey elsewhere{key(9), ann.peer};
  ASSERT_TRUE(store.write(with_timestamp(elsewhere, now, {}), now));
  EXPECT_EQ(store.load(now)->timestamps.size(), 2U);
}

TEST_F(StoreTest, ATimestampLapsesTwentyFourHoursAfterItsHandshake) {
  Store store = open();
  ASSERT_TRUE(store.write(with_timestamp(ann, now), now));
  EXPECT_EQ(store.load(now + 24h - 1s)->timestamps.size(), 1U);
  EXPECT_TRUE(store.load(now + 24h)->timestamps.empty());
  ASSERT_TRUE(store.write({}, now + 25h));
  EXPECT_TRUE(store.load(now)->timestamps.empty()) << "it is gone from the disk too";
}

TEST_F(StoreTest, AHandshakeInTheFutureBindsForADayFromNow) {
  Store store = open();
  ASSERT_TRUE(store.write(with_timestamp(ann, now + std::chrono::years(10)), now));
  EXPECT_EQ(store.load(now)->timestamps.at(ann).set_at, now);
  EXPECT_TRUE(store.load(now + 24h)->timestamps.empty()) << "the clock was put right; no second day";
}

TEST_F(StoreTest, Forgets) {
  Store store = open();
  ASSERT_TRUE(store.write(with_timestamp(ann, now), now));
  ASSERT_TRUE(store.write({.set = {}, .forget = {ann}}, now));
  EXPECT_TRUE(store.load(now)->timestamps.empty());
}

TEST_F(StoreTest, OnlyOneProcessMayUseIt) {
  Store store = open();
  ASSERT_TRUE(store.write(with_timestamp(ann, now), now));
  const auto second = Store::open(file);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("another control plane"), std::string::npos) << second.error();
}

TEST_F(StoreTest, SaysClearlyWhatIsWrongWithTheFile) {
  { std::ofstream(file) << std::string(5000, 'x'); }
  EXPECT_NE(Store::open(file).error().find("not a database"), std::string::npos);
  std::filesystem::remove(file);
  EXPECT_NE(Store::open(folder / "missing" / "state.db").error().find("No such file"), std::string::npos);
  std::filesystem::create_directory(file);
  EXPECT_FALSE(Store::open(file));
}

TEST_F(StoreTest, SaysThatAFileWasEmptied) {
  {
    Store store = open();
    EXPECT_FALSE(store.was_emptied()) << "it is new";
    ASSERT_TRUE(store.write(with_timestamp(ann, now), now));
  }
  EXPECT_FALSE(open().was_emptied());
  std::filesystem::resize_file(file, 0);
  Store store = open();
  EXPECT_TRUE(store.was_emptied());
  EXPECT_TRUE(store.load(now)->timestamps.empty());
}

TEST_F(StoreTest, IsReadWhileTheDiskIsFull) {
  ASSERT_TRUE(open().write(with_timestamp(ann, now + 1h), now));
  const FullDisk full;
  auto store = Store::open(file);
  ASSERT_TRUE(store) << store.error();
  const auto state = store->load(now);
  ASSERT_TRUE(state) << state.error();
  EXPECT_EQ(state->timestamps.at(ann).set_at, now) << "put right, if not on disk";
  EXPECT_FALSE(store->write(with_timestamp(ann, now), now));
}

TEST_F(StoreTest, IsForItsOwnerAlone) {
  { Store store = open(); }
  ASSERT_EQ(chmod(file.c_str(), 0644), 0);
  { Store store = open(); }
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  if (geteuid() != 0) return;
  ASSERT_EQ(chown(file.c_str(), 65534, static_cast<gid_t>(-1)), 0);
  const auto opened = Store::open(file);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().find("another user"), std::string::npos) << opened.error();
}

TEST_F(StoreTest, RefusesAFileOfALaterRelease) {
  {
    Store store = open();
    ASSERT_TRUE(store.write({}, now));
  }
  // The version is a big-endian number at offset 60 of the file header.
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(60);
  stream.write("\0\0\0\7", 4);
  stream.close();
  const auto opened = Store::open(file);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().find("version 7"), std::string::npos) << opened.error();
}

TEST_F(StoreTest, LosesNothingThatWasWrittenWhenTheProcessIsKilled) {
  const pid_t child = fork();
  if (child == 0) {
    auto store = Store::open(file);
    const bool written = store && store->write(with_timestamp(ann, now), now);
    raise(written ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  Store store = open();
  EXPECT_EQ(store.load(now)->timestamps.size(), 1U);
}

TEST_F(StoreTest, RemembersThePolicyItsNumbersEndpointsAndTheAuditTrail) {
  auto policy = std::make_shared<StoredPolicy>();
  policy->version = {7,     "etag", PolicySource::api, std::chrono::floor<std::chrono::seconds>(now), "c0ffee",
                     "Ann", false};
  policy->bundle.files = {{"b.toml", "schema = 1\n"}, {"a.toml", "text with \"quotes\"\n"}};
  policy->rules = {{"x", 3}, {"y", 1}};
  policy->services = {{"x", 9}};
  {
    Store store = open();
    StoreChange change;
    change.set.policy = policy;
    change.set.endpoints["live"] = {*IpPrefix::parse("10.244.0.7/32"), *IpPrefix::parse("fd00::/64")};
    change.set.policy_changes[1] = {policy->version.applied_at, true, 7, "etag", PolicySource::api, "uid 0", "", "",
                                    {"+ rule x", "~ service x"}};
    ASSERT_TRUE(store.write(change, now));
    StoreChange git;
    git.set.policy_changes[1] = change.set.policy_changes[1];
    git.set.policy_changes[1].git_commit = "c0ffee";
    ASSERT_TRUE(store.write(git, now));
  }
  const auto state = open().load(now);
  ASSERT_TRUE(state && state->policy);
  EXPECT_EQ(state->policy->version.generation, 7U);
  EXPECT_EQ(state->policy->version.source, PolicySource::api);
  EXPECT_EQ(state->policy->bundle, policy->bundle);
  EXPECT_EQ(state->policy->rules, policy->rules);
  EXPECT_EQ(state->policy->services, policy->services);
  EXPECT_EQ(state->endpoints.at("live").size(), 2U);
  ASSERT_EQ(state->policy_changes.size(), 1U);
  EXPECT_EQ(state->policy_changes.at(1).git_commit, "c0ffee");
  EXPECT_EQ(state->policy_changes.at(1).summary.size(), 2U);
}

TEST_F(StoreTest, KeepsTheNewestOfTheAuditTrailAndForgetsEndpoints) {
  Store store = open();
  StoreChange change;
  for (std::int64_t number = 1; number <= Store::policy_changes_max + 5; ++number)
    change.set.policy_changes[number].by = "start";
  change.set.endpoints["live"] = {*IpPrefix::parse("10.244.0.7/32")};
  ASSERT_TRUE(store.write(change, now));
  StoreChange gone;
  gone.set.endpoints["live"] = {};
  ASSERT_TRUE(store.write(gone, now));
  const auto state = store.load(now);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->policy_changes.size(), static_cast<std::size_t>(Store::policy_changes_max));
  EXPECT_EQ(state->policy_changes.begin()->first, 6);
  EXPECT_TRUE(state->endpoints.empty());
}

TEST(StoreChange, TheLaterChangeWins) {
  const PeerKey ann{key(1), key(2)};
  StoreChange change;
  change.set.timestamps[ann] = {};
  change.merge({.set = {}, .forget = {ann}});
  EXPECT_TRUE(change.set.timestamps.empty());
  EXPECT_EQ(change.forget.size(), 1U);
  StoreChange again;
  again.set.timestamps[ann] = {Tai64n::from_wall(now), now};
  change.merge(again);
  EXPECT_TRUE(change.forget.empty());
  EXPECT_EQ(change.set.timestamps.size(), 1U);
}

}  // namespace
}  // namespace sallyport::controlplane::store_test
