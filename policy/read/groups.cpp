// [group]
#include "policy/limits.hpp"
#include "policy/read/draft.hpp"

namespace sallyport::policy {

void read_groups(Draft& draft, TableReader& top) {
  for (const TomlEntry* entry : read_named(top, "group", limits::groups)) {
    Group& group = draft.groups.emplace_back();
    group.location = top.errors().locate(entry->position);
    group.name = entry->key;
    group.members = selectors_in(top.errors(), "group " + entry->key, entry->value);
  }
}

}  // namespace sallyport::policy
