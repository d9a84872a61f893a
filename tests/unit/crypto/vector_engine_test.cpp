#include "dataplane/crypto/vector_engine.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <vector>

#include "dataplane/crypto/known_answer_tests.hpp"
#include "dataplane/crypto/lane_packets.hpp"
#include "generated_aead_vectors.hpp"
#include "hex.hpp"
#include "libsodium_engine.hpp"

namespace sallyport::dataplane {
namespace {

struct Variant {
  const char* name;
  VectorWidth width;
  bool fall_back;
};
void PrintTo(const Variant& variant, std::ostream* out) {
  *out << variant.name;
}

class VectorEngineTest : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    auto made = make_vector_engine(GetParam().width, GetParam().fall_back);
    ASSERT_TRUE(made) << made.error();
    engine = std::move(*made);
  }

  std::unique_ptr<AeadEngine> engine;
  std::unique_ptr<AeadEngine> oracle = *make_libsodium_engine();
  std::mt19937_64 random{42};
};

// Every width that this processor has, not its best alone, and each with every batch in the lanes and with small ones
// handed on. A width that it lacks is no test that was skipped: nobody can install a processor.
std::vector<Variant> variants_of_this_processor() {
  std::vector<Variant> variants = {{"avx2", VectorWidth::avx2, false}, {"avx2_or_single", VectorWidth::avx2, true}};
  if (lanes::avx512.supported()) {
    variants.push_back({"avx512", VectorWidth::avx512, false});
    variants.push_back({"avx512_or_single", VectorWidth::avx512, true});
  }
  return variants;
}

INSTANTIATE_TEST_SUITE_P(Widths, VectorEngineTest, testing::ValuesIn(variants_of_this_processor()),
                         [](const auto& variant) { return variant.param.name; });

using Bytes = std::vector<std::uint8_t>;

void fill(std::span<std::uint8_t> bytes, std::mt19937_64& random) {
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
}

