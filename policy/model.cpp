#include "policy/model.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

// Objects from load.hpp are sorted by name; those that somebody put together may not be.
template <typename Object>
const Object* find_named(const std::vector<Object>& objects, const std::string& name) {
  const auto sorted =
      std::lower_bound(objects.begin(), objects.end(), name,
                       [](const Object& object, const std::string& wanted) { return object.name < wanted; });
  if (sorted != objects.end() && sorted->name == name) return &*sorted;
  const auto any =
      std::find_if(objects.begin(), objects.end(), [&](const Object& object) { return object.name == name; });
  return any == objects.end() ? nullptr : &*any;
}

}  // namespace

const Service* Policy::find_service(const std::string& name) const {
  return find_named(services, name);
}

const Posture* Policy::find_posture(const std::string& name) const {
  return find_named(postures, name);
}

const Rule* Policy::find_rule(const std::string& name) const {
  if (rules_by_name.size() == rules.size()) {
    const auto found =
        std::lower_bound(rules_by_name.begin(), rules_by_name.end(), name,
                         [&](std::uint32_t index, const std::string& wanted) { return rules[index].name < wanted; });
    return found != rules_by_name.end() && rules[*found].name == name ? &rules[*found] : nullptr;
  }
  const auto any = std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.name == name; });
  return any == rules.end() ? nullptr : &*any;
}

}  // namespace sallyport::policy
