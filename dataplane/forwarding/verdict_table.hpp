// The verdict of a source class, as the control plane's policy compiled it. One word per class, so a change is atomic
// and workers never see half a row. A class without a row is denied.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/abi/commands.hpp"

namespace sallyport::dataplane {

struct VerdictRow {
  abi::Verdict verdict = abi::Verdict::deny;
  std::uint32_t rule = 0;  // that decided; 0: no row, nothing allows it
};

class VerdictTable {
 public:
  // `rows` has `classes` zeroed elements and outlives the table.
  VerdictTable(std::atomic<std::uint64_t>* rows, std::uint32_t classes) noexcept : rows_(rows), classes_(classes) {}

  // Workers. Relaxed: the row is one word and nothing else is read through it.
  [[nodiscard]] VerdictRow look_up(std::uint32_t source_class,
                                   [[maybe_unused]] std::uint32_t destination_class) const noexcept {
    if (source_class >= classes_) return {};
    const std::uint64_t word = rows_[source_class].load(std::memory_order_relaxed);
    return {(word & 1) != 0 ? abi::Verdict::allow : abi::Verdict::deny, static_cast<std::uint32_t>(word >> 32)};
  }
  // Housekeeping.
  void set(std::uint32_t source_class, VerdictRow row) noexcept {
    const std::uint64_t word = std::uint64_t{row.rule} << 32 | (row.verdict == abi::Verdict::allow ? 1U : 0U);
    rows_[source_class].store(word, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t classes() const noexcept { return classes_; }

 private:
  std::atomic<std::uint64_t>* rows_;
  std::uint32_t classes_;
};

}  // namespace sallyport::dataplane
