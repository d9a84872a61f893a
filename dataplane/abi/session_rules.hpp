// What a session is sealed with, and how long it serves: data that come with it, because protocols and algorithms
// differ in them. The control plane chooses; the dataplane keeps to them.
#pragma once

#include <cstdint>

namespace sallyport::abi {

enum class SessionCipher : std::uint8_t { chacha20_poly1305 = 1 };  // RFC 8439

// Times count from the session's creation unless they say otherwise; 0 where it is allowed: never.
struct SessionRules {
  std::uint64_t reject_after_packets;    // counters from here on are neither sent nor accepted
  std::uint64_t rekey_after_packets;     // sent, then a new session is asked for; never 0
  std::uint32_t reject_after_s;          // nothing is sent or accepted any more; never 0
  std::uint32_t rekey_after_sent_s;      // a packet sent then asks for a new session; 0: the other end sees to it
  std::uint32_t rekey_after_received_s;  // likewise data received, from who only receives
  std::uint32_t keepalive_after_s;       // since data came and nothing was sent: an empty packet is; 0: never
  std::uint32_t answer_within_s;         // since data was sent and nothing came: a new session is asked for; 0: never
  std::uint16_t replay_window;           // so many counters behind the newest are accepted
  std::uint16_t reserved;
};
static_assert(sizeof(SessionRules) == 40);

inline constexpr std::uint32_t greatest_reject_after_s = 366 * 86'400;
// Below that a session would be over before a batch is sent.
inline constexpr std::uint64_t least_reject_after_packets = 512;
inline constexpr std::uint16_t least_replay_window = 64, greatest_replay_window = 8128;
// Room behind the last counter for whole batches of several workers, which reserve theirs without asking each other.
inline constexpr std::uint64_t greatest_reject_after_packets = ~std::uint64_t{0} - 8192;

}  // namespace sallyport::abi
