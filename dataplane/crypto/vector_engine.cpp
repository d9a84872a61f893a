#include "dataplane/crypto/vector_engine.hpp"

#include "dataplane/crypto/ipsec_mb_engine.hpp"
#include "dataplane/crypto/lane_packets.hpp"
#include "dataplane/crypto/vector_aes_gcm.hpp"

namespace sallyport::dataplane {
namespace {

static_assert(lanes::most_aad_bytes == aead_longest_aad_bytes);
static_assert(gcm::most_aad_blocks * gcm::block_bytes == aead_longest_aad_bytes);
static_assert(lanes::most_packets <= VectorAesGcm::most_packets);

const lanes::Width& lanes_of(VectorWidth width) noexcept {
  return width == VectorWidth::avx512 ? lanes::avx512 : lanes::avx2;
}

class VectorEngine final : public AeadEngine {
 public:
  VectorEngine(const lanes::Width& width, const gcm::Way& way, std::unique_ptr<AeadEngine> single) noexcept
      : width_(width), single_(std::move(single)), aes_gcm_(way, single_.get()) {}
  ~VectorEngine() override { explicit_bzero(&scratch_, sizeof scratch_); }

  [[nodiscard]] const char* name() const noexcept override { return "vector"; }
  [[nodiscard]] const char* way() const noexcept override { return width_.name; }
  [[nodiscard]] bool has(AeadAlgorithm algorithm) const noexcept override {
    return algorithm == AeadAlgorithm::chacha20_poly1305 || is_aes_gcm(algorithm);
  }

  void seal(std::span<AeadJob> jobs) noexcept override {
    for_each_batch(jobs, [this](std::span<AeadJob> batch) {
      const std::size_t others = batch.size() - aes_jobs_of(batch);
      if (others != batch.size()) aes_gcm_.seal(batch);
      if (others != 0) seal_batch(batch, others);
    });
  }

  void open(std::span<AeadJob> jobs) noexcept override {
    for_each_batch(jobs, [this](std::span<AeadJob> batch) {
      const std::size_t others = batch.size() - aes_jobs_of(batch);
      if (others != batch.size()) aes_gcm_.open(batch);
      if (others != 0) open_batch(batch, others);
    });
  }

 private:
  static constexpr std::uint32_t buckets = 160;  // one for each number of ChaCha20 blocks; the last takes the rest

  template <class Use>
  static void for_each_batch(std::span<AeadJob> jobs, Use use) noexcept {
    while (!jobs.empty()) {
      const std::size_t taken = std::min<std::size_t>(jobs.size(), lanes::most_packets);
      use(jobs.first(taken));
      jobs = jobs.subspan(taken);
    }
  }

  static std::size_t aes_jobs_of(std::span<const AeadJob> jobs) noexcept {
    std::size_t count = 0;
    for (const AeadJob& job : jobs) count += is_aes_gcm(job.key->algorithm()) ? 1 : 0;
    return count;
  }

  // `others`: how many jobs are not for AES-GCM, and so for us here; the rest is done.
  void seal_batch(std::span<AeadJob> jobs, std::size_t others) noexcept {
    if (are_too_few(jobs, others)) {
      if (others == jobs.size()) return single_->seal(jobs);
      return for_each_other(jobs, [this](std::span<AeadJob> job) { single_->seal(job); });
    }
    const unsigned count = line_up(jobs, 0), in_lanes = worth_lanes(count);
    width_.seal(packets_.data(), in_lanes, scratch_);
    for (unsigned i = in_lanes; i < count; ++i) single_->seal(jobs.subspan(packets_[i].job, 1));
  }

  void open_batch(std::span<AeadJob> jobs, std::size_t others) noexcept {
    if (are_too_few(jobs, others)) {
      if (others == jobs.size()) return single_->open(jobs);
      return for_each_other(jobs, [this](std::span<AeadJob> job) { single_->open(job); });
    }
    const unsigned count = line_up(jobs, aead_tag_bytes), in_lanes = worth_lanes(count);
    width_.open(packets_.data(), in_lanes, scratch_);
    for (unsigned i = 0; i < in_lanes; ++i) {
      const lanes::LanePacket& packet = packets_[i];
      jobs[packet.job].ok = packet.ok;
      if (!packet.ok) std::memset(packet.data, 0, packet.text_bytes);
    }
    for (unsigned i = in_lanes; i < count; ++i) single_->open(jobs.subspan(packets_[i].job, 1));
  }

  // Of packets that do not make up a whole group.
  [[nodiscard]] bool gain_from_lanes(std::size_t packets, std::uint32_t most_bytes) const noexcept {
    return packets >=
           (most_bytes <= lanes::short_text_bytes ? width_.fewest_short_packets : width_.fewest_long_packets);
  }

