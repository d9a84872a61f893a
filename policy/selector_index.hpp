// Which of many things (rules, services) have a selector that matches? The same answer as matches() for each of them,
// at a cost that follows the number of those that do.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policy/model.hpp"

namespace sallyport::policy {

class SelectorIndex {
 public:
  void add(const Selector& selector, std::uint32_t item);
  // The items that were added with a selector that matches: rising, each once.
  [[nodiscard]] std::vector<std::uint32_t> matching(const Facts& facts) const;

 private:
  using Items = std::vector<std::uint32_t>;
  using ItemsByText = std::unordered_map<std::string, Items>;
  struct Pattern {
    std::string text;
    Items items;
  };

  void add_pattern(const Selector& selector, std::uint32_t item);
  void find_patterns(std::string_view name, Items& found) const;
  void find_nets(const IpPrefix& net, Items& found) const;

  Items any_;
  ItemsByText names_;
  ItemsByText tags_;
  ItemsByText peers_;
  ItemsByText claims_;
  // By what stands before the first `*`, and by the length of that.
  std::map<std::size_t, std::unordered_map<std::string, std::vector<Pattern>>> patterns_;
  std::map<IpPrefix, Items> nets_;
  std::set<std::pair<IpFamily, std::uint8_t>> net_lengths_;
};

}  // namespace sallyport::policy
