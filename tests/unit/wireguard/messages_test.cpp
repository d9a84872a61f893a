#include "controlplane/wireguard/messages.hpp"

#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/wireguard/hex.hpp"
#include "tests/unit/wireguard/wireguard_vectors.hpp"

namespace sallyport::wireguard::messages_test {
namespace {

// A message of this type and size whose other bytes all differ from their neighbours.
std::vector<std::uint8_t> numbered(std::uint8_t type, std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 4; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  bytes[0] = type;
  return bytes;
}

template <typename Array>
std::vector<std::uint8_t> bytes_of(const Array& array) {
  return {array.begin(), array.end()};
}

TEST(Messages, PutEachFieldWhereThePaperDrawsIt) {
  const auto bytes = numbered(1, 148);
  const auto initiation = *parse_initiation(bytes);
  EXPECT_EQ(initiation.sender_index, 0x07060504U);
  EXPECT_EQ(initiation.ephemeral[0], 8);
  EXPECT_EQ(initiation.encrypted_static[0], 40);
  EXPECT_EQ(initiation.encrypted_timestamp[0], 88);
  EXPECT_EQ(initiation.mac1[0], 116);
  EXPECT_EQ(initiation.mac2[15], 147);
  EXPECT_EQ(bytes_of(serialise(initiation)), bytes);

  const auto response_bytes = numbered(2, 92);
  const auto response = *parse_response(response_bytes);
  EXPECT_EQ(response.sender_index, 0x07060504U);
  EXPECT_EQ(response.receiver_index, 0x0b0a0908U);
  EXPECT_EQ(response.ephemeral[0], 12);
  EXPECT_EQ(response.encrypted_empty[0], 44);
  EXPECT_EQ(response.mac1[0], 60);
  EXPECT_EQ(response.mac2[15], 91);
  EXPECT_EQ(bytes_of(serialise(response)), response_bytes);

  const auto reply_bytes = numbered(3, 64);
  const auto reply = *parse_cookie_reply(reply_bytes);
  EXPECT_EQ(reply.receiver_index, 0x07060504U);
  EXPECT_EQ(reply.nonce[0], 8);
  EXPECT_EQ(reply.encrypted_cookie[31], 63);
  EXPECT_EQ(bytes_of(serialise(reply)), reply_bytes);
}

TEST(Messages, RefuseEverySizeButTheirs) {
  for (std::size_t size = 0; size <= 2000; size += size < 300 ? 1 : 37) {
    const std::vector<std::uint8_t> bytes(size, 0);
    auto typed = [&](std::uint8_t type) {
      auto copy = bytes;
      if (!copy.empty()) copy[0] = type;
      return copy;
    };
    EXPECT_EQ(parse_initiation(typed(1)).has_value(), size == 148);
    EXPECT_EQ(parse_response(typed(2)).has_value(), size == 92);
    EXPECT_EQ(parse_cookie_reply(typed(3)).has_value(), size == 64);
    if (size != 148) { EXPECT_EQ(parse_initiation(typed(1)).error(), HandshakeError::wrong_size); }
  }
}

TEST(Messages, RefuseForeignTypesAndReservedBits) {
  for (unsigned type = 0; type < 256; ++type) {
    auto bytes = numbered(static_cast<std::uint8_t>(type), 148);
    EXPECT_EQ(parse_initiation(bytes).has_value(), type == 1);
    EXPECT_EQ(peek_type(bytes).has_value(), type >= 1 && type <= 3);
    if (type != 1) { EXPECT_EQ(parse_initiation(bytes).error(), HandshakeError::wrong_type); }
  }
  EXPECT_EQ(peek_type({}).error(), HandshakeError::wrong_type);
  for (std::size_t i = 1; i < 4; ++i) {
    auto bytes = numbered(2, 92);
    bytes[i] = 0x80;
    EXPECT_EQ(parse_response(bytes).error(), HandshakeError::reserved_not_zero);
  }
}

TEST(Messages, Mac1AndMac2CoverAllBeforeThem) {
  const auto bytes = from_hex(vectors::psk_initiation_with_cookie);
  const auto responder = make_local_identity(secret_from_hex(vectors::responder_private));
  const auto message = *parse_initiation(bytes);
  EXPECT_EQ(mac1_of(bytes, responder->mac1_key), message.mac1);
  EXPECT_EQ(mac2_of(bytes, array_from_hex<16>(vectors::cookie)), message.mac2);
}

TEST(HandshakeErrors, HaveNamesAndExplanations) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < handshake_error_count; ++i) {
    const auto error = static_cast<HandshakeError>(i);
    names.insert(name_of(error));
    EXPECT_GT(explain(error).size(), 10U) << name_of(error);
  }
  EXPECT_EQ(names.size(), handshake_error_count);
  EXPECT_EQ(name_of(HandshakeError::low_order_point), "low_order_point");
}

}  // namespace
}  // namespace sallyport::wireguard::messages_test