  // Said without lining them up, which a small batch would feel.
  [[nodiscard]] bool are_too_few(std::span<const AeadJob> jobs, std::size_t others) const noexcept {
    if (single_ == nullptr || others >= width_.lanes) return false;
    std::uint32_t most_bytes = 0;
    for (const AeadJob& job : jobs) most_bytes = std::max(most_bytes, job.length_bytes);
    return !gain_from_lanes(others, most_bytes);
  }
  template <class Use>
  static void for_each_other(std::span<AeadJob> jobs, Use use) noexcept {
    for (AeadJob& job : jobs)
      if (!is_aes_gcm(job.key->algorithm())) use({&job, 1});
  }

  // Whole groups always; what is left over, the shortest packets, only if they are enough to gain.
  [[nodiscard]] unsigned worth_lanes(unsigned count) const noexcept {
    const unsigned left = count % width_.lanes, grouped = count - left;
    if (single_ == nullptr || left == 0) return count;
    return gain_from_lanes(left, packets_[grouped].text_bytes) ? count : grouped;
  }

  // The usable jobs, those with the most blocks first, in `packets_`. How many; `ok` of each job says whether it is
  // one.
  unsigned line_up(std::span<AeadJob> jobs, std::uint32_t tag_bytes) noexcept {
    std::array<std::uint8_t, lanes::most_packets> bucket_of;
    unsigned count = 0;
    std::uint32_t differences = 0;
    for (unsigned i = 0; i < jobs.size(); ++i) {
      AeadJob& job = jobs[i];
      if (is_aes_gcm(job.key->algorithm())) continue;
      job.ok = is_usable(job, tag_bytes);
      if (!job.ok) continue;
      const std::uint32_t blocks =
          (job.length_bytes - tag_bytes + lanes::chacha_block_bytes - 1) / lanes::chacha_block_bytes;
      bucket_of[count] = static_cast<std::uint8_t>(buckets - 1 - std::min(blocks, buckets - 1));
      differences |= bucket_of[count] ^ bucket_of[0];
      place(job, i, tag_bytes, packets_[count++]);
    }
    if (differences != 0) sort(bucket_of, count);
    return count;
  }

  void sort(const std::array<std::uint8_t, lanes::most_packets>& bucket_of, unsigned count) noexcept {
    std::array<std::uint16_t, buckets> next{};
    for (unsigned i = 0; i < count; ++i) ++next[bucket_of[i]];
    std::uint16_t before = 0;
    for (std::uint16_t& bucket : next) {
      const std::uint16_t packets = bucket;
      bucket = before;
      before = static_cast<std::uint16_t>(before + packets);
    }
    std::copy_n(packets_.begin(), count, unsorted_.begin());
    for (unsigned i = 0; i < count; ++i) packets_[next[bucket_of[i]]++] = unsorted_[i];
  }

  static bool is_usable(const AeadJob& job, std::uint32_t tag_bytes) noexcept {
    return job.key->algorithm() == AeadAlgorithm::chacha20_poly1305 && job.length_bytes >= tag_bytes &&
           job.length_bytes - tag_bytes <= aead_longest_text_bytes && job.aad_length_bytes <= aead_longest_aad_bytes;
  }

  static void place(const AeadJob& job, unsigned index, std::uint32_t tag_bytes, lanes::LanePacket& packet) noexcept {
    packet.counter_and_nonce[0] = 0;
    std::memcpy(packet.counter_and_nonce + 1, job.nonce.data(), aead_nonce_bytes);
    packet.key = job.key->expose().data();
    packet.data = job.data;
    packet.aad = job.aad;
    packet.text_bytes = job.length_bytes - tag_bytes;
    packet.aad_bytes = job.aad_length_bytes;
    packet.job = static_cast<std::uint16_t>(index);
    packet.ok = true;
  }

  const lanes::Width& width_;
  const std::unique_ptr<AeadEngine> single_;  // null: never
  VectorAesGcm aes_gcm_;
  lanes::Scratch scratch_{};
  std::array<lanes::LanePacket, lanes::most_packets> packets_, unsorted_;
};

}  // namespace

tl::expected<std::unique_ptr<AeadEngine>, std::string> make_vector_engine() {
  return make_vector_engine(lanes::avx512.supported() ? VectorWidth::avx512 : VectorWidth::avx2);
}

tl::expected<std::unique_ptr<AeadEngine>, std::string> make_vector_engine(VectorWidth width, bool fall_back,
                                                                          const gcm::Way* way) {
  const lanes::Width& lanes = lanes_of(width);
  if (!lanes.supported()) return tl::unexpected(std::string("the vector engine needs a processor with ") + lanes.needs);
  if (way == nullptr) way = best_gcm_way();
  if (way == nullptr || !way->supported())
    return tl::unexpected(std::string("the vector engine needs a processor with ") +
                          (way == nullptr ? gcm::aesni.needs : way->needs));
  std::unique_ptr<AeadEngine> single;
  if (fall_back) {
    auto made = make_ipsec_mb_engine();
    if (!made) return tl::unexpected("the vector engine hands small batches to another: " + made.error());
    single = std::move(*made);
  }
  return std::make_unique<VectorEngine>(lanes, *way, std::move(single));
}

}  // namespace sallyport::dataplane
