#include "controlplane/wireguard/keys.hpp"

#include <utility>

#include <sodium.h>

#include "config/base/check.hpp"

namespace sallyport::wireguard {
namespace {

// libsodium chooses its implementations and opens its random source here; repeated and concurrent calls are harmless.
void ensure_sodium() {
  static const bool ready = sodium_init() >= 0;
  SP_CHECK(ready);
}

}  // namespace

RandomSource system_random() {
  ensure_sodium();
  return [](std::span<std::uint8_t> out) { randombytes_buf(out.data(), out.size()); };
}

PrivateKey draw_private_key(const RandomSource& random) {
  PrivateKey key;
  random(key.expose_mutable());
  return key;
}

PublicKey public_key_of(const PrivateKey& private_key) {
  ensure_sodium();
  PublicKey public_key;
  SP_CHECK(crypto_scalarmult_curve25519_base(public_key.data(), private_key.expose().data()) == 0);
  return public_key;
}

std::optional<Secret<key_bytes>> diffie_hellman(const PrivateKey& ours, const PublicKey& theirs) {
  ensure_sodium();
  Secret<key_bytes> shared;
  const int failed = crypto_scalarmult_curve25519(shared.expose_mutable().data(), ours.expose().data(), theirs.data());
  // libsodium fails on most low-order points by itself; the result alone decides, whatever its version.
  if (failed != 0 || sodium_is_zero(shared.expose().data(), key_bytes) != 0) return std::nullopt;
  return shared;
}

std::shared_ptr<const LocalIdentity> make_local_identity(PrivateKey private_key) {
  auto identity = std::make_shared<LocalIdentity>();
  identity->public_key = public_key_of(private_key);
  identity->private_key = std::move(private_key);
  identity->mac1_key = hash({as_bytes(label_mac1), identity->public_key});
  identity->cookie_key = hash({as_bytes(label_cookie), identity->public_key});
  return identity;
}

tl::expected<std::shared_ptr<const PeerKeys>, HandshakeError> make_peer_keys(const LocalIdentity& local,
                                                                             const PublicKey& public_key,
                                                                             PresharedKey preshared_key) {
  auto shared = diffie_hellman(local.private_key, public_key);
  if (!shared) return tl::unexpected(HandshakeError::low_order_point);
  auto keys = std::make_shared<PeerKeys>();
  keys->public_key = public_key;
  keys->preshared_key = std::move(preshared_key);
  keys->static_static = std::move(*shared);
  keys->mac1_key = hash({as_bytes(label_mac1), public_key});
  keys->cookie_key = hash({as_bytes(label_cookie), public_key});
  return keys;
}

std::shared_ptr<const PeerKeys> with_preshared_keys(const PeerKeys& keys, PresharedKey preshared_key,
                                                    std::optional<PresharedKey> former) {
  auto other = std::make_shared<PeerKeys>();
  other->public_key = keys.public_key;
  other->preshared_key = std::move(preshared_key);
  other->former_preshared_key = std::move(former);
  other->static_static = keys.static_static.duplicate();
  other->mac1_key = keys.mac1_key;
  other->cookie_key = keys.cookie_key;
  return other;
}

const PresharedKey& PeerKeys::preshared(Preshared which) const noexcept {
  if (which == Preshared::present) return preshared_key;
  SP_CHECK(former_preshared_key);
  return *former_preshared_key;
}

}  // namespace sallyport::wireguard
