#include "controlplane/wireguard/cookie.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <sodium.h>

#include "controlplane/wireguard/cookie_reply.hpp"
#include "tests/unit/wireguard/hex.hpp"
#include "tests/unit/wireguard/wireguard_vectors.hpp"

namespace sallyport::wireguard::cookie_test {
namespace {

using namespace std::chrono_literals;

BootTime boot(std::chrono::nanoseconds time) {
  return BootTime(time);
}

// Ann initiates; Bob is under load.
struct Cookies : testing::Test {
  std::shared_ptr<const LocalIdentity> ann = make_local_identity(secret_from_hex(vectors::initiator_private));
  std::shared_ptr<const LocalIdentity> bob = make_local_identity(secret_from_hex(vectors::responder_private));
  std::shared_ptr<const PeerKeys> to_bob = *make_peer_keys(*ann, bob->public_key, {});
  Secret<32> secret = secret_from_hex(vectors::cookie_secret);
  CookieSource source = cookie_source(*IpEndpoint::parse("198.51.100.7:51820"));
  CookieJar jar;

  CookieReply answer(Bytes message, std::uint8_t nonce_seed = 0) {
    CookieNonce nonce{};
    nonce.fill(nonce_seed);
    Mac mac1{};
    std::copy_n(message.end() - 32, 16, mac1.begin());
    return make_cookie_reply(secret, source, static_cast<std::uint32_t>(index_), mac1, bob->cookie_key, nonce);
  }
  HandshakeInitiationBytes send(BootTime now) {
    return jar.sign(HandshakeInitiation{.sender_index = ++index_}, *to_bob, now);
  }
  std::uint32_t index_ = 100;
};

TEST(XChaCha20Poly1305, MatchesTheDraft) {  // draft-irtf-cfrg-xchacha-03, A.3.1
  const auto key = from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const auto nonce = from_hex("404142434445464748494a4b4c4d4e4f5051525354555657");
  const auto additional = from_hex("50515253c0c1c2c3c4c5c6c7");
  const Bytes text = as_bytes(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be "
      "it.");
  std::vector<std::uint8_t> sealed(text.size() + 16);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data(), nullptr, text.data(), text.size(), additional.data(),
                                             additional.size(), nullptr, nonce.data(), key.data());
  EXPECT_EQ(
      to_hex(sealed),
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54"
      "c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f6"
      "15c68b13b52ec0875924c1c7987947deafd8780acf49");
}

TEST_F(Cookies, RepliesAreWhatAnIndependentImplementationWrites) {
  const auto initiation = from_hex(vectors::psk_initiation);
  const Mac mac1 = parse_initiation(initiation)->mac1;
  const auto nonce = array_from_hex<24>(vectors::cookie_nonce);
  for (const auto& [endpoint, cookie, reply] :
       {std::tuple{"198.51.100.7:51820", vectors::cookie_for_v4, vectors::cookie_reply_for_v4},
        std::tuple{"[2001:db8::1]:4500", vectors::cookie_for_v6, vectors::cookie_reply_for_v6}}) {
    const CookieSource from = cookie_source(*IpEndpoint::parse(endpoint));
    EXPECT_EQ(to_hex(make_cookie(secret, from)), cookie);
    EXPECT_EQ(to_hex(serialise(make_cookie_reply(secret, from, 0x01020304, mac1, bob->cookie_key, nonce))), reply);
  }
}

TEST_F(Cookies, TheNextMessageCarriesTheCookie) {
  const auto first = send(boot(1s));
  EXPECT_EQ(parse_initiation(first)->mac2, Mac{});
  ASSERT_TRUE(jar.accept(answer(first), *to_bob, boot(2s)));
  const auto second = send(boot(6s));
  EXPECT_TRUE(mac2_is_valid(second, secret, source));
  EXPECT_EQ(mac1_of(second, bob->mac1_key), parse_initiation(second)->mac1);
  const auto response = jar.sign(HandshakeResponse{.sender_index = 5}, *to_bob, boot(7s));
  EXPECT_TRUE(mac2_is_valid(response, secret, source));
}

TEST_F(Cookies, AreForgottenAfterTwoMinutes) {
  const auto message = send(boot(1s));
  ASSERT_TRUE(jar.accept(answer(message), *to_bob, boot(2s)));
  EXPECT_TRUE(jar.has_cookie(boot(122s - 1ns)));
  EXPECT_FALSE(jar.has_cookie(boot(122s)));
  EXPECT_EQ(parse_initiation(send(boot(122s)))->mac2, Mac{});
}

TEST_F(Cookies, AReplyToAnEarlierMessageIsStale) {
  const auto first = send(boot(1s));
  auto stale = answer(first);
  send(boot(6s));
  EXPECT_EQ(jar.accept(stale, *to_bob, boot(7s)).error(), HandshakeError::unsolicited_cookie);
  stale.receiver_index = index_;  // even with the right index: MAC1 is bound in
  EXPECT_EQ(jar.accept(stale, *to_bob, boot(7s)).error(), HandshakeError::decrypt_cookie);
  EXPECT_FALSE(jar.has_cookie(boot(7s)));
}

TEST_F(Cookies, AReplayedReplyIsRefused) {
  const auto message = send(boot(1s));
  const auto reply = answer(message);
  ASSERT_TRUE(jar.accept(reply, *to_bob, boot(2s)));
  EXPECT_EQ(jar.accept(reply, *to_bob, boot(3s)).error(), HandshakeError::unsolicited_cookie);
  EXPECT_FALSE(jar.has_cookie(boot(123s)));  // the replay did not renew it
}

TEST_F(Cookies, AForgedReplyLeavesTheGoodOneWelcome) {
  EXPECT_EQ(jar.accept(CookieReply{}, *to_bob, boot(1s)).error(), HandshakeError::unsolicited_cookie);
  const auto message = send(boot(1s));
  for (std::size_t i = 0; i < 32; ++i) {
    auto forged = answer(message);
    forged.encrypted_cookie[i] ^= 4;
    EXPECT_EQ(jar.accept(forged, *to_bob, boot(2s)).error(), HandshakeError::decrypt_cookie);
  }
  const auto from_another =
      make_cookie_reply(secret, source, index_, parse_initiation(message)->mac1, ann->cookie_key, {});
  EXPECT_EQ(jar.accept(from_another, *to_bob, boot(2s)).error(), HandshakeError::decrypt_cookie);
  EXPECT_TRUE(jar.accept(answer(message), *to_bob, boot(2s)));
}

TEST_F(Cookies, ProveOneAddressAndPort) {
  const auto message = send(boot(1s));
  ASSERT_TRUE(jar.accept(answer(message), *to_bob, boot(2s)));
  const auto second = send(boot(6s));
  EXPECT_TRUE(mac2_is_valid(second, secret, source));
  for (const char* elsewhere : {"198.51.100.7:51821", "198.51.100.8:51820", "[c633:6407::]:51820"})
    EXPECT_FALSE(mac2_is_valid(second, secret, cookie_source(*IpEndpoint::parse(elsewhere)))) << elsewhere;
  EXPECT_FALSE(mac2_is_valid(second, secret_from_hex(vectors::preshared_key), source));  // the secret changed
  auto damaged = second;
  damaged[40] ^= 1;
  EXPECT_FALSE(mac2_is_valid(damaged, secret, source));
}

}  // namespace
}  // namespace sallyport::wireguard::cookie_test
