// What a WireGuard interface has beside what every tunnel has: the key by which its handshakes are known.
#pragma once

#include "config/base/base64.hpp"
#include "dataplane/crypto/handshake_macs.hpp"

namespace sallyport::dataplane {

struct WireguardTunnel {
  PublicKey public_key;
  Mac1Checker mac1;
  CookieChecker cookies;
};

}  // namespace sallyport::dataplane
