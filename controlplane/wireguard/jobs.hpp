// The expensive halves of a handshake, cut out so that a pool can run them. A job is a value that holds (or shares, as
// const) all that it needs; run() is pure, touches no peer, and may be called on any thread, once. Its result goes back
// to the PeerHandshake that made the job, on the event loop's thread, whether it succeeded or not: the world may have
// moved on, so the peer checks again before it believes it.
//
//   loop  PeerHandshake::want_session, on_timer ─▶ CreateInitiationJob      2 DH and a key pair
//   loop  (a handshake initiation arrived)      ─▶ IdentifyInitiatorJob     1 DH
//   loop  PeerHandshake::accept_initiation      ─▶ CreateResponseJob        2 DH and a key pair
//   loop  PeerHandshake::accept_response        ─▶ ConsumeResponseJob       2 DH
#pragma once

#include <cstdint>
#include <memory>

#include <tl/expected.hpp>

#include "controlplane/wireguard/handshake_error.hpp"
#include "controlplane/wireguard/keys.hpp"
#include "controlplane/wireguard/messages.hpp"
#include "controlplane/wireguard/noise.hpp"
#include "controlplane/wireguard/tai64n.hpp"

namespace sallyport::wireguard {

// Which try of which peer a result belongs to; never repeats within a PeerHandshake.
enum class TryId : std::uint64_t {};

// Writes our handshake initiation; the MACs are added by the loop, with the freshest cookie.
struct InitiationCreated {
  struct Value {
    HandshakeInitiation message;
    std::shared_ptr<const SentInitiation> sent;
  };
  TryId id;
  tl::expected<Value, HandshakeError> outcome;
};
struct CreateInitiationJob {
  TryId id;
  std::shared_ptr<const LocalIdentity> local;
  std::shared_ptr<const PeerKeys> peer;
  PrivateKey ephemeral;
  Tai64n timestamp;
  LocalIndex local_index;

  [[nodiscard]] InitiationCreated run() &&;
};

// First step for an initiation that arrived: checks MAC1 and decrypts who sent it. Belongs to no peer yet.
// Errors: wrong_mac1, low_order_point, decrypt_static.
struct IdentifiedInitiation {
  HandshakeInitiation message;
  ReceivedInitiator received;

  // By this the caller finds the peer. Not authenticated before PeerHandshake::accept_initiation.
  [[nodiscard]] const PublicKey& initiator() const noexcept { return received.initiator_static; }
};
struct IdentifyInitiatorJob {
  std::shared_ptr<const LocalIdentity> local;
  HandshakeInitiation message;

  [[nodiscard]] tl::expected<IdentifiedInitiation, HandshakeError> run() const;
};

// Writes our response to an accepted initiation and derives the session. Error: low_order_point.
struct ResponseCreated {
  struct Value {
    HandshakeResponse message;
    SessionKeys keys;
  };
  TryId id;
  tl::expected<Value, HandshakeError> outcome;
};
struct CreateResponseJob {
  TryId id;
  std::shared_ptr<const PeerKeys> peer;
  ReceivedInitiation received;
  PrivateKey ephemeral;
  LocalIndex local_index;
  RemoteIndex remote_index;
  Preshared preshared = Preshared::present;

  [[nodiscard]] ResponseCreated run() &&;
};

// Reads the response to our initiation, by whichever preshared key the peer has, and derives the session. Errors:
// wrong_mac1, low_order_point, decrypt_empty.
struct ResponseConsumed {
  TryId id;
  RemoteIndex remote_index;
  tl::expected<SessionKeys, HandshakeError> outcome;
  Preshared preshared = Preshared::present;  // by which it was read
};
struct ConsumeResponseJob {
  TryId id;
  std::shared_ptr<const LocalIdentity> local;
  std::shared_ptr<const PeerKeys> peer;
  std::shared_ptr<const SentInitiation> sent;
  HandshakeResponse message;

  [[nodiscard]] ResponseConsumed run() const;
};

}  // namespace sallyport::wireguard
