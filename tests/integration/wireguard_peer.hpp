// The far end of a tunnel: encrypts and decrypts data messages with libsodium, written from the white paper's section
// 5.4.6 and sharing nothing with the dataplane. The keys of a session come from no handshake; both ends are told them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "config/base/ip.hpp"
#include "tests/integration/wire.hpp"

namespace sallyport::integration {

using Key = std::array<std::uint8_t, 32>;

struct DataMessage {
  std::uint32_t receiver_index;
  std::uint64_t counter;
  Bytes plaintext;  // with its padding
};

class WireguardPeer {
 public:
  std::uint32_t id;                 // peer_id at the gateway
  IpEndpoint endpoint;              // where it sends from
  IpAddress v4, v6;                 // its addresses in the tunnel
  Key public_key;                   // a name, here
  Key to_gateway{}, to_peer{};      // of the present session
  std::uint32_t gateway_index = 0;  // receiver index at the gateway
  std::uint32_t own_index = 0;
  std::uint64_t session_id = 0;
  std::uint64_t next_counter = 0;

  // Keys of a new session, made from its id.
  void begin_session(std::uint32_t index_at_gateway, std::uint64_t new_session_id);
  // A data message with the next counter, or with `counter`. Padded to 16 bytes.
  [[nodiscard]] Bytes seal(std::span<const std::uint8_t> inner, std::optional<std::uint64_t> counter = {});
  // As it is, without padding.
  [[nodiscard]] Bytes seal_exactly(std::span<const std::uint8_t> plaintext, std::optional<std::uint64_t> counter = {});
  // Nothing if it is no data message for this peer or its tag is wrong.
  [[nodiscard]] std::optional<DataMessage> open(std::span<const std::uint8_t> message) const;
};

}  // namespace sallyport::integration
