// Sections that are parsed and checked already but that nothing acts on yet. A gateway that uses one refuses to start
// and says so, rather than leave an operator believing in a protection that is not there.
#pragma once

#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace sallyport::config {

// One error for each section in use, at its place in the file; empty when the gateway may start. Peers' identity, tags
// and claims are labels and always fine.
[[nodiscard]] std::vector<Error> unsupported_features(const Config& config);
// Their headers, as the reference has them: "[ipsec]".
[[nodiscard]] std::vector<std::string_view> unsupported_headers();

}  // namespace sallyport::config
