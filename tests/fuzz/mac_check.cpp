// Arbitrary bytes as a WireGuard handshake message into the checks of mac1 and mac2 and into the cookie reply. The
// first byte says whether the source is IPv4 or IPv6 and whether the harness puts the right MACs in, so that the code
// behind them runs.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "dataplane/crypto/handshake_macs.hpp"

namespace {

using namespace sallyport::dataplane;

void expect(bool condition) {
  if (!condition) std::abort();
}

struct Interface {
  std::array<std::uint8_t, 32> public_key{1, 2, 3}, secret{4, 5, 6}, previous_secret{7, 8, 9};
  Mac1Checker mac1{public_key};
  CookieChecker cookies{public_key, secret, CookieChecker::Secret(previous_secret)};

  [[nodiscard]] Blake2s128Mac right_mac1(std::span<const std::uint8_t> covered) const {
    std::vector<std::uint8_t> input = {'m', 'a', 'c', '1', '-', '-', '-', '-'};
    input.insert(input.end(), public_key.begin(), public_key.end());
    return Blake2sMacKey(blake2s_256(input)).mac(covered);
  }
  [[nodiscard]] static Blake2s128Mac right_mac2(std::span<const std::uint8_t> covered,
                                                std::span<const std::uint8_t> secret, std::span<const std::uint8_t> ip,
                                                std::uint16_t port) {
    std::vector<std::uint8_t> source(ip.begin(), ip.end());
    source.push_back(static_cast<std::uint8_t>(port >> 8U));
    source.push_back(static_cast<std::uint8_t>(port));
    return Blake2sMacKey(Blake2sMacKey(secret).mac(source)).mac(covered);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Interface interface;
  static constexpr std::uint16_t port = 51820;
  if (size == 0) return 0;
  const std::uint8_t choice = data[0];
  const std::array<std::uint8_t, 16> address{0x20, 0x01, 0x0d, 0xb8};
  const auto ip = std::span(address).first((choice & 1) != 0 ? 16 : 4);
  // A buffer of exactly this size, so that the address sanitizer sees any read beyond it.
  std::vector<std::uint8_t> message(data + 1, data + size);
  message.shrink_to_fit();
  const bool handshake = handshake_kind(message) != HandshakeKind::none;

  const bool repair_mac1 = handshake && (choice & 2) != 0;
  const bool repair_mac2 = handshake && (choice & 4) != 0;
  if (repair_mac1) {
    const auto mac1 = interface.right_mac1(std::span(message).first(message.size() - 32));
    std::copy(mac1.begin(), mac1.end(), message.end() - 32);
  }
  if (repair_mac2) {
    const auto& secret = (choice & 8) != 0 ? interface.previous_secret : interface.secret;
    const auto mac2 = Interface::right_mac2(std::span(message).first(message.size() - 16), secret, ip, port);
    std::copy(mac2.begin(), mac2.end(), message.end() - 16);
  }

  const bool mac1_right = interface.mac1.check_mac1(message);
  expect(!mac1_right || handshake);
  expect(mac1_right || !repair_mac1);
  const std::array<std::span<const std::uint8_t>, 11> burst = {message, message, message, message, message, message,
                                                               message, message, message, message, message};
  std::array<bool, burst.size()> passed{};
  interface.mac1.check_mac1(burst, passed);
  for (const bool one : passed) expect(one == mac1_right);

  const Mac2Result mac2 = interface.cookies.check_mac2(message, ip, port);
  expect(mac2 != Mac2Result::valid || handshake);
  expect(mac2 == Mac2Result::valid || !repair_mac2);

  const std::array<std::uint8_t, cookie_nonce_bytes> nonce{choice};
  std::array<std::uint8_t, cookie_reply_bytes> reply{};
  expect(interface.cookies.make_cookie_reply(message, ip, port, nonce, reply) == handshake);
  expect(handshake == (reply[0] == 3));
  return 0;
}
