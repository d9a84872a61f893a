// DPDK for the tests of this folder: no huge pages, no shared configuration, no devices. A network namespace of its own
// if that is permitted, for the host interfaces; it goes with the process.
#include <gtest/gtest.h>
#include <rte_eal.h>
#include <sched.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/unit/housekeeping/lab.hpp"

namespace sallyport::dataplane {

bool in_own_namespace = false;

namespace {

class EalEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    in_own_namespace = unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
    std::vector<std::string> words{"housekeeping_test",
                                   "--no-huge",
                                   "--no-shconf",
                                   "--no-pci",
                                   "--no-telemetry",
                                   "-m",
                                   "256",
                                   "--log-level=lib.eal:3",
                                   "--file-prefix",
                                   "sallyport-housekeeping-test-" + std::to_string(getpid())};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    ASSERT_GE(rte_eal_init(static_cast<int>(arguments.size()), arguments.data()), 0);
  }
  void TearDown() override { rte_eal_cleanup(); }
};

[[maybe_unused]] testing::Environment* const environment = testing::AddGlobalTestEnvironment(new EalEnvironment);

}  // namespace
}  // namespace sallyport::dataplane
