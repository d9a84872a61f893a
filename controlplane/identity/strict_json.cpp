#include "controlplane/identity/strict_json.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <vector>

#include "config/toml/value.hpp"

namespace sallyport::controlplane {
namespace {

// Only looks: the document is made by a second pass, once it is known to be harmless.
class Inspector final : public nlohmann::json_sax<Json> {
 public:
  std::string problem;

  bool null() override { return value(); }
  bool boolean(bool /*value*/) override { return value(); }
  bool number_integer(number_integer_t /*value*/) override { return value(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return value(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return value(); }
  bool string(string_t& /*value*/) override { return value(); }
  bool binary(binary_t& /*value*/) override { return fail("expected JSON"); }

  bool start_object(std::size_t /*members*/) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t /*elements*/) override { return value() && enter(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    if (names_.back().insert(name).second) return true;
    return fail("the member " + config::in_quotes(name) + " comes twice");
  }

  bool parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& /*error*/) override {
    return fail("not JSON at byte " + std::to_string(position));
  }

 private:
  bool value() { return !names_.empty() || fail("expected an object"); }
  bool enter() {
    if (names_.size() == json_depth_max) return fail("nested too deeply");
    names_.emplace_back();
    return true;
  }
  bool leave() {
    names_.pop_back();
    return true;
  }
  bool fail(std::string what) {
    problem = std::move(what);
    return false;
  }

  std::vector<std::set<std::string>> names_;  // of every object that is open; arrays have an empty set
};

// ~1 is '/', ~0 is '~'.
std::optional<std::string> unescape(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      text += token[i];
      continue;
    }
    if (++i == token.size() || (token[i] != '0' && token[i] != '1')) return std::nullopt;
    text += token[i] == '0' ? '~' : '/';
  }
  return text;
}

const Json* element(const Json& array, std::string_view index) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), number);
  const bool canonical = index == "0" || (!index.empty() && index[0] != '0');
  if (error != std::errc() || end != index.data() + index.size() || !canonical) return nullptr;
  return number < array.size() ? &array[number] : nullptr;
}

}  // namespace

tl::expected<Json, std::string> parse_json_object(std::string_view text) {
  // The parser takes a zero byte for the end, and would skip a byte order mark.
  if (text.find('\0') != std::string_view::npos) return tl::make_unexpected("not JSON: it has a zero byte");
  if (text.starts_with("\xef\xbb\xbf")) return tl::make_unexpected("not JSON: it begins with a byte order mark");
  Inspector inspector;
  if (!Json::sax_parse(text.begin(), text.end(), &inspector)) return tl::unexpected(std::move(inspector.problem));
  Json document = Json::parse(text.begin(), text.end(), nullptr, false);
  if (!document.is_object()) return tl::make_unexpected("expected an object");
  return document;
}

const Json* member(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

const std::string* text_member(const Json& object, std::string_view name) {
  const Json* value = member(object, name);
  return value == nullptr ? nullptr : value->get_ptr<const std::string*>();
}

const Json* find_by_pointer(const Json& document, std::string_view pointer) {
  const Json* at = &document;
  while (at != nullptr && !pointer.empty()) {
    if (pointer[0] != '/') return nullptr;
    pointer.remove_prefix(1);
    const auto token = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(token.size());
    const auto name = unescape(token);
    if (!name) return nullptr;
    at = at->is_array() ? element(*at, *name) : member(*at, *name);
  }
  return at;
}

std::string_view kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "a boolean";
    default:
      return "a number";
  }
}

}  // namespace sallyport::controlplane
