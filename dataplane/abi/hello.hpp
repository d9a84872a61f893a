// The first and only message on the dataplane's SOCK_SEQPACKET socket: what the dataplane is, with the descriptors of
// its segments and eventfds. Afterwards the socket carries nothing; that it closes tells each side that the other is
// gone.
//
// Rings are new for each connection, so a control plane that died in the middle of a push leaves nothing behind. The
// statistics and checkpoints segments live as long as the dataplane.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <tl/expected.hpp>

#include "dataplane/abi/segment.hpp"

namespace sallyport::abi {

// The descriptors of a hello, in this order.
enum class HelloDescriptor : std::uint8_t {
  commands,            // CommandRing, the control plane produces
  events,              // EventRing, the dataplane produces
  packets_up,          // PacketUpRing: handshake messages without a valid MAC2
  packets_up_proven,   // PacketUpRing: with a valid MAC2, to be served first
  packets_down,        // PacketDownRing, the control plane produces
  capture,             // CaptureRing, the dataplane produces
  statistics,          // StatisticsLayout, read-only
  checkpoints,         // checkpoint_bytes, opaque
  wake_dataplane,      // eventfd: the control plane writes after pushing
  wake_control_plane,  // eventfd: the dataplane writes after pushing
  count,
};
inline constexpr std::size_t hello_descriptor_count = static_cast<std::size_t>(HelloDescriptor::count);

inline constexpr std::uint32_t hello_magic = 0x53504831;  // "SPH1"

struct Hello {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t worker_count;
  std::uint32_t max_peers;
  std::uint32_t max_sessions;
  std::uint64_t boot_id;
  std::uint64_t layout;                // layout.hpp
  std::array<char, 40> build_version;  // zero-terminated; informative
};
static_assert(sizeof(Hello) == 72);

using HelloDescriptors = std::array<FileDescriptor, hello_descriptor_count>;

// Both never block. A peer that does not read is an error.
[[nodiscard]] tl::expected<void, std::string> send_hello(int socket, const Hello& hello,
                                                         const std::array<int, hello_descriptor_count>& descriptors);

struct ReceivedHello {
  Hello hello;
  HelloDescriptors descriptors;
};
// An error unless magic, version, layout, limits and number of descriptors are right; descriptors of a bad message are
// closed. `socket` must have a message waiting (or be blocking).
[[nodiscard]] tl::expected<ReceivedHello, std::string> receive_hello(int socket);

}  // namespace sallyport::abi
