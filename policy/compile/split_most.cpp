#include "policy/compile/split_most.hpp"

#include <algorithm>

#include "policy/describe.hpp"

namespace sallyport::policy {

std::string split_most(std::vector<std::pair<std::size_t, std::string>> candidates, std::size_t class_count) {
  constexpr std::size_t most = 3;
  const auto smaller_part = [class_count](const auto& candidate) {
    return std::min(candidate.first, class_count - candidate.first);
  };
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const auto& a, const auto& b) { return smaller_part(a) > smaller_part(b); });
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(most, candidates.size()); ++i) names.push_back(candidates[i].second);
  return joined(names, ", ");
}

}  // namespace sallyport::policy
