// What every engine must do, with every algorithm that it has: each of our engines, by each of its ways.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "aead_test_packets.hpp"
#include "dataplane/crypto/ipsec_mb_engine.hpp"
#include "dataplane/crypto/known_answer_tests.hpp"
#include "dataplane/crypto/lane_packets.hpp"
#include "dataplane/crypto/vector_engine.hpp"
#include "generated_aead_vectors.hpp"
#include "generated_aes_gcm_vectors.hpp"
#include "hex.hpp"
#include "openssl_engine.hpp"

namespace sallyport::dataplane {
namespace {

using MadeEngine = tl::expected<std::unique_ptr<AeadEngine>, std::string>;

struct Variant {
  std::string name;
  MadeEngine (*make)();
  std::vector<AeadAlgorithm> algorithms;  // of the keys, one for each key at random
};
void PrintTo(const Variant& variant, std::ostream* out) {
  *out << variant.name;
}

class AeadEnginesTest : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    auto made = GetParam().make();
    ASSERT_TRUE(made) << made.error();
    engine = std::move(*made);
  }

  void install(AeadKey& key) {
    const auto& algorithms = GetParam().algorithms;
    install_random(key, algorithms[random() % algorithms.size()], random);
  }
  std::vector<AeadKey> make_keys(std::size_t count) {
    std::vector<AeadKey> keys(count);
    for (AeadKey& key : keys) install(key);
    return keys;
  }

  std::unique_ptr<AeadEngine> engine;
  std::unique_ptr<AeadEngine> oracle = *make_openssl_engine();
  std::mt19937_64 random{42};
};

template <VectorWidth width, bool fall_back, const gcm::Way* way = nullptr>
MadeEngine make_vector() {
  return make_vector_engine(width, fall_back, way);
}

// Every width that this processor has, not its best alone, and each with every batch in the lanes and with small ones
// handed on. A width that it lacks is no test that was skipped: nobody can install a processor.
std::vector<Variant> variants_of_this_processor() {
  const std::vector<AeadAlgorithm> all(aead_algorithms.begin(), aead_algorithms.end());
  const std::vector<AeadAlgorithm> chacha(all.begin(), all.begin() + 1), aes(all.begin() + 1, all.end());
  std::vector<Variant> variants = {{"ipsec_mb_aes", make_ipsec_mb_engine, aes},
                                   {"ipsec_mb_mixed", make_ipsec_mb_engine, all},
                                   {"avx2", make_vector<VectorWidth::avx2, false>, chacha},
                                   {"avx2_or_single", make_vector<VectorWidth::avx2, true>, chacha},
                                   {"mixed", make_vector<VectorWidth::avx2, false>, all},
                                   {"mixed_or_single", make_vector<VectorWidth::avx2, true>, all},
                                   {"aesni", make_vector<VectorWidth::avx2, false, &gcm::aesni>, aes}};
  if (lanes::avx512.supported()) {
    variants.push_back({"avx512", make_vector<VectorWidth::avx512, false>, chacha});
    variants.push_back({"avx512_or_single", make_vector<VectorWidth::avx512, true>, chacha});
    variants.push_back({"avx512_mixed_or_single", make_vector<VectorWidth::avx512, true>, all});
  }
  return variants;
}

INSTANTIATE_TEST_SUITE_P(Engines, AeadEnginesTest, testing::ValuesIn(variants_of_this_processor()),
                         [](const auto& variant) { return variant.param.name; });

TEST_P(AeadEnginesTest, PassTheKnownAnswerTests) {
  const auto proof = run_known_answer_tests(*engine);
  EXPECT_TRUE(proof) << proof.error();
}

