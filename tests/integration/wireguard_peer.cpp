#include "tests/integration/wireguard_peer.hpp"

#include <sodium.h>

namespace sallyport::integration {
namespace {

void put_little_endian(Bytes& bytes, std::size_t at, std::uint64_t value, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> 8 * i);
}
std::uint64_t get_little_endian(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= std::uint64_t{bytes[at + i]} << 8 * i;
  return value;
}
Bytes nonce_of(std::uint64_t counter) {
  Bytes nonce(12);
  put_little_endian(nonce, 4, counter, 8);
  return nonce;
}

}  // namespace

void WireguardPeer::begin_session(std::uint32_t index_at_gateway, std::uint64_t new_session_id) {
  gateway_index = index_at_gateway;
  session_id = new_session_id;
  own_index = 0x50000000U + static_cast<std::uint32_t>(new_session_id);
  next_counter = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    to_gateway[i] = static_cast<std::uint8_t>(i * 7 + id * 31 + session_id);
    to_peer[i] = static_cast<std::uint8_t>(i * 11 + id * 17 + session_id * 3 + 1);
  }
}

Bytes WireguardPeer::seal(std::span<const std::uint8_t> inner, std::optional<std::uint64_t> counter) {
  Bytes padded(inner.begin(), inner.end());
  padded.resize((padded.size() + 15) / 16 * 16);
  return seal_exactly(padded, counter);
}

Bytes WireguardPeer::seal_exactly(std::span<const std::uint8_t> plaintext, std::optional<std::uint64_t> counter) {
  const std::uint64_t number = counter ? *counter : next_counter++;
  Bytes message(16 + plaintext.size() + 16);
  message[0] = 4;
  put_little_endian(message, 4, gateway_index, 4);
  put_little_endian(message, 8, number, 8);
  crypto_aead_chacha20poly1305_ietf_encrypt(message.data() + 16, nullptr, plaintext.data(), plaintext.size(), nullptr,
                                            0, nullptr, nonce_of(number).data(), to_gateway.data());
  return message;
}

std::optional<DataMessage> WireguardPeer::open(std::span<const std::uint8_t> message) const {
  if (message.size() < 32 || get_little_endian(message, 0, 4) != 4) return std::nullopt;
  DataMessage data{.receiver_index = static_cast<std::uint32_t>(get_little_endian(message, 4, 4)),
                   .counter = get_little_endian(message, 8, 8),
                   .plaintext = Bytes(message.size() - 32)};
  if (data.receiver_index != own_index) return std::nullopt;
  if (crypto_aead_chacha20poly1305_ietf_decrypt(data.plaintext.data(), nullptr, nullptr, message.data() + 16,
                                                message.size() - 16, nullptr, 0, nonce_of(data.counter).data(),
                                                to_peer.data()) != 0)
    return std::nullopt;
  return data;
}

}  // namespace sallyport::integration
