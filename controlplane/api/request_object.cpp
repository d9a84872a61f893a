#include "controlplane/api/request_object.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "config/toml/suggest.hpp"
#include "controlplane/api/admin_call.hpp"

namespace sallyport::controlplane {
namespace {

constexpr int deepest = 2;  // an object, and lists in it
constexpr std::size_t shown_bytes = 256;

bool is_text(const Json& value, std::size_t most_bytes) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return !text.empty() && text.size() <= most_bytes && std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

std::string text_of_at_most(std::size_t most_bytes) {
  return "a text of 1 to " + std::to_string(most_bytes) + " bytes without control characters";
}

std::string integer_between(std::uint64_t lowest, std::uint64_t highest) {
  return "an integer from " + std::to_string(lowest) + " to " + std::to_string(highest);
}

// A value as an error may show it; a long one is not printed to the end first.
std::string shown(const Json* value) {
  if (value == nullptr) return "nothing";
  if (value->is_array()) return "a list of " + std::to_string(value->size());
  if (value->is_object()) return "an object";
  if (value->is_string()) return in_quotes(value->get_ref<const std::string&>().substr(0, shown_bytes));
  return to_text(*value);
}

}  // namespace

tl::expected<RequestObject, std::string> RequestObject::parse(const std::string& body,
                                                              std::span<const std::string_view> known,
                                                              std::string_view expected) {
  std::set<std::string> keys;
  std::string problem;
  const auto note = [&](std::string sentence) {
    if (problem.empty()) problem = std::move(sentence);
  };
  // What is nested deeper than anything that we know is not kept.
  const auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::key && depth == 1) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (std::find(known.begin(), known.end(), key) == known.end())
        note("there is no member " + in_quotes(key) + config::did_you_mean(key, known));
      if (!keys.insert(key).second) note("the member " + in_quotes(key) + " stands there twice");
    }
    const bool kept = (event != Event::object_start && event != Event::array_start) || depth < deepest;
    if (!kept) note("a list or an object stands in another one");
    return kept;
  };
  Json object = Json::parse(body, look, false);
  if (!object.is_object()) return tl::unexpected("expected a JSON object like " + std::string(expected));
  if (!problem.empty()) return tl::unexpected(problem + "; expected " + std::string(expected));
  return RequestObject(std::move(object));
}

std::string RequestObject::text(std::string_view key, std::size_t most_bytes) {
  if (find(key) == nullptr) complain(key, text_of_at_most(most_bytes), nullptr);
  return optional_text(key, most_bytes);
}

std::string RequestObject::optional_text(std::string_view key, std::size_t most_bytes) {
  const Json* value = find(key);
  if (value == nullptr) return {};
  if (is_text(*value, most_bytes)) return value->get<std::string>();
  complain(key, text_of_at_most(most_bytes), value);
  return {};
}

std::vector<std::string> RequestObject::texts(std::string_view key, std::size_t most, std::size_t most_bytes) {
  const Json* value = find(key);
  std::vector<std::string> list;
  if (value == nullptr) return list;
  if (!value->is_array() || value->size() > most) {
    complain(key, "a list of at most " + std::to_string(most) + " texts", value);
    return list;
  }
  for (const Json& element : *value) {
    if (!is_text(element, most_bytes)) {
      complain(key, text_of_at_most(most_bytes), &element);
      return {};
    }
    list.push_back(element.get<std::string>());
  }
  return list;
}

std::uint64_t RequestObject::number(std::string_view key, std::uint64_t lowest, std::uint64_t highest) {
  const auto value = optional_number(key, lowest, highest);
  if (!value) complain(key, integer_between(lowest, highest), nullptr);
  return value.value_or(lowest);
}

std::optional<std::uint64_t> RequestObject::optional_number(std::string_view key, std::uint64_t lowest,
                                                            std::uint64_t highest) {
  const Json* value = find(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (value->is_number_unsigned()) {
    const auto number = value->get<std::uint64_t>();
    if (number >= lowest && number <= highest) return number;
  }
  complain(key, integer_between(lowest, highest), value);
  return std::nullopt;
}

const Json* RequestObject::find(std::string_view key) const {
  const auto found = object_.find(std::string(key));
  return found == object_.end() ? nullptr : &*found;
}

void RequestObject::complain(std::string_view key, const std::string& expected, const Json* got) {
  if (problem_.empty()) problem_ = std::string(key) + ": expected " + expected + ", got " + shown(got);
}

}  // namespace sallyport::controlplane
