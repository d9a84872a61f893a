// A batch that arbitrary bytes describe - lengths, keys, associated data, what is broken after sealing - goes through
// every AEAD engine and every way of ours, and through OpenSSL: all must say the same of every packet and leave the
// same bytes. Every second key is for ChaCha20-Poly1305, the others for AES-GCM of the three lengths.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "dataplane/crypto/ipsec_mb_engine.hpp"
#include "dataplane/crypto/vector_engine.hpp"
#include "tests/unit/crypto/openssl_engine.hpp"

namespace {

using namespace sallyport::dataplane;

constexpr std::size_t most_packets = 300;
constexpr std::size_t most_batch_bytes = 200'000;

void expect(bool condition) {
  if (!condition) std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool empty() const { return size_ == 0; }
  std::uint32_t take(std::size_t bytes) {
    std::uint32_t value = 0;
    for (; bytes != 0 && size_ != 0; --bytes, ++data_, --size_) value = value << 8U | *data_;
    return value;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

// What one packet is to be. Five bytes of the input.
struct Description {
  std::uint32_t text_bytes;
  std::uint16_t aad_bytes;
  std::uint8_t key;
  std::uint8_t damage;  // 0 to 3: none; others: a bit of the sealed packet, a lying length, a wiped key
};

Description describe(Input& input) {
  const std::uint32_t length = input.take(2), aad = input.take(1), key = input.take(1), damage = input.take(1);
  return {length % 9217, static_cast<std::uint16_t>(aad % 3 == 0 ? aad / 3 % (aead_longest_aad_bytes + 1) : 0),
          static_cast<std::uint8_t>(key), static_cast<std::uint8_t>(damage)};
}

struct Keys {
  Keys() {
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      std::array<std::uint8_t, aead_key_bytes> bytes;
      for (std::size_t j = 0; j < bytes.size(); ++j) bytes[j] = static_cast<std::uint8_t>(i * 37 + j * 11);
      expect(all[i].install(i % 2 == 0 ? AeadAlgorithm::chacha20_poly1305 : aead_algorithms[1 + i / 2 % 3], bytes));
    }
  }
  std::array<AeadKey, 9> all;  // the last was never installed
};

// The buffers of one engine's run, each of exactly its size, so that the address sanitizer sees every step beyond it.
struct Batch {
  std::vector<std::unique_ptr<std::uint8_t[]>> packets, aads;
  std::vector<std::size_t> sizes;
  std::vector<AeadJob> jobs;

  Batch(const std::vector<Description>& descriptions, const Keys& keys) {
    for (std::size_t i = 0; i < descriptions.size(); ++i) {
      const Description& of = descriptions[i];
      sizes.push_back(of.text_bytes + aead_tag_bytes);
      auto& packet = packets.emplace_back(new std::uint8_t[sizes[i]]());
      for (std::uint32_t j = 0; j < of.text_bytes; ++j) packet[j] = static_cast<std::uint8_t>(j * 7 + i);
      auto& aad = aads.emplace_back(new std::uint8_t[of.aad_bytes]);
      for (std::uint32_t j = 0; j < of.aad_bytes; ++j) aad[j] = static_cast<std::uint8_t>(j * 3 + i);
      jobs.push_back(AeadJob{.key = &keys.all[of.key % 8],
                             .data = packet.get(),
                             .aad = aad.get(),
                             .length_bytes = of.text_bytes,
                             .nonce = wireguard_nonce(i * 0x0101010101U),
                             .aad_length_bytes = of.aad_bytes});
    }
  }

  void damage(const std::vector<Description>& descriptions, const Keys& keys) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const std::uint8_t kind = descriptions[i].damage;
      AeadJob& job = jobs[i];
      job.length_bytes += aead_tag_bytes;
      if (kind < 128) continue;
      if (kind < 240) job.data[(kind * 131U) % sizes[i]] ^= static_cast<std::uint8_t>(1U << kind % 8);
      if (kind >= 240 && kind < 246) job.length_bytes = kind % aead_tag_bytes;
      if (kind >= 246 && kind < 250) job.length_bytes = 0xffffff00U + kind;
      if (kind >= 250 && kind < 253) job.aad_length_bytes = static_cast<std::uint16_t>(65 + kind);
      if (kind >= 253) job.key = &keys.all.back();
    }
  }
};

std::vector<std::unique_ptr<AeadEngine>> make_engines() {
  std::vector<std::unique_ptr<AeadEngine>> engines;
  engines.push_back(std::move(*make_ipsec_mb_engine()));
  for (const VectorWidth width : {VectorWidth::avx2, VectorWidth::avx512})
    for (const bool fall_back : {false, true})
      if (auto made = make_vector_engine(width, fall_back)) engines.push_back(std::move(*made));
  return engines;
}

void expect_sealed_right(const Batch& batch, const std::vector<Description>& descriptions) {
  static OpensslEngine oracle;
  for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
    AeadJob job = batch.jobs[i];
    std::vector<std::uint8_t> text(batch.sizes[i]);
    for (std::uint32_t j = 0; j < descriptions[i].text_bytes; ++j) text[j] = static_cast<std::uint8_t>(j * 7 + i);
    job.data = text.data();
    oracle.seal({&job, 1});
    expect(job.ok && batch.jobs[i].ok && std::memcmp(text.data(), batch.jobs[i].data, text.size()) == 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Keys keys;
  static const auto engines = make_engines();
  Input input(data, size);
  std::vector<Description> descriptions;
  // The first byte: every packet is described, or one description stands for so many alike.
  const std::uint32_t alike = input.take(1);
  for (std::size_t bytes = 0; !input.empty() && descriptions.size() < most_packets && bytes < most_batch_bytes;) {
    const Description one = describe(input);
    for (std::uint32_t copies = 0; copies <= alike % 40 && descriptions.size() < most_packets; ++copies) {
      descriptions.push_back(one);
      descriptions.back().damage = static_cast<std::uint8_t>(one.damage + copies * 29);
      bytes += one.text_bytes;
    }
  }
  std::unique_ptr<Batch> first;
  for (const auto& engine : engines) {
    auto batch = std::make_unique<Batch>(descriptions, keys);
    engine->seal(batch->jobs);
    if (!first) expect_sealed_right(*batch, descriptions);
    batch->damage(descriptions, keys);
    engine->open(batch->jobs);
    for (std::size_t i = 0; first && i < batch->jobs.size(); ++i) {
      if (!engine->has(keys.all[descriptions[i].key % 8].algorithm())) {
        expect(!batch->jobs[i].ok);
        continue;
      }
      expect(batch->jobs[i].ok == first->jobs[i].ok);
      expect(std::memcmp(batch->packets[i].get(), first->packets[i].get(), batch->sizes[i]) == 0);
    }
    if (!first) {
      for (std::size_t i = 0; i < batch->jobs.size(); ++i) expect(batch->jobs[i].ok == (descriptions[i].damage < 128));
      first = std::move(batch);
    }
  }
  return 0;
}
