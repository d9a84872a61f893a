// DPDK, and a network namespace of its own if that is permitted, for the host interfaces; it goes with the process.
#include "tests/unit/eal_environment.hpp"

#include <sched.h>

#include "tests/unit/housekeeping/lab.hpp"

namespace sallyport::dataplane {

bool in_own_namespace = false;

namespace {

class NamespacedEal final : public EalEnvironment {
 public:
  using EalEnvironment::EalEnvironment;
  void SetUp() override {
    in_own_namespace = unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
    EalEnvironment::SetUp();
  }
};

[[maybe_unused]] testing::Environment* const environment =
    testing::AddGlobalTestEnvironment(new NamespacedEal("housekeeping_test", 256));

}  // namespace
}  // namespace sallyport::dataplane
