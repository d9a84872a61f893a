// A chunked body of a hostile server, cut as the first byte says: the same data, error and end however it is cut.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "controlplane/https/chunk_decoder.hpp"

namespace {

struct Decoded {
  std::string data;
  std::string error;
  std::size_t left = 0;
  bool done = false;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(std::string_view bytes, std::size_t step) {
  sallyport::controlplane::ChunkDecoder decoder;
  Decoded decoded;
  while (!bytes.empty() && !decoder.done()) {
    std::string_view now = bytes.substr(0, step);
    const std::size_t size = now.size();
    while (!now.empty() && !decoder.done()) {
      const auto piece = decoder.take(now);
      if (!piece) {
        decoded.error = piece.error();
        return decoded;
      }
      decoded.data += *piece;
    }
    bytes.remove_prefix(size - now.size());
  }
  decoded.left = bytes.size();
  decoded.done = decoder.done();
  return decoded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Decoded whole = decode(bytes, bytes.size() + 1);
  if (whole.data.size() > bytes.size()) std::abort();
  if (decode(bytes, std::size_t{1} + data[0] % 16) != whole) std::abort();
  return 0;
}
