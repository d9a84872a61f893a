// DPDK for the tests of this folder: no huge pages, no shared configuration, no devices.
#include <gtest/gtest.h>
#include <rte_eal.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace sallyport::dataplane {
namespace {

class EalEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    std::vector<std::string> words{"forwarding_test",
                                   "--no-huge",
                                   "--no-shconf",
                                   "--no-pci",
                                   "--no-telemetry",
                                   "-m",
                                   "512",
                                   "--log-level=lib.eal:3",
                                   "--file-prefix",
                                   "sallyport-forwarding-test-" + std::to_string(getpid())};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    ASSERT_GE(rte_eal_init(static_cast<int>(arguments.size()), arguments.data()), 0);
  }
  void TearDown() override { rte_eal_cleanup(); }
};

[[maybe_unused]] testing::Environment* const environment = testing::AddGlobalTestEnvironment(new EalEnvironment);

}  // namespace
}  // namespace sallyport::dataplane
