// Where the body of an answer ends (RFC 9112, 6.3), and its bytes as they arrive. No I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "controlplane/https/chunk_decoder.hpp"

namespace sallyport::controlplane {

class AnswerBody {
 public:
  enum class Ends : std::uint8_t { at_length, with_last_chunk, with_connection };
  AnswerBody() = default;
  explicit AnswerBody(Ends ends, std::uint64_t length = 0) : ends_(ends), left_(length) {}

  // As ChunkDecoder::take.
  [[nodiscard]] tl::expected<std::string_view, std::string> take(std::string_view& bytes) {
    if (ends_ == Ends::with_last_chunk) return chunks_.take(bytes);
    const std::string_view piece = ends_ == Ends::at_length ? bytes.substr(0, left_) : bytes;
    if (ends_ == Ends::at_length) left_ -= piece.size();
    bytes.remove_prefix(piece.size());
    return piece;
  }
  [[nodiscard]] bool done() const {
    return ends_ == Ends::with_last_chunk ? chunks_.done() : ends_ == Ends::at_length && left_ == 0;
  }
  // True if an orderly end of the connection (TLS close_notify) is where it ends.
  [[nodiscard]] bool may_end_now() const { return ends_ == Ends::with_connection || done(); }

 private:
  Ends ends_ = Ends::at_length;
  std::uint64_t left_ = 0;
  ChunkDecoder chunks_;
};

}  // namespace sallyport::controlplane
