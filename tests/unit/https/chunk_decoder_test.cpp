#include "controlplane/https/chunk_decoder.hpp"

#include <gtest/gtest.h>

namespace sallyport::controlplane::chunk_decoder_test {
namespace {

struct Decoded {
  std::string data;
  std::string error;
  bool done = false;
  std::size_t left = 0;
};

Decoded decode(std::string_view bytes, std::size_t step) {
  ChunkDecoder decoder;
  Decoded decoded;
  while (!bytes.empty() && !decoder.done()) {
    std::string_view now = bytes.substr(0, step);
    const std::size_t size = now.size();
    while (!now.empty() && !decoder.done()) {
      const auto piece = decoder.take(now);
      if (!piece) return {decoded.data, piece.error(), false, 0};
      decoded.data += *piece;
    }
    bytes.remove_prefix(size - now.size());
  }
  decoded.done = decoder.done();
  decoded.left = bytes.size();
  return decoded;
}

TEST(ChunkDecoder, GivesTheSameDataHoweverTheBytesAreCut) {
  const std::string bytes =
      "4\r\nWiki\r\n6;name=\"value\"\r\npedia \r\nE \r\nin \r\n\r\nchunks.\r\n000\r\nTrailer: x\r\nOther: "
      "y\r\n\r\nnext";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    const Decoded decoded = decode(bytes, step);
    EXPECT_EQ(decoded.error, "");
    EXPECT_EQ(decoded.data, "Wikipedia in \r\n\r\nchunks.");
    EXPECT_TRUE(decoded.done);
    EXPECT_EQ(decoded.left, 4U) << "what follows is not the body's";
  }
}

TEST(ChunkDecoder, IsNotDoneBeforeTheLastByte) {
  const std::string bytes = "1\r\nx\r\n0\r\n\r\n";
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Decoded decoded = decode(std::string_view(bytes).substr(0, size), 1);
    EXPECT_FALSE(decoded.done) << size;
    EXPECT_EQ(decoded.error, "") << size;
  }
}

TEST(ChunkDecoder, SaysWhatWasExpected) {
  const auto error_of = [](const std::string& bytes) { return decode(bytes, 1).error; };
  for (const char* bytes : {"\r\n", "x\r\n", "-1\r\n", " 1\r\n", "0x1\r\n", "1\n", ";\r\n", "1,\r\n"})
    EXPECT_EQ(error_of(bytes), "expected a chunk's size in hexadecimal") << bytes;
  EXPECT_EQ(error_of("1\rx"), "expected the end of the line of a chunk's size");
  EXPECT_EQ(error_of("1\r\nxy"), "expected the end of a chunk");
  EXPECT_EQ(error_of("1\r\nx\ry"), "expected the end of a chunk");
  EXPECT_EQ(error_of("0\r\n\rx"), "expected the end of a trailer's line");
  EXPECT_EQ(error_of("0000000000001\r\n"), "a chunk's size is too large");
  EXPECT_EQ(error_of("1;" + std::string(ChunkDecoder::size_line_bytes_max, 'x')), "");
  EXPECT_EQ(error_of("1;" + std::string(ChunkDecoder::size_line_bytes_max + 1, 'x')),
            "the line of a chunk's size is too long");
  EXPECT_EQ(error_of("0\r\n" + std::string(ChunkDecoder::trailers_bytes_max + 1, 'x')), "the trailers are too long");
}

}  // namespace
}  // namespace sallyport::controlplane::chunk_decoder_test
