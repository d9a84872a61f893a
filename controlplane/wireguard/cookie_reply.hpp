// Cookies on the side that is under load (white paper, section 5.4.7): the cookie of a source address and the reply
// that carries it. Pure functions. The dataplane answers floods itself, with its own BLAKE2s; these say exactly which
// bytes it must produce, and tests hold the two against each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "config/base/ip.hpp"
#include "config/base/secret.hpp"
#include "controlplane/wireguard/blake2s.hpp"
#include "controlplane/wireguard/keys.hpp"
#include "controlplane/wireguard/messages.hpp"

namespace sallyport::wireguard {

// A source as cookies see it: 4 or 16 address bytes, then the port, all in network byte order.
struct CookieSource {
  std::array<std::uint8_t, 18> bytes{};
  std::size_t size = 0;

  [[nodiscard]] Bytes view() const noexcept { return Bytes(bytes).first(size); }
};
// The endpoint must be set (it is the source of a received packet).
[[nodiscard]] CookieSource cookie_source(const IpEndpoint& source) noexcept;

// MAC(secret, source). The secret is random and changes every two minutes; keep the last one valid for as long again.
[[nodiscard]] Mac make_cookie(const Secret<key_bytes>& secret, const CookieSource& source);

// The reply to a message with this sender index and MAC1 that came from `source`. `cookie_key` is
// HASH(LABEL_COOKIE || our public key) (LocalIdentity::cookie_key). The nonce must be 24 random bytes, new for each
// reply.
[[nodiscard]] CookieReply make_cookie_reply(const Secret<key_bytes>& secret, const CookieSource& source,
                                            std::uint32_t sender_index, const Mac& mac1, const Hash& cookie_key,
                                            const CookieNonce& nonce);

// Whether the MAC2 of an initiation or response (whole bytes) that came from `source` proves that address.
[[nodiscard]] bool mac2_is_valid(Bytes message, const Secret<key_bytes>& secret, const CookieSource& source);

}  // namespace sallyport::wireguard
