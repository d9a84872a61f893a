#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

class Eal : public testing::Environment {
 public:
  void SetUp() override { start_eal_without_privileges(); }
};
[[maybe_unused]] testing::Environment* const eal = testing::AddGlobalTestEnvironment(new Eal);

}  // namespace

void IntegrationTest::TearDown() {
  if (!lab) return;
  lab->drop_everything_held();
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 0U);
  EXPECT_EQ(lab->packets_in(), lab->packets_out()) << lab->drops();
  EXPECT_EQ(lab->gateway->pools().in_use(), 0U) << "every buffer is back in its pool";
  lab.reset();
}

}  // namespace sallyport::integration
