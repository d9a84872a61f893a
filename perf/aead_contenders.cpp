#include "perf/aead_contenders.hpp"

#include <intel-ipsec-mb.h>

#include "dataplane/crypto/aes_gcm_key.hpp"
#include "dataplane/crypto/vector_engine.hpp"
#include "tests/unit/crypto/libsodium_engine.hpp"
#include "tests/unit/crypto/openssl_engine.hpp"

namespace sallyport::perf {
namespace {

using namespace dataplane;

enum class Interface { job, burst, direct };

// Seals and opens without the checks of a product: opening compares the tag and does no more.
class IpsecMbContender final : public AeadEngine {
 public:
  IpsecMbContender(IMB_ARCH architecture, Interface interface) : interface_(interface) {
    manager_ = alloc_mb_mgr(0);
    architecture == IMB_ARCH_AVX512 ? init_mb_mgr_avx512(manager_) : init_mb_mgr_avx2(manager_);
  }
  ~IpsecMbContender() override { free_mb_mgr(manager_); }
  [[nodiscard]] const char* name() const noexcept override { return "ipsec_mb"; }
  [[nodiscard]] bool has(AeadAlgorithm algorithm) const noexcept override { return algorithm != AeadAlgorithm::none; }

  void seal(std::span<AeadJob> jobs) noexcept override { run(jobs, IMB_DIR_ENCRYPT, 0); }
  void open(std::span<AeadJob> jobs) noexcept override {
    run(jobs, IMB_DIR_DECRYPT, aead_tag_bytes);
    for (std::size_t i = 0; i < jobs.size(); ++i)
      jobs[i].ok =
          std::memcmp(tags_[i].data(), jobs[i].data + jobs[i].length_bytes - aead_tag_bytes, aead_tag_bytes) == 0;
  }

 private:
  void run(std::span<AeadJob> jobs, IMB_CIPHER_DIRECTION direction, std::uint32_t tag_bytes) noexcept {
    switch (interface_) {
      case Interface::job:
        for (std::size_t i = 0; i < jobs.size(); ++i) {
          fill(*IMB_GET_NEXT_JOB(manager_), jobs[i], direction, tag_bytes, tags_[i].data());
          IMB_SUBMIT_JOB_NOCHECK(manager_);
        }
        break;
      case Interface::burst: {
        std::array<IMB_JOB*, IMB_MAX_BURST_SIZE> slots;
        const auto count = static_cast<std::uint32_t>(jobs.size());
        IMB_GET_NEXT_BURST(manager_, count, slots.data());
        for (std::uint32_t i = 0; i < count; ++i) fill(*slots[i], jobs[i], direction, tag_bytes, tags_[i].data());
        const std::uint32_t done = IMB_SUBMIT_BURST_NOCHECK(manager_, count, slots.data());
        if (done < count) IMB_FLUSH_BURST(manager_, count - done, slots.data());
        break;
      }
      case Interface::direct:
        for (std::size_t i = 0; i < jobs.size(); ++i) run_directly(jobs[i], direction, tag_bytes, tags_[i].data());
        break;
    }
  }

  static void fill(IMB_JOB& slot, const AeadJob& job, IMB_CIPHER_DIRECTION direction, std::uint32_t tag_bytes,
                   std::uint8_t* tag) noexcept {
    const std::uint32_t text_bytes = job.length_bytes - tag_bytes;
    const bool aes = is_aes_gcm(job.key->algorithm());
    slot.cipher_mode = aes ? IMB_CIPHER_GCM : IMB_CIPHER_CHACHA20_POLY1305;
    slot.hash_alg = aes ? IMB_AUTH_AES_GMAC : IMB_AUTH_CHACHA20_POLY1305;
    slot.cipher_direction = direction;
    slot.chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    if (aes)
      slot.enc_keys = slot.dec_keys = &job.key->expose_aes()->library;
    else
      slot.enc_keys = slot.dec_keys = job.key->expose().data();
    slot.key_len_in_bytes = key_bytes_of(job.key->algorithm());
    slot.iv = job.nonce.data();
    slot.iv_len_in_bytes = aead_nonce_bytes;
    if (aes) {
      slot.u.GCM.aad = job.aad;
      slot.u.GCM.aad_len_in_bytes = job.aad_length_bytes;
    } else {
      slot.u.CHACHA20_POLY1305.aad = job.aad;
      slot.u.CHACHA20_POLY1305.aad_len_in_bytes = job.aad_length_bytes;
    }
    slot.src = slot.dst = job.data;
    slot.cipher_start_src_offset_in_bytes = slot.hash_start_src_offset_in_bytes = 0;
    slot.msg_len_to_cipher_in_bytes = slot.msg_len_to_hash_in_bytes = text_bytes;
    slot.auth_tag_output = direction == IMB_DIR_ENCRYPT ? job.data + text_bytes : tag;
    slot.auth_tag_output_len_in_bytes = aead_tag_bytes;
  }

