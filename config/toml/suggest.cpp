#include "config/toml/suggest.hpp"

#include <algorithm>
#include <vector>

namespace sallyport::config {
namespace {

constexpr std::size_t longest_word = 64;  // a longer one resembles no word of ours, and the cost is quadratic

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string did_you_mean(std::string_view written, std::span<const std::string_view> known) {
  if (written.empty() || written.size() > longest_word) return {};
  std::string_view best;
  std::size_t best_distance = longest_word;
  for (const std::string_view word : known) {
    const std::size_t distance = edit_distance(written, word);
    const std::size_t tolerated = std::max<std::size_t>(2, std::max(word.size(), written.size()) / 3);
    if (distance > tolerated || distance >= word.size() || distance >= best_distance) continue;
    best = word;
    best_distance = distance;
  }
  return best.empty() ? std::string() : "; did you mean '" + std::string(best) + "'?";
}

}  // namespace sallyport::config
