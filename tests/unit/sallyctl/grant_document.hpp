// The answer to enroll as a gateway gives it, for a test to change.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "config/base/base64.hpp"

namespace sallyport {

// RFC 7748, 6.1: Alice's and Bob's public keys.
[[nodiscard]] inline PublicKey test_key() {
  return *decode_key("hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
}
[[nodiscard]] inline PublicKey gateway_test_key() {
  return *decode_key("3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=");
}

inline const std::string preshared_test_key = "kvLD5H0BM0qBAZ7qpSoFVpsT1Zb6RCPhFwcGVLz1P1s=";

[[nodiscard]] inline nlohmann::json grant_document(const PublicKey& key,
                                                   const std::string& expires_at = "2026-11-26T10:00:00Z") {
  return {{"session", "8d1f0c2b7a6e5d43"},
          {"session_token", "session-token-1"},
          {"identity", "sa:prod-eu/shop/frontend"},
          {"public_key", encode_key(key)},
          {"preshared_key", preshared_test_key},
          {"post_quantum", false},
          {"addresses", {"10.8.128.2/32", "fd08:1::2/128"}},
          {"gateway", {{"public_key", encode_key(gateway_test_key())}, {"endpoint", "192.0.2.1:51820"}}},
          {"dns", {"10.0.0.53"}},
          {"routes", {"10.8.0.0/16", "10.20.0.0/16"}},
          {"mtu", 1420},
          {"persistent_keepalive_s", 25},
          {"expires_at", expires_at}};
}

}  // namespace sallyport
