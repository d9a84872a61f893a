// The secrets behind cookies (the WireGuard paper, 5.4.7), and what makes a tunnel know its handshakes.
#pragma once

#include "config/base/secret.hpp"
#include "dataplane/abi/commands.hpp"
#include "dataplane/session/wireguard_tunnel.hpp"

namespace sallyport::dataplane {

class WireguardCookies {
 public:
  // Until the control plane sends some, cookies are made with secrets that nobody knows.
  WireguardCookies() noexcept;

  void set(const abi::SetCookieSecrets& set) noexcept;
  [[nodiscard]] WireguardTunnel tunnel(const PublicKey& public_key) const noexcept;

 private:
  Secret<32> current_;
  Secret<32> previous_;
};

}  // namespace sallyport::dataplane
