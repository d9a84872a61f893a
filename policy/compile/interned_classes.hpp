// Classes of equal content under one number. Numbers start at 1; a released one is given out again after all others.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sallyport::policy {

template <typename Entry>
class InternedClasses {
 public:
  static_assert(std::has_unique_object_representations_v<Entry>, "content is compared byte by byte");
  using Content = std::vector<Entry>;

  // Of all contents together. The dataplane has room for twice as many, and there are two kinds of classes.
  static constexpr std::size_t max_entries = std::size_t{1} << 23;

  // Numbers are below `limit`.
  explicit InternedClasses(std::uint32_t limit) : limit_(limit) {}
  InternedClasses(const InternedClasses&) = delete;  // numbers_ looks into classes_
  InternedClasses& operator=(const InternedClasses&) = delete;

  // 0 for an empty one; nothing if there are too many.
  [[nodiscard]] std::optional<std::uint32_t> intern(const Content& content) {
    if (content.empty()) return 0;
    if (const auto known = numbers_.find(bytes_of(content)); known != numbers_.end()) return known->second;
    if (entries_ + content.size() > max_entries) return std::nullopt;
    const auto number = take_number();
    if (!number) return std::nullopt;
    entries_ += content.size();
    const auto entry = classes_.emplace(*number, content).first;
    numbers_.emplace(bytes_of(entry->second), *number);
    return number;
  }

  [[nodiscard]] const std::map<std::uint32_t, Content>& all() const { return classes_; }
  [[nodiscard]] std::uint32_t limit() const { return limit_; }
  // Why intern() gave nothing; `what` says what the classes are.
  [[nodiscard]] std::string excess(const std::string& what) const {
    if (classes_.size() + 1 < limit_)
      return "different " + what + " come to more than " + std::to_string(max_entries) + " entries";
    return "there are more than " + std::to_string(limit_ - 1) + " different " + what + " (max_classes)";
  }

  void keep_only(std::vector<std::uint32_t> kept) {
    std::sort(kept.begin(), kept.end());
    for (auto entry = classes_.begin(); entry != classes_.end();) {
      if (std::binary_search(kept.begin(), kept.end(), entry->first)) {
        ++entry;
        continue;
      }
      numbers_.erase(bytes_of(entry->second));
      entries_ -= entry->second.size();
      released_.push_back(entry->first);
      entry = classes_.erase(entry);
    }
  }

 private:
  static std::string_view bytes_of(const Content& content) {
    return {reinterpret_cast<const char*>(content.data()), content.size() * sizeof(Entry)};
  }

  std::optional<std::uint32_t> take_number() {
    if (fresh_ < limit_) return fresh_++;
    if (released_.empty()) return std::nullopt;
    const std::uint32_t number = released_.front();
    released_.pop_front();
    return number;
  }

  std::uint32_t limit_;
  std::uint32_t fresh_ = 1;  // from here on, numbers that were never given out
  std::deque<std::uint32_t> released_;
  std::size_t entries_ = 0;  // in classes_
  std::map<std::uint32_t, Content> classes_;
  std::unordered_map<std::string_view, std::uint32_t> numbers_;  // keys are the contents in classes_
};

}  // namespace sallyport::policy
