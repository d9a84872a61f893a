// Reads a file that somebody may be writing at this moment. Linux tells no reader that a file is complete, so the file
// must look the same before and after; one that does not is read again, a few times.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <tl/expected.hpp>

#include "config/limits.hpp"

namespace sallyport::config {

// By which a file that was replaced or written since is recognised.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

struct FileText {
  std::string text;
  FileStamp stamp;
};

// The whole file, or why it cannot be had. Never blocks on a FIFO, follows symbolic links, and never reads more than
// `most_bytes` of a file that grows.
[[nodiscard]] tl::expected<FileText, std::string> read_file(const std::filesystem::path& path,
                                                            std::size_t most_bytes = limits::file_bytes);

// What is there now; an error if nothing is.
[[nodiscard]] tl::expected<FileStamp, std::string> stamp_of(const std::filesystem::path& path);

[[nodiscard]] std::string too_large(std::size_t most_bytes);  // "larger than 64 MiB"

// How often a file is read before its changes are an error, and the pause between.
inline constexpr unsigned read_attempts = 5;
void pause_before_reading_again();

}  // namespace sallyport::config
