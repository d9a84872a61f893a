// For the error about too many classes: what an operator should look at.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::policy {

// `candidates`: in how many classes each is, and its name. The three that come closest to being in half of all classes,
// and so split them most.
[[nodiscard]] std::string split_most(std::vector<std::pair<std::size_t, std::string>> candidates,
                                     std::size_t class_count);

}  // namespace sallyport::policy
