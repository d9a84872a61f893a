// A control plane that the test plays: connects to the dataplane's socket, maps every segment as the real one does, and
// speaks through the rings.
#pragma once

#include <sodium.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/events.hpp"
#include "dataplane/abi/hello.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/segment.hpp"

namespace sallyport::integration {

class ControlPlane {
 public:
  // Connects; the dataplane answers at its next poll of the link, then call adopt().
  explicit ControlPlane(const std::string& socket_path);
  // Reads the hello and maps the segments. False if none came (refused).
  bool adopt();
  [[nodiscard]] bool is_connected() const;  // the dataplane has not closed the link

  // Returns the command's sequence number; 0: the ring is full.
  template <typename Payload>
  std::uint64_t push(const Payload& payload) {
    return push_slot(abi::make_command(next_sequence_, payload));
  }
  // Whatever it says; the sequence number is the caller's.
  std::uint64_t push_slot(const abi::Command& command);
  [[nodiscard]] std::uint64_t next_sequence() const noexcept { return next_sequence_; }

  bool send(const abi::PacketDown& packet);
  [[nodiscard]] std::optional<abi::PacketUp> take_unproven() { return pop(unproven_); }
  [[nodiscard]] std::optional<abi::PacketUp> take_proven() { return pop(proven_); }
  [[nodiscard]] std::optional<abi::CapturedPacket> take_captured() { return pop(capture_); }

  // Takes what is in the event ring into `events`.
  void collect_events();
  // Those of one kind that came so far, oldest first; they stay.
  template <typename Payload>
  [[nodiscard]] std::vector<Payload> events_of() {
    collect_events();
    std::vector<Payload> found;
    for (const abi::Event& event : events)
      if (Payload payload; abi::read_payload(event, payload)) found.push_back(payload);
    return found;
  }
  // The refusals of the command with this sequence number: none or one.
  [[nodiscard]] abi::Refusal refusal_of(std::uint64_t sequence);
  std::vector<abi::Event> events;

  [[nodiscard]] abi::Segment& segment(abi::HelloDescriptor which) noexcept {
    return segments_[static_cast<std::size_t>(which)];
  }
  abi::Hello hello{};

 private:
  template <typename Ring>
  [[nodiscard]] static std::optional<typename Ring::Slot> pop(abi::RingConsumer<Ring>& ring) {
    auto slot = std::make_unique<typename Ring::Slot>();
    if (ring.pop(*slot) != abi::RingResult::ok) return std::nullopt;
    return *slot;
  }

  abi::FileDescriptor socket_;
  std::array<abi::Segment, abi::hello_descriptor_count> segments_;
  abi::RingProducer<abi::CommandRing> commands_;
  abi::RingProducer<abi::PacketDownRing> down_;
  abi::RingConsumer<abi::EventRing> events_;
  abi::RingConsumer<abi::PacketUpRing> unproven_, proven_;
  abi::RingConsumer<abi::CaptureRing> capture_;
  std::uint64_t next_sequence_ = 1;
};

}  // namespace sallyport::integration
