// Reading an answer whose shape nobody vouches for: a field that is missing or of another type is its neutral value,
// never an exception.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace sallyport::ctl {

using Json = nlohmann::ordered_json;

inline constexpr unsigned deepest_answer = 32;

// Nothing if the text is not JSON or nested deeper than any answer of ours.
[[nodiscard]] std::optional<Json> parse_json(std::string_view text);

[[nodiscard]] const Json& field(const Json& object, std::string_view key);       // a null if there is none
[[nodiscard]] const Json& list_field(const Json& object, std::string_view key);  // an empty array if it is none
[[nodiscard]] std::string text_field(const Json& object, std::string_view key, std::string_view fallback = "-");
[[nodiscard]] std::uint64_t number_field(const Json& object, std::string_view key);
[[nodiscard]] std::optional<std::uint64_t> optional_number(const Json& object, std::string_view key);
[[nodiscard]] bool flag_field(const Json& object, std::string_view key);

// The texts of a list, with ", " between.
[[nodiscard]] std::string joined(const Json& list, std::string_view separator = ", ");

[[nodiscard]] std::string to_text(const Json& value);  // indented, without a last newline

}  // namespace sallyport::ctl
