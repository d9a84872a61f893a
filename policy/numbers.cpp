#include <algorithm>
#include <set>
#include <string_view>

#include "policy/compile.hpp"

namespace sallyport::policy {

bool Numbers::assign(const std::vector<std::string>& names) {
  const std::set<std::string_view> wanted(names.begin(), names.end());
  if (wanted.size() >= limit_) return false;
  std::erase_if(numbers_, [&](const auto& entry) {
    if (wanted.contains(entry.first)) return false;
    names_.erase(entry.second);
    return true;
  });
  for (const std::string& name : names) {
    if (numbers_.contains(name)) continue;
    // There is a free one: fewer than limit_ - 1 are taken.
    do {
      if (next_ >= limit_) next_ = 1;
    } while (names_.contains(next_++));
    numbers_.emplace(name, next_ - 1);
    names_.emplace(next_ - 1, name);
  }
  return true;
}

std::uint32_t Numbers::of(const std::string& name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? 0 : found->second;
}

const std::string& Numbers::name_of(std::uint32_t number) const {
  static const std::string none;
  const auto found = names_.find(number);
  return found == names_.end() ? none : found->second;
}

void Numbers::restore(std::map<std::string, std::uint32_t> numbers) {
  numbers_.clear();
  names_.clear();
  next_ = 1;
  for (const auto& [name, number] : numbers) {
    if (number == 0 || number >= limit_ || !names_.emplace(number, name).second) continue;
    numbers_.emplace(name, number);
  }
  if (!names_.empty()) next_ = names_.rbegin()->first + 1;
}

}  // namespace sallyport::policy
