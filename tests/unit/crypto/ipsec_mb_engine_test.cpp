#include "dataplane/crypto/ipsec_mb_engine.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <vector>

#include "libsodium_engine.hpp"

namespace sallyport::dataplane::ipsec_mb_engine_test {
namespace {

std::unique_ptr<AeadEngine> ipsec_mb() {
  auto engine = make_ipsec_mb_engine();
  EXPECT_TRUE(engine) << engine.error();
  return std::move(*engine);
}

void install_random(AeadKey& key, std::mt19937_64& random) {
  std::array<std::uint8_t, aead_key_bytes> bytes;
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  key.install(AeadAlgorithm::chacha20_poly1305, bytes);
}

// Two inaccessible pages around `bytes` bytes: what an engine reads or writes beyond a packet ends the test.
class FencedBuffer {
 public:
  static constexpr std::size_t bytes = 4096;
  FencedBuffer() {
    void* pages = mmap(nullptr, 3 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(pages, MAP_FAILED);
    pages_ = static_cast<std::uint8_t*>(pages);
    EXPECT_EQ(mprotect(pages_ + bytes, bytes, PROT_READ | PROT_WRITE), 0);
  }
  ~FencedBuffer() { munmap(pages_, 3 * bytes); }
  FencedBuffer(const FencedBuffer&) = delete;
  FencedBuffer& operator=(const FencedBuffer&) = delete;
  [[nodiscard]] std::uint8_t* begin() const { return pages_ + bytes; }
  [[nodiscard]] std::uint8_t* end() const { return pages_ + 2 * bytes; }

 private:
  std::uint8_t* pages_ = nullptr;
};

TEST(IpsecMbEngine, AgreesWithLibsodiumOnRandomBatches) {
  const auto engine = ipsec_mb();
  const auto oracle = *make_libsodium_engine();
  std::mt19937_64 random(1);
  std::vector<AeadKey> keys(64);
  for (AeadKey& key : keys) install_random(key, random);
  for (int round = 0; round < 200; ++round) {
    const std::size_t count = 1 + random() % 200;  // beyond one burst, and beyond the library's queue of jobs in all
    std::vector<std::vector<std::uint8_t>> ours(count), theirs(count), plain(count), aads(count);
    std::vector<AeadJob> jobs(count), expected(count);
    for (std::size_t i = 0; i < count; ++i) {
      plain[i].resize(random() % 1600);
      for (std::uint8_t& byte : plain[i]) byte = static_cast<std::uint8_t>(random());
      aads[i].resize(random() % 40);
      for (std::uint8_t& byte : aads[i]) byte = static_cast<std::uint8_t>(random());
      ours[i] = plain[i];
      ours[i].resize(plain[i].size() + aead_tag_bytes);
      theirs[i] = ours[i];
      jobs[i] = AeadJob{.key = &keys[random() % keys.size()],
                        .data = ours[i].data(),
                        .aad = aads[i].data(),
                        .length_bytes = static_cast<std::uint32_t>(plain[i].size()),
                        .nonce = wireguard_nonce(random()),
                        .aad_length_bytes = static_cast<std::uint16_t>(aads[i].size())};
      expected[i] = jobs[i];
      expected[i].data = theirs[i].data();
    }
    engine->seal(jobs);
    oracle->seal(expected);
    std::vector<bool> forged(count);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(jobs[i].ok);
      ASSERT_EQ(ours[i], theirs[i]);
      jobs[i].length_bytes += aead_tag_bytes;
      forged[i] = random() % 3 == 0;
      if (forged[i]) ours[i][random() % ours[i].size()] ^= static_cast<std::uint8_t>(1U << random() % 8);
    }
    engine->open(jobs);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(jobs[i].ok, !forged[i]);
      ours[i].resize(plain[i].size());
      ASSERT_EQ(ours[i], forged[i] ? std::vector<std::uint8_t>(plain[i].size()) : plain[i]);
    }
  }
}

TEST(IpsecMbEngine, TouchesNothingOutsideThePacket) {
  const auto engine = ipsec_mb();
  const FencedBuffer buffer;
  std::mt19937_64 random(2);
  AeadKey key;
  install_random(key, random);
  for (const bool at_end : {true, false}) {
    for (std::uint32_t length = 0; length <= 2048; ++length) {
      std::uint8_t* data = at_end ? buffer.end() - length - aead_tag_bytes : buffer.begin();
      std::memset(buffer.begin(), 0x5a, FencedBuffer::bytes);
      AeadJob job{.key = &key, .data = data, .length_bytes = length, .nonce = wireguard_nonce(length)};
      engine->seal({&job, 1});
      ASSERT_TRUE(job.ok);
      job.length_bytes += aead_tag_bytes;
      engine->open({&job, 1});
      ASSERT_TRUE(job.ok) << length;
      // The old tag stays behind the plaintext; everything else is as before.
      for (const std::uint8_t* byte = buffer.begin(); byte < buffer.end(); ++byte) {
        const bool in_tag = byte >= data + length && byte < data + length + aead_tag_bytes;
        ASSERT_TRUE(in_tag || *byte == 0x5a) << length;
      }
    }
  }
}

TEST(IpsecMbEngine, ReadsKeyNonceAndAssociatedDataUpToTheirLastByteOnly) {
  const auto engine = ipsec_mb();
  const auto oracle = *make_libsodium_engine();
  const FencedBuffer fence;
  std::mt19937_64 random(3);
  AeadKey key;
  install_random(key, random);
  for (std::uint16_t aad_length = 0; aad_length <= 64; ++aad_length) {
    std::uint8_t* aad = fence.end() - aad_length;
    for (std::uint16_t i = 0; i < aad_length; ++i) aad[i] = static_cast<std::uint8_t>(random());
    std::array<std::uint8_t, 100 + aead_tag_bytes> ours{}, theirs{};
    AeadJob job{.key = &key, .data = ours.data(), .aad = aad, .length_bytes = 100, .aad_length_bytes = aad_length};
    AeadJob expected = job;
    expected.data = theirs.data();
    engine->seal({&job, 1});
    oracle->seal({&expected, 1});
    ASSERT_EQ(ours, theirs) << aad_length;
  }
}

TEST(IpsecMbEngine, EnginesOfTwoWorkersDoNotDisturbEachOther) {
  const auto first = ipsec_mb();
  const auto second = ipsec_mb();
  std::mt19937_64 random(4);
  AeadKey key;
  install_random(key, random);
  for (std::uint64_t counter = 0; counter < 1000; ++counter) {
    std::array<std::uint8_t, 300 + aead_tag_bytes> data{};
    AeadJob job{.key = &key, .data = data.data(), .length_bytes = 300, .nonce = wireguard_nonce(counter)};
    first->seal({&job, 1});
    job.length_bytes = data.size();
    second->open({&job, 1});
    ASSERT_TRUE(job.ok);
  }
}

TEST(AeadNonce, IsWhatTheWireGuardPaperAndEspSay) {
  EXPECT_EQ(wireguard_nonce(0x0102030405060708U), (AeadNonce{0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1}));
  const std::uint8_t salt[4] = {0xa0, 0xa1, 0xa2, 0xa3};
  const std::uint8_t iv[8] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17};
  EXPECT_EQ(esp_nonce(salt, iv), (AeadNonce{0xa0, 0xa1, 0xa2, 0xa3, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17}));
}

TEST(AeadKey, IsGoneAfterWiping) {
  std::mt19937_64 random(5);
  AeadKey key;
  install_random(key, random);
  key.wipe();
  EXPECT_EQ(key.algorithm(), AeadAlgorithm::none);
  for (const std::uint8_t byte : key.expose()) EXPECT_EQ(byte, 0);
}

}  // namespace
}  // namespace sallyport::dataplane::ipsec_mb_engine_test
