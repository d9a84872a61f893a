#include "dataplane/crypto/handshake_macs.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "config/base/check.hpp"
#include "dataplane/crypto/constant_time.hpp"

namespace sallyport::dataplane {
namespace {

// mac1 and mac2 are the last 32 bytes of an initiation and of a response (sections 5.4.2 and 5.4.3).
constexpr std::size_t mac_bytes = 16;
constexpr std::size_t sender_index_offset = 4;
std::size_t mac1_offset(std::span<const std::uint8_t> message) noexcept {
  return message.size() - 2 * mac_bytes;
}
std::size_t mac2_offset(std::span<const std::uint8_t> message) noexcept {
  return message.size() - mac_bytes;
}

// Layout of the cookie reply (section 5.4.7): type and reserved, receiver, nonce, encrypted cookie.
constexpr std::size_t reply_receiver_offset = 4;
constexpr std::size_t reply_nonce_offset = 8;
constexpr std::size_t reply_cookie_offset = 32;
static_assert(reply_cookie_offset + mac_bytes + crypto_aead_xchacha20poly1305_ietf_ABYTES == cookie_reply_bytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == cookie_nonce_bytes);
constexpr std::uint8_t cookie_reply_type = 3;

Blake2s256Digest labelled_hash(std::string_view label, std::span<const std::uint8_t, 32> public_key) noexcept {
  std::array<std::uint8_t, 8 + 32> input;
  SP_CHECK(label.size() == 8);
  std::copy(label.begin(), label.end(), input.begin());
  std::copy(public_key.begin(), public_key.end(), input.begin() + 8);
  return blake2s_256(input);
}

// Cookie := MAC(secret, source address || source port), the address as 4 or 16 bytes, the port in network order.
Blake2s128Mac make_cookie(const Blake2sMacKey& secret, std::span<const std::uint8_t> ip, std::uint16_t port) noexcept {
  std::array<std::uint8_t, 18> source;
  std::copy(ip.begin(), ip.end(), source.begin());
  source[ip.size()] = static_cast<std::uint8_t>(port >> 8U);
  source[ip.size() + 1] = static_cast<std::uint8_t>(port);
  return secret.mac({source.data(), ip.size() + 2});
}

bool is_address(std::span<const std::uint8_t> ip) noexcept {
  return ip.size() == 4 || ip.size() == 16;
}

// Initiations waiting for a free place among the lanes; all have the same length.
struct Lanes {
  std::array<const std::uint8_t*, Blake2sMacKey::lanes> messages{};
  std::array<std::size_t, Blake2sMacKey::lanes> positions{};
  std::size_t used = 0;
};

}  // namespace

HandshakeKind handshake_kind(std::span<const std::uint8_t> message) noexcept {
  if (message.size() != handshake_initiation_bytes && message.size() != handshake_response_bytes)
    return HandshakeKind::none;
  if ((message[1] | message[2] | message[3]) != 0) return HandshakeKind::none;
  if (message[0] == 1 && message.size() == handshake_initiation_bytes) return HandshakeKind::initiation;
  if (message[0] == 2 && message.size() == handshake_response_bytes) return HandshakeKind::response;
  return HandshakeKind::none;
}

Mac1Checker::Mac1Checker(std::span<const std::uint8_t, 32> our_public_key) noexcept
    : mac1_key_(labelled_hash("mac1----", our_public_key)) {}

bool Mac1Checker::check_mac1(std::span<const std::uint8_t> message) const noexcept {
  if (handshake_kind(message) == HandshakeKind::none) return false;
  const std::size_t offset = mac1_offset(message);
  return tags_equal(mac1_key_.mac(message.first(offset)).data(), message.data() + offset);
}

void Mac1Checker::check_mac1(std::span<const std::span<const std::uint8_t>> messages,
                             std::span<bool> passed) const noexcept {
  // Eight lanes take the time of two to three single messages, however many of them are used.
  constexpr std::size_t worth_lanes = 3;
  constexpr std::size_t mac1_at = handshake_initiation_bytes - 2 * mac_bytes;
  SP_CHECK(messages.size() == passed.size());
  Lanes lanes;
  const auto check_lanes = [&] {
    std::fill(lanes.messages.begin() + static_cast<std::ptrdiff_t>(lanes.used), lanes.messages.end(),
              lanes.messages[0]);
    std::array<Blake2s128Mac, Blake2sMacKey::lanes> macs;
    mac1_key_.mac_lanes(lanes.messages, mac1_at, macs);
    for (std::size_t lane = 0; lane < lanes.used; ++lane)
      passed[lanes.positions[lane]] = tags_equal(macs[lane].data(), lanes.messages[lane] + mac1_at);
    lanes.used = 0;
  };
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (handshake_kind(messages[i]) != HandshakeKind::initiation) {
      passed[i] = check_mac1(messages[i]);
      continue;
    }
    lanes.messages[lanes.used] = messages[i].data();
    lanes.positions[lanes.used] = i;
    if (++lanes.used == Blake2sMacKey::lanes) check_lanes();
  }
  if (lanes.used >= worth_lanes) check_lanes();
  for (std::size_t lane = 0; lane < lanes.used; ++lane)
    passed[lanes.positions[lane]] = check_mac1(messages[lanes.positions[lane]]);
}

