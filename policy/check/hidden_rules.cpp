// A rule is hidden when one rule of lower rank, without conditions, covers all of its sources and services. Selectors
// are compared as texts: what two different texts have in common is not looked for.
#include <algorithm>

#include "policy/check/checks.hpp"

namespace sallyport::policy {
namespace {

// Bounds the work on policies made to be slow; what is not looked at is not warned of.
constexpr std::size_t most_candidates = 64;       // for one rule
constexpr std::size_t most_lookups = 20'000'000;  // for all

class Interner {
 public:
  std::uint32_t number_of(std::string_view text) {
    return numbers_.emplace(text, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }

 private:
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
};

// One side of a rule: numbers of its selectors or services, sorted, or everything.
struct Side {
  bool everything = false;
  std::vector<std::uint32_t> numbers;

  void finish() {
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  }
};

// Which rules have a selector or a service on one side.
class SideIndex {
 public:
  void add(const Side& side, std::uint32_t rule) {
    if (side.everything) everything_.push_back(rule);
    for (const std::uint32_t number : side.numbers) {
      if (number >= by_number_.size()) by_number_.resize(number + 1);
      by_number_[number].push_back(rule);
    }
  }

  // A rule that covers the side is in one of these lists. The shorter, the better.
  struct Candidates {
    const std::vector<std::uint32_t>* everything;
    const std::vector<std::uint32_t>* some;
    [[nodiscard]] std::size_t size() const { return everything->size() + some->size(); }
  };
  [[nodiscard]] Candidates candidates(const Side& side) const {
    static const std::vector<std::uint32_t> none;
    if (side.everything) return {&everything_, &none};
    const std::vector<std::uint32_t>* shortest = nullptr;
    for (const std::uint32_t number : side.numbers) {
      const auto* list = number < by_number_.size() ? &by_number_[number] : &none;
      if (shortest == nullptr || list->size() < shortest->size()) shortest = list;
    }
    return {&everything_, shortest == nullptr ? &none : shortest};
  }

 private:
  std::vector<std::uint32_t> everything_;
  std::vector<std::vector<std::uint32_t>> by_number_;
};

bool is_unconditional(const Rule& rule) {
  return rule.hours.empty() && rule.posture.empty() && !rule.auth_age && !rule.expires;
}

// An allow rule behind an allow rule says the same once more, which is no mistake.
bool may_hide(const Rule& before, const Rule& after) {
  return before.action == Action::deny || (before.action == Action::allow && after.action != Action::allow);
}

class Search {
 public:
  explicit Search(const std::vector<Rule>& rules) : rules_(rules), sides_(rules.size()) {}

  std::vector<HiddenRule> run() {
    Interner selectors, services;
    std::vector<HiddenRule> hidden;
    for (std::uint32_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = rules_[i];
      auto& [from, to] = sides_[i];
      for (const Selector& selector : rule.from)
        if (selector.kind == SelectorKind::any)
          from.everything = true;
        else
          from.numbers.push_back(selectors.number_of(selector.text));
      to.everything = rule.to_any;
      for (const std::string& service : rule.to) to.numbers.push_back(services.number_of(service));
      from.finish();
      to.finish();
      if (rule.from.empty()) continue;
      if (const Rule* by = find_cover(i)) hidden.push_back({&rule, by});
      if (rule.action != Action::audit && is_unconditional(rule)) {
        by_from_.add(from, i);
        by_to_.add(to, i);
      }
    }
    return hidden;
  }

 private:
  const Rule* find_cover(std::uint32_t rule) {
    const auto by_from = by_from_.candidates(sides_[rule].from), by_to = by_to_.candidates(sides_[rule].to);
    const auto& candidates = by_from.size() < by_to.size() ? by_from : by_to;
    std::size_t tried = 0;
    for (const auto* list : {candidates.everything, candidates.some})
      for (const std::uint32_t before : *list) {
        if (++tried > most_candidates) return nullptr;
        if (may_hide(rules_[before], rules_[rule]) && covers(sides_[before].from, sides_[rule].from) &&
            covers(sides_[before].to, sides_[rule].to))
          return &rules_[before];
      }
    return nullptr;
  }

  bool covers(const Side& outer, const Side& inner) {
    if (outer.everything) return true;
    if (inner.everything || inner.numbers.size() > outer.numbers.size()) return false;
    for (const std::uint32_t number : inner.numbers) {
      if (++lookups_ > most_lookups) return false;
      if (!std::binary_search(outer.numbers.begin(), outer.numbers.end(), number)) return false;
    }
    return true;
  }

  struct Sides {
    Side from, to;
  };
  const std::vector<Rule>& rules_;
  std::vector<Sides> sides_;
  SideIndex by_from_, by_to_;
  std::size_t lookups_ = 0;
};

}  // namespace

std::vector<HiddenRule> hidden_rules(const std::vector<Rule>& rules) {
  return Search(rules).run();
}

}  // namespace sallyport::policy
