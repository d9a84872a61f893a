// The writing end of one connection's command ring: numbers the commands, remembers what each was about until its
// refusal could have come, and scrubs the keys out of the shared slots once they are applied. Made anew for each
// connection; a plain object of the event loop.
//
// Half of the ring is for the desired state, the other half for sessions, so that a handshake does not wait behind the
// synchronisation of 100,000 peers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "controlplane/publisher/subject.hpp"
#include "dataplane/abi/commands.hpp"

namespace sallyport::controlplane {

enum class Share : std::uint8_t { state, sessions };

class CommandChannel {
 public:
  // The ring is fresh. Both outlive the channel.
  CommandChannel(abi::CommandRing& ring, const std::atomic<std::uint64_t>& applied_sequence);

  // The command's sequence number, or nothing if the share has no room or the ring is broken.
  template <typename Payload>
  std::optional<std::uint64_t> send(const Payload& payload, const Subject& subject, Share share) {
    return push(Payload::kind, &payload, sizeof payload, subject, share);
  }
  // A command that was made before its number was known.
  std::optional<std::uint64_t> send(const abi::Command& command, const Subject& subject, Share share) {
    return push(command.header.kind, command.payload.data(), command.header.payload_bytes, subject, share);
  }

  [[nodiscard]] std::size_t room(Share share) const noexcept;
  // The dataplane's index in the ring is impossible: the link must be reopened.
  [[nodiscard]] bool broken() const noexcept { return producer_.backlog() > abi::command_ring_slots; }
  [[nodiscard]] std::uint64_t last_sequence() const noexcept { return last_sequence_; }
  [[nodiscard]] std::uint64_t applied_sequence() const noexcept;
  [[nodiscard]] std::uint64_t unapplied() const noexcept { return last_sequence_ - applied_sequence(); }
  // What a command was about; nothing for a number that this channel did not send or has forgotten.
  [[nodiscard]] std::optional<Subject> subject_of(std::uint64_t sequence) const noexcept;
  // Wipes the keys of applied commands from the ring. Call now and then.
  void scrub_applied_keys() noexcept;
  [[nodiscard]] bool holds_keys() const noexcept { return !slots_with_keys_.empty(); }

  static constexpr std::size_t state_share = abi::command_ring_slots / 2;

 private:
  struct Sent {
    std::uint64_t sequence = 0;
    Subject subject;
  };
  struct SlotWithKey {
    std::uint64_t sequence;
    std::uint64_t position;
  };

  std::optional<std::uint64_t> push(abi::CommandKind kind, const void* payload, std::size_t payload_bytes,
                                    const Subject& subject, Share share);

  abi::RingProducer<abi::CommandRing> producer_;
  const std::atomic<std::uint64_t>& applied_sequence_;
  std::uint64_t last_sequence_ = 0;
  std::vector<Sent> sent_;  // by sequence modulo its size: the last two rings full
  std::deque<SlotWithKey> slots_with_keys_;
};

}  // namespace sallyport::controlplane