  void run_directly(const AeadJob& job, IMB_CIPHER_DIRECTION direction, std::uint32_t tag_bytes,
                    std::uint8_t* tag) noexcept {
    const std::uint32_t text_bytes = job.length_bytes - tag_bytes;
    if (is_aes_gcm(job.key->algorithm())) {
      const bool sealing = direction == IMB_DIR_ENCRYPT;
      const aes_gcm_enc_dec_t calls[3][2] = {{manager_->gcm128_dec, manager_->gcm128_enc},
                                             {manager_->gcm192_dec, manager_->gcm192_enc},
                                             {manager_->gcm256_dec, manager_->gcm256_enc}};
      calls[key_bytes_of(job.key->algorithm()) / 8 - 2][sealing ? 1 : 0](
          &job.key->expose_aes()->library, &gcm_context_, job.data, job.data, text_bytes, job.nonce.data(), job.aad,
          job.aad_length_bytes, sealing ? job.data + text_bytes : tag, aead_tag_bytes);
      return;
    }
    const void* const key = job.key->expose().data();
    IMB_CHACHA20_POLY1305_INIT(manager_, key, &context_, job.nonce.data(), job.aad, job.aad_length_bytes);
    if (direction == IMB_DIR_ENCRYPT) {
      IMB_CHACHA20_POLY1305_ENC_UPDATE(manager_, key, &context_, job.data, job.data, text_bytes);
      IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager_, &context_, job.data + text_bytes, aead_tag_bytes);
    } else {
      IMB_CHACHA20_POLY1305_DEC_UPDATE(manager_, key, &context_, job.data, job.data, text_bytes);
      IMB_CHACHA20_POLY1305_DEC_FINALIZE(manager_, &context_, tag, aead_tag_bytes);
    }
  }

  const Interface interface_;
  IMB_MGR* manager_;
  chacha20_poly1305_context_data context_{};
  gcm_context_data gcm_context_{};
  std::array<std::array<std::uint8_t, aead_tag_bytes>, IMB_MAX_BURST_SIZE> tags_{};
};

}  // namespace

std::vector<Contender> all_contenders() {
  std::vector<Contender> all;
  const std::string avx2 = "ipsec_mb/avx2/";
  std::string best = avx2;
  const bool has_avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
  if (has_avx512) best = "ipsec_mb/avx512/";
  if (auto made = make_vector_engine(VectorWidth::avx512)) all.push_back({"vector/avx512", best, std::move(*made)});
  if (auto made = make_vector_engine(VectorWidth::avx2)) all.push_back({"vector/avx2", avx2, std::move(*made)});
  static constexpr std::array<std::pair<const char*, Interface>, 3> interfaces = {
      {{"job", Interface::job}, {"burst", Interface::burst}, {"direct", Interface::direct}}};
  for (const auto& [name, interface] : interfaces) {
    if (has_avx512) all.push_back({best + name, best, std::make_unique<IpsecMbContender>(IMB_ARCH_AVX512, interface)});
    all.push_back({avx2 + name, avx2, std::make_unique<IpsecMbContender>(IMB_ARCH_AVX2, interface)});
  }
  // The library's expanded AES keys are of the instructions that it chooses for this processor: with no others here.
  if (auto made = make_vector_engine(VectorWidth::avx2, true, &gcm::aesni))
    all.push_back({std::string("vector/") + gcm::aesni.name, best, std::move(*made), true});
  for (const auto& [name, interface] : interfaces)
    all.push_back({best + name, best,
                   std::make_unique<IpsecMbContender>(has_avx512 ? IMB_ARCH_AVX512 : IMB_ARCH_AVX2, interface), true});
  all.push_back({"openssl", best, std::move(*make_openssl_engine()), true});
  all.push_back({"openssl", best, std::move(*make_openssl_engine())});
  all.push_back({"libsodium", best, std::move(*make_libsodium_engine())});
  return all;
}

}  // namespace sallyport::perf
