#include "controlplane/https/chunk_decoder.hpp"

#include <algorithm>

namespace sallyport::controlplane {
namespace {

int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

tl::expected<std::string_view, std::string> ChunkDecoder::take(std::string_view& bytes) {
  while (!bytes.empty() && state_ != State::done) {
    if (state_ == State::data) {
      const auto piece = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(size_, bytes.size())));
      bytes.remove_prefix(piece.size());
      size_ -= piece.size();
      if (size_ == 0) state_ = State::data_cr;
      return piece;
    }
    if (const char* error = step(bytes.front())) return tl::unexpected(std::string(error));
    bytes.remove_prefix(1);
  }
  return std::string_view();
}

const char* ChunkDecoder::step(char c) {
  switch (state_) {
    case State::size:
      return in_size(c);
    case State::extension:
      if (c == '\r') state_ = State::size_end;
      return ++line_bytes_ > size_line_bytes_max ? "the line of a chunk's size is too long" : nullptr;
    case State::size_end:
      if (c != '\n') return "expected the end of the line of a chunk's size";
      state_ = size_ > 0 ? State::data : State::trailer;
      return nullptr;
    case State::data_cr:
      state_ = State::data_lf;
      return c == '\r' ? nullptr : "expected the end of a chunk";
    case State::data_lf:
      state_ = State::size;
      digits_ = 0;
      line_bytes_ = 0;
      return c == '\n' ? nullptr : "expected the end of a chunk";
    case State::trailer:
      return in_trailer(c);
    case State::trailer_end:
      if (c != '\n') return "expected the end of a trailer's line";
      state_ = trailer_is_empty_ ? State::done : State::trailer;
      trailer_is_empty_ = true;
      return nullptr;
    case State::data:
    case State::done:
      break;
  }
  return nullptr;
}

const char* ChunkDecoder::in_size(char c) {
  const int digit = hexadecimal(c);
  if (digit >= 0) {
    if (++digits_ > size_digits_max) return "a chunk's size is too large";
    size_ = size_ * 16 + static_cast<unsigned>(digit);
    return nullptr;
  }
  if (digits_ == 0) return "expected a chunk's size in hexadecimal";
  if (c == '\r')
    state_ = State::size_end;
  else if (c == ';' || c == ' ' || c == '\t')
    state_ = State::extension;
  else
    return "expected a chunk's size in hexadecimal";
  return nullptr;
}

const char* ChunkDecoder::in_trailer(char c) {
  if (++trailers_bytes_ > trailers_bytes_max) return "the trailers are too long";
  if (c == '\r')
    state_ = State::trailer_end;
  else
    trailer_is_empty_ = false;
  return nullptr;
}

}  // namespace sallyport::controlplane
