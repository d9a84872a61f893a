#include "controlplane/wireguard/noise.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>
#include <sodium.h>

#include "controlplane/wireguard/messages.hpp"
#include "controlplane/wireguard/tai64n.hpp"
#include "tests/unit/wireguard/hex.hpp"
#include "tests/unit/wireguard/wireguard_vectors.hpp"

namespace sallyport::wireguard::noise_test {
namespace {

// A published vector for Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s. Messages from the third on are transport data, in turn.
struct NoiseVector {
  const char* source;
  const char* prologue;
  const char* preshared_key;
  const char* initiator_static;
  const char* initiator_ephemeral;
  const char* responder_static;
  const char* responder_ephemeral;
  struct Message {
    const char* payload;
    const char* ciphertext;
  };
  std::vector<Message> messages;
};

const NoiseVector noise_vectors[] = {
    {"cacophony, vectors/cacophony.txt",
     "4a6f686e2047616c74",
     "54686973206973206d7920417573747269616e20706572737065637469766521",
     "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
     "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
     "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
     "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
     {{"4c756477696720766f6e204d69736573",
       "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944001e21de9f98ddd8e2ad57527207feb56253c9c94a9e49"
       "6782ecfcb2a75fbcaf1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e832985464cf17e51ee93109008399a21f7"
       "e13f"},
      {"4d757272617920526f746862617264",
       "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843cb765f2caef0751b8f007572dab0322217755c0632f365"
       "717edbf34d33e87a"},
      {"462e20412e20486179656b", "8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7"},
      {"4361726c204d656e676572", "07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef"},
      {"4a65616e2d426170746973746520536179", "6ab1467c0448cc78394494abaaf23afce0e234315d6e2624dcbfa8a21c1c4d073d"},
      {"457567656e2042f6686d20766f6e2042617765726b",
       "dfc346c0d2296ae6cf1acf6f12b8456a1dba228cf8d8b774aacf1c47fc53aa80ebc7a4c292"}}},
    {"flynn/noise, vectors.txt",
     "6e6f74736563726574",
     "2176657279736563726574766572797365637265747665727973656372657421",
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
     "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
     "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60",
     {{"746573745f6d73675f30",
       "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254d06f15f78ad0914d9715147bb5a5004b27345a838bab4a"
       "a8bc5f144afc2cf4ccb88f9ea1ebd99e94b76e50af7eee0e596a3d77b86f9aa87dcfe61d972bc6f34d0e93751d1260fa6bf0fe"},
      {"746573745f6d73675f31",
       "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466168e6913e78d7a2b04b2b154c5149032d1c2584051bdcf"
       "04db1d"},
      {"79656c6c6f777375626d6172696e65", "6013ea114b4c4884afb82bf029f72f924bd8a32c487a15a1cef4855ba234be"},
      {"7375626d6172696e6579656c6c6f77", "8a2e7119635e41a35b7e64e0adac5483b66b1a9827895124ea07d58440b654"}}},
};

std::vector<std::uint8_t> seal_data(const Secret<32>& key, std::uint64_t counter, Bytes payload) {
  std::array<std::uint8_t, 12> nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<std::uint8_t>(counter >> (8 * i));
  std::vector<std::uint8_t> sealed(payload.size() + aead_tag_bytes);
  crypto_aead_chacha20poly1305_ietf_encrypt(sealed.data(), nullptr, payload.data(), payload.size(), nullptr, 0, nullptr,
                                            nonce.data(), key.expose().data());
  return sealed;
}

TEST(Noise, MatchesThePublishedVectors) {
  for (const NoiseVector& vector : noise_vectors) {
    SCOPED_TRACE(vector.source);
    const SymmetricState start{from_hex(vector.prologue)};
    const auto initiator = make_local_identity(secret_from_hex(vector.initiator_static));
    const auto responder = make_local_identity(secret_from_hex(vector.responder_static));
    const auto to_responder = *make_peer_keys(*initiator, responder->public_key, secret_from_hex(vector.preshared_key));
    const auto to_initiator = *make_peer_keys(*responder, initiator->public_key, secret_from_hex(vector.preshared_key));

    const auto payload1 = from_hex(vector.messages[0].payload);
    const auto payload2 = from_hex(vector.messages[1].payload);
    std::vector<std::uint8_t> message1(32 + 48 + payload1.size() + 16);
    PublicKey ephemeral1{};
    const auto sent =
        write_initiation(start, *initiator, *to_responder, secret_from_hex(vector.initiator_ephemeral), payload1,
                         ephemeral1, std::span(message1).subspan<32, 48>(), std::span(message1).subspan(80));
    ASSERT_TRUE(sent);
    std::copy(ephemeral1.begin(), ephemeral1.end(), message1.begin());
    EXPECT_EQ(to_hex(message1), vector.messages[0].ciphertext);

    auto received = read_initiator(start, *responder, ephemeral1, std::span(message1).subspan<32, 48>());
    ASSERT_TRUE(received);
    EXPECT_EQ(received->initiator_static, initiator->public_key);
    std::vector<std::uint8_t> read1(payload1.size());
    auto accepted = read_payload(std::move(*received), *to_initiator, std::span(message1).subspan(80), read1);
    ASSERT_TRUE(accepted);
    EXPECT_EQ(read1, payload1);

    std::vector<std::uint8_t> message2(32 + payload2.size() + 16);
    PublicKey ephemeral2{};
    const auto responder_keys =
        write_response(std::move(*accepted), *to_initiator, secret_from_hex(vector.responder_ephemeral), payload2,
                       ephemeral2, std::span(message2).subspan(32));
    ASSERT_TRUE(responder_keys);
    std::copy(ephemeral2.begin(), ephemeral2.end(), message2.begin());
    EXPECT_EQ(to_hex(message2), vector.messages[1].ciphertext);

    std::vector<std::uint8_t> read2(payload2.size());
    const auto initiator_keys =
        read_response(*sent, *initiator, *to_responder, ephemeral2, std::span(message2).subspan(32), read2);
    ASSERT_TRUE(initiator_keys);
    EXPECT_EQ(read2, payload2);
    EXPECT_EQ(to_hex(initiator_keys->seal.expose()), to_hex(responder_keys->open.expose()));
    EXPECT_EQ(to_hex(initiator_keys->open.expose()), to_hex(responder_keys->seal.expose()));

    for (std::size_t i = 2; i < vector.messages.size(); ++i) {
      const auto& key = i % 2 == 0 ? initiator_keys->seal : responder_keys->seal;
      EXPECT_EQ(to_hex(seal_data(key, (i - 2) / 2, from_hex(vector.messages[i].payload))),
                vector.messages[i].ciphertext);
    }
  }
}

// The messages as an independent implementation of WireGuard writes them, MACs included.
TEST(Noise, WritesWireguardsMessagesAsAnIndependentImplementationDoes) {
  struct Case {
    std::string_view psk, initiation, response, initiator_seals, responder_seals;
  };
  const std::string none(64, '0');
  for (const Case& c : {Case{vectors::preshared_key, vectors::psk_initiation, vectors::psk_response,
                             vectors::psk_initiator_seals, vectors::psk_responder_seals},
                        Case{none, vectors::plain_initiation, vectors::plain_response, vectors::plain_initiator_seals,
                             vectors::plain_responder_seals}}) {
    const auto initiator = make_local_identity(secret_from_hex(vectors::initiator_private));
    const auto responder = make_local_identity(secret_from_hex(vectors::responder_private));
    const auto to_responder = *make_peer_keys(*initiator, responder->public_key, secret_from_hex(c.psk));
    const auto to_initiator = *make_peer_keys(*responder, initiator->public_key, secret_from_hex(c.psk));

    HandshakeInitiation initiation{.sender_index = 0x01020304};
    const auto sent =
        write_initiation(SymmetricState::wireguard(), *initiator, *to_responder,
                         secret_from_hex(vectors::initiator_ephemeral), from_hex(vectors::timestamp),
                         initiation.ephemeral, initiation.encrypted_static, initiation.encrypted_timestamp);
    ASSERT_TRUE(sent);
    initiation.mac1 = mac1_of(serialise(initiation), to_responder->mac1_key);
    EXPECT_EQ(to_hex(serialise(initiation)), c.initiation);
    EXPECT_EQ(initiation.mac1, mac1_of(serialise(initiation), responder->mac1_key));

    auto received =
        read_initiator(SymmetricState::wireguard(), *responder, initiation.ephemeral, initiation.encrypted_static);
    ASSERT_TRUE(received);
    Tai64n timestamp;
    auto accepted = read_payload(std::move(*received), *to_initiator, initiation.encrypted_timestamp, timestamp.bytes);
    ASSERT_TRUE(accepted);
    EXPECT_EQ(to_hex(timestamp.bytes), vectors::timestamp);

    HandshakeResponse response{.sender_index = 0xa1b2c3d4, .receiver_index = 0x01020304};
    const auto responder_keys =
        write_response(std::move(*accepted), *to_initiator, secret_from_hex(vectors::responder_ephemeral), {},
                       response.ephemeral, response.encrypted_empty);
    ASSERT_TRUE(responder_keys);
    response.mac1 = mac1_of(serialise(response), to_initiator->mac1_key);
    EXPECT_EQ(to_hex(serialise(response)), c.response);
    EXPECT_EQ(to_hex(responder_keys->open.expose()), c.initiator_seals);
    EXPECT_EQ(to_hex(responder_keys->seal.expose()), c.responder_seals);

    const auto initiator_keys =
        read_response(*sent, *initiator, *to_responder, response.ephemeral, response.encrypted_empty, {});
    ASSERT_TRUE(initiator_keys);
    EXPECT_EQ(to_hex(initiator_keys->seal.expose()), c.initiator_seals);
  }
}

// The points of order 1, 2, 4 and 8 and their non-canonical forms below 2^255; X25519 ignores the top bit (RFC 7748),
// so each counts twice.
const char* const low_order_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

TEST(Noise, RefusesLowOrderPointsEverywhere) {
  const auto ann = make_local_identity(secret_from_hex(vectors::initiator_private));
  const auto bob = make_local_identity(secret_from_hex(vectors::responder_private));
  const auto to_bob = *make_peer_keys(*ann, bob->public_key, {});
  for (std::size_t i = 0; i < 2 * std::size(low_order_points); ++i) {
    PublicKey point = array_from_hex<32>(low_order_points[i / 2]);
    if (i % 2 == 1) point[31] |= 0x80;
    SCOPED_TRACE(to_hex(point));
    // Configured as a peer's static key.
    EXPECT_EQ(make_peer_keys(*ann, point, {}).error(), HandshakeError::low_order_point);
    // As the initiator's ephemeral key.
    EXPECT_EQ(read_initiator(SymmetricState::wireguard(), *bob, point, EncryptedStatic{}).error(),
              HandshakeError::low_order_point);
    // As the responder's ephemeral key.
    HandshakeInitiation out;
    const auto sent =
        write_initiation(SymmetricState::wireguard(), *ann, *to_bob, secret_from_hex(vectors::initiator_ephemeral),
                         from_hex(vectors::timestamp), out.ephemeral, out.encrypted_static, out.encrypted_timestamp);
    EXPECT_EQ(read_response(*sent, *ann, *to_bob, point, EncryptedEmpty{}, {}).error(),
              HandshakeError::low_order_point);
    // As the initiator's static key, inside an authentic first step.
    ReceivedInitiation received{SymmetricState::wireguard().duplicate(), point, out.ephemeral};
    PublicKey ephemeral{};
    EncryptedEmpty empty{};
    EXPECT_EQ(write_response(std::move(received), *to_bob, secret_from_hex(vectors::responder_ephemeral), {}, ephemeral,
                             empty)
                  .error(),
              HandshakeError::low_order_point);
  }
}

TEST(Noise, RefusesEveryDamagedBit) {
  const auto ann = make_local_identity(secret_from_hex(vectors::initiator_private));
  const auto bob = make_local_identity(secret_from_hex(vectors::responder_private));
  const auto to_ann = *make_peer_keys(*bob, ann->public_key, secret_from_hex(vectors::preshared_key));
  const auto intact = *parse_initiation(from_hex(vectors::psk_initiation));
  for (std::size_t i = 0; i < intact.encrypted_static.size(); ++i) {
    auto damaged = intact;
    damaged.encrypted_static[i] ^= 0x10;
    EXPECT_EQ(read_initiator(SymmetricState::wireguard(), *bob, damaged.ephemeral, damaged.encrypted_static).error(),
              HandshakeError::decrypt_static);
  }
  for (std::size_t i = 0; i < intact.encrypted_timestamp.size(); ++i) {
    auto damaged = intact;
    damaged.encrypted_timestamp[i] ^= 1;
    auto received = read_initiator(SymmetricState::wireguard(), *bob, damaged.ephemeral, damaged.encrypted_static);
    Tai64n timestamp;
    EXPECT_EQ(read_payload(std::move(*received), *to_ann, damaged.encrypted_timestamp, timestamp.bytes).error(),
              HandshakeError::decrypt_timestamp);
  }
}

TEST(Noise, RefusesTheKeysOfAnotherPeer) {
  const auto bob = make_local_identity(secret_from_hex(vectors::responder_private));
  const auto carol = make_local_identity(secret_from_hex(vectors::responder_ephemeral));
  const auto to_carol = *make_peer_keys(*bob, carol->public_key, {});
  const auto message = *parse_initiation(from_hex(vectors::plain_initiation));
  auto received = read_initiator(SymmetricState::wireguard(), *bob, message.ephemeral, message.encrypted_static);
  Tai64n timestamp;
  EXPECT_EQ(read_payload(std::move(*received), *to_carol, message.encrypted_timestamp, timestamp.bytes).error(),
            HandshakeError::unknown_peer);
}

}  // namespace
}  // namespace sallyport::wireguard::noise_test
