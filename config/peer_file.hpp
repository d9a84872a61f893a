// One file of peers.d/: either [[peer]] tables, or the keys of one peer at the top, whose name is the file's unless it
// says another. Only what concerns each peer alone is checked here; peer_index.hpp knows the others.
#pragma once

#include <filesystem>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/config.hpp"

namespace sallyport::config {

// The first syntax error alone, or all that is wrong with the values. `name` stands in the errors, and relative paths
// start from its folder.
[[nodiscard]] tl::expected<std::vector<Peer>, std::vector<Error>> parse_peer_file(std::string_view text,
                                                                                  const std::filesystem::path& name);

}  // namespace sallyport::config
