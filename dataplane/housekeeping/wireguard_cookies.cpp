#include "dataplane/housekeeping/wireguard_cookies.hpp"

#include <sodium.h>

namespace sallyport::dataplane {

WireguardCookies::WireguardCookies() noexcept {
  for (Secret<32>* secret : {&current_, &previous_})
    randombytes_buf(secret->expose_mutable().data(), secret->expose_mutable().size());
}

void WireguardCookies::set(const abi::SetCookieSecrets& set) noexcept {
  current_ = Secret<32>(set.current);
  previous_ = Secret<32>(set.previous);
}

WireguardTunnel WireguardCookies::tunnel(const PublicKey& public_key) const noexcept {
  return {.public_key = public_key,
          .mac1 = Mac1Checker(public_key),
          .cookies = CookieChecker(public_key, current_.expose(), previous_.expose())};
}

}  // namespace sallyport::dataplane
