#include "controlplane/wireguard/jobs.hpp"

#include <utility>

namespace sallyport::wireguard {

InitiationCreated CreateInitiationJob::run() && {
  HandshakeInitiation message{.sender_index = static_cast<std::uint32_t>(local_index)};
  auto sent = write_initiation(SymmetricState::wireguard(), *local, *peer, std::move(ephemeral), timestamp.bytes,
                               message.ephemeral, message.encrypted_static, message.encrypted_timestamp);
  if (!sent) return {id, tl::unexpected(sent.error())};
  return {id, InitiationCreated::Value{message, std::make_shared<const SentInitiation>(std::move(*sent))}};
}

tl::expected<IdentifiedInitiation, HandshakeError> IdentifyInitiatorJob::run() const {
  if (!equal_in_constant_time(message.mac1, mac1_of(serialise(message), local->mac1_key)))
    return tl::unexpected(HandshakeError::wrong_mac1);
  auto received = read_initiator(SymmetricState::wireguard(), *local, message.ephemeral, message.encrypted_static);
  if (!received) return tl::unexpected(received.error());
  return IdentifiedInitiation{message, std::move(*received)};
}

ResponseCreated CreateResponseJob::run() && {
  HandshakeResponse message{.sender_index = static_cast<std::uint32_t>(local_index),
                            .receiver_index = static_cast<std::uint32_t>(remote_index)};
  auto keys =
      write_response(std::move(received), *peer, ephemeral, {}, message.ephemeral, message.encrypted_empty, preshared);
  ephemeral.wipe();
  if (!keys) return {id, tl::unexpected(keys.error())};
  return {id, ResponseCreated::Value{message, std::move(*keys)}};
}

ResponseConsumed ConsumeResponseJob::run() const {
  const RemoteIndex remote_index{message.sender_index};
  if (!equal_in_constant_time(message.mac1, mac1_of(serialise(message), local->mac1_key)))
    return {id, remote_index, tl::unexpected(HandshakeError::wrong_mac1)};
  ResponseConsumed result{id, remote_index,
                          read_response(*sent, *local, *peer, message.ephemeral, message.encrypted_empty, {})};
  if (result.outcome || result.outcome.error() != HandshakeError::decrypt_empty || !peer->former_preshared_key)
    return result;
  result.preshared = Preshared::former;
  result.outcome =
      read_response(*sent, *local, *peer, message.ephemeral, message.encrypted_empty, {}, Preshared::former);
  return result;
}

}  // namespace sallyport::wireguard
