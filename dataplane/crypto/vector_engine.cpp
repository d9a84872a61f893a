#include "dataplane/crypto/vector_engine.hpp"

#include "dataplane/crypto/ipsec_mb_engine.hpp"
#include "dataplane/crypto/lane_packets.hpp"

namespace sallyport::dataplane {
namespace {

static_assert(lanes::most_aad_bytes == aead_longest_aad_bytes);

const lanes::Width& lanes_of(VectorWidth width) noexcept {
  return width == VectorWidth::avx512 ? lanes::avx512 : lanes::avx2;
}

class VectorEngine final : public AeadEngine {
 public:
  VectorEngine(const lanes::Width& width, std::unique_ptr<AeadEngine> single) noexcept
      : width_(width), single_(std::move(single)) {}
  ~VectorEngine() override { explicit_bzero(&scratch_, sizeof scratch_); }

  [[nodiscard]] const char* name() const noexcept override { return "vector"; }

  void seal(std::span<AeadJob> jobs) noexcept override {
    for_each_batch(jobs, [this](std::span<AeadJob> batch) { seal_batch(batch); });
  }

  void open(std::span<AeadJob> jobs) noexcept override {
    for_each_batch(jobs, [this](std::span<AeadJob> batch) { open_batch(batch); });
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

  void seal_batch(std::span<AeadJob> jobs) noexcept {
    if (single_ != nullptr && jobs.size() < width_.fewest_packets) return single_->seal(jobs);
    const unsigned count = line_up(jobs, 0);
    width_.seal(packets_.data(), count, scratch_);
    for (unsigned i = 0; i < count; ++i) jobs[packets_[i].job].ok = true;
  }

  void open_batch(std::span<AeadJob> jobs) noexcept {
    if (single_ != nullptr && jobs.size() < width_.fewest_packets) return single_->open(jobs);
    const unsigned count = line_up(jobs, aead_tag_bytes);
    width_.open(packets_.data(), count, scratch_);
    for (unsigned i = 0; i < count; ++i) {
      const lanes::LanePacket& packet = packets_[i];
      jobs[packet.job].ok = packet.ok;
      if (!packet.ok) std::memset(packet.data, 0, packet.text_bytes);
    }
  }

  // The usable jobs, those with the most blocks first. How many.
  unsigned line_up(std::span<AeadJob> jobs, std::uint32_t tag_bytes) noexcept {
    std::array<std::uint8_t, lanes::most_packets> bucket_of;
    std::array<std::uint16_t, buckets> begin{};
    unsigned count = 0;
    std::uint32_t fewest_blocks = ~0U, most_blocks = 0;
    for (unsigned i = 0; i < jobs.size(); ++i) {
      AeadJob& job = jobs[i];
      job.ok = false;
      if (!is_usable(job, tag_bytes)) continue;
      const std::uint32_t blocks =
          (job.length_bytes - tag_bytes + lanes::chacha_block_bytes - 1) / lanes::chacha_block_bytes;
      fewest_blocks = std::min(fewest_blocks, blocks);
      most_blocks = std::max(most_blocks, blocks);
      const std::uint32_t bucket = buckets - 1 - std::min(blocks, buckets - 1);
      order_[count] = static_cast<std::uint16_t>(i);
      bucket_of[count++] = static_cast<std::uint8_t>(bucket);
      ++begin[bucket];
    }
    if (fewest_blocks >= most_blocks) {
      for (unsigned i = 0; i < count; ++i) place(jobs[order_[i]], order_[i], tag_bytes, packets_[i]);
      return count;
    }
    std::uint16_t before = 0;
    for (std::uint16_t& bucket : begin) {
      const std::uint16_t packets = bucket;
      bucket = before;
      before = static_cast<std::uint16_t>(before + packets);
    }
    for (unsigned i = 0; i < count; ++i) place(jobs[order_[i]], order_[i], tag_bytes, packets_[begin[bucket_of[i]]++]);
    return count;
  }

  static bool is_usable(const AeadJob& job, std::uint32_t tag_bytes) noexcept {
    return job.key->algorithm() == AeadAlgorithm::chacha20_poly1305 && job.length_bytes >= tag_bytes &&
           job.length_bytes - tag_bytes <= aead_longest_text_bytes && job.aad_length_bytes <= aead_longest_aad_bytes;
  }

  static void place(const AeadJob& job, std::uint16_t index, std::uint32_t tag_bytes,
                    lanes::LanePacket& packet) noexcept {
    packet.counter_and_nonce[0] = 0;
    std::memcpy(packet.counter_and_nonce + 1, job.nonce.data(), aead_nonce_bytes);
    packet.key = job.key->expose().data();
    packet.data = job.data;
    packet.aad = job.aad;
    packet.text_bytes = job.length_bytes - tag_bytes;
    packet.aad_bytes = job.aad_length_bytes;
    packet.job = index;
    packet.ok = true;
  }

  const lanes::Width& width_;
  const std::unique_ptr<AeadEngine> single_;  // null: never
  lanes::Scratch scratch_{};
  std::array<lanes::LanePacket, lanes::most_packets> packets_;
  std::array<std::uint16_t, lanes::most_packets> order_;
};

}  // namespace

tl::expected<std::unique_ptr<AeadEngine>, std::string> make_vector_engine() {
  return make_vector_engine(lanes::avx512.supported() ? VectorWidth::avx512 : VectorWidth::avx2);
}

tl::expected<std::unique_ptr<AeadEngine>, std::string> make_vector_engine(VectorWidth width, bool fall_back) {
  const lanes::Width& lanes = lanes_of(width);
  if (!lanes.supported()) return tl::unexpected(std::string("the vector engine needs a processor with ") + lanes.needs);
  std::unique_ptr<AeadEngine> single;
  if (fall_back) {
    auto made = make_ipsec_mb_engine();
    if (!made) return tl::unexpected("the vector engine hands small batches to another: " + made.error());
    single = std::move(*made);
  }
  return std::make_unique<VectorEngine>(lanes, std::move(single));
}

}  // namespace sallyport::dataplane
