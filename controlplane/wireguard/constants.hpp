// The numbers of WireGuard. First the protocol's own, which no peer may change (white paper, sections 5.4 and 6.1);
// then ours, which another implementation may choose differently (most are the Linux kernel's).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sallyport::wireguard {

// The white paper, table of section 6.1. What the dataplane acts on goes to it with each session
// (tunnels/session_rules.hpp).
inline constexpr std::chrono::seconds rekey_after_time{120};
inline constexpr std::chrono::seconds reject_after_time{180};
inline constexpr std::chrono::seconds rekey_attempt_time{90};
inline constexpr std::chrono::seconds rekey_timeout{5};
inline constexpr std::chrono::seconds keepalive_timeout{10};
inline constexpr std::uint64_t rekey_after_messages = std::uint64_t{1} << 60;
inline constexpr std::uint64_t reject_after_messages = ~std::uint64_t{0} - (std::uint64_t{1} << 13);
// Section 5.4.7: a responder changes its cookie secret, and an initiator forgets a cookie, after two minutes.
inline constexpr std::chrono::seconds cookie_lifetime{120};

// Section 5.4: labels.
inline constexpr std::string_view construction = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
inline constexpr std::string_view identifier = "WireGuard v1 zx2c4 Jason@zx2c4.com";
inline constexpr std::string_view label_mac1 = "mac1----";
inline constexpr std::string_view label_cookie = "cookie--";

// Sections 5.4.2 to 5.4.7: sizes on the wire.
inline constexpr std::size_t key_bytes = 32;
inline constexpr std::size_t hash_bytes = 32;
inline constexpr std::size_t mac_bytes = 16;
inline constexpr std::size_t cookie_bytes = 16;
inline constexpr std::size_t cookie_nonce_bytes = 24;
inline constexpr std::size_t aead_tag_bytes = 16;
inline constexpr std::size_t timestamp_bytes = 12;
inline constexpr std::size_t handshake_initiation_bytes = 148;
inline constexpr std::size_t handshake_response_bytes = 92;
inline constexpr std::size_t cookie_reply_bytes = 64;
static_assert(handshake_initiation_bytes ==
              8 + key_bytes + (key_bytes + aead_tag_bytes) + (timestamp_bytes + aead_tag_bytes) + 2 * mac_bytes);
static_assert(handshake_response_bytes == 12 + key_bytes + aead_tag_bytes + 2 * mac_bytes);
static_assert(cookie_reply_bytes == 8 + cookie_nonce_bytes + cookie_bytes + aead_tag_bytes);

// Ours. Retries are spread by a random 0..333 ms, so that two peers that start together do not stay in step.
inline constexpr std::chrono::milliseconds rekey_timeout_jitter_max{333};
// Initiations of one peer that come faster than this are refused (the kernel: 50 a second).
inline constexpr std::chrono::milliseconds initiation_interval_min{20};
// A peer's greatest timestamp binds it for a day after the handshake that set it: a clock that once jumped ahead must
// not lock its owner out for good.
inline constexpr std::chrono::hours timestamp_floor_lifetime{24};
// Timestamps are rounded down to this many nanoseconds, so that they do not tell our clock's phase (the kernel and
// wireguard-go: the power of two below 20 ms).
inline constexpr std::uint32_t timestamp_step_ns = 1U << 24;
// From this attempt on, each retry asks for another address of the endpoint's name, and for the name to be resolved
// again.
inline constexpr unsigned reresolve_from_attempt = 2;
// Answers to one initiation that may be under examination at once: whoever sees the index on the wire can forge them.
inline constexpr unsigned responses_in_flight_max = 4;

}  // namespace sallyport::wireguard
