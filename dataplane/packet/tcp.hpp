// The TCP header, RFC 9293, and a walk over its options that no lying length can lead astray.
#pragma once

#include "dataplane/packet/byte_order.hpp"
#include "dataplane/packet/reader.hpp"

namespace sallyport::dataplane {

struct TcpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be32 sequence;
  Be32 acknowledgement;
  std::uint8_t data_offset = 0x50;  // upper four bits: header length in 4-byte words
  std::uint8_t flags = 0;
  Be16 window;
  Be16 checksum;
  Be16 urgent;

  [[nodiscard]] constexpr std::size_t header_bytes() const noexcept {
    return static_cast<std::size_t>(data_offset >> 4) * 4;
  }
};
inline constexpr std::size_t tcp_header_bytes = 20;
static_assert(sizeof(TcpHeader) == tcp_header_bytes && WireStruct<TcpHeader>);
inline constexpr std::size_t tcp_checksum_offset = 16;

inline constexpr std::uint8_t tcp_flag_fin = 0x01;
inline constexpr std::uint8_t tcp_flag_syn = 0x02;
inline constexpr std::uint8_t tcp_flag_rst = 0x04;
inline constexpr std::uint8_t tcp_flag_ack = 0x10;

inline constexpr std::uint8_t tcp_option_end = 0;
inline constexpr std::uint8_t tcp_option_nop = 1;
inline constexpr std::uint8_t tcp_option_mss = 2;

struct TcpOption {
  std::uint8_t kind = 0;
  std::uint8_t length = 0;  // kind and length bytes included
  std::size_t offset = 0;   // of the kind byte, from the first option byte
};

// Yields the options that have a length, one by one; ends at the end-of-options byte or at the first malformed one.
// At most 20 steps: options have at least two bytes and at most forty lie in a header.
class TcpOptionWalk {
 public:
  explicit TcpOptionWalk(std::span<const std::uint8_t> options) noexcept : options_(options) {}

  [[nodiscard]] bool next(TcpOption& out) noexcept {
    while (at_ < options_.size() && options_[at_] == tcp_option_nop) ++at_;
    if (at_ + 2 > options_.size() || options_[at_] == tcp_option_end) return false;
    const std::uint8_t length = options_[at_ + 1];
    if (length < 2 || at_ + length > options_.size()) return false;
    out = {.kind = options_[at_], .length = length, .offset = at_};
    at_ += length;
    return true;
  }

 private:
  std::span<const std::uint8_t> options_;
  std::size_t at_ = 0;
};

}  // namespace sallyport::dataplane
