#include "dataplane/crypto/known_answer_tests.hpp"

#include <memory>
#include <string_view>
#include <vector>

#include "dataplane/crypto/blake2s.hpp"
#include "dataplane/crypto/known_answer_digests.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::uint32_t longest_bytes = known_answer_longest_bytes;
constexpr std::uint32_t batch_packets = known_answer_batch_packets;
constexpr std::size_t slot_bytes =
    longest_bytes + 64;  // room for the tag, and to see that nothing behind it is touched
constexpr std::uint8_t untouched = 0xa5;

// What the packets of a batch are for, in turn by their lengths: one algorithm, or all.
struct Suite {
  const char* name;
  std::span<const AeadAlgorithm> algorithms;
  std::span<const std::uint64_t, known_answer_batches> sealed_digests;

  [[nodiscard]] AeadAlgorithm of(std::uint32_t length) const { return algorithms[length % algorithms.size()]; }
};

std::vector<Suite> suites_for(const AeadEngine& engine) {
  std::vector<Suite> suites;
  for (std::size_t i = 0; i < aead_algorithms.size(); ++i)
    if (engine.has(aead_algorithms[i]))
      suites.push_back({name_of(aead_algorithms[i]), std::span(aead_algorithms).subspan(i, 1), sealed_digests[i]});
  if (suites.size() == aead_algorithms.size())
    suites.push_back({"mixed", aead_algorithms, sealed_digests[aead_algorithms.size()]});
  return suites;
}

std::uint8_t plaintext_byte(std::uint32_t length, std::uint32_t i) {
  return static_cast<std::uint8_t>(i * 7 + length * 13 + 1);
}

// A batch of packets of consecutive lengths, each of a session of its own.
struct TestBatch {
  explicit TestBatch(const Suite& of) : suite(of) {}

  const Suite suite;
  std::array<AeadKey, batch_packets> keys;
  std::array<std::array<std::uint8_t, 12>, batch_packets> aads;
  std::vector<std::uint8_t> buffers = std::vector<std::uint8_t>(batch_packets * slot_bytes);
  std::array<AeadJob, batch_packets> jobs;
  std::uint32_t count = 0;

  std::span<AeadJob> all() { return {jobs.data(), count}; }

