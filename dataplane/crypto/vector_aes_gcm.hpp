// The part of the vector engine that does AES-GCM: the packets of a batch whose keys are for it, handed to the code for
// the instructions that this processor has.
#pragma once

#include "dataplane/crypto/aead_batch.hpp"
#include "dataplane/crypto/aes_gcm_key.hpp"
#include "dataplane/crypto/gcm_packets.hpp"

namespace sallyport::dataplane {

// Texts of so many bytes are not faster by a way of ours than by intel-ipsec-mb. None: `from` is above `to`.
struct HandedOn {
  std::uint32_t from_bytes = 1, to_bytes = 0;
  [[nodiscard]] bool holds(std::uint32_t text_bytes) const noexcept {
    return text_bytes >= from_bytes && text_bytes <= to_bytes;
  }
};

class VectorAesGcm {
 public:
  static constexpr std::size_t most_packets = 256;  // in one batch

  // `single` takes what is handed on; if it is null, nothing is.
  VectorAesGcm(const gcm::Way& way, AeadEngine* single) noexcept : way_(way), single_(single) {
    if (single == nullptr) return;
    const bool library_has_512_bits = __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("vaes") != 0;
    // Measured by perf/aead_bench on Zen. Against 512 bits of VAES not measured: to be on the safe side only what is a
    // single run of ours is kept.
    if (library_has_512_bits)
      sealing_ = opening_ = {.from_bytes = 225, .to_bytes = aead_longest_text_bytes};
    else
      sealing_ = {.from_bytes = 225, .to_bytes = 1'200};
  }

  [[nodiscard]] const char* way() const noexcept { return way_.name; }

  // Every job of a batch whose key is for AES-GCM, and no other.
  void seal(std::span<AeadJob> jobs) noexcept { way_.seal(packets_.data(), line_up(jobs, 0)); }
  void open(std::span<AeadJob> jobs) noexcept {
    const unsigned count = line_up(jobs, aead_tag_bytes);
    way_.open(packets_.data(), count);
    for (unsigned i = 0; i < count; ++i) {
      const gcm::Packet& packet = packets_[i];
      jobs[job_of_[i]].ok = packet.ok;
      if (!packet.ok) std::memset(packet.data, 0, packet.text_bytes);
    }
  }

 private:
  unsigned line_up(std::span<AeadJob> jobs, std::uint32_t tag_bytes) noexcept {
    unsigned count = 0;
    for (unsigned i = 0; i < jobs.size(); ++i) {
      AeadJob& job = jobs[i];
      if (!is_aes_gcm(job.key->algorithm())) continue;
      const std::uint32_t text_bytes = job.length_bytes - tag_bytes;
      job.ok = job.length_bytes >= tag_bytes && text_bytes <= aead_longest_text_bytes &&
               job.aad_length_bytes <= aead_longest_aad_bytes;
      if (!job.ok) continue;
      if ((tag_bytes == 0 ? sealing_ : opening_).holds(text_bytes)) {
        tag_bytes == 0 ? single_->seal({&job, 1}) : single_->open({&job, 1});
        continue;
      }
      const ExpandedAesKey& key = *job.key->expose_aes();
      job_of_[count] = static_cast<std::uint16_t>(i);
      packets_[count++] = {.round_keys = key.library.expanded_keys,
                           .powers = &key.powers,
                           .data = job.data,
                           .aad = job.aad,
                           .nonce = job.nonce.data(),
                           .text_bytes = text_bytes,
                           .aad_bytes = job.aad_length_bytes,
                           .rounds = rounds_of(job.key->algorithm()),
                           .ok = true};
    }
    return count;
  }

  const gcm::Way& way_;
  AeadEngine* const single_;
  HandedOn sealing_, opening_;
  std::array<gcm::Packet, most_packets> packets_;
  std::array<std::uint16_t, most_packets> job_of_;
};

}  // namespace sallyport::dataplane
