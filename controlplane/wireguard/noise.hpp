// Noise IKpsk2 with 25519, ChaChaPoly and BLAKE2s: the handshake of the white paper, sections 5.4.2, 5.4.3 and 5.4.5,
// as pure functions over values. Nothing here is shared or changed behind the caller's back, so each function may run
// on any thread.
//
//   initiator                                responder
//   write_initiation ── e, es, s, ss, t ──▶  read_initiator   (1 DH: who is it?)
//                                            read_payload     (0 DH: is it really? when?)
//   read_response   ◀── e, ee, se, psk ────  write_response   (3 DH)
//
// The prologue and the payloads are arguments, so that the published Noise vectors run through the very code that
// WireGuard's messages do.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <tl/expected.hpp>

#include "config/base/secret.hpp"
#include "controlplane/wireguard/blake2s.hpp"
#include "controlplane/wireguard/constants.hpp"
#include "controlplane/wireguard/handshake_error.hpp"
#include "controlplane/wireguard/keys.hpp"

namespace sallyport::wireguard {

// The two transport keys of a session, as the side that holds them uses them.
struct SessionKeys {
  Secret<key_bytes> open;  // for data from the peer
  Secret<key_bytes> seal;  // for data to the peer
};

// The chaining key C and the hash H of both sides. Noise calls it SymmetricState; the cipher key is passed explicitly,
// as in the white paper, because each is used once, with nonce 0.
class SymmetricState {
 public:
  // C = HASH(construction), H = HASH(C || prologue).
  explicit SymmetricState(Bytes prologue);
  // With WireGuard's identifier as the prologue; computed once.
  [[nodiscard]] static const SymmetricState& wireguard();

  [[nodiscard]] SymmetricState duplicate() const noexcept;

  // H = HASH(H || data)
  void mix_hash(Bytes data);
  // C = KDF1(C, input): for ephemeral public keys, which a handshake with a preshared key mixes in.
  void mix_key(Bytes input);
  // (C, key) = KDF2(C, input): for results of DH. Returns key.
  [[nodiscard]] Secret<key_bytes> mix_secret(Bytes input);
  // (C, tau, key) = KDF3(C, psk); H = HASH(H || tau). Returns key.
  [[nodiscard]] Secret<key_bytes> mix_preshared_key(const PresharedKey& preshared_key);

  // AEAD(key, 0, text, H), then H = HASH(H || ciphertext). The ciphertext is 16 bytes longer.
  void seal(const Secret<key_bytes>& key, Bytes plaintext, std::span<std::uint8_t> ciphertext);
  // False, and nothing changed but the plaintext buffer (zeroed), if the tag is wrong.
  [[nodiscard]] bool open(const Secret<key_bytes>& key, Bytes ciphertext, std::span<std::uint8_t> plaintext);

  // (tau1, tau2) = KDF2(C, empty): the initiator seals with the first and opens with the second.
  [[nodiscard]] SessionKeys split_for_initiator() const;
  [[nodiscard]] SessionKeys split_for_responder() const;

 private:
  SymmetricState() noexcept = default;

  Secret<hash_bytes> chaining_key_;
  Hash hash_{};
};

// What an initiator keeps until the response comes. It is only read then: a forged response must not spoil it.
struct SentInitiation {
  SymmetricState state;
  PrivateKey ephemeral;
};

// What a responder knows after the first step: whom the initiator claims to be. Nothing is authenticated yet.
struct ReceivedInitiator {
  SymmetricState state;
  PublicKey initiator_static;
  PublicKey initiator_ephemeral;
};

// After the second step: the initiator has the private key of initiator_static.
struct ReceivedInitiation {
  SymmetricState state;
  PublicKey initiator_static;
  PublicKey initiator_ephemeral;
};

// Message 1. Writes the public ephemeral, the encrypted static key and the encrypted payload (16 bytes longer than the
// payload). Error: low_order_point.
[[nodiscard]] tl::expected<SentInitiation, HandshakeError> write_initiation(
    const SymmetricState& start, const LocalIdentity& local, const PeerKeys& peer, PrivateKey ephemeral, Bytes payload,
    PublicKey& ephemeral_out, std::span<std::uint8_t, key_bytes + aead_tag_bytes> static_out,
    std::span<std::uint8_t> payload_out);

// Message 1 at the responder, first step: one DH. Errors: low_order_point, decrypt_static.
[[nodiscard]] tl::expected<ReceivedInitiator, HandshakeError> read_initiator(
    const SymmetricState& start, const LocalIdentity& local, const PublicKey& ephemeral,
    std::span<const std::uint8_t, key_bytes + aead_tag_bytes> encrypted_static);

// Second step, with the keys of the peer whose public key is received.initiator_static: no DH, it is computed ahead.
// The payload is 16 bytes shorter than encrypted_payload. Errors: unknown_peer (the keys are another peer's),
// decrypt_timestamp.
[[nodiscard]] tl::expected<ReceivedInitiation, HandshakeError> read_payload(ReceivedInitiator received,
                                                                            const PeerKeys& peer,
                                                                            Bytes encrypted_payload,
                                                                            std::span<std::uint8_t> payload);

// Message 2 and the responder's transport keys: three DH. Error: low_order_point.
[[nodiscard]] tl::expected<SessionKeys, HandshakeError> write_response(
    ReceivedInitiation received, const PeerKeys& peer, const PrivateKey& ephemeral, Bytes payload,
    PublicKey& ephemeral_out, std::span<std::uint8_t> payload_out, Preshared which = Preshared::present);

// Message 2 at the initiator and its transport keys: two DH. Errors: low_order_point, decrypt_empty.
[[nodiscard]] tl::expected<SessionKeys, HandshakeError> read_response(
    const SentInitiation& sent, const LocalIdentity& local, const PeerKeys& peer, const PublicKey& ephemeral,
    Bytes encrypted_payload, std::span<std::uint8_t> payload, Preshared which = Preshared::present);

}  // namespace sallyport::wireguard
