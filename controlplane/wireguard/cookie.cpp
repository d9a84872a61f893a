#include "controlplane/wireguard/cookie.hpp"

#include <algorithm>

#include <sodium.h>

namespace sallyport::wireguard {

HandshakeInitiationBytes CookieJar::sign(const HandshakeInitiation& message, const PeerKeys& peer, BootTime now) {
  HandshakeInitiationBytes bytes = serialise(message);
  write_macs(bytes, message.sender_index, peer, now);
  return bytes;
}

HandshakeResponseBytes CookieJar::sign(const HandshakeResponse& message, const PeerKeys& peer, BootTime now) {
  HandshakeResponseBytes bytes = serialise(message);
  write_macs(bytes, message.sender_index, peer, now);
  return bytes;
}

// Section 5.4.4.
template <typename BytesOfMessage>
void CookieJar::write_macs(BytesOfMessage& bytes, std::uint32_t sender_index, const PeerKeys& peer, BootTime now) {
  const Mac mac1 = mac1_of(bytes, peer.mac1_key);
  std::copy(mac1.begin(), mac1.end(), bytes.end() - 2 * mac_bytes);
  unanswered_ = SignedMessage{mac1, sender_index};
  Mac mac2{};
  if (has_cookie(now)) mac2 = mac2_of(bytes, cookie_->value);
  std::copy(mac2.begin(), mac2.end(), bytes.end() - mac_bytes);
}

// Section 5.4.7. The reply's additional data is the MAC1 of the message that it answers, so that only who saw that
// message can answer it; a second reply to the same message is refused unread.
tl::expected<void, HandshakeError> CookieJar::accept(const CookieReply& reply, const PeerKeys& peer, BootTime now) {
  if (!unanswered_ || unanswered_->sender_index != reply.receiver_index)
    return tl::unexpected(HandshakeError::unsolicited_cookie);
  Mac cookie{};
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          cookie.data(), nullptr, nullptr, reply.encrypted_cookie.data(), reply.encrypted_cookie.size(),
          unanswered_->mac1.data(), unanswered_->mac1.size(), reply.nonce.data(), peer.cookie_key.data()) != 0)
    return tl::unexpected(HandshakeError::decrypt_cookie);
  cookie_ = Cookie{cookie, now};
  unanswered_.reset();
  return {};
}

bool CookieJar::has_cookie(BootTime now) const noexcept {
  return cookie_ && now - cookie_->received_at < cookie_lifetime;
}

}  // namespace sallyport::wireguard
