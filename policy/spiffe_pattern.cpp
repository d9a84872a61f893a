#include "policy/spiffe_pattern.hpp"

namespace sallyport::policy {
namespace {

bool separates(char character) noexcept {
  return character == '.' || character == '/';
}

}  // namespace

// No `*` crosses a separator, so the separators of both sides must pair up one to one. Between two of them it is enough
// to go back to the latest `*`: what an earlier one could take in addition, the latest can take as well.
bool spiffe_pattern_matches(std::string_view pattern, std::string_view name) noexcept {
  constexpr auto none = std::string_view::npos;
  std::size_t in_pattern = 0;
  std::size_t in_name = 0;
  std::size_t after_star = none;  // of the pattern, where it goes on after the latest `*`
  std::size_t star_end = 0;       // of the name, where that `*` ends
  while (in_name < name.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*' && !separates(name[in_name])) {
      after_star = ++in_pattern;
      star_end = ++in_name;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] != '*' && pattern[in_pattern] == name[in_name]) {
      if (separates(name[in_name])) after_star = none;
      ++in_pattern;
      ++in_name;
    } else if (after_star != none && !separates(name[star_end])) {
      in_pattern = after_star;
      in_name = ++star_end;
    } else {
      return false;
    }
  }
  return in_pattern == pattern.size();
}

}  // namespace sallyport::policy
