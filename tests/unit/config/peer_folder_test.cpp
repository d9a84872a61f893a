#include "config/peer_folder.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/config/config_text.hpp"

namespace sallyport::config::peer_folder_test {
namespace {

namespace fs = std::filesystem;

class PeerFolderTest : public ::testing::Test {
 protected:
  PeerFolderTest() {
    std::string pattern = (fs::temp_directory_path() / "sallyport-peers-XXXXXX").string();
    path = mkdtemp(pattern.data());
    base = valid(complete(peer_toml("ann", ann_key, "10.8.0.2/32")));
    folder.emplace(path, base);
  }
  ~PeerFolderTest() override { fs::remove_all(path); }

  // A key that is nobody else's.
  static std::string key(unsigned number) {
    PublicKey bytes{};
    bytes[0] = static_cast<std::uint8_t>(number);
    bytes[1] = static_cast<std::uint8_t>(number >> 8);
    bytes[5] = 9;
    return encode_key(bytes);
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(path / name) << text; }
  void write_peer(const std::string& name, unsigned key_number, std::string_view prefix) {
    write(name, "wireguard = \"wg0\"\npublic_key = \"" + key(key_number) + "\"\nallowed_ips = [\"" +
                    std::string(prefix) + "\"]\n");
  }
  PeerFolder::Changes update(const std::string& name) { return folder->update({name}, accept); }
  std::string in_force() const {
    std::string names;
    for (const Peer& peer : folder->peers()) names += peer.name + ' ';
    return names;
  }
  std::string problem_of(const std::string& file) const {
    for (const auto& problem : folder->problems())
      if (problem.file == file) return problem.error.message + (problem.keeps_last ? " (kept)" : "");
    return "";
  }

  fs::path path;
  Config base;
  std::optional<PeerFolder> folder;
  PeerFolder::Accept accept;
};

TEST_F(PeerFolderTest, ReadsFilesThatEndInTomlAndAreNotHidden) {
  write_peer("bob.toml", 1, "10.8.0.3/32");
  write_peer(".hidden.toml", 2, "10.8.0.4/32");
  write_peer("carl.toml.tmp", 3, "10.8.0.5/32");
  write_peer(".toml", 4, "10.8.0.6/32");
  const auto changes = folder->scan(accept);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes.at("bob").after->name, "bob");
  EXPECT_FALSE(changes.at("bob").before);
  EXPECT_TRUE(folder->scan(accept).empty()) << "nothing changed";
}

TEST_F(PeerFolderTest, AFileThatGoesEndsItsPeersAndAFolderThatGoesAllOfThem) {
  write_peer("bob.toml", 1, "10.8.0.3/32");
  write_peer("carl.toml", 2, "10.8.0.4/32");
  (void)folder->scan(accept);
  fs::remove(path / "bob.toml");
  const auto changes = update("bob.toml");
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_FALSE(changes.at("bob").after);
  fs::remove_all(path);
  EXPECT_EQ(folder->scan(accept).size(), 1U);
  EXPECT_EQ(in_force(), "");
}

TEST_F(PeerFolderTest, ABrokenFileKeepsWhatItGaveUntilItIsRightAgain) {
  write_peer("bob.toml", 1, "10.8.0.3/32");
  (void)folder->scan(accept);
  write("bob.toml", "wireguard = \"wg");
  EXPECT_TRUE(update("bob.toml").empty());
  EXPECT_EQ(in_force(), "bob ");
  EXPECT_NE(problem_of("bob.toml").find("(kept)"), std::string::npos);
  write_peer("bob.toml", 1, "10.8.0.9/32");
  const auto changes = update("bob.toml");
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes.at("bob").before->allowed_ips[0].to_string(), "10.8.0.3/32");
  EXPECT_EQ(changes.at("bob").after->allowed_ips[0].to_string(), "10.8.0.9/32");
  EXPECT_EQ(problem_of("bob.toml"), "");
}

TEST_F(PeerFolderTest, GatewayTomlAlwaysWins) {
  write_peer("ann.toml", 1, "10.8.0.3/32");
  write_peer("bob.toml", 2, "10.8.0.2/32");
  write_peer("carl.toml", 3, "10.8.0.1/32");
  write_peer("dora.toml", 4, "10.0.0.0/24");
  write("eve.toml", "wireguard = \"wg7\"\npublic_key = \"" + key(5) + "\"\nallowed_ips = [\"10.8.0.7/32\"]\n");
  EXPECT_TRUE(folder->scan(accept).empty());
  EXPECT_EQ(problem_of("ann.toml"), "name: 'ann' is taken already");
  EXPECT_EQ(problem_of("bob.toml"), "allowed_ips: 10.8.0.2/32 belongs to peer 'ann' already");
  EXPECT_NE(problem_of("carl.toml").find("gateway's own address"), std::string::npos);
  EXPECT_NE(problem_of("dora.toml").find("connected prefix"), std::string::npos);
  EXPECT_NE(problem_of("eve.toml").find("no [[wireguard]]"), std::string::npos);
}

TEST_F(PeerFolderTest, OfTwoFilesTheEarlierByNameWinsHoweverTheyCame) {
  write_peer("z.toml", 1, "10.8.0.3/32");
  (void)folder->scan(accept);
  EXPECT_EQ(in_force(), "z ");
  write_peer("b.toml", 2, "10.8.0.3/32");
  auto changes = update("b.toml");
  EXPECT_EQ(in_force(), "b z ");
  EXPECT_TRUE(folder->peers().back().allowed_ips.empty()) << "it goes on without its prefix";
  EXPECT_EQ(changes.size(), 2U);
  EXPECT_NE(problem_of("z.toml"), "");
  fs::remove(path / "b.toml");
  changes = update("b.toml");
  EXPECT_EQ(in_force(), "z ") << "it had waited for the prefix";
  EXPECT_EQ(problem_of("z.toml"), "");
}

