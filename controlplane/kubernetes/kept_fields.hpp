// JSON of which only the fields that are read here become values; the rest (managedFields, ports, zones) is passed
// over. In time linear in the text and with bounds on depth and on what is kept, whatever the text is. Never throws.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

namespace sallyport::controlplane {

inline constexpr std::size_t deepest_object = 64;
// Of one event or one item of a list. A slice has at most 1,000 endpoints of 100 addresses.
inline constexpr std::size_t kept_values_max = 250'000;

// With on_item, the elements of a list's "items" are handed over one by one, and the array is left empty.
using OnItem = std::function<void(const nlohmann::json& item)>;
[[nodiscard]] std::optional<nlohmann::json> read_kept_fields(std::string_view text, OnItem on_item = {});

}  // namespace sallyport::controlplane
