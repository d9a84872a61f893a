#include "dataplane/crypto/ipsec_mb_engine.hpp"

#include <intel-ipsec-mb.h>

#include "dataplane/crypto/aes_gcm_key.hpp"
#include "dataplane/crypto/constant_time.hpp"

namespace sallyport::dataplane {
namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

// One packet at a time. ChaCha20-Poly1305 by the job interface: the library completes a job inside its submit, so a
// burst of jobs gains nothing, and its INIT/UPDATE/FINALIZE calls are slower (README.md has the figures). The _NOCHECK
// submit leaves out checks that AeadJob makes needless and, with them, the error number that all threads of a process
// share. AES-GCM by the direct calls: a job is the same call with forty cycles around it, and writes that number as
// well.
class IpsecMbEngine final : public AeadEngine {
 public:
  explicit IpsecMbEngine(Manager manager) noexcept : manager_(std::move(manager)) {}
  ~IpsecMbEngine() override { explicit_bzero(&context_, sizeof context_); }

  [[nodiscard]] const char* name() const noexcept override { return "ipsec_mb"; }
  [[nodiscard]] bool has(AeadAlgorithm algorithm) const noexcept override { return algorithm != AeadAlgorithm::none; }

  void seal(std::span<AeadJob> jobs) noexcept override {
    for (AeadJob& job : jobs)
      job.ok =
          usable(job, job.length_bytes) && run(job, IMB_DIR_ENCRYPT, job.length_bytes, job.data + job.length_bytes);
  }

  void open(std::span<AeadJob> jobs) noexcept override {
    for (AeadJob& job : jobs) {
      job.ok = false;
      if (job.length_bytes < aead_tag_bytes) continue;
      const std::uint32_t plaintext_bytes = job.length_bytes - aead_tag_bytes;
      if (!usable(job, plaintext_bytes)) continue;
      std::array<std::uint8_t, aead_tag_bytes> tag;
      job.ok =
          run(job, IMB_DIR_DECRYPT, plaintext_bytes, tag.data()) && tags_equal(tag.data(), job.data + plaintext_bytes);
      if (!job.ok) std::memset(job.data, 0, plaintext_bytes);
    }
  }

 private:
  static bool usable(const AeadJob& job, std::uint32_t text_bytes) noexcept {
    return job.key->algorithm() != AeadAlgorithm::none && text_bytes <= aead_longest_text_bytes &&
           job.aad_length_bytes <= aead_longest_aad_bytes;
  }

  // Crypts `length_bytes` in place and writes the tag of the ciphertext to `tag`. False only if the library broke its
  // word.
  bool run(const AeadJob& job, IMB_CIPHER_DIRECTION direction, std::uint32_t length_bytes, std::uint8_t* tag) noexcept {
    if (job.key->algorithm() == AeadAlgorithm::chacha20_poly1305)
      return run_chacha20_poly1305(job, direction, length_bytes, tag);
    const bool sealing = direction == IMB_DIR_ENCRYPT;
    IMB_MGR& manager = *manager_;
    switch (job.key->algorithm()) {
      case AeadAlgorithm::aes_128_gcm:
        return run_aes_gcm(sealing ? manager.gcm128_enc : manager.gcm128_dec, job, length_bytes, tag);
      case AeadAlgorithm::aes_192_gcm:
        return run_aes_gcm(sealing ? manager.gcm192_enc : manager.gcm192_dec, job, length_bytes, tag);
      case AeadAlgorithm::aes_256_gcm:
        return run_aes_gcm(sealing ? manager.gcm256_enc : manager.gcm256_dec, job, length_bytes, tag);
      default:
        return false;
    }
  }

  bool run_aes_gcm(aes_gcm_enc_dec_t crypt, const AeadJob& job, std::uint32_t length_bytes,
                   std::uint8_t* tag) noexcept {
    crypt(&job.key->expose_aes()->library, &context_, job.data, job.data, length_bytes, job.nonce.data(), job.aad,
          job.aad_length_bytes, tag, aead_tag_bytes);
    return true;
  }

  bool run_chacha20_poly1305(const AeadJob& job, IMB_CIPHER_DIRECTION direction, std::uint32_t length_bytes,
                             std::uint8_t* tag) noexcept {
    IMB_JOB* const slot = IMB_GET_NEXT_JOB(manager_.get());
    slot->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    slot->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    slot->cipher_direction = direction;
    slot->chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    slot->enc_keys = slot->dec_keys = job.key->expose().data();
    slot->key_len_in_bytes = aead_key_bytes;
    slot->iv = job.nonce.data();
    slot->iv_len_in_bytes = aead_nonce_bytes;
    slot->u.CHACHA20_POLY1305.aad = job.aad;
    slot->u.CHACHA20_POLY1305.aad_len_in_bytes = job.aad_length_bytes;
    slot->src = slot->dst = job.data;
    slot->cipher_start_src_offset_in_bytes = slot->hash_start_src_offset_in_bytes = 0;
    slot->msg_len_to_cipher_in_bytes = slot->msg_len_to_hash_in_bytes = length_bytes;
    slot->auth_tag_output = tag;
    slot->auth_tag_output_len_in_bytes = aead_tag_bytes;
    const IMB_JOB* const done = IMB_SUBMIT_JOB_NOCHECK(manager_.get());
    return done == slot && done->status == IMB_STATUS_COMPLETED;
  }

  const Manager manager_;
  gcm_context_data context_{};
};

}  // namespace

tl::expected<std::unique_ptr<AeadEngine>, std::string> make_ipsec_mb_engine() {
  if (imb_get_version() < IMB_VERSION(1, 3, 0))
    return tl::unexpected(std::string("intel-ipsec-mb 1.3 or newer is needed, found ") + imb_get_version_str());
  Manager manager(alloc_mb_mgr(0));
  if (manager == nullptr) return tl::unexpected(std::string("intel-ipsec-mb: out of memory for its manager"));
  IMB_ARCH architecture = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager.get(), &architecture);
  if (architecture < IMB_ARCH_SSE)  // "none", and what 1.x called NOAESNI and 2.0 no longer has
    return tl::unexpected(std::string("intel-ipsec-mb does not support this processor"));
  if ((manager->features & IMB_FEATURE_SELF_TEST) != 0 && (manager->features & IMB_FEATURE_SELF_TEST_PASS) == 0)
    return tl::unexpected(std::string("intel-ipsec-mb: its own self-test failed"));
  return std::make_unique<IpsecMbEngine>(std::move(manager));
}

}  // namespace sallyport::dataplane
