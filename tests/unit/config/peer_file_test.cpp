#include "config/peer_file.hpp"

#include "tests/unit/config/config_text.hpp"

namespace sallyport::config::peer_file_test {
namespace {

std::vector<std::string> errors_of_file(std::string_view text) {
  std::vector<std::string> lines;
  const auto peers = parse_peer_file(text, "/etc/sallyport/peers.d/ann-laptop.toml");
  if (!peers)
    for (const Error& error : peers.error()) lines.push_back(to_string(error));
  return lines;
}

std::string keys_of_ann() {
  return "wireguard = \"wg0\"\npublic_key = \"" + std::string(ann_key) + "\"\nallowed_ips = [\"10.8.0.2/32\"]\n";
}

TEST(PeerFile, HoldsThePeerThatItIsNamedAfter) {
  const auto peers = parse_peer_file(keys_of_ann() + "tags = [\"laptop\"]\npreshared_key_file = \"../ann.psk\"\n",
                                     "/etc/sallyport/peers.d/ann-laptop.toml");
  ASSERT_TRUE(peers);
  ASSERT_EQ(peers->size(), 1U);
  EXPECT_EQ(peers->front().name, "ann-laptop");
  EXPECT_EQ(peers->front().tags, std::vector<std::string>{"laptop"});
  EXPECT_EQ(*peers->front().preshared_key_file, "/etc/sallyport/ann.psk");
}

TEST(PeerFile, MayNameItsPeerOrHoldSeveral) {
  const auto named = parse_peer_file("name = \"ann\"\n" + keys_of_ann(), "x.toml");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->front().name, "ann");
  const auto several =
      parse_peer_file(peer_toml("ann", ann_key, "10.8.0.2/32") + peer_toml("bob", bob_key, "10.8.0.3/32"), "x.toml");
  ASSERT_TRUE(several);
  EXPECT_EQ(several->size(), 2U);
}

TEST(PeerFile, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(errors_of_file("wireguard = \"wg0\"\n").size(), 2U);
  EXPECT_EQ(errors_of_file("").size(), 1U);
  EXPECT_EQ(errors_of_file("peer = []\n").size(), 1U);
  EXPECT_EQ(errors_of_file("half of a fi").size(), 1U);
  const auto unknown = errors_of_file(keys_of_ann() + "adress = 1\n");
  ASSERT_EQ(unknown.size(), 1U);
  EXPECT_NE(unknown[0].find("ann-laptop.toml:4:1: unknown key"), std::string::npos) << unknown[0];
  EXPECT_EQ(errors_of_file("[gateway]\nname = \"x\"\n" + peer_toml("ann", ann_key, "10.8.0.2/32")).size(), 1U)
      << "nothing but peers";
  EXPECT_EQ(parse_peer_file(keys_of_ann(), "no name.toml").error().size(), 1U) << "the file's name is no peer's";
}

}  // namespace
}  // namespace sallyport::config::peer_file_test
