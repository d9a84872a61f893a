// The dataplane's end of the connection to the control plane: listens, hands out the shared memory, and holds the rings
// of the present connection. One control plane at a time. Everything that is read from the rings was written by another
// process and is checked; a broken ring ends the connection, never the dataplane.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/events.hpp"
#include "dataplane/abi/hello.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/segment.hpp"
#include "dataplane/abi/statistics.hpp"

namespace sallyport::dataplane {

class ControlLink {
 public:
  struct Setup {
    std::string socket_path;
    std::optional<uid_t> extra_uid;  // of [controlplane] user; root and our own are always admitted
    abi::Hello hello;
    const abi::Segment* statistics;
  };
  // Binds and listens, unless another dataplane does (a lock on SOCKET.lock tells); a socket file that is left from a
  // former one is replaced. Others than the given user and our
  // own cannot connect by the file's mode, and are not admitted if they could.
  static tl::expected<std::unique_ptr<ControlLink>, std::string> listen(Setup setup);
  ~ControlLink();

  // Accepts a control plane, notices that one left. Cheap enough for a call every few milliseconds. True when a new
  // connection was set up: its rings are empty and `generation` rose.
  bool poll() noexcept;
  [[nodiscard]] bool connected() const noexcept { return connection_ != nullptr; }
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  // To wait on, together with the listener: readable when the control plane pushed something. -1 while not connected.
  [[nodiscard]] int wake_descriptor() const noexcept;
  [[nodiscard]] int listen_descriptor() const noexcept { return listener_.get(); }
  [[nodiscard]] int connection_descriptor() const noexcept;
  void drain_wake() noexcept;

  // Makes the socket file again if somebody removed it, or put something dead in its place: else the next control plane
  // would find nobody. Needs the right to write in its folder, and says in the log if that is missing. For a call every
  // second or so; a connection that exists is not touched.
  void restore_socket_file() noexcept;

  // Ends the connection; the control plane may come again.
  void disconnect(const char* why) noexcept { close_connection(why); }

  // False when there is none (or the ring is broken: then the link is closed).
  [[nodiscard]] bool take_command(abi::Command& out) noexcept;
  [[nodiscard]] bool take_packet(abi::PacketDown& out) noexcept;

  // False if it did not fit or nobody is connected; the caller counts.
  template <typename Payload>
  bool push_event(std::uint64_t at_ns, const Payload& payload) noexcept {
    return push_event_slot(abi::make_event(at_ns, payload));
  }
  // Whether an event that may come in masses has room: half of the ring is kept for others, and of the rest half for
  // flows that the policy allowed, so that whoever sends what is denied silences nothing but denials. A broken ring has
  // room: the push notices.
  enum class Mass : std::uint8_t { denials, flows };
  [[nodiscard]] bool has_room_for(Mass mass) const noexcept {
    if (!connection_) return false;
    const std::uint64_t backlog = connection_->events.backlog();
    return backlog < abi::event_ring_slots / (mass == Mass::denials ? 4 : 2) || backlog > abi::event_ring_slots;
  }
  enum class UpRing : std::uint8_t { unproven, proven };  // proven: a valid MAC2
  // `fill` writes the slot; broken or full: false.
  template <typename Fill>
  bool push_packet(UpRing ring, Fill&& fill) noexcept {
    if (!connection_) return false;
    return finish_push((ring == UpRing::proven ? connection_->proven : connection_->unproven).push_with(fill));
  }
  template <typename Fill>
  bool push_capture(Fill&& fill) noexcept {
    if (!connection_) return false;
    return finish_push(connection_->capture.push_with(fill));
  }
  // Slots of the unproven ring that the control plane has not yet served: a measure of its load. 0 if not connected.
  [[nodiscard]] std::uint64_t unproven_backlog() noexcept;

  // Wakes the control plane if anything was pushed since the last call. Once a turn.
  void flush() noexcept;

 private:
  struct Connection {
    abi::FileDescriptor socket;
    abi::FileDescriptor wake_dataplane;
    abi::FileDescriptor wake_control_plane;
    abi::Segment commands_segment, events_segment, unproven_segment, proven_segment, down_segment, capture_segment;
    abi::RingConsumer<abi::CommandRing> commands;
    abi::RingConsumer<abi::PacketDownRing> down;
    abi::RingProducer<abi::EventRing> events;
    abi::RingProducer<abi::PacketUpRing> unproven, proven;
    abi::RingProducer<abi::CaptureRing> capture;
  };

  ControlLink() = default;
  [[nodiscard]] bool push_event_slot(const abi::Event& event) noexcept;
  [[nodiscard]] bool finish_push(abi::RingResult result) noexcept;
  bool accept_connection() noexcept;
  [[nodiscard]] tl::expected<std::unique_ptr<Connection>, std::string> open_connection(abi::FileDescriptor socket);
  void close_connection(const char* why) noexcept;

  // By which the file that we made is recognised.
  struct SocketFile {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const SocketFile&, const SocketFile&) = default;
  };
  [[nodiscard]] std::optional<SocketFile> present_file() const noexcept;
  // Each returns what is wrong; empty: nothing.
  [[nodiscard]] std::string take_lock();
  [[nodiscard]] std::string bind_listener();  // at the path; takes the place of the present listener
  void log_refusal(uid_t uid, pid_t pid) noexcept;

  Setup setup_;
  abi::FileDescriptor lock_;  // of SOCKET.lock, for life: whoever has it owns the socket file
  abi::FileDescriptor listener_;
  SocketFile file_;
  bool restore_failed_ = false;  // and that was logged
  std::uint64_t refusal_logged_at_ns_ = 0;
  abi::Segment checkpoints_;
  std::unique_ptr<Connection> connection_;
  std::uint64_t generation_ = 0;
  bool pushed_ = false;
};

}  // namespace sallyport::dataplane
