// What differs between two versions of a policy, one line for each object: "+ rule x", "- group y", "~ service z". For
// the log, the audit trail and the answer to a reload; who gains and loses access is policy/difference.hpp's question.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "policy/model.hpp"

namespace sallyport::controlplane {

// Null: default = "allow".
[[nodiscard]] std::vector<std::string> summarize_changes(const policy::Policy* before, const policy::Policy* after);

// Of one change of the policy, in the log.
inline constexpr std::size_t summary_lines_logged = 100;

// The first lines, and how many more there are.
[[nodiscard]] std::vector<std::string> shortened(std::vector<std::string> lines, std::size_t most);

}  // namespace sallyport::controlplane
