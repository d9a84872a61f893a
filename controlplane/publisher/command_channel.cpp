#include "controlplane/publisher/command_channel.hpp"

#include <algorithm>
#include <cstring>

#include "config/base/check.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t remembered = std::size_t{2} * abi::command_ring_slots;

bool carries_key(abi::CommandKind kind) noexcept {
  return kind == abi::CommandKind::install_session || kind == abi::CommandKind::set_cookie_secrets;
}

}  // namespace

CommandChannel::CommandChannel(abi::CommandRing& ring, const std::atomic<std::uint64_t>& applied_sequence)
    : producer_(&ring), applied_sequence_(applied_sequence), sent_(remembered) {}

std::size_t CommandChannel::room(Share share) const noexcept {
  const std::uint64_t in_use = std::max(producer_.backlog(), unapplied());
  const std::size_t limit = share == Share::state ? state_share : abi::command_ring_slots;
  return in_use >= limit ? 0 : limit - static_cast<std::size_t>(in_use);
}

std::uint64_t CommandChannel::applied_sequence() const noexcept {
  // The other process wrote it, and may not yet have noticed this link: never believe that more was applied than sent.
  return std::min(applied_sequence_.load(std::memory_order_acquire), last_sequence_);
}

std::optional<std::uint64_t> CommandChannel::push(abi::CommandKind kind, const void* payload, std::size_t payload_bytes,
                                                  const Subject& subject, Share share) {
  SP_CHECK(payload_bytes <= abi::command_payload_bytes);
  if (broken() || room(share) == 0) return std::nullopt;
  const std::uint64_t position = producer_.position();
  const std::uint64_t sequence = last_sequence_ + 1;
  const abi::RingResult result = producer_.push_with([&](abi::Command& slot) {
    slot.header = {abi::version, kind, static_cast<std::uint32_t>(payload_bytes), sequence};
    std::memcpy(slot.payload.data(), payload, payload_bytes);
    std::memset(slot.payload.data() + payload_bytes, 0, abi::command_payload_bytes - payload_bytes);
  });
  if (result != abi::RingResult::ok) return std::nullopt;
  last_sequence_ = sequence;
  sent_[sequence % remembered] = {sequence, subject};
  if (carries_key(kind)) slots_with_keys_.push_back({sequence, position});
  return sequence;
}

std::optional<Subject> CommandChannel::subject_of(std::uint64_t sequence) const noexcept {
  const Sent& sent = sent_[sequence % remembered];
  if (sequence == 0 || sent.sequence != sequence) return std::nullopt;
  return sent.subject;
}

void CommandChannel::scrub_applied_keys() noexcept {
  const std::uint64_t applied = applied_sequence();
  while (!slots_with_keys_.empty() && slots_with_keys_.front().sequence <= applied) {
    producer_.scrub(slots_with_keys_.front().position);
    slots_with_keys_.pop_front();
  }
}

}  // namespace sallyport::controlplane