TEST_F(PeerFolderTest, AFileThatWantsTooMuchStaysWithWhatItHad) {
  write_peer("b.toml", 1, "10.8.0.3/32");
  write_peer("z.toml", 2, "10.8.0.4/32");
  (void)folder->scan(accept);
  write_peer("z.toml", 2, "10.8.0.3/32");
  EXPECT_TRUE(update("z.toml").empty());
  EXPECT_NE(problem_of("z.toml").find("(kept)"), std::string::npos);
  write_peer("b.toml", 1, "10.8.0.7/32");
  const auto changes = update("b.toml");
  EXPECT_EQ(changes.size(), 2U) << "z gets what b gave up";
  EXPECT_EQ(problem_of("z.toml"), "");
}

TEST_F(PeerFolderTest, FilesMayExchangeTheirPrefixes) {
  write_peer("b.toml", 1, "10.8.0.3/32");
  write_peer("c.toml", 2, "10.8.0.4/32");
  (void)folder->scan(accept);
  write_peer("b.toml", 1, "10.8.0.4/32");
  write_peer("c.toml", 2, "10.8.0.3/32");
  const auto changes = folder->update({"b.toml", "c.toml"}, accept);
  EXPECT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes.at("c").after->allowed_ips[0].to_string(), "10.8.0.3/32");
  EXPECT_TRUE(folder->problems().empty());
}

TEST_F(PeerFolderTest, FilesMayExchangeTheirPrefixesOneAfterTheOtherAndNoPeerEnds) {
  for (const bool first_one_first : {true, false}) {
    write_peer("b.toml", 1, "10.8.0.3/32");
    write_peer("c.toml", 2, "10.8.0.4/32");
    (void)folder->scan(accept);
    const auto exchange = [&](bool first) {
      write_peer(first ? "b.toml" : "c.toml", first ? 1 : 2, first ? "10.8.0.4/32" : "10.8.0.3/32");
      for (const auto& [name, change] : update(first ? "b.toml" : "c.toml")) EXPECT_TRUE(change.after) << name;
    };
    exchange(first_one_first);
    exchange(!first_one_first);
    EXPECT_EQ(folder->peers().front().allowed_ips[0].to_string(), "10.8.0.4/32");
    EXPECT_EQ(folder->peers().back().allowed_ips[0].to_string(), "10.8.0.3/32");
    EXPECT_TRUE(folder->problems().empty());
  }
}

TEST_F(PeerFolderTest, AFileCountsAsAWhole) {
  write("two.toml", peer_toml("bob", bob_key, "10.8.0.3/32") + peer_toml("carl", key(1), "10.8.0.2/32"));
  EXPECT_TRUE(folder->scan(accept).empty());
  write("two.toml", peer_toml("bob", bob_key, "10.8.0.3/32") + peer_toml("carl", key(1), "10.8.0.3/32"));
  EXPECT_TRUE(update("two.toml").empty());
  EXPECT_NE(problem_of("two.toml"), "");
}

TEST_F(PeerFolderTest, AsksWhoeverMakesTheKeysLast) {
  bool there = false;
  accept = [&](const Peer&) { return there ? std::nullopt : std::optional<std::string>("no key"); };
  write_peer("bob.toml", 1, "10.8.0.3/32");
  EXPECT_TRUE(folder->scan(accept).empty());
  EXPECT_EQ(problem_of("bob.toml"), "no key");
  there = true;
  EXPECT_EQ(folder->scan(accept).size(), 1U) << "a file with an error is tried again";
}

TEST_F(PeerFolderTest, IsJudgedAnewAgainstAnotherGatewayToml) {
  write_peer("bob.toml", 1, "10.8.0.3/32");
  write_peer("carl.toml", 2, "10.8.0.2/32");
  (void)folder->scan(accept);
  EXPECT_EQ(in_force(), "bob ");
  folder->rebase(valid(complete(peer_toml("dora", ann_key, "10.8.0.3/32"))), accept);
  EXPECT_EQ(in_force(), "bob carl ");
  EXPECT_TRUE(folder->peers().front().allowed_ips.empty());
  EXPECT_NE(problem_of("bob.toml"), "");
}

TEST_F(PeerFolderTest, WhatIsInForceDependsOnTheFilesAlone) {
  // Random writes and removals of files that fight for few prefixes and names; a fresh look always agrees.
  std::uint32_t state = 12345;
  const auto random = [&](unsigned below) {
    state = state * 1664525U + 1013904223U;
    return (state >> 16) % below;
  };
  for (int step = 0; step < 400; ++step) {
    const std::string name = "f" + std::to_string(random(8)) + ".toml";
    if (random(3) == 0)
      fs::remove(path / name);
    else
      write(name, peer_toml("peer-" + std::to_string(random(6)), key(random(6) + 1),
                            "10.8.1." + std::to_string(random(6)) + "/32"));
    (void)update(name);
    if (step % 10 != 0) continue;
    // Files that keep what they gave before differ from a fresh look; all others are the same.
    PeerFolder fresh(path, base);
    (void)fresh.scan(accept);
    bool keeps = false;
    for (const auto& problem : folder->problems()) keeps |= problem.keeps_last;
    if (keeps) continue;
    EXPECT_EQ(folder->peers(), fresh.peers()) << "step " << step;
  }
}

}  // namespace
}  // namespace sallyport::config::peer_folder_test