  void prepare_packet(std::uint32_t slot, std::uint32_t length) {
    std::array<std::uint8_t, aead_key_bytes> key;
    for (std::uint32_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(length * 31 + i * 5);
    keys[slot].install(suite.of(length), key);
    for (std::uint32_t i = 0; i < aads[slot].size(); ++i) aads[slot][i] = static_cast<std::uint8_t>(i * 3 + length);
    static constexpr std::array<std::uint16_t, 3> aad_lengths = {0, 8, 12};

    AeadJob& job = jobs[slot];
    job = AeadJob{};
    job.key = &keys[slot];
    job.data = buffers.data() + slot * slot_bytes;
    job.length_bytes = length;
    job.aad_length_bytes = aad_lengths[length % 3];
    job.aad = job.aad_length_bytes == 0 ? nullptr : aads[slot].data();
    job.nonce = wireguard_nonce(length * 0x9E3779B97F4A7C15U);
    if (job.aad_length_bytes != 0) std::memcpy(job.nonce.data(), &length, 4);
    std::memset(job.data, untouched, slot_bytes);
    for (std::uint32_t i = 0; i < length; ++i) job.data[i] = plaintext_byte(length, i);
  }

  void prepare(std::uint32_t first_length, std::uint32_t packets) {
    count = packets;
    for (std::uint32_t slot = 0; slot < packets; ++slot) prepare_packet(slot, first_length + slot);
  }

  // Seals and turns the jobs into jobs for open.
  bool seal(AeadEngine& engine) {
    engine.seal(all());
    bool ok = true;
    for (AeadJob& job : all()) {
      ok = ok && job.ok;
      job.length_bytes += aead_tag_bytes;
    }
    return ok;
  }

  static bool holds_plaintext(const AeadJob& job) {
    const std::uint32_t length = job.length_bytes - aead_tag_bytes;
    for (std::uint32_t i = 0; i < length; ++i)
      if (job.data[i] != plaintext_byte(length, i)) return false;
    return true;
  }
  static bool holds_zeros(const AeadJob& job) {
    return std::all_of(job.data, job.data + job.length_bytes - aead_tag_bytes,
                       [](std::uint8_t byte) { return byte == 0; });
  }
  static bool tail_untouched(const AeadJob& job) {
    return std::all_of(job.data + job.length_bytes, job.data + job.length_bytes + 32,
                       [](std::uint8_t byte) { return byte == untouched; });
  }
};

tl::expected<void, std::string> failed(std::string what) {
  return tl::unexpected(std::move(what));
}

tl::expected<void, std::string> check_rfc8439_vector(AeadEngine& engine) {
  static constexpr std::string_view plaintext =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be "
      "it.";
  static constexpr std::array<std::uint8_t, 12> aad = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1,
                                                       0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
  static constexpr std::array<std::uint8_t, 130> sealed = {
      0xd3, 0x1a, 0x8d, 0x34, 0x64, 0x8e, 0x60, 0xdb, 0x7b, 0x86, 0xaf, 0xbc, 0x53, 0xef, 0x7e, 0xc2, 0xa4, 0xad, 0xed,
      0x51, 0x29, 0x6e, 0x08, 0xfe, 0xa9, 0xe2, 0xb5, 0xa7, 0x36, 0xee, 0x62, 0xd6, 0x3d, 0xbe, 0xa4, 0x5e, 0x8c, 0xa9,
      0x67, 0x12, 0x82, 0xfa, 0xfb, 0x69, 0xda, 0x92, 0x72, 0x8b, 0x1a, 0x71, 0xde, 0x0a, 0x9e, 0x06, 0x0b, 0x29, 0x05,
      0xd6, 0xa5, 0xb6, 0x7e, 0xcd, 0x3b, 0x36, 0x92, 0xdd, 0xbd, 0x7f, 0x2d, 0x77, 0x8b, 0x8c, 0x98, 0x03, 0xae, 0xe3,
      0x28, 0x09, 0x1b, 0x58, 0xfa, 0xb3, 0x24, 0xe4, 0xfa, 0xd6, 0x75, 0x94, 0x55, 0x85, 0x80, 0x8b, 0x48, 0x31, 0xd7,
      0xbc, 0x3f, 0xf4, 0xde, 0xf0, 0x8e, 0x4b, 0x7a, 0x9d, 0xe5, 0x76, 0xd2, 0x65, 0x86, 0xce, 0xc6, 0x4b, 0x61, 0x16,
      0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09, 0xe2, 0x6a, 0x7e, 0x90, 0x2e, 0xcb, 0xd0, 0x60, 0x06, 0x91};
  static_assert(plaintext.size() + aead_tag_bytes == sealed.size());

  std::array<std::uint8_t, aead_key_bytes> key_bytes;
  for (std::size_t i = 0; i < key_bytes.size(); ++i) key_bytes[i] = static_cast<std::uint8_t>(0x80 + i);
  AeadKey key;
  key.install(AeadAlgorithm::chacha20_poly1305, key_bytes);
  std::array<std::uint8_t, sealed.size() + 64> data{};  // an engine that writes too far shall not hit us
  std::copy(plaintext.begin(), plaintext.end(), data.begin());
  AeadJob job{.key = &key,
              .data = data.data(),
              .aad = aad.data(),
              .length_bytes = plaintext.size(),
              .nonce = {7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47},
              .aad_length_bytes = aad.size()};
  engine.seal({&job, 1});
  if (!job.ok || !std::equal(sealed.begin(), sealed.end(), data.begin()))
    return failed("sealing the vector of RFC 8439 section 2.8.2");
  job.length_bytes = sealed.size();
  engine.open({&job, 1});
  if (!job.ok || !std::equal(plaintext.begin(), plaintext.end(), data.begin()))
    return failed("opening the vector of RFC 8439 section 2.8.2");
  return {};
}

tl::expected<void, std::string> check_every_length(AeadEngine& engine, TestBatch& batch) {
  std::vector<std::uint8_t> sealed;
  sealed.reserve(batch_packets * slot_bytes);
  for (std::uint32_t first = 0; first <= longest_bytes; first += batch_packets) {
    const std::string where = " a batch of lengths from " + std::to_string(first) + " bytes on";
    batch.prepare(first, std::min(batch_packets, longest_bytes + 1 - first));
    if (!batch.seal(engine)) return failed("sealing" + where);
    sealed.clear();
    for (const AeadJob& job : batch.all()) sealed.insert(sealed.end(), job.data, job.data + job.length_bytes);
    std::uint64_t digest = 0;
    std::memcpy(&digest, blake2s_256(sealed).data(), sizeof digest);
    if (digest != batch.suite.sealed_digests[first / batch_packets]) return failed("sealing" + where);
    engine.open(batch.all());
    for (const AeadJob& job : batch.all())
      if (!job.ok || !TestBatch::holds_plaintext(job) || !TestBatch::tail_untouched(job))
        return failed("opening" + where);
  }
  return {};
}

// Every other packet of a batch is damaged in one bit: those fail and leave no plaintext, the others open.
tl::expected<void, std::string> check_forgeries(AeadEngine& engine, TestBatch& batch) {
  enum class Damage : std::uint32_t { tag, ciphertext, nonce, aad };
  static constexpr std::array<std::uint32_t, 6> first_lengths = {0, 1, 60, 500, 1400, longest_bytes - batch_packets};
  for (const std::uint32_t first : first_lengths) {
    for (std::uint32_t bit = 0; bit < 8 * aead_tag_bytes; ++bit) {
      batch.prepare(first, batch_packets);
      if (!batch.seal(engine)) return failed("sealing before the forgery tests");
      for (std::uint32_t slot = bit % 2; slot < batch_packets; slot += 2) {
        AeadJob& job = batch.jobs[slot];
        const auto mask = static_cast<std::uint8_t>(1U << (bit % 8));
        const std::uint32_t ciphertext_bytes = job.length_bytes - aead_tag_bytes;
        auto damage = static_cast<Damage>((slot / 2 + bit) % 4);
        if (damage == Damage::ciphertext && ciphertext_bytes == 0) damage = Damage::tag;
        if (damage == Damage::aad && job.aad_length_bytes == 0) damage = Damage::tag;
        switch (damage) {
          case Damage::tag:
            job.data[ciphertext_bytes + bit / 8] ^= mask;
            break;
          case Damage::ciphertext:
            job.data[(bit * 131) % ciphertext_bytes] ^= mask;
            break;
          case Damage::nonce:
            job.nonce[bit / 8 % aead_nonce_bytes] ^= mask;
            break;
          case Damage::aad:
            batch.aads[slot][bit / 8 % job.aad_length_bytes] ^= mask;
            break;
        }
      }
      engine.open(batch.all());
      for (std::uint32_t slot = 0; slot < batch_packets; ++slot) {
        const AeadJob& job = batch.jobs[slot];
        const bool damaged = slot % 2 == bit % 2;
        if (damaged && (job.ok || !TestBatch::holds_zeros(job))) return failed("refusing a forged packet");
        if (!damaged && (!job.ok || !TestBatch::holds_plaintext(job)))
          return failed("opening a good packet beside a forged one");
      }
      if (bit >= 16 && first > 60) bit += 6;  // every bit for short packets, some for long ones: start-up time
    }
  }
  return {};
}

tl::expected<void, std::string> check_runts_and_wiped_keys(AeadEngine& engine, TestBatch& batch) {
  batch.prepare(0, aead_tag_bytes);  // lengths 0 to 15 to open: shorter than a tag
  engine.open(batch.all());
  for (const AeadJob& job : batch.all())
    if (job.ok) return failed("refusing a packet shorter than its tag");
  batch.prepare(32, batch_packets);
  for (AeadKey& key : batch.keys) key.wipe();
  engine.seal(batch.all());
  for (const AeadJob& job : batch.all())
    if (job.ok) return failed("refusing to seal with a wiped key");
  engine.open(batch.all());
  for (const AeadJob& job : batch.all())
    if (job.ok) return failed("refusing to open with a wiped key");
  engine.seal({});
  engine.open({});
  return {};
}

tl::expected<void, std::string> check_algorithms_it_lacks(AeadEngine& engine) {
  for (const AeadAlgorithm algorithm : aead_algorithms) {
    if (engine.has(algorithm)) continue;
    AeadKey key;
    key.install(algorithm, std::array<std::uint8_t, aead_key_bytes>{});
    std::array<std::uint8_t, 64> data{};
    AeadJob job{.key = &key, .data = data.data(), .length_bytes = 32};
    engine.seal({&job, 1});
    if (job.ok) return failed(std::string("refusing to seal with ") + name_of(algorithm));
    engine.open({&job, 1});
    if (job.ok) return failed(std::string("refusing to open with ") + name_of(algorithm));
  }
  return {};
}

}  // namespace

tl::expected<void, std::string> run_known_answer_tests(AeadEngine& engine) {
  auto result =
      engine.has(AeadAlgorithm::chacha20_poly1305) ? check_rfc8439_vector(engine) : tl::expected<void, std::string>();
  for (const Suite& suite : suites_for(engine)) {
    const auto batch = std::make_unique<TestBatch>(suite);
    if (result) result = check_every_length(engine, *batch);
    if (result) result = check_forgeries(engine, *batch);
    if (result) result = check_runts_and_wiped_keys(engine, *batch);
    if (!result) return failed(std::string(suite.name) + ": " + result.error());
  }
  if (result) result = check_algorithms_it_lacks(engine);
  return result;
}

}  // namespace sallyport::dataplane
