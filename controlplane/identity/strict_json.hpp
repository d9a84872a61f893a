// JSON of strangers: one object, in UTF-8, without a member that comes twice (of which two readers might each believe
// another one), and without nesting that no document of ours has.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

namespace sallyport::controlplane {

using Json = nlohmann::json;

inline constexpr std::size_t json_depth_max = 16;

// Numbers that no double holds (1e999) are errors too. The caller bounds the size.
[[nodiscard]] tl::expected<Json, std::string> parse_json_object(std::string_view text);

// Null if `object` is none or has no such member.
[[nodiscard]] const Json* member(const Json& object, std::string_view name);
[[nodiscard]] const std::string* text_member(const Json& object,
                                             std::string_view name);  // null also if it is no string

// What `pointer` (RFC 6901) points at; null: nothing, or it is no pointer.
[[nodiscard]] const Json* find_by_pointer(const Json& document, std::string_view pointer);

// For messages: "a string", "an object".
[[nodiscard]] std::string_view kind_of(const Json& value);

}  // namespace sallyport::controlplane
