#include "dataplane/crypto/blake2s.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dataplane/crypto/blake2s_rounds.hpp"
#include "generated_vectors.hpp"
#include "hex.hpp"

namespace sallyport::dataplane::blake2s_test {
namespace {

std::vector<std::uint8_t> fold_data() {
  std::vector<std::uint8_t> data(1024);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 11 + 3);
  return data;
}

TEST(Blake2s, HashesAbcAsInRfc7693AppendixB) {
  EXPECT_EQ(to_hex(blake2s_256(from_hex("616263"))),
            "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

TEST(Blake2s, AgreesWithHashlibOnStoredVectors) {
  for (const Blake2sVector& vector : blake2s_vectors) {
    const auto message = from_hex(vector.message_hex);
    if (vector.key_hex.empty()) {
      EXPECT_EQ(to_hex(blake2s_256(message)), vector.digest_hex) << message.size();
    } else {
      EXPECT_EQ(to_hex(Blake2sMacKey(from_hex(vector.key_hex)).mac(message)), vector.digest_hex)
          << message.size() << " key " << vector.key_hex.size() / 2;
    }
  }
}

TEST(Blake2s, AgreesWithHashlibOnEveryLengthTo1024) {
  const std::vector<std::uint8_t> data = fold_data();
  std::array<std::uint8_t, 32> key_bytes;
  for (std::size_t i = 0; i < key_bytes.size(); ++i) key_bytes[i] = static_cast<std::uint8_t>(100 + i);
  const Blake2sMacKey key(key_bytes);
  std::vector<std::uint8_t> unkeyed, keyed;
  for (std::size_t length = 0; length <= data.size(); ++length) {
    const auto message = std::span(data).first(length);
    const Blake2s256Digest digest = blake2s_256(message);
    unkeyed.insert(unkeyed.end(), digest.begin(), digest.end());
    if (length == 0) continue;
    const Blake2s128Mac mac = key.mac(message);
    keyed.insert(keyed.end(), mac.begin(), mac.end());
  }
  EXPECT_EQ(to_hex(blake2s_256(unkeyed)), blake2s_unkeyed_fold_hex);
  EXPECT_EQ(to_hex(blake2s_256(keyed)), blake2s_keyed_fold_hex);
}

TEST(Blake2s, EightLanesAgreeWithOneMessage) {
  std::mt19937_64 random(1);
  const Blake2sMacKey key(from_hex("00112233445566778899aabbccddeeff"));
  for (std::size_t length = 1; length <= 300; ++length) {
    // Exactly as long as the message, so that a sanitizer sees a read beyond.
    std::array<std::vector<std::uint8_t>, Blake2sMacKey::lanes> messages;
    std::array<const std::uint8_t*, Blake2sMacKey::lanes> pointers{};
    for (std::size_t lane = 0; lane < messages.size(); ++lane) {
      messages[lane].resize(length);
      for (std::uint8_t& byte : messages[lane]) byte = static_cast<std::uint8_t>(random());
      pointers[lane] = messages[lane].data();
    }
    std::array<Blake2s128Mac, Blake2sMacKey::lanes> macs;
    key.mac_lanes(pointers, length, macs);
    for (std::size_t lane = 0; lane < messages.size(); ++lane) ASSERT_EQ(macs[lane], key.mac(messages[lane])) << length;
  }
}

// On a processor without AVX-512VL the portable compression is the one in use, and the vectors above are its test.
TEST(Blake2s, TheCompressionOfThisProcessorIsThePortableOne) {
  const bool has_rows = blake2s::rows_supported();
  std::mt19937 random(2);
  std::uint32_t portable[8] = {}, rows[8] = {}, block[16];
  for (std::uint32_t round = 0; round < 1000; ++round) {
    for (std::uint32_t& word : block) word = static_cast<std::uint32_t>(random());
    blake2s::compress(portable, block, round * 12'345'678U, round % 3 == 0);
    if (has_rows) {
      blake2s::compress_rows_avx512(rows, block, round * 12'345'678U, round % 3 == 0);
    } else {
      blake2s::compress(rows, block, round * 12'345'678U, round % 3 == 0);
    }
    ASSERT_TRUE(std::equal(portable, portable + 8, rows)) << round;
  }
}

// Where AVX-512 is used, the portable code would otherwise be tested against itself only.
TEST(Blake2s, ThePortableCompressionHashesAbc) {
  std::uint32_t h[8];
  std::copy(blake2s::initial_state.begin(), blake2s::initial_state.end(), h);
  h[0] ^= 0x01010020U;
  const std::uint32_t block[16] = {0x00636261U};
  blake2s::compress(h, block, 3, true);
  EXPECT_EQ(h[0], 0x8c5e8c50U);
  EXPECT_EQ(h[7], 0x82596786U);
}

TEST(Blake2sDeathTest, RefusesAnEmptyMessage) {
  const Blake2sMacKey key(std::vector<std::uint8_t>(16));
  EXPECT_DEATH((void)key.mac({}), "empty");
}

TEST(Blake2sDeathTest, RefusesAKeyOfTheWrongLength) {
  EXPECT_DEATH(Blake2sMacKey(std::span<const std::uint8_t>{}), "key");
  EXPECT_DEATH(Blake2sMacKey(std::vector<std::uint8_t>(33)), "key");
}

}  // namespace
}  // namespace sallyport::dataplane::blake2s_test
