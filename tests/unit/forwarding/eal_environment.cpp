#include "tests/unit/eal_environment.hpp"

namespace sallyport::dataplane {
namespace {

[[maybe_unused]] testing::Environment* const environment =
    testing::AddGlobalTestEnvironment(new EalEnvironment("forwarding_test", 512));

}  // namespace
}  // namespace sallyport::dataplane
