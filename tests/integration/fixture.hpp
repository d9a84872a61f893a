// What every test here ends with: the accounting adds up, and every buffer is back in its pool.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

#include "tests/integration/lab.hpp"

namespace sallyport::integration {

// A host behind the inside port `lan`.
inline const IpAddress host_v4 = ip("10.0.0.7"), host_v6 = ip("fd00::7");

class IntegrationTest : public testing::Test {
 protected:
  // With the tunnel, ann and bob.
  void start(const LabOptions& options = {}) {
    lab = std::make_unique<Lab>(options);
    lab->set_up();
  }
  void SetUp() override { start(); }
  void TearDown() override;

  // Counters of what happened since the last call.
  [[nodiscard]] std::uint64_t newly_dropped(DropReason reason) { return since(lab->dropped(reason), drops_[reason]); }
  [[nodiscard]] std::uint64_t newly(Counter counter) { return since(lab->counter(counter), counts_[counter]); }

  std::unique_ptr<Lab> lab;

 private:
  static std::uint64_t since(std::uint64_t now, std::uint64_t& before) { return now - std::exchange(before, now); }
  std::map<DropReason, std::uint64_t> drops_;
  std::map<Counter, std::uint64_t> counts_;
};

}  // namespace sallyport::integration