// Each vector in every lane: as many copies as there are lanes, and as a packet among others.
void expect_vectors(AeadEngine& engine, AeadAlgorithm algorithm, std::span<const AeadVector> vectors) {
  for (const AeadVector& vector : vectors) {
    Bytes key_bytes = from_hex(vector.key_hex);
    const Bytes nonce = from_hex(vector.nonce_hex), aad = from_hex(vector.aad_hex), text = from_hex(vector.text_hex);
    ASSERT_EQ(key_bytes.size(), key_bytes_of(algorithm));
    key_bytes.resize(aead_key_bytes);
    AeadKey key;
    ASSERT_TRUE(key.install(algorithm, std::span(key_bytes).first<aead_key_bytes>()));
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

TEST_P(AeadEnginesTest, GiveThePublishedAnswers) {
  for (const AeadAlgorithm algorithm : GetParam().algorithms)
    expect_vectors(*engine, algorithm,
                   algorithm == AeadAlgorithm::chacha20_poly1305 ? std::span<const AeadVector>(published_aead_vectors)
                   : algorithm == AeadAlgorithm::aes_128_gcm     ? aes_128_gcm_vectors
                   : algorithm == AeadAlgorithm::aes_192_gcm     ? aes_192_gcm_vectors
                                                                 : aes_256_gcm_vectors);
}

TEST_P(AeadEnginesTest, ReduceRightAtTheEdgesOfPoly1305) {
  if (engine->has(AeadAlgorithm::chacha20_poly1305))
    expect_vectors(*engine, AeadAlgorithm::chacha20_poly1305, edge_aead_vectors);
}

TEST_P(AeadEnginesTest, RefuseThePublishedForgeries) {
  for (const AeadForgery& forgery : aes_gcm_forgeries) {
    Bytes key_bytes = from_hex(forgery.key_hex);
    const AeadAlgorithm algorithm = aead_algorithms[key_bytes.size() / 8 - 1];
    if (!engine->has(algorithm)) continue;
    key_bytes.resize(aead_key_bytes);
    AeadKey key;
    ASSERT_TRUE(key.install(algorithm, std::span(key_bytes).first<aead_key_bytes>()));
    const Bytes nonce = from_hex(forgery.nonce_hex), aad = from_hex(forgery.aad_hex);
    Bytes packet = from_hex(forgery.sealed_hex);
    AeadJob job{.key = &key,
                .data = packet.data(),
                .aad = aad.data(),
                .length_bytes = static_cast<std::uint32_t>(packet.size()),
                .aad_length_bytes = static_cast<std::uint16_t>(aad.size())};
    std::copy(nonce.begin(), nonce.end(), job.nonce.begin());
    engine->open({&job, 1});
    ASSERT_FALSE(job.ok);
    ASSERT_TRUE(std::all_of(packet.begin(), packet.end() - aead_tag_bytes, [](auto byte) { return byte == 0; }));
  }
}

TEST_P(AeadEnginesTest, AgreeWithOpensslOnEveryLength) {
  const std::vector<AeadKey> keys = make_keys(64);
  constexpr std::size_t longest_bytes = 9216;
  for (std::size_t first = 0; first <= longest_bytes; first += 64) {
    std::vector<TestPacket> packets;
    for (std::size_t length = first; length < first + 64 && length <= longest_bytes; ++length)
      packets.emplace_back(length, (length % 3 == 0 ? 8 : length % 3 == 1 ? 12 : 0), keys[length % 64], random);
    seal_and_open(*engine, *oracle, packets, random, 8);
    if (HasFatalFailure()) return;
  }
}

TEST_P(AeadEnginesTest, AgreeWithOpensslOnBatchesOfEverySize) {
  const std::vector<AeadKey> keys = make_keys(64);
  for (std::size_t size = 1; size <= 300; ++size) {
    std::vector<TestPacket> packets;
    for (std::size_t i = 0; i < size; ++i)
      packets.emplace_back(random() % 150, random() % 2 == 0 ? 0 : random() % 65, keys[random() % 64], random);
    seal_and_open(*engine, *oracle, packets, random, 4);
    if (HasFatalFailure()) return;
  }
}

TEST_P(AeadEnginesTest, AgreeWithOpensslOnEveryKindOfMixture) {
  const std::vector<AeadKey> keys = make_keys(64);
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

TEST_P(AeadEnginesTest, TakeALongestTextAndNoLonger) {
  AeadKey key;
  install(key);
  std::vector<TestPacket> packets;
  for (int i = 0; i < 20; ++i) packets.emplace_back(i == 7 ? aead_longest_text_bytes : 40, 64, key, random);
  seal_and_open(*engine, *oracle, packets, random, 1000);
}

TEST_P(AeadEnginesTest, FindEveryBrokenBitOfATagInEveryLane) {
  const std::vector<AeadKey> keys = make_keys(32);
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

TEST_P(AeadEnginesTest, RefuseWhatCannotBeAndHarmNoOther) {
  std::vector<AeadKey> keys(64);
  AeadKey wiped, never_installed;
  install(wiped);
  wiped.wipe();
  for (AeadKey& key : keys) install(key);
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
}

TEST_P(AeadEnginesTest, TouchNothingBeyondPacketsAndAssociatedData) {
  constexpr std::size_t count = 48;
  const FencedPages packets(count), aads(count);
  const std::vector<AeadKey> keys = make_keys(count);
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
