// Which groups of TLS stay secret from somebody who records today and has a quantum computer one day.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace sallyport::controlplane {

// The hybrids of ML-KEM with an elliptic curve (FIPS 203, draft-ietf-tls-ecdhe-mlkem), as OpenSSL 3.5 names
// them; OpenSSL 3.0 has none. The spelling of capitals is not fixed.
[[nodiscard]] inline bool is_post_quantum_group(std::string_view group) {
  constexpr std::array<std::string_view, 3> hybrids = {"x25519mlkem768", "secp256r1mlkem768", "secp384r1mlkem1024"};
  const auto same_letter = [](char a, char b) {
    return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
  };
  return std::any_of(hybrids.begin(), hybrids.end(), [&](std::string_view name) {
    return std::equal(name.begin(), name.end(), group.begin(), group.end(), same_letter);
  });
}

}  // namespace sallyport::controlplane
