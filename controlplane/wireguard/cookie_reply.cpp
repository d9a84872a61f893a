#include "controlplane/wireguard/cookie_reply.hpp"

#include <algorithm>

#include <sodium.h>

#include "config/base/check.hpp"

namespace sallyport::wireguard {

CookieSource cookie_source(const IpEndpoint& source) noexcept {
  SP_CHECK(source.is_set());
  CookieSource result;
  const std::size_t address_bytes = source.address.bits() / 8;
  std::copy_n(source.address.bytes.begin(), address_bytes, result.bytes.begin());
  result.bytes[address_bytes] = static_cast<std::uint8_t>(source.port >> 8);
  result.bytes[address_bytes + 1] = static_cast<std::uint8_t>(source.port);
  result.size = address_bytes + 2;
  return result;
}

Mac make_cookie(const Secret<key_bytes>& secret, const CookieSource& source) {
  return mac(secret.expose(), {source.view()});
}

CookieReply make_cookie_reply(const Secret<key_bytes>& secret, const CookieSource& source, std::uint32_t sender_index,
                              const Mac& mac1, const Hash& cookie_key, const CookieNonce& nonce) {
  const Mac cookie = make_cookie(secret, source);
  CookieReply reply{.receiver_index = sender_index, .nonce = nonce};
  SP_CHECK(crypto_aead_xchacha20poly1305_ietf_encrypt(reply.encrypted_cookie.data(), nullptr, cookie.data(),
                                                      cookie.size(), mac1.data(), mac1.size(), nullptr, nonce.data(),
                                                      cookie_key.data()) == 0);
  return reply;
}

bool mac2_is_valid(Bytes message, const Secret<key_bytes>& secret, const CookieSource& source) {
  SP_CHECK(message.size() > mac_bytes);
  Mac received{};
  std::copy(message.end() - mac_bytes, message.end(), received.begin());
  return equal_in_constant_time(received, mac2_of(message, make_cookie(secret, source)));
}

}  // namespace sallyport::wireguard
