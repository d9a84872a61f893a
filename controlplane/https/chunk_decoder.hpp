// The chunked transfer coding (RFC 9112, 7.1) of an answer, taken apart as it arrives, however it is cut. No I/O. Beast
// 1.74 asserts on a last chunk that arrives in pieces (boostorg/beast, pull request 2861), so bodies do not go there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace sallyport::controlplane {

class ChunkDecoder {
 public:
  // Takes bytes from the front of `bytes`, up to the next piece of data, which it returns; an empty piece: all bytes
  // were taken, or the body is over. What follows its end stays in `bytes`. After an error, nothing.
  [[nodiscard]] tl::expected<std::string_view, std::string> take(std::string_view& bytes);
  [[nodiscard]] bool done() const { return state_ == State::done; }

  static constexpr std::size_t size_line_bytes_max = 256;  // with its extensions, which mean nothing to us
  static constexpr std::size_t trailers_bytes_max = 8192;
  static constexpr unsigned size_digits_max = 12;

 private:
  enum class State : std::uint8_t { size, extension, size_end, data, data_cr, data_lf, trailer, trailer_end, done };
  [[nodiscard]] const char* step(char c);  // a byte that is no data; an error or nullptr
  [[nodiscard]] const char* in_size(char c);
  [[nodiscard]] const char* in_trailer(char c);

  State state_ = State::size;
  std::uint64_t size_ = 0;  // of the chunk, of which is still to come
  unsigned digits_ = 0;
  std::size_t line_bytes_ = 0;
  std::size_t trailers_bytes_ = 0;
  bool trailer_is_empty_ = true;  // its line, so far
};

}  // namespace sallyport::controlplane
