#include "tools/ctl/json_fields.hpp"

namespace sallyport::ctl {

std::optional<Json> parse_json(std::string_view text) {
  bool too_deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > static_cast<int>(deepest_answer);
    return !too_deep;
  };
  Json value = Json::parse(text, watch, false);
  if (too_deep || value.is_discarded()) return std::nullopt;
  return value;
}

const Json& field(const Json& object, std::string_view key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(std::string(key));
  return found == object.end() ? none : *found;
}

const Json& list_field(const Json& object, std::string_view key) {
  static const Json none = Json::array();
  const Json& value = field(object, key);
  return value.is_array() ? value : none;
}

std::string text_field(const Json& object, std::string_view key, std::string_view fallback) {
  const Json& value = field(object, key);
  if (value.is_string()) return value.get_ref<const std::string&>();
  if (value.is_number_unsigned()) return std::to_string(value.get<std::uint64_t>());
  return std::string(fallback);
}

std::uint64_t number_field(const Json& object, std::string_view key) {
  return optional_number(object, key).value_or(0);
}

std::optional<std::uint64_t> optional_number(const Json& object, std::string_view key) {
  const Json& value = field(object, key);
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<std::uint64_t>();
}

bool flag_field(const Json& object, std::string_view key) {
  const Json& value = field(object, key);
  return value.is_boolean() && value.get<bool>();
}

std::string joined(const Json& list, std::string_view separator) {
  std::string text;
  for (const Json& element : list) {
    if (!element.is_string()) continue;
    if (!text.empty()) text += separator;
    text += element.get_ref<const std::string&>();
  }
  return text;
}

std::string to_text(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sallyport::ctl
