#include "controlplane/wireguard/messages.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

#include "config/base/check.hpp"

namespace sallyport::wireguard {
namespace {

// Takes fields off the front of a message whose whole size was checked; running out is a bug in this file.
class FieldReader {
 public:
  explicit FieldReader(Bytes bytes) noexcept : rest_(bytes) {}

  template <std::size_t N>
  void take(std::array<std::uint8_t, N>& field) noexcept {
    SP_CHECK(rest_.size() >= N);
    std::copy_n(rest_.begin(), N, field.begin());
    rest_ = rest_.subspan(N);
  }
  void take(std::uint32_t& field) noexcept {
    std::array<std::uint8_t, 4> bytes{};
    take(bytes);
    field = std::uint32_t{bytes[0]} | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 |
            std::uint32_t{bytes[3]} << 24;
  }
  void done() const noexcept { SP_CHECK(rest_.empty()); }

 private:
  Bytes rest_;
};

class FieldWriter {
 public:
  FieldWriter(std::span<std::uint8_t> bytes, MessageType type) noexcept : rest_(bytes) {
    put(std::array<std::uint8_t, 4>{static_cast<std::uint8_t>(type), 0, 0, 0});
  }

  template <std::size_t N>
  void put(const std::array<std::uint8_t, N>& field) noexcept {
    SP_CHECK(rest_.size() >= N);
    std::copy_n(field.begin(), N, rest_.begin());
    rest_ = rest_.subspan(N);
  }
  void put(std::uint32_t field) noexcept {
    put(std::array<std::uint8_t, 4>{static_cast<std::uint8_t>(field), static_cast<std::uint8_t>(field >> 8),
                                    static_cast<std::uint8_t>(field >> 16), static_cast<std::uint8_t>(field >> 24)});
  }
  void done() const noexcept { SP_CHECK(rest_.empty()); }

 private:
  std::span<std::uint8_t> rest_;
};

// The cheapest check first. On success the reader stands behind the type and the reserved bytes.
tl::expected<FieldReader, HandshakeError> open_message(Bytes message, MessageType type, std::size_t size) noexcept {
  if (message.size() != size) return tl::unexpected(HandshakeError::wrong_size);
  if (message[0] != static_cast<std::uint8_t>(type)) return tl::unexpected(HandshakeError::wrong_type);
  if ((message[1] | message[2] | message[3]) != 0) return tl::unexpected(HandshakeError::reserved_not_zero);
  return FieldReader(message.subspan(4));
}

}  // namespace

tl::expected<MessageType, HandshakeError> peek_type(Bytes message) noexcept {
  if (message.empty() || message[0] < 1 || message[0] > 3) return tl::unexpected(HandshakeError::wrong_type);
  return static_cast<MessageType>(message[0]);
}

tl::expected<HandshakeInitiation, HandshakeError> parse_initiation(Bytes message) noexcept {
  auto reader = open_message(message, MessageType::handshake_initiation, handshake_initiation_bytes);
  if (!reader) return tl::unexpected(reader.error());
  HandshakeInitiation initiation;
  reader->take(initiation.sender_index);
  reader->take(initiation.ephemeral);
  reader->take(initiation.encrypted_static);
  reader->take(initiation.encrypted_timestamp);
  reader->take(initiation.mac1);
  reader->take(initiation.mac2);
  reader->done();
  return initiation;
}

tl::expected<HandshakeResponse, HandshakeError> parse_response(Bytes message) noexcept {
  auto reader = open_message(message, MessageType::handshake_response, handshake_response_bytes);
  if (!reader) return tl::unexpected(reader.error());
  HandshakeResponse response;
  reader->take(response.sender_index);
  reader->take(response.receiver_index);
  reader->take(response.ephemeral);
  reader->take(response.encrypted_empty);
  reader->take(response.mac1);
  reader->take(response.mac2);
  reader->done();
  return response;
}

tl::expected<CookieReply, HandshakeError> parse_cookie_reply(Bytes message) noexcept {
  auto reader = open_message(message, MessageType::cookie_reply, cookie_reply_bytes);
  if (!reader) return tl::unexpected(reader.error());
  CookieReply reply;
  reader->take(reply.receiver_index);
  reader->take(reply.nonce);
  reader->take(reply.encrypted_cookie);
  reader->done();
  return reply;
}

HandshakeInitiationBytes serialise(const HandshakeInitiation& message) noexcept {
  HandshakeInitiationBytes bytes;
  FieldWriter writer(bytes, MessageType::handshake_initiation);
  writer.put(message.sender_index);
  writer.put(message.ephemeral);
  writer.put(message.encrypted_static);
  writer.put(message.encrypted_timestamp);
  writer.put(message.mac1);
  writer.put(message.mac2);
  writer.done();
  return bytes;
}

HandshakeResponseBytes serialise(const HandshakeResponse& message) noexcept {
  HandshakeResponseBytes bytes;
  FieldWriter writer(bytes, MessageType::handshake_response);
  writer.put(message.sender_index);
  writer.put(message.receiver_index);
  writer.put(message.ephemeral);
  writer.put(message.encrypted_empty);
  writer.put(message.mac1);
  writer.put(message.mac2);
  writer.done();
  return bytes;
}

CookieReplyBytes serialise(const CookieReply& message) noexcept {
  CookieReplyBytes bytes;
  FieldWriter writer(bytes, MessageType::cookie_reply);
  writer.put(message.receiver_index);
  writer.put(message.nonce);
  writer.put(message.encrypted_cookie);
  writer.done();
  return bytes;
}

Mac mac1_of(Bytes message, const Hash& mac1_key) {
  SP_CHECK(message.size() > 2 * mac_bytes);
  return mac(mac1_key, {message.first(message.size() - 2 * mac_bytes)});
}

Mac mac2_of(Bytes message, const Mac& cookie) {
  SP_CHECK(message.size() > mac_bytes);
  return mac(cookie, {message.first(message.size() - mac_bytes)});
}

}  // namespace sallyport::wireguard
