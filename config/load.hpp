// From gateway.toml to a valid Config, or to everything that is wrong with it. Reads no file but the one it is given:
// whether a key file exists and is private is secret_files.hpp's question, at start and at reload.
#pragma once

#include <filesystem>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/config.hpp"

namespace sallyport::config {

// The first syntax error alone, or all other errors at once, in the order of the file; never empty. A file that is not
// regular, cannot be read, is larger than 64 MiB or is not UTF-8 is an error like any other. Thread-safe; throws
// nothing but std::bad_alloc. `running`, at a reload, is what runs: its ports stay until a restart, so what clashes
// with those is an error, too.
[[nodiscard]] tl::expected<Config, std::vector<Error>> load(const std::filesystem::path& file,
                                                            const Config* running = nullptr);

// The same for a text that was read already. `name` stands in the errors, and relative paths start from its folder.
[[nodiscard]] tl::expected<Config, std::vector<Error>> parse(std::string_view text, const std::filesystem::path& name,
                                                             const Config* running = nullptr);

}  // namespace sallyport::config
