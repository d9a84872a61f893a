#include "controlplane/peers/peer_directory.hpp"

#include <gtest/gtest.h>

namespace sallyport::controlplane::peer_directory_test {
namespace {

Peer peer(const std::string& name, const std::vector<const char*>& prefixes) {
  Peer made;
  made.name = name;
  for (const char* prefix : prefixes) made.prefixes.push_back(*IpPrefix::parse(prefix));
  return made;
}

class PeerDirectoryTest : public ::testing::Test {
 protected:
  PeerDirectoryTest() {
    directory.rebuild(peers);
    directory.add(peer("ann", {"10.8.0.2/32", "fd00::/64"}));
    directory.add(peer("branch", {"10.9.0.0/16"}));
    directory.add(peer("site", {"0.0.0.0/0", "10.9.7.0/24"}));
    directory.set_id("ann", 4);
    directory.set_id("branch", 5);
    directory.set_id("site", 6);
  }
  std::string owner(const char* address) const {
    const Peer* found = directory.by_address(*IpAddress::parse(address));
    return found == nullptr ? "" : found->name;
  }

  std::vector<Peer> peers;
  PeerDirectory directory;
};

TEST_F(PeerDirectoryTest, FindsTheLongestPrefixOfEitherFamily) {
  EXPECT_EQ(owner("10.8.0.2"), "ann");
  EXPECT_EQ(owner("fd00::7"), "ann");
  EXPECT_EQ(owner("10.9.1.1"), "branch");
  EXPECT_EQ(owner("10.9.7.1"), "site");
  EXPECT_EQ(owner("192.0.2.1"), "site");
  EXPECT_EQ(owner("fd01::1"), "");
}

TEST_F(PeerDirectoryTest, StaysRightWhenThePeersBehindMoveUp) {
  directory.remove("ann");
  ASSERT_EQ(peers.size(), 2U);
  EXPECT_EQ(directory.by_name("site")->name, "site");
  EXPECT_EQ(directory.by_id(6)->name, "site");
  EXPECT_EQ(directory.by_id(4), nullptr);
  EXPECT_EQ(owner("10.8.0.2"), "site");
  EXPECT_EQ(owner("fd00::7"), "");
  EXPECT_FALSE(directory.id_of("ann"));
}

TEST_F(PeerDirectoryTest, APrefixGoesFromOnePeerToAnotherInAnyOrder) {
  directory.replace(peer("ann", {"10.9.0.0/16"}));
  directory.replace(peer("branch", {"10.8.0.2/32"}));
  EXPECT_EQ(owner("10.9.1.1"), "ann");
  EXPECT_EQ(owner("10.8.0.2"), "branch");
  EXPECT_EQ(directory.id_of("ann"), 4U) << "the number stays";
}

}  // namespace
}  // namespace sallyport::controlplane::peer_directory_test
