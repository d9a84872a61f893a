// What the tests of AEAD engines share: packets between guard bytes with a twin for the oracle, and buffers between
// inaccessible pages.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <random>
#include <vector>

#include "dataplane/crypto/aead_batch.hpp"

namespace sallyport::dataplane {

using Bytes = std::vector<std::uint8_t>;

inline void fill(std::span<std::uint8_t> bytes, std::mt19937_64& random) {
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
}

inline void install_random(AeadKey& key, AeadAlgorithm algorithm, std::mt19937_64& random) {
  std::array<std::uint8_t, aead_key_bytes> bytes;
  fill(bytes, random);
  ASSERT_TRUE(key.install(algorithm, bytes));
}

// A packet between guard bytes, at any alignment, and its twin for the oracle.
class TestPacket {
 public:
  TestPacket(std::size_t text_bytes, std::size_t aad_bytes, const AeadKey& key, std::mt19937_64& random)
      : text_(text_bytes), aad_(aad_bytes), offset_(guard_bytes + random() % 64) {
    fill(text_, random);
    fill(aad_, random);
    ours_.assign(offset_ + text_bytes + aead_tag_bytes + guard_bytes, guard);
    std::copy(text_.begin(), text_.end(), ours_.begin() + static_cast<std::ptrdiff_t>(offset_));
    theirs_ = ours_;
    job_ = AeadJob{.key = &key,
                   .aad = aad_.data(),
                   .length_bytes = static_cast<std::uint32_t>(text_bytes),
                   .nonce = wireguard_nonce(random()),
                   .aad_length_bytes = static_cast<std::uint16_t>(aad_bytes)};
    fill(std::span(job_.nonce).first(4), random);
  }
  TestPacket(TestPacket&&) = default;

  [[nodiscard]] AeadJob job() { return with_data(ours_); }
  [[nodiscard]] AeadJob twin() { return with_data(theirs_); }
  [[nodiscard]] AeadJob to_open() {
    AeadJob job = with_data(ours_);
    job.length_bytes += aead_tag_bytes;
    return job;
  }
  [[nodiscard]] bool equals_twin() const { return ours_ == theirs_; }
  [[nodiscard]] std::span<const std::uint8_t> text() const { return text_; }
  [[nodiscard]] bool guards_stand() const {
    const auto stands = [](std::uint8_t byte) { return byte == guard; };
    const auto begin = ours_.begin() + static_cast<std::ptrdiff_t>(offset_);
    const auto end = ours_.end() - static_cast<std::ptrdiff_t>(guard_bytes);
    return std::all_of(ours_.begin(), begin, stands) && std::all_of(end, ours_.end(), stands);
  }
  [[nodiscard]] bool holds_text() const {
    return std::equal(text_.begin(), text_.end(), ours_.begin() + static_cast<std::ptrdiff_t>(offset_));
  }
  [[nodiscard]] bool holds_zeros() const {
    const auto begin = ours_.begin() + static_cast<std::ptrdiff_t>(offset_);
    return std::all_of(begin, begin + static_cast<std::ptrdiff_t>(text_.size()),
                       [](std::uint8_t byte) { return byte == 0; });
  }
  void flip_bit(std::size_t bit) {
    ours_[offset_ + bit / 8 % (text_.size() + aead_tag_bytes)] ^= static_cast<std::uint8_t>(1U << bit % 8);
  }
  [[nodiscard]] std::size_t sealed_bits() const { return 8 * (text_.size() + aead_tag_bytes); }

 private:
  static constexpr std::size_t guard_bytes = 80;
  static constexpr std::uint8_t guard = 0x5a;

  AeadJob with_data(Bytes& bytes) {
    AeadJob job = job_;
    job.aad = aad_.data();
    job.data = bytes.data() + offset_;
    return job;
  }

  Bytes text_, aad_, ours_, theirs_;
  std::size_t offset_;
  AeadJob job_;
};

// Seals beside the oracle, breaks one packet in `forged_one_in`, and opens.
inline void seal_and_open(AeadEngine& engine, AeadEngine& oracle, std::vector<TestPacket>& packets,
                          std::mt19937_64& random, unsigned forged_one_in) {
  std::vector<AeadJob> jobs, twins;
  for (TestPacket& packet : packets) {
    jobs.push_back(packet.job());
    twins.push_back(packet.twin());
  }
  engine.seal(jobs);
  oracle.seal(twins);
  std::vector<bool> forged(packets.size());
  for (std::size_t i = 0; i < packets.size(); ++i) {
    ASSERT_TRUE(jobs[i].ok) << i;
    ASSERT_TRUE(packets[i].equals_twin()) << i << " of " << packets.size() << ", " << jobs[i].length_bytes
                                          << " bytes, associated data " << jobs[i].aad_length_bytes;
    jobs[i] = packets[i].to_open();
    forged[i] = random() % forged_one_in == 0;
    if (forged[i]) packets[i].flip_bit(random() % packets[i].sealed_bits());
  }
  engine.open(jobs);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    ASSERT_EQ(jobs[i].ok, !forged[i]) << i << " of " << packets.size() << ", " << jobs[i].length_bytes;
    ASSERT_TRUE(forged[i] ? packets[i].holds_zeros() : packets[i].holds_text()) << i;
    ASSERT_TRUE(packets[i].guards_stand()) << i;
  }
}

// Many buffers, each between two inaccessible pages: what is read or written beyond one ends the test.
class FencedPages {
 public:
  static constexpr std::size_t bytes = 12288;
  explicit FencedPages(std::size_t count) : count_(count) {
    void* pages = mmap(nullptr, count * stride + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(pages, MAP_FAILED);
    pages_ = static_cast<std::uint8_t*>(pages);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(mprotect(begin(i), bytes, PROT_READ | PROT_WRITE), 0);
  }
  ~FencedPages() { munmap(pages_, count_ * stride + page); }
  FencedPages(const FencedPages&) = delete;
  FencedPages& operator=(const FencedPages&) = delete;
  [[nodiscard]] std::uint8_t* begin(std::size_t i) const { return pages_ + i * stride + page; }
  [[nodiscard]] std::uint8_t* end(std::size_t i) const { return begin(i) + bytes; }

 private:
  static constexpr std::size_t page = 4096, stride = page + bytes;
  std::size_t count_;
  std::uint8_t* pages_ = nullptr;
};

}  // namespace sallyport::dataplane
