// Source classes: the rows of the dataplane, equal ones under one number.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "policy/compile.hpp"
#include "policy/compile/interned_classes.hpp"
#include "policy/verdict_row.hpp"

namespace sallyport::policy {

class SourceClasses {
 public:
  // `policy` must stay where it is. The numbers are those of its rules and services, in its order.
  SourceClasses(const Policy& policy, std::vector<std::uint32_t> rule_numbers,
                std::vector<std::uint32_t> service_numbers, std::uint32_t limit);

  [[nodiscard]] tl::expected<std::uint32_t, std::string> intern(const VerdictRow& row);
  [[nodiscard]] const std::map<std::uint32_t, std::vector<abi::RowEntry>>& all() const { return classes_.all(); }
  void keep_only(const std::vector<std::uint32_t>& kept);

 private:
  [[nodiscard]] abi::RowEntry entry(std::uint32_t service, const Verdict& verdict) const;
  [[nodiscard]] std::string too_many() const;

  const Policy* policy_;
  std::vector<std::uint32_t> rule_numbers_;
  std::vector<std::uint32_t> service_numbers_;
  InternedClasses<abi::RowEntry> classes_;
  std::string too_many_;  // the error, as long as nothing is released: thousands of peers may meet it
};

}  // namespace sallyport::policy
