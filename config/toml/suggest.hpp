// "did you mean": the known word that is closest to a misspelt one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sallyport::config {

// Insertions, deletions, replacements and swaps of neighbours that make one word of the other (optimal string
// alignment).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// "; did you mean 'addresses'?", or "" when no word is close: at most a third of its letters, but two, may be wrong.
[[nodiscard]] std::string did_you_mean(std::string_view written, std::span<const std::string_view> known);

}  // namespace sallyport::config
