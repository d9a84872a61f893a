// [posture]
#include "policy/limits.hpp"
#include "policy/posture_condition.hpp"
#include "policy/read/draft.hpp"

namespace sallyport::policy {
namespace {

void read_posture(Draft& draft, ErrorList& errors, const TomlEntry& entry) {
  Posture& posture = draft.postures.emplace_back();
  posture.location = errors.locate(entry.position);
  posture.name = entry.key;
  const std::string what = "posture " + entry.key + ": ";
  const auto* array = entry.value.as<config::TomlArray>();
  if (array == nullptr || array->empty() || array->size() > limits::conditions)
    return errors.add(entry.value.position,
                      what + "expected a list of 1 to " + std::to_string(limits::conditions) + " conditions, got " +
                          (array == nullptr ? entry.value.describe() : std::to_string(array->size())));
  for (const TomlValue& element : *array) {
    auto condition = text_by(parse_posture_condition, "a condition such as \"disk_encrypted == true\"")(element);
    if (condition) {
      posture.conditions.push_back(std::move(*condition));
    } else {
      errors.add(element.position, what + condition.error());
    }
  }
}

}  // namespace

void read_postures(Draft& draft, TableReader& top) {
  for (const TomlEntry* entry : read_named(top, "posture", limits::postures)) read_posture(draft, top.errors(), *entry);
}

}  // namespace sallyport::policy
