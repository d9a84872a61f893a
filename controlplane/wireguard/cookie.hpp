// Cookies on the side that sends handshakes (white paper, section 5.4.7). It writes MAC1 and MAC2 into our initiations
// and responses and takes the cookie replies of a peer under load. One for each peer; a plain value of the event loop.
//
// A cookie proves to the peer that we receive at our address, so it is kept with the peer, and forgotten after two
// minutes. After we roamed the peer finds its MAC2 wrong and sends a new reply.
#pragma once

#include <optional>

#include <tl/expected.hpp>

#include "controlplane/wireguard/blake2s.hpp"
#include "controlplane/wireguard/handshake_error.hpp"
#include "controlplane/wireguard/instant.hpp"
#include "controlplane/wireguard/keys.hpp"
#include "controlplane/wireguard/messages.hpp"

namespace sallyport::wireguard {

class CookieJar {
 public:
  // Completes a message for the peer: MAC1, and MAC2 if there is a fresh cookie. Remembers its MAC1 and sender index: a
  // cookie reply answers the last message only.
  [[nodiscard]] HandshakeInitiationBytes sign(const HandshakeInitiation& message, const PeerKeys& peer, BootTime now);
  [[nodiscard]] HandshakeResponseBytes sign(const HandshakeResponse& message, const PeerKeys& peer, BootTime now);

  // Takes the cookie out of a reply to our last message, once. Errors: unsolicited_cookie, decrypt_cookie.
  [[nodiscard]] tl::expected<void, HandshakeError> accept(const CookieReply& reply, const PeerKeys& peer, BootTime now);

  // A MAC2 would be written now.
  [[nodiscard]] bool has_cookie(BootTime now) const noexcept;

 private:
  struct SignedMessage {
    Mac mac1;
    std::uint32_t sender_index;
  };
  struct Cookie {
    Mac value;
    BootTime received_at;
  };

  template <typename BytesOfMessage>
  void write_macs(BytesOfMessage& bytes, std::uint32_t sender_index, const PeerKeys& peer, BootTime now);

  std::optional<SignedMessage> unanswered_;
  std::optional<Cookie> cookie_;
};

}  // namespace sallyport::wireguard
