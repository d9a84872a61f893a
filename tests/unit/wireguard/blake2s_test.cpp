#include "controlplane/wireguard/blake2s.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/wireguard/hex.hpp"
#include "tests/unit/wireguard/wireguard_vectors.hpp"

namespace sallyport::wireguard::blake2s_test {
namespace {

// RFC 7693, appendix B, and the empty string of the reference implementation.
TEST(Blake2s, MatchesTheRfc) {
  EXPECT_EQ(to_hex(hash({as_bytes("abc")})), "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
  EXPECT_EQ(to_hex(hash({})), "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
}

TEST(Blake2s, MatchesHashlib) {
  for (const auto& c : vectors::hash_cases) EXPECT_EQ(to_hex(hash({from_hex(c.input)})), c.output);
  for (const auto& c : vectors::mac_cases) EXPECT_EQ(to_hex(mac(from_hex(c.key), {from_hex(c.input)})), c.output);
  for (const auto& c : vectors::hmac_cases)
    EXPECT_EQ(to_hex(hmac(from_hex(c.key), {from_hex(c.input)}).expose()), c.output);
}

TEST(Blake2s, JoinsParts) {
  const auto whole = from_hex(vectors::hash_cases[10].input);
  for (std::size_t cut = 0; cut <= whole.size(); cut += 13) {
    const Bytes head = Bytes(whole).first(cut);
    const Bytes tail = Bytes(whole).subspan(cut);
    EXPECT_EQ(hash({head, tail}), hash({whole}));
    EXPECT_EQ(mac(Bytes(whole).first(32), {head, tail}), mac(Bytes(whole).first(32), {whole}));
  }
}

TEST(Blake2s, DerivesChainedKeys) {
  const auto key = from_hex(vectors::kdf_key);
  const auto input = from_hex(vectors::kdf_input);
  const ThreeKeys keys = kdf3(key, input);
  EXPECT_EQ(to_hex(keys.first.expose()), vectors::kdf_output_1);
  EXPECT_EQ(to_hex(keys.second.expose()), vectors::kdf_output_2);
  EXPECT_EQ(to_hex(keys.third.expose()), vectors::kdf_output_3);
  EXPECT_EQ(to_hex(kdf1(key, input).expose()), vectors::kdf_output_1);
  EXPECT_EQ(to_hex(kdf2(key, input).second.expose()), vectors::kdf_output_2);
}

TEST(Blake2s, IsTheSameOnEveryThread) {
  const auto input = from_hex(vectors::hash_cases[8].input);
  const auto key = from_hex(vectors::kdf_key);
  const Hash expected_hash = hash({input});
  const Mac expected_mac = mac(key, {input});
  std::vector<unsigned> wrong(4);
  std::vector<std::thread> threads;
  for (auto& count : wrong)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) count += hash({input}) != expected_hash || mac(key, {input}) != expected_mac;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<unsigned>(4, 0));
}

}  // namespace
}  // namespace sallyport::wireguard::blake2s_test
