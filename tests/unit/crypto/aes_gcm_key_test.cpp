#include "dataplane/crypto/aes_gcm_key.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/session/session_table.hpp"

namespace sallyport::dataplane::aes_gcm_key_test {
namespace {

constexpr std::array<std::uint8_t, aead_key_bytes> key_bytes = {9, 8, 7, 6, 5, 4, 3, 2, 1};

TEST(AesGcmKey, CostsAChaChaSessionNothing) {
  const std::size_t before = expanded_aes_keys_in_use();
  AeadKey key;
  EXPECT_TRUE(key.install(AeadAlgorithm::chacha20_poly1305, key_bytes));
  EXPECT_EQ(key.expose_aes(), nullptr);
  EXPECT_EQ(expanded_aes_keys_in_use(), before);
}

TEST(AesGcmKey, BeginsWithTheRoundKeysOfFips197) {
  // Appendix A.1: the key, and the last round key that comes of it.
  constexpr std::array<std::uint8_t, aead_key_bytes> key_of_a1 = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                                                                  0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
  constexpr std::array<std::uint8_t, 16> last = {0xd0, 0x14, 0xf9, 0xa8, 0xc9, 0xee, 0x25, 0x89,
                                                 0xe1, 0x3f, 0x0c, 0xc8, 0xb6, 0x63, 0x0c, 0xa6};
  AeadKey key;
  ASSERT_TRUE(key.install(AeadAlgorithm::aes_128_gcm, key_of_a1));
  const std::uint8_t* const round_keys = key.expose_aes()->library.expanded_keys;
  EXPECT_TRUE(std::equal(key_of_a1.begin(), key_of_a1.begin() + 16, round_keys));
  EXPECT_TRUE(std::equal(last.begin(), last.end(), round_keys + 10 * 16));
}

TEST(AesGcmKey, IsWipedAndGivenBack) {
  const std::size_t before = expanded_aes_keys_in_use();
  AeadKey key;
  ASSERT_TRUE(key.install(AeadAlgorithm::aes_256_gcm, key_bytes));
  EXPECT_EQ(expanded_aes_keys_in_use(), before + 1);
  // Memory of keys is never given back to the system, so that it can be looked at: but for the list of free places at
  // its beginning all is zero.
  const auto* const memory = reinterpret_cast<const std::uint8_t*>(key.expose_aes());
  key.wipe();
  EXPECT_EQ(key.algorithm(), AeadAlgorithm::none);
  EXPECT_EQ(key.expose_aes(), nullptr);
  EXPECT_EQ(expanded_aes_keys_in_use(), before);
  EXPECT_TRUE(
      std::all_of(memory + sizeof(void*), memory + sizeof(ExpandedAesKey), [](auto byte) { return byte == 0; }));
  for (const std::uint8_t byte : key.expose()) EXPECT_EQ(byte, 0);
}

TEST(AesGcmKey, GivesWayToTheNextOfItsSession) {
  const std::size_t before = expanded_aes_keys_in_use();
  {
    AeadKey key;
    for (const AeadAlgorithm algorithm : aead_algorithms) {
      ASSERT_TRUE(key.install(algorithm, key_bytes));
      EXPECT_EQ(key.algorithm(), algorithm);
      EXPECT_EQ(expanded_aes_keys_in_use(), before + (is_aes_gcm(algorithm) ? 1 : 0));
    }
  }
  EXPECT_EQ(expanded_aes_keys_in_use(), before);
}

TEST(AesGcmKey, KeepsNoByteBehindAShorterKey) {
  std::array<std::uint8_t, aead_key_bytes> bytes;
  bytes.fill(0xee);
  for (const AeadAlgorithm algorithm : aead_algorithms) {
    AeadKey key;
    ASSERT_TRUE(key.install(algorithm, bytes));
    for (std::size_t i = 0; i < aead_key_bytes; ++i)
      EXPECT_EQ(key.expose()[i], i < key_bytes_of(algorithm) ? 0xee : 0) << name_of(algorithm);
  }
}

TEST(AesGcmKey, ThousandsStandApartAndAligned) {
  const std::size_t before = expanded_aes_keys_in_use();
  std::vector<AeadKey> keys(5000);
  std::vector<std::uintptr_t> places;
  for (AeadKey& key : keys) {
    ASSERT_TRUE(key.install(AeadAlgorithm::aes_128_gcm, key_bytes));
    places.push_back(reinterpret_cast<std::uintptr_t>(key.expose_aes()));
    EXPECT_EQ(places.back() % 64, 0U);
  }
  std::sort(places.begin(), places.end());
  for (std::size_t i = 1; i < places.size(); ++i) ASSERT_GE(places[i] - places[i - 1], sizeof(ExpandedAesKey));
  keys.clear();
  EXPECT_EQ(expanded_aes_keys_in_use(), before);
}

TEST(AesGcmKey, MayBeInstalledByAnyThread) {
  const std::size_t before = expanded_aes_keys_in_use();
  const auto install_and_wipe = [] {
    for (int i = 0; i < 2000; ++i) {
      AeadKey key;
      key.install(AeadAlgorithm::aes_192_gcm, key_bytes);
    }
  };
  std::thread first(install_and_wipe), second(install_and_wipe);
  first.join();
  second.join();
  EXPECT_EQ(expanded_aes_keys_in_use(), before);
}

TEST(AeadKey, MayComeFromZeroedMemory) {
  alignas(SealSession) std::array<std::byte, sizeof(SealSession)> zeroed{};
  auto* const session = reinterpret_cast<SealSession*>(zeroed.data());
  EXPECT_EQ(session->key.algorithm(), AeadAlgorithm::none);
  session->key.wipe();
  EXPECT_TRUE(session->key.install(AeadAlgorithm::aes_128_gcm, key_bytes));
  session->key.wipe();
}

}  // namespace
}  // namespace sallyport::dataplane::aes_gcm_key_test
