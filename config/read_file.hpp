// Reads a whole file that an operator wrote, within the bound for configuration files.
#pragma once

#include <filesystem>
#include <string>
#include <tl/expected.hpp>

namespace sallyport::config {

// Or why it cannot be had. Never blocks on a FIFO, and never reads more than the limit of a file that grows.
[[nodiscard]] tl::expected<std::string, std::string> read_file(const std::filesystem::path& path);

// What is said of a file, or a text, beyond the limit.
[[nodiscard]] std::string too_large();

}  // namespace sallyport::config
