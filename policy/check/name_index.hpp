// The objects of one kind by their names; of two with one name, the first.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/read/draft.hpp"

namespace sallyport::policy {

// Borrows the names: the objects stay as they are while it lives.
class NameIndex {
 public:
  template <typename Object>
  NameIndex(std::string_view kind, const std::vector<Object>& objects) : kind_(kind) {
    by_name_.reserve(objects.size());
    for (std::size_t i = 0; i < objects.size(); ++i)
      if (by_name_.emplace(objects[i].name, i).second) names_.push_back(objects[i].name);
  }

  [[nodiscard]] bool empty() const noexcept { return names_.empty(); }
  // Null: there is none.
  [[nodiscard]] const std::size_t* find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &found->second;
  }
  // As find(); that there is none is reported, unless a file with a syntax error may have it.
  const std::size_t* find_or_report(Draft& draft, std::string_view name, const Location& location,
                                    std::string_view key) const {
    const std::size_t* found = find(name);
    if (found == nullptr && draft.complete)
      draft.report(location, std::string(key) + ": there is no " + kind_ + " '" + std::string(name) + '\'' +
                                 draft.suggest(name, names_));
    return found;
  }

 private:
  std::string kind_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
  std::vector<std::string_view> names_;
};

}  // namespace sallyport::policy