void install(AeadKey& key, std::mt19937_64& random) {
  std::array<std::uint8_t, aead_key_bytes> bytes;
  fill(bytes, random);
  key.install(AeadAlgorithm::chacha20_poly1305, bytes);
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
void seal_and_open(AeadEngine& engine, AeadEngine& oracle, std::vector<TestPacket>& packets, std::mt19937_64& random,
                   unsigned forged_one_in) {
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

TEST_P(VectorEngineTest, PassesTheKnownAnswerTests) {
  const auto proof = run_known_answer_tests(*engine);
  EXPECT_TRUE(proof) << proof.error();
}

// Each vector in every lane: as many copies as there are lanes, and as a packet among others.
void expect_vectors(AeadEngine& engine, std::span<const AeadVector> vectors) {
  for (const AeadVector& vector : vectors) {
    const Bytes key_bytes = from_hex(vector.key_hex), nonce = from_hex(vector.nonce_hex),
                aad = from_hex(vector.aad_hex);
    const Bytes text = from_hex(vector.text_hex);
    AeadKey key;
    key.install(AeadAlgorithm::chacha20_poly1305, std::span(key_bytes).first<aead_key_bytes>());
    std::vector<Bytes> packets(17, text);
    std::vector<AeadJob> jobs;
    for (Bytes& packet : packets) {
      packet.resize(text.size() + aead_tag_bytes);
      AeadJob& job = jobs.emplace_back(AeadJob{.key = &key,
                                               .data = packet.data(),
                                               .aad = aad.data(),
                                               .length_bytes = static_cast<std::uint32_t>(text.size()),
                                               .aad_length_bytes = static_cast<std::uint16_t>(aad.size())});
      std::copy(nonce.begin(), nonce.end(), job.nonce.begin());
    }
    engine.seal(jobs);
    for (const Bytes& packet : packets) ASSERT_EQ(to_hex(packet), vector.sealed_hex);
    for (AeadJob& job : jobs) job.length_bytes += aead_tag_bytes;
    engine.open(jobs);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      ASSERT_TRUE(jobs[i].ok);
      ASSERT_TRUE(std::equal(text.begin(), text.end(), packets[i].begin()));
    }
  }
}

TEST_P(VectorEngineTest, GivesThePublishedAnswers) {
  expect_vectors(*engine, published_aead_vectors);
}

TEST_P(VectorEngineTest, ReducesRightAtTheEdgesOfPoly1305) {
  expect_vectors(*engine, edge_aead_vectors);
}

TEST_P(VectorEngineTest, AgreesWithLibsodiumOnEveryLength) {
  std::vector<AeadKey> keys(64);
  for (AeadKey& key : keys) install(key, random);
  constexpr std::size_t longest_bytes = 9216;
  for (std::size_t first = 0; first <= longest_bytes; first += 64) {
    std::vector<TestPacket> packets;
    for (std::size_t length = first; length < first + 64 && length <= longest_bytes; ++length)
      packets.emplace_back(length, (length % 3 == 0 ? 8 : length % 3 == 1 ? 12 : 0), keys[length % 64], random);
    seal_and_open(*engine, *oracle, packets, random, 8);
    if (HasFatalFailure()) return;
  }
}

TEST_P(VectorEngineTest, AgreesWithLibsodiumOnBatchesOfEverySize) {
  std::vector<AeadKey> keys(64);
  for (AeadKey& key : keys) install(key, random);
  for (std::size_t size = 1; size <= 300; ++size) {
    std::vector<TestPacket> packets;
    for (std::size_t i = 0; i < size; ++i)
      packets.emplace_back(random() % 150, random() % 2 == 0 ? 0 : random() % 65, keys[random() % 64], random);
    seal_and_open(*engine, *oracle, packets, random, 4);
    if (HasFatalFailure()) return;
  }
}

TEST_P(VectorEngineTest, AgreesWithLibsodiumOnEveryKindOfMixture) {
  std::vector<AeadKey> keys(64);
  for (AeadKey& key : keys) install(key, random);
  static constexpr std::array<std::size_t, 8> usual = {0, 32, 64, 80, 576, 1420, 1436, 9000};
  for (int round = 0; round < 240; ++round) {
    const std::size_t size = 1 + random() % 100;
    const std::size_t length = random() % 3000, aad = random() % 65;
    std::vector<TestPacket> packets;
    for (std::size_t i = 0; i < size; ++i) {
      const AeadKey& key = keys[random() % 64];
      switch (round % 6) {
        case 0:  // all alike
          packets.emplace_back(length, 0, key, random);
          break;
        case 1:  // alike, with associated data
          packets.emplace_back(length, aad, key, random);
          break;
        case 2:  // nearly alike
          packets.emplace_back(length + random() % 70, random() % 13, key, random);
          break;
        case 3:  // one long among short ones
          packets.emplace_back(i == size / 2 ? 9216 : random() % 100, random() % 65, key, random);
          break;
        case 4:  // as on the Internet
          packets.emplace_back(usual[random() % usual.size()], 0, key, random);
          break;
        default:
          packets.emplace_back(random() % 9217, random() % 65, key, random);
          break;
      }
    }
    seal_and_open(*engine, *oracle, packets, random, round % 2 == 0 ? 4 : 1000);
    if (HasFatalFailure()) return;
  }
}

TEST_P(VectorEngineTest, TakesALongestTextAndNoLonger) {
  AeadKey key;
  install(key, random);
  std::vector<TestPacket> packets;
  for (int i = 0; i < 20; ++i) packets.emplace_back(i == 7 ? aead_longest_text_bytes : 40, 64, key, random);
  seal_and_open(*engine, *oracle, packets, random, 1000);
}

TEST_P(VectorEngineTest, FindsEveryBrokenBitOfATagInEveryLane) {
  std::vector<AeadKey> keys(32);
  for (AeadKey& key : keys) install(key, random);
  for (std::size_t bit = 0; bit < 8 * aead_tag_bytes; ++bit) {
    std::vector<TestPacket> packets;
    std::vector<AeadJob> jobs;
    for (std::size_t i = 0; i < 32; ++i) packets.emplace_back(100 + bit, 0, keys[i], random);
    for (TestPacket& packet : packets) jobs.push_back(packet.job());
    engine->seal(jobs);
    for (std::size_t i = 0; i < 32; ++i) {
      jobs[i] = packets[i].to_open();
      if (i % 2 == bit % 2) packets[i].flip_bit(8 * (100 + bit) + bit);
    }
    engine->open(jobs);
    for (std::size_t i = 0; i < 32; ++i) {
      ASSERT_EQ(jobs[i].ok, i % 2 != bit % 2) << bit;
      ASSERT_TRUE(jobs[i].ok ? packets[i].holds_text() : packets[i].holds_zeros());
    }
  }
}

TEST_P(VectorEngineTest, RefusesWhatCannotBeAndHarmsNoOther) {
  std::vector<AeadKey> keys(64);
  AeadKey wiped, never_installed;
  install(wiped, random);
  wiped.wipe();
  for (AeadKey& key : keys) install(key, random);
  for (const bool opening : {false, true}) {
    std::vector<TestPacket> packets;
    std::vector<AeadJob> jobs;
    for (std::size_t i = 0; i < 64; ++i) packets.emplace_back(random() % 300, 0, keys[i], random);
    for (TestPacket& packet : packets) jobs.push_back(packet.job());
    if (opening) {
      engine->seal(jobs);
      for (std::size_t i = 0; i < 64; ++i) jobs[i] = packets[i].to_open();
    }
    std::vector<Bytes> before;
    std::vector<bool> bad;
    Bytes long_aad(65535);
    for (std::size_t i = 0; i < 64; ++i) {
      before.emplace_back(jobs[i].data - 16, jobs[i].data + packets[i].text().size() + 48);
      bad.push_back(i % 7 < 6 && i % 2 == 0);
      if (!bad[i]) continue;
      switch (i % 7) {
        case 0:
          jobs[i].key = &wiped;
          break;
        case 1:
          jobs[i].key = &never_installed;
          break;
        case 2:
          jobs[i].aad = long_aad.data();
          jobs[i].aad_length_bytes = i % 4 == 0 ? 65 : 65535;
          break;
        case 3:
          jobs[i].length_bytes = 0xffffffff;
          break;
        case 4:
          jobs[i].length_bytes = opening ? static_cast<std::uint32_t>(i % aead_tag_bytes) : 0xfffffff0;
          break;
        default:
          jobs[i].length_bytes = aead_longest_text_bytes + 1 + (opening ? aead_tag_bytes : 0);
          break;
      }
    }
    opening ? engine->open(jobs) : engine->seal(jobs);
    for (std::size_t i = 0; i < 64; ++i) {
      ASSERT_EQ(jobs[i].ok, !bad[i]) << i;
      const Bytes after(jobs[i].data - 16, jobs[i].data + packets[i].text().size() + 48);
      if (bad[i]) { ASSERT_EQ(after, before[i]) << i; }
      if (!bad[i] && opening) { ASSERT_TRUE(packets[i].holds_text()) << i; }
      if (!bad[i] && !opening) {
        AeadJob twin = packets[i].twin();
        oracle->seal({&twin, 1});
        ASSERT_TRUE(packets[i].equals_twin()) << i;
      }
    }
  }
  engine->seal({});
  engine->open({});
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

TEST_P(VectorEngineTest, TouchesNothingBeyondPacketsAndAssociatedData) {
  constexpr std::size_t count = 48;
  const FencedPages packets(count), aads(count);
  std::vector<AeadKey> keys(count);
  for (AeadKey& key : keys) install(key, random);
  Bytes text(9216);
  fill(text, random);
  for (int round = 0; round < 300; ++round) {
    const bool at_end = round % 3 != 0;
    std::array<AeadJob, count> jobs;
    const std::size_t alike = random() % 9217;
    for (std::size_t i = 0; i < count; ++i) {
      const auto length = static_cast<std::uint32_t>(round % 4 == 0   ? alike
                                                     : round % 4 == 1 ? random() % 9217
                                                     : round % 4 == 2 ? random() % 260
                                                                      : static_cast<std::uint64_t>(round) + i % 2);
      const auto aad_length = static_cast<std::uint16_t>(round % 5 == 0 ? 0 : random() % 65);
      std::uint8_t* const data = at_end ? packets.end(i) - length - aead_tag_bytes : packets.begin(i);
      std::uint8_t* const aad = at_end ? aads.end(i) - aad_length : aads.begin(i);
      std::copy_n(text.begin(), length, data);
      fill({aad, aad_length}, random);
      jobs[i] = AeadJob{.key = &keys[i],
                        .data = data,
                        .aad = aad,
                        .length_bytes = length,
                        .nonce = wireguard_nonce(random()),
                        .aad_length_bytes = aad_length};
    }
    const auto batch = std::span(jobs).first(1 + random() % count);
    engine->seal(batch);
    for (AeadJob& job : batch) {
      ASSERT_TRUE(job.ok);
      job.length_bytes += aead_tag_bytes;
    }
    engine->open(batch);
    for (const AeadJob& job : batch) {
      ASSERT_TRUE(job.ok);
      ASSERT_TRUE(std::equal(job.data, job.data + job.length_bytes - aead_tag_bytes, text.begin()));
    }
  }
}

TEST(VectorEngine, TakesTheWidestVectorsThatThereAre) {
  const auto engine = make_vector_engine();
  ASSERT_TRUE(engine) << engine.error();
  EXPECT_STREQ((*engine)->name(), "vector");
  EXPECT_STREQ((*engine)->way(), lanes::avx512.supported() ? "avx512" : "avx2");
}

}  // namespace
}  // namespace sallyport::dataplane