CookieChecker::CookieChecker(std::span<const std::uint8_t, 32> our_public_key, Secret current,
                             std::optional<Secret> previous) noexcept
    : current_(current), cookie_key_(labelled_hash("cookie--", our_public_key)) {
  SP_CHECK(sodium_init() >= 0);  // chooses libsodium's implementation for this processor; may be called again and again
  if (previous) previous_.emplace(*previous);
}

Mac2Result CookieChecker::check_mac2(std::span<const std::uint8_t> message, std::span<const std::uint8_t> source_ip,
                                     std::uint16_t source_port) const noexcept {
  static constexpr std::array<std::uint8_t, mac_bytes> no_mac2{};
  if (handshake_kind(message) == HandshakeKind::none || !is_address(source_ip)) return Mac2Result::wrong;
  const std::size_t offset = mac2_offset(message);
  if (tags_equal(no_mac2.data(), message.data() + offset)) return Mac2Result::absent;
  const auto right_under = [&](const Blake2sMacKey& secret) {
    const Blake2s128Mac cookie = make_cookie(secret, source_ip, source_port);
    return tags_equal(Blake2sMacKey(cookie).mac(message.first(offset)).data(), message.data() + offset);
  };
  if (right_under(current_)) return Mac2Result::valid;
  return previous_ && right_under(*previous_) ? Mac2Result::valid : Mac2Result::wrong;
}

bool CookieChecker::make_cookie_reply(std::span<const std::uint8_t> message, std::span<const std::uint8_t> source_ip,
                                      std::uint16_t source_port,
                                      std::span<const std::uint8_t, cookie_nonce_bytes> nonce,
                                      std::span<std::uint8_t, cookie_reply_bytes> reply) const noexcept {
  if (handshake_kind(message) == HandshakeKind::none || !is_address(source_ip)) return false;
  const Blake2s128Mac cookie = make_cookie(current_, source_ip, source_port);
  std::fill(reply.begin(), reply.begin() + reply_receiver_offset, std::uint8_t{0});
  reply[0] = cookie_reply_type;
  std::memcpy(&reply[reply_receiver_offset], &message[sender_index_offset], 4);
  std::copy(nonce.begin(), nonce.end(), reply.begin() + reply_nonce_offset);
  crypto_aead_xchacha20poly1305_ietf_encrypt(&reply[reply_cookie_offset], nullptr, cookie.data(), cookie.size(),
                                             message.data() + mac1_offset(message), mac_bytes, nullptr, nonce.data(),
                                             cookie_key_.data());
  return true;
}

}  // namespace sallyport::dataplane
