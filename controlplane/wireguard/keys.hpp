// Keys of a WireGuard interface and of its peers, X25519, and the source of random bytes. LocalIdentity and PeerKeys
// are made once, hold what can be computed ahead, and never change: handshakes on several threads share them by
// shared_ptr<const>. A changed private or preshared key is a new object.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include <tl/expected.hpp>

#include "config/base/secret.hpp"
#include "controlplane/wireguard/blake2s.hpp"
#include "controlplane/wireguard/constants.hpp"
#include "controlplane/wireguard/handshake_error.hpp"

namespace sallyport::wireguard {

using PublicKey = std::array<std::uint8_t, key_bytes>;
using PrivateKey = Secret<key_bytes>;
using PresharedKey = Secret<key_bytes>;  // all zero means none (section 5.4)

// Fills the span with unpredictable bytes. Tests give a deterministic one.
using RandomSource = std::function<void(std::span<std::uint8_t>)>;
[[nodiscard]] RandomSource system_random();

// 32 bytes for an ephemeral or a new static key. X25519 clamps at use.
[[nodiscard]] PrivateKey draw_private_key(const RandomSource& random);
[[nodiscard]] PublicKey public_key_of(const PrivateKey& private_key);

// X25519, RFC 7748. Empty if the result is all zero, that is, if `theirs` is a low-order point.
[[nodiscard]] std::optional<Secret<key_bytes>> diffie_hellman(const PrivateKey& ours, const PublicKey& theirs);

// Our side: one for each [[wireguard]] interface.
struct LocalIdentity {
  PrivateKey private_key;
  PublicKey public_key;
  Hash mac1_key;    // HASH(LABEL_MAC1 || our public key): checks messages to us
  Hash cookie_key;  // HASH(LABEL_COOKIE || our public key): seals our cookie replies
};
[[nodiscard]] std::shared_ptr<const LocalIdentity> make_local_identity(PrivateKey private_key);

// Where a preshared key changes, the former one is good beside it for a while.
enum class Preshared : std::uint8_t { present, former };

// A peer as one of our interfaces sees it.
struct PeerKeys {
  PublicKey public_key;
  PresharedKey preshared_key;
  std::optional<PresharedKey> former_preshared_key;  // nothing: it has no other
  Secret<key_bytes> static_static;                   // DH(our private key, its public key)
  Hash mac1_key;                                     // HASH(LABEL_MAC1 || its public key): marks messages to it
  Hash cookie_key;                                   // HASH(LABEL_COOKIE || its public key): opens its cookie replies

  // The former one must be there if it is asked for.
  [[nodiscard]] const PresharedKey& preshared(Preshared which) const noexcept;
};
// Fails with low_order_point alone: such a public key must be refused when it is configured.
[[nodiscard]] tl::expected<std::shared_ptr<const PeerKeys>, HandshakeError> make_peer_keys(const LocalIdentity& local,
                                                                                           const PublicKey& public_key,
                                                                                           PresharedKey preshared_key);
// The same peer with other preshared keys: without a Diffie-Hellman.
[[nodiscard]] std::shared_ptr<const PeerKeys> with_preshared_keys(const PeerKeys& keys, PresharedKey preshared_key,
                                                                  std::optional<PresharedKey> former);

}  // namespace sallyport::wireguard
