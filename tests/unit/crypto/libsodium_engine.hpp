// A second oracle of the AEAD tests: the same interface over libsodium, simple and slow. Not part of the product.
#pragma once

#include <sodium.h>

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "dataplane/crypto/aead_batch.hpp"

namespace sallyport::dataplane {

class LibsodiumEngine : public AeadEngine {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "libsodium"; }
  [[nodiscard]] bool has(AeadAlgorithm algorithm) const noexcept override {
    return algorithm == AeadAlgorithm::chacha20_poly1305;
  }

  void seal(std::span<AeadJob> jobs) noexcept override {
    for (AeadJob& job : jobs) {
      job.ok = job.key->algorithm() == AeadAlgorithm::chacha20_poly1305;
      if (!job.ok) continue;
      crypto_aead_chacha20poly1305_ietf_encrypt(job.data, nullptr, job.data, job.length_bytes, job.aad,
                                                job.aad_length_bytes, nullptr, job.nonce.data(),
                                                job.key->expose().data());
    }
  }

  void open(std::span<AeadJob> jobs) noexcept override {
    for (AeadJob& job : jobs) {
      job.ok = false;
      if (job.key->algorithm() != AeadAlgorithm::chacha20_poly1305 || job.length_bytes < aead_tag_bytes) continue;
      job.ok = crypto_aead_chacha20poly1305_ietf_decrypt(job.data, nullptr, nullptr, job.data, job.length_bytes,
                                                         job.aad, job.aad_length_bytes, job.nonce.data(),
                                                         job.key->expose().data()) == 0;
      if (!job.ok) std::fill_n(job.data, job.length_bytes - aead_tag_bytes, std::uint8_t{0});
    }
  }
};

inline tl::expected<std::unique_ptr<AeadEngine>, std::string> make_libsodium_engine() {
  if (sodium_init() < 0) return tl::unexpected(std::string("libsodium does not start"));
  return std::make_unique<LibsodiumEngine>();
}

}  // namespace sallyport::dataplane
