#include "controlplane/wireguard/noise.hpp"

#include <utility>

#include <sodium.h>

#include "config/base/check.hpp"

namespace sallyport::wireguard {
namespace {

// Every key of the handshake seals one text, so the nonce is always 0 (section 5.4).
constexpr std::uint8_t nonce_zero[crypto_aead_chacha20poly1305_IETF_NPUBBYTES] = {};

}  // namespace

SymmetricState::SymmetricState(Bytes prologue) {
  const Hash initial = hash({as_bytes(construction)});
  chaining_key_ = Secret<hash_bytes>(initial);
  hash_ = hash({initial, prologue});
}

const SymmetricState& SymmetricState::wireguard() {
  static const SymmetricState start{as_bytes(identifier)};
  return start;
}

SymmetricState SymmetricState::duplicate() const noexcept {
  SymmetricState copy;
  copy.chaining_key_ = chaining_key_.duplicate();
  copy.hash_ = hash_;
  return copy;
}

void SymmetricState::mix_hash(Bytes data) {
  hash_ = hash({hash_, data});
}

void SymmetricState::mix_key(Bytes input) {
  chaining_key_ = kdf1(chaining_key_.expose(), input);
}

Secret<key_bytes> SymmetricState::mix_secret(Bytes input) {
  TwoKeys keys = kdf2(chaining_key_.expose(), input);
  chaining_key_ = std::move(keys.first);
  return std::move(keys.second);
}

Secret<key_bytes> SymmetricState::mix_preshared_key(const PresharedKey& preshared_key) {
  ThreeKeys keys = kdf3(chaining_key_.expose(), preshared_key.expose());
  chaining_key_ = std::move(keys.first);
  mix_hash(keys.second.expose());
  return std::move(keys.third);
}

void SymmetricState::seal(const Secret<key_bytes>& key, Bytes plaintext, std::span<std::uint8_t> ciphertext) {
  SP_CHECK(ciphertext.size() == plaintext.size() + aead_tag_bytes);
  SP_CHECK(crypto_aead_chacha20poly1305_ietf_encrypt(ciphertext.data(), nullptr, plaintext.data(), plaintext.size(),
                                                     hash_.data(), hash_.size(), nullptr, nonce_zero,
                                                     key.expose().data()) == 0);
  mix_hash(ciphertext);
}

bool SymmetricState::open(const Secret<key_bytes>& key, Bytes ciphertext, std::span<std::uint8_t> plaintext) {
  SP_CHECK(ciphertext.size() == plaintext.size() + aead_tag_bytes);
  if (crypto_aead_chacha20poly1305_ietf_decrypt(plaintext.data(), nullptr, nullptr, ciphertext.data(),
                                                ciphertext.size(), hash_.data(), hash_.size(), nonce_zero,
                                                key.expose().data()) != 0)
    return false;
  mix_hash(ciphertext);
  return true;
}

SessionKeys SymmetricState::split_for_initiator() const {
  TwoKeys keys = kdf2(chaining_key_.expose(), {});
  return {.open = std::move(keys.second), .seal = std::move(keys.first)};
}

SessionKeys SymmetricState::split_for_responder() const {
  TwoKeys keys = kdf2(chaining_key_.expose(), {});
  return {.open = std::move(keys.first), .seal = std::move(keys.second)};
}

// Section 5.4.2, line by line.
tl::expected<SentInitiation, HandshakeError> write_initiation(
    const SymmetricState& start, const LocalIdentity& local, const PeerKeys& peer, PrivateKey ephemeral, Bytes payload,
    PublicKey& ephemeral_out, std::span<std::uint8_t, key_bytes + aead_tag_bytes> static_out,
    std::span<std::uint8_t> payload_out) {
  SentInitiation sent{start.duplicate(), std::move(ephemeral)};
  SymmetricState& state = sent.state;
  state.mix_hash(peer.public_key);

  ephemeral_out = public_key_of(sent.ephemeral);
  state.mix_key(ephemeral_out);
  state.mix_hash(ephemeral_out);

  const auto ephemeral_static = diffie_hellman(sent.ephemeral, peer.public_key);
  if (!ephemeral_static) return tl::unexpected(HandshakeError::low_order_point);
  const auto static_key = state.mix_secret(ephemeral_static->expose());
  state.seal(static_key, local.public_key, static_out);

  const auto payload_key = state.mix_secret(peer.static_static.expose());
  state.seal(payload_key, payload, payload_out);
  return sent;
}

tl::expected<ReceivedInitiator, HandshakeError> read_initiator(
    const SymmetricState& start, const LocalIdentity& local, const PublicKey& ephemeral,
    std::span<const std::uint8_t, key_bytes + aead_tag_bytes> encrypted_static) {
  ReceivedInitiator received{start.duplicate(), {}, ephemeral};
  SymmetricState& state = received.state;
  state.mix_hash(local.public_key);
  state.mix_key(ephemeral);
  state.mix_hash(ephemeral);

  const auto ephemeral_static = diffie_hellman(local.private_key, ephemeral);
  if (!ephemeral_static) return tl::unexpected(HandshakeError::low_order_point);
  const auto static_key = state.mix_secret(ephemeral_static->expose());
  if (!state.open(static_key, encrypted_static, received.initiator_static))
    return tl::unexpected(HandshakeError::decrypt_static);
  return received;
}

tl::expected<ReceivedInitiation, HandshakeError> read_payload(ReceivedInitiator received, const PeerKeys& peer,
                                                              Bytes encrypted_payload,
                                                              std::span<std::uint8_t> payload) {
  if (received.initiator_static != peer.public_key) return tl::unexpected(HandshakeError::unknown_peer);
  const auto payload_key = received.state.mix_secret(peer.static_static.expose());
  if (!received.state.open(payload_key, encrypted_payload, payload))
    return tl::unexpected(HandshakeError::decrypt_timestamp);
  return ReceivedInitiation{std::move(received.state), received.initiator_static, received.initiator_ephemeral};
}

// Section 5.4.3, line by line.
tl::expected<SessionKeys, HandshakeError> write_response(ReceivedInitiation received, const PeerKeys& peer,
                                                         const PrivateKey& ephemeral, Bytes payload,
                                                         PublicKey& ephemeral_out, std::span<std::uint8_t> payload_out,
                                                         Preshared which) {
  SymmetricState& state = received.state;
  ephemeral_out = public_key_of(ephemeral);
  state.mix_key(ephemeral_out);
  state.mix_hash(ephemeral_out);

  const auto ephemeral_ephemeral = diffie_hellman(ephemeral, received.initiator_ephemeral);
  const auto ephemeral_static = diffie_hellman(ephemeral, received.initiator_static);
  if (!ephemeral_ephemeral || !ephemeral_static) return tl::unexpected(HandshakeError::low_order_point);
  state.mix_key(ephemeral_ephemeral->expose());
  state.mix_key(ephemeral_static->expose());

  const auto payload_key = state.mix_preshared_key(peer.preshared(which));
  state.seal(payload_key, payload, payload_out);
  return state.split_for_responder();
}

tl::expected<SessionKeys, HandshakeError> read_response(const SentInitiation& sent, const LocalIdentity& local,
                                                        const PeerKeys& peer, const PublicKey& ephemeral,
                                                        Bytes encrypted_payload, std::span<std::uint8_t> payload,
                                                        Preshared which) {
  SymmetricState state = sent.state.duplicate();
  state.mix_key(ephemeral);
  state.mix_hash(ephemeral);

  const auto ephemeral_ephemeral = diffie_hellman(sent.ephemeral, ephemeral);
  const auto static_ephemeral = diffie_hellman(local.private_key, ephemeral);
  if (!ephemeral_ephemeral || !static_ephemeral) return tl::unexpected(HandshakeError::low_order_point);
  state.mix_key(ephemeral_ephemeral->expose());
  state.mix_key(static_ephemeral->expose());

  const auto payload_key = state.mix_preshared_key(peer.preshared(which));
  if (!state.open(payload_key, encrypted_payload, payload)) return tl::unexpected(HandshakeError::decrypt_empty);
  return state.split_for_initiator();
}

}  // namespace sallyport::wireguard
