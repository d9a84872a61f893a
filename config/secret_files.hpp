// Reads the files that hold a key: [[wireguard]] private_key_file, [[peer]] preshared_key_file, [enrolment]
// private_key_file. Nothing of a key
// stays behind in a buffer, and no message repeats what a file holds.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "config/base/secret.hpp"

namespace sallyport::config {

// A WireGuard key as `wg genkey` writes it: 44 characters of base64 and, if you like, a newline. Refused: a file that
// is not regular, that group or others can read (the message has the chmod that helps), that belongs to a stranger (who
// could change it, and knows it), of another length, or with the all-zero key. A symbolic link is followed. No
// strangers are root, the process's own user and `reader`, who will read it if not this process.
[[nodiscard]] tl::expected<Secret<key_bytes>, std::string> read_key_file(const std::filesystem::path& path,
                                                                         std::optional<uid_t> reader = std::nullopt);

// Another private key, such as a PEM: the whole file, refused for the same reasons and if it is larger than
// `most_bytes`. The caller wipes it.
[[nodiscard]] tl::expected<std::string, std::string> read_secret_file(const std::filesystem::path& path,
                                                                      std::size_t most_bytes,
                                                                      std::optional<uid_t> reader = std::nullopt);

}  // namespace sallyport::config
