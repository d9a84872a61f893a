// What each group comes to when the groups in it are replaced by their members.
#pragma once

#include <string_view>
#include <vector>

#include "policy/check/name_index.hpp"

namespace sallyport::policy {

class ResolvedGroups {
 public:
  struct Members {
    std::vector<const Selector*> all;  // no groups, each text once
    const Selector* claim = nullptr;   // the first of them that may be missing
    const Selector* net = nullptr;     // the first of them that is no peer
  };

  // Reports members that are groups and do not exist, and loops; says of a group in a loop only what is outside of it.
  // Borrows the groups of the draft.
  explicit ResolvedGroups(Draft& draft);

  // Null: there is no such group.
  [[nodiscard]] const Members* find(std::string_view name) const;
  // As find(), reported at `selector`, which is a group.
  const Members* find_or_report(Draft& draft, const Selector& selector, std::string_view key) const;

 private:
  void resolve(Draft& draft, std::size_t group);

  NameIndex names_;
  std::vector<std::vector<std::size_t>> inner_;  // groups in each group
  std::vector<Members> members_;
  std::size_t total_ = 0;
};

}  // namespace sallyport::policy
