// DPDK for the tests of a folder: no huge pages, no shared configuration, no devices.
#pragma once

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

namespace sallyport::dataplane {

class EalEnvironment : public testing::Environment {
 public:
  EalEnvironment(std::string program, unsigned memory_mb) : program_(std::move(program)), memory_mb_(memory_mb) {}

  void SetUp() override {
    std::vector<std::string> words{program_,
                                   "--no-huge",
                                   "--no-shconf",
                                   "--no-pci",
                                   "--no-telemetry",
                                   "-m",
                                   std::to_string(memory_mb_),
                                   "--log-level=lib.eal:3",
                                   "--file-prefix",
                                   "sallyport-" + program_ + '-' + std::to_string(getpid())};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    ASSERT_GE(rte_eal_init(static_cast<int>(arguments.size()), arguments.data()), 0);
  }
  void TearDown() override { rte_eal_cleanup(); }

 private:
  std::string program_;
  unsigned memory_mb_;
};

}  // namespace sallyport::dataplane
