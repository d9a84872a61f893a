#include "dataplane/crypto/handshake_macs.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <random>

#include "generated_vectors.hpp"
#include "hex.hpp"

namespace sallyport::dataplane::handshake_macs_test {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <std::size_t N>
std::span<const std::uint8_t, N> fixed(const Bytes& bytes) {
  return std::span<const std::uint8_t, N>(bytes.data(), N);
}

struct Vector {
  explicit Vector(const HandshakeVector& hex)
      : public_key(from_hex(hex.public_key_hex)),
        secret(from_hex(hex.secret_hex)),
        ip(from_hex(hex.ip_hex)),
        port(hex.port),
        message(from_hex(hex.message_hex)),
        nonce(from_hex(hex.nonce_hex)),
        cookie_reply(from_hex(hex.cookie_reply_hex)) {}
  [[nodiscard]] Mac1Checker mac1_checker() const { return Mac1Checker(fixed<32>(public_key)); }

  Bytes public_key, secret, ip;
  std::uint16_t port;
  Bytes message, nonce, cookie_reply;
};

const Bytes other_secret(32, 0x77);

TEST(HandshakeKind, NeedsTypeZeroBytesAndExactLength) {
  for (std::size_t length = 0; length <= 200; ++length) {
    for (std::uint8_t type = 0; type <= 5; ++type) {
      Bytes message(length);
      if (length > 0) message[0] = type;
      const HandshakeKind expected = length == 148 && type == 1  ? HandshakeKind::initiation
                                     : length == 92 && type == 2 ? HandshakeKind::response
                                                                 : HandshakeKind::none;
      EXPECT_EQ(handshake_kind(message), expected) << length << " type " << int(type);
      for (std::size_t reserved = 1; reserved <= 3 && reserved < length; ++reserved) {
        message[reserved] = 0x80;
        EXPECT_EQ(handshake_kind(message), HandshakeKind::none);
        message[reserved] = 0;
      }
    }
  }
}

TEST(Mac1Checker, AcceptsTheRightMac1AndNoOther) {
  for (const HandshakeVector& hex : handshake_vectors) {
    const Vector vector(hex);
    const Mac1Checker checker = vector.mac1_checker();
    EXPECT_TRUE(checker.check_mac1(vector.message));
    const std::size_t covered = vector.message.size() - 16;  // everything but mac2
    for (std::size_t bit = 0; bit < 8 * vector.message.size(); ++bit) {
      Bytes damaged = vector.message;
      damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      EXPECT_EQ(checker.check_mac1(damaged), bit / 8 >= covered) << bit;
    }
    Bytes shorter = vector.message;
    shorter.pop_back();
    EXPECT_FALSE(checker.check_mac1(shorter));
    Bytes longer = vector.message;
    longer.push_back(0);
    EXPECT_FALSE(checker.check_mac1(longer));
    EXPECT_FALSE(Mac1Checker(fixed<32>(other_secret)).check_mac1(vector.message));
  }
}

TEST(Mac1Checker, ABurstOfAnySizeAndMixtureIsAnsweredMessageByMessage) {
  std::mt19937_64 random(1);
  const Vector initiation(handshake_vectors[0]);
  const Mac1Checker checker = initiation.mac1_checker();
  const Vector of_another_key(handshake_vectors[1]);
  const Vector response(handshake_vectors[2]);
  for (std::size_t count = 0; count <= 40; ++count) {
    std::vector<Bytes> messages;
    for (std::size_t i = 0; i < count; ++i) {
      switch (random() % 6) {
        case 0:
          messages.push_back(of_another_key.message);
          break;
        case 1:
          messages.push_back(response.message);
          break;
        case 2:
          messages.push_back(Bytes(random() % 200, 1));
          break;
        case 3:
          messages.push_back(initiation.message);
          messages.back()[random() % 132] ^= 4;
          break;
        default:
          messages.push_back(initiation.message);
      }
    }
    const std::vector<std::span<const std::uint8_t>> views(messages.begin(), messages.end());
    const std::unique_ptr<bool[]> passed(new bool[count + 1]);
    checker.check_mac1(views, {passed.get(), count});
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_EQ(passed[i], checker.check_mac1(messages[i])) << i << " of " << count;
  }
}

TEST(CookieChecker, AcceptsTheCookieOfThisAddressAndPortOnly) {
  for (const HandshakeVector& hex : handshake_vectors) {
    const Vector vector(hex);
    const CookieChecker checker(fixed<32>(vector.public_key), fixed<32>(vector.secret), std::nullopt);
    EXPECT_EQ(checker.check_mac2(vector.message, vector.ip, vector.port), Mac2Result::valid);
    EXPECT_EQ(checker.check_mac2(vector.message, vector.ip, static_cast<std::uint16_t>(vector.port ^ 1)),
              Mac2Result::wrong);
    for (std::size_t i = 0; i < vector.ip.size(); ++i) {
      Bytes elsewhere = vector.ip;
      elsewhere[i] ^= 1;
      EXPECT_EQ(checker.check_mac2(vector.message, elsewhere, vector.port), Mac2Result::wrong);
    }
    for (std::size_t length = 0; length <= 17; ++length) {
      if (length == vector.ip.size()) continue;
      EXPECT_EQ(checker.check_mac2(vector.message, Bytes(length), vector.port), Mac2Result::wrong);
    }
    for (std::size_t bit = 0; bit < 8 * vector.message.size(); ++bit) {
      Bytes damaged = vector.message;
      damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      EXPECT_EQ(checker.check_mac2(damaged, vector.ip, vector.port), Mac2Result::wrong) << bit;
    }
  }
}

TEST(CookieChecker, AcceptsThePreviousSecretAndNoOlderOne) {
  const Vector vector(handshake_vectors[0]);
  const CookieChecker rotated(fixed<32>(vector.public_key), fixed<32>(other_secret), fixed<32>(vector.secret));
  EXPECT_EQ(rotated.check_mac2(vector.message, vector.ip, vector.port), Mac2Result::valid);
  const Bytes newest(32, 0x78);
  const CookieChecker twice(fixed<32>(vector.public_key), fixed<32>(newest), fixed<32>(other_secret));
  EXPECT_EQ(twice.check_mac2(vector.message, vector.ip, vector.port), Mac2Result::wrong);
}

TEST(CookieChecker, TellsAbsentFromWrong) {
  const Vector vector(handshake_vectors[0]);
  const CookieChecker checker(fixed<32>(vector.public_key), fixed<32>(vector.secret), std::nullopt);
  Bytes message = vector.message;
  std::fill(message.end() - 16, message.end(), std::uint8_t{0});
  EXPECT_EQ(checker.check_mac2(message, vector.ip, vector.port), Mac2Result::absent);
  message.back() = 1;
  EXPECT_EQ(checker.check_mac2(message, vector.ip, vector.port), Mac2Result::wrong);
  EXPECT_EQ(checker.check_mac2(Bytes(64, 3), vector.ip, vector.port), Mac2Result::wrong);
}

TEST(CookieChecker, MakesTheCookieReplyOfTheVectors) {
  for (const HandshakeVector& hex : handshake_vectors) {
    const Vector vector(hex);
    const CookieChecker checker(fixed<32>(vector.public_key), fixed<32>(vector.secret), fixed<32>(other_secret));
    std::array<std::uint8_t, cookie_reply_bytes> reply{};
    ASSERT_TRUE(checker.make_cookie_reply(vector.message, vector.ip, vector.port, fixed<24>(vector.nonce), reply));
    EXPECT_EQ(to_hex(reply), hex.cookie_reply_hex);
  }
}

TEST(CookieChecker, ACookieThatItGaveIsTakenBack) {
  const Vector vector(handshake_vectors[1]);
  const CookieChecker checker(fixed<32>(vector.public_key), fixed<32>(other_secret), std::nullopt);
  std::array<std::uint8_t, cookie_reply_bytes> reply{};
  ASSERT_TRUE(checker.make_cookie_reply(vector.message, vector.ip, vector.port, fixed<24>(vector.nonce), reply));
  Bytes label_and_key = {'c', 'o', 'o', 'k', 'i', 'e', '-', '-'};
  label_and_key.insert(label_and_key.end(), vector.public_key.begin(), vector.public_key.end());
  std::array<std::uint8_t, 16> cookie{};
  ASSERT_EQ(crypto_aead_xchacha20poly1305_ietf_decrypt(cookie.data(), nullptr, nullptr, &reply[32], 32,
                                                       vector.message.data() + 116, 16, &reply[8],
                                                       blake2s_256(label_and_key).data()),
            0);
  Bytes message = vector.message;
  const Blake2s128Mac mac2 = Blake2sMacKey(cookie).mac(std::span(message).first(132));
  std::copy(mac2.begin(), mac2.end(), message.begin() + 132);
  EXPECT_EQ(checker.check_mac2(message, vector.ip, vector.port), Mac2Result::valid);
}

TEST(CookieChecker, AnswersOnlyHandshakeMessagesFromAnAddress) {
  const Vector vector(handshake_vectors[0]);
  const CookieChecker checker(fixed<32>(vector.public_key), fixed<32>(vector.secret), std::nullopt);
  std::array<std::uint8_t, cookie_reply_bytes> reply{};
  const auto untouched = reply;
  EXPECT_FALSE(checker.make_cookie_reply(vector.cookie_reply, vector.ip, vector.port, fixed<24>(vector.nonce), reply));
  EXPECT_FALSE(checker.make_cookie_reply({}, vector.ip, vector.port, fixed<24>(vector.nonce), reply));
  EXPECT_FALSE(checker.make_cookie_reply(vector.message, Bytes(5), vector.port, fixed<24>(vector.nonce), reply));
  EXPECT_EQ(reply, untouched);
}

}  // namespace
}  // namespace sallyport::dataplane::handshake_macs_test
