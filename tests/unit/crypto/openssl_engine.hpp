// Every algorithm by OpenSSL, behind the interface of the engines: the oracle of the AEAD tests, and a contender of
// perf/aead_bench. Not part of the product.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "dataplane/crypto/aead_batch.hpp"

namespace sallyport::dataplane {

class OpensslEngine final : public AeadEngine {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "openssl"; }
  [[nodiscard]] bool has(AeadAlgorithm algorithm) const noexcept override { return algorithm != AeadAlgorithm::none; }

  void seal(std::span<AeadJob> jobs) noexcept override {
    for (AeadJob& job : jobs) {
      int length = 0;
      const int text_bytes = static_cast<int>(job.length_bytes);
      EVP_CIPHER_CTX* const context = context_of(job);
      job.ok = context != nullptr &&
               EVP_EncryptInit_ex2(context, nullptr, job.key->expose().data(), job.nonce.data(), nullptr) == 1 &&
               (job.aad_length_bytes == 0 ||
                EVP_EncryptUpdate(context, nullptr, &length, job.aad, job.aad_length_bytes) == 1) &&
               EVP_EncryptUpdate(context, job.data, &length, job.data, text_bytes) == 1 &&
               EVP_EncryptFinal_ex(context, job.data + text_bytes, &length) == 1 &&
               EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, aead_tag_bytes, job.data + text_bytes) == 1;
    }
  }

  void open(std::span<AeadJob> jobs) noexcept override {
    for (AeadJob& job : jobs) {
      job.ok = false;
      EVP_CIPHER_CTX* const context = context_of(job);
      if (context == nullptr || job.length_bytes < aead_tag_bytes) continue;
      int length = 0;
      const int text_bytes = static_cast<int>(job.length_bytes - aead_tag_bytes);
      job.ok = EVP_DecryptInit_ex2(context, nullptr, job.key->expose().data(), job.nonce.data(), nullptr) == 1 &&
               EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, aead_tag_bytes, job.data + text_bytes) == 1 &&
               (job.aad_length_bytes == 0 ||
                EVP_DecryptUpdate(context, nullptr, &length, job.aad, job.aad_length_bytes) == 1) &&
               EVP_DecryptUpdate(context, job.data, &length, job.data, text_bytes) == 1 &&
               EVP_DecryptFinal_ex(context, job.data + text_bytes, &length) == 1;
      if (!job.ok) std::fill_n(job.data, text_bytes, std::uint8_t{0});
    }
  }

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;

  static Context make(const EVP_CIPHER* cipher) {
    Context context(EVP_CIPHER_CTX_new());
    EVP_CipherInit_ex2(context.get(), cipher, nullptr, nullptr, 1, nullptr);
    return context;
  }

  [[nodiscard]] EVP_CIPHER_CTX* context_of(const AeadJob& job) const noexcept {
    const auto algorithm = static_cast<std::size_t>(job.key->algorithm());
    return algorithm == 0 ? nullptr : contexts_[algorithm - 1].get();
  }

  // In the order of aead_algorithms.
  const std::array<Context, aead_algorithms.size()> contexts_ = {make(EVP_chacha20_poly1305()), make(EVP_aes_128_gcm()),
                                                                 make(EVP_aes_192_gcm()), make(EVP_aes_256_gcm())};
};

inline tl::expected<std::unique_ptr<AeadEngine>, std::string> make_openssl_engine() {
  return std::make_unique<OpensslEngine>();
}

}  // namespace sallyport::dataplane
