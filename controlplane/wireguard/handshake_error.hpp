// Why a handshake message was refused. One list: the enum, the name in metrics and the explanation for operators come
// from it. None of these is ever logged per packet; callers count them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sallyport::wireguard {

// clang-format off
#define SALLYPORT_WIREGUARD_HANDSHAKE_ERRORS(X)                                                                        \
  X(wrong_size,            "the message does not have the exact size of its type")                                     \
  X(wrong_type,            "the message is no handshake initiation, handshake response or cookie reply")               \
  X(reserved_not_zero,     "the three reserved bytes after the type are not zero")                                     \
  X(wrong_mac1,            "MAC1 is wrong: the sender does not know our public key")                                   \
  X(low_order_point,       "a public key is a low-order point (all zero, for example): it would give a known secret")  \
  X(decrypt_static,        "the sender's static public key does not decrypt: damaged, or meant for another key")       \
  X(unknown_peer,          "the sender's static public key belongs to no configured peer")                             \
  X(decrypt_timestamp,     "the timestamp does not decrypt: the sender does not have the private key it claims")       \
  X(old_timestamp,         "the timestamp is not greater than the peer's last: a replay, or its clock went back")      \
  X(flood,                 "initiations of one peer came less than 20 ms apart")                                       \
  X(no_pending_handshake,  "the response answers no initiation that we wait for: late, repeated or invented")          \
  X(decrypt_empty,         "the response does not decrypt: forged, or the preshared keys differ")                      \
  X(superseded,            "a newer handshake with the same peer overtook this one while it was being computed")       \
  X(busy,                  "too many responses to the same initiation are being examined already")                     \
  X(no_free_index,         "no free session index")                                                                    \
  X(unsolicited_cookie,    "the cookie reply answers no message of ours, or one that was answered already")            \
  X(decrypt_cookie,        "the cookie reply does not decrypt: forged, or an answer to an earlier message")
// clang-format on

enum class HandshakeError : std::uint8_t {
#define X(name, explanation) name,
  SALLYPORT_WIREGUARD_HANDSHAKE_ERRORS(X)
#undef X
};

inline constexpr std::size_t handshake_error_count = 0
#define X(name, explanation) +1
    SALLYPORT_WIREGUARD_HANDSHAKE_ERRORS(X)
#undef X
    ;

// "wrong_mac1" and so on; for counters and JSON.
[[nodiscard]] constexpr std::string_view name_of(HandshakeError error) noexcept {
  switch (error) {
#define X(name, explanation) \
  case HandshakeError::name: \
    return #name;
    SALLYPORT_WIREGUARD_HANDSHAKE_ERRORS(X)
#undef X
  }
  return "unknown";
}

// One sentence for people.
[[nodiscard]] constexpr std::string_view explain(HandshakeError error) noexcept {
  switch (error) {
#define X(name, explanation) \
  case HandshakeError::name: \
    return explanation;
    SALLYPORT_WIREGUARD_HANDSHAKE_ERRORS(X)
#undef X
  }
  return "unknown";
}

}  // namespace sallyport::wireguard
