#include "dataplane/crypto/known_answer_tests.hpp"

#include <memory>
#include <string_view>
#include <vector>

#include "dataplane/crypto/blake2s.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::uint32_t longest_bytes = 2048;
constexpr std::uint32_t batch_packets = 64;
constexpr std::size_t slot_bytes =
    longest_bytes + 64;  // room for the tag, and to see that nothing behind it is touched
constexpr std::uint8_t untouched = 0xa5;

// For lengths [64 n, 64 n + 63]: the first 8 bytes (little-endian) of the BLAKE2s-256 of all sealed packets behind each
// other. Made with OpenSSL by tests/unit/crypto/generate_vectors.py, whose formulas prepare_packet() repeats.
constexpr std::array<std::uint64_t, longest_bytes / batch_packets + 1> sealed_digests = {
    0xc935d7e08c0c2f85U, 0x6c9b1a3262af885cU, 0xb521e1832a4a23eaU, 0x696ba1eed00f542bU, 0x61e56fc1506321cfU,
    0x7f2d35a62242809cU, 0xe31973ababacea79U, 0x88371f9ff011ffd2U, 0x0aa9ba2a869b1c24U, 0xc3bd76a4ee13834bU,
    0xf406d665cf950cdeU, 0x0018bdd8a5cfd3caU, 0x8f7ba7a4df75dac2U, 0x744ac734e6799817U, 0x2f169eb781ae03bdU,
    0x2560c962683991e1U, 0x82b2f29c7ffd83b1U, 0x4dbb73a243bdc1ffU, 0x2106a3d77fc16a23U, 0xb73e21e5cda81f87U,
    0x76159a219dff432dU, 0xfd6fec186d907598U, 0x7d88e0a1e5c8c8b2U, 0x198039586e26d73cU, 0x5b312a80db6320cbU,
    0xedefb26c6396240dU, 0x44e588ca580cc21dU, 0x722139ccd5dddec3U, 0x897e831293b41d39U, 0xf358b867cf817cffU,
    0xad7b7aec7355a3c7U, 0x112e7d0706247fd3U, 0x4ec9cd8513f541bdU};

std::uint8_t plaintext_byte(std::uint32_t length, std::uint32_t i) {
  return static_cast<std::uint8_t>(i * 7 + length * 13 + 1);
}

// A batch of packets of consecutive lengths, each of a session of its own.
struct TestBatch {
  std::array<AeadKey, batch_packets> keys;
  std::array<std::array<std::uint8_t, 12>, batch_packets> aads;
  std::vector<std::uint8_t> buffers = std::vector<std::uint8_t>(batch_packets * slot_bytes);
  std::array<AeadJob, batch_packets> jobs;
  std::uint32_t count = 0;

  std::span<AeadJob> all() { return {jobs.data(), count}; }

  void prepare_packet(std::uint32_t slot, std::uint32_t length) {
    std::array<std::uint8_t, aead_key_bytes> key;
    for (std::uint32_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(length * 31 + i * 5);
    keys[slot].install(AeadAlgorithm::chacha20_poly1305, key);
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
    if (digest != sealed_digests[first / batch_packets]) return failed("sealing" + where);
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

}  // namespace

tl::expected<void, std::string> run_known_answer_tests(AeadEngine& engine) {
  const auto batch = std::make_unique<TestBatch>();
  auto result = check_rfc8439_vector(engine);
  if (result) result = check_every_length(engine, *batch);
  if (result) result = check_forgeries(engine, *batch);
  if (result) result = check_runts_and_wiped_keys(engine, *batch);
  return result;
}

}  // namespace sallyport::dataplane
