#include "config/base/hash.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace sallyport::hash_test {
namespace {

using namespace std::string_view_literals;

// Fowler, Noll and Vo's own vectors (RFC 9923, appendix).
TEST(Fnv1a, AgreesWithItsPublishedVectors) {
  EXPECT_EQ(fnv1a<std::uint32_t>(""sv), 0x811c9dc5U);
  EXPECT_EQ(fnv1a<std::uint32_t>("a"sv), 0xe40c292cU);
  EXPECT_EQ(fnv1a<std::uint32_t>("foobar"sv), 0xbf9cf968U);
  EXPECT_EQ(fnv1a<std::uint64_t>(""sv), 0xcbf29ce484222325U);
  EXPECT_EQ(fnv1a<std::uint64_t>("a"sv), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(fnv1a<std::uint64_t>("foobar"sv), 0x85944171f73967e8U);
}

TEST(Fnv1a, GoesOnFromWhatWasHashedBefore) {
  EXPECT_EQ(fnv1a<std::uint32_t>("bar"sv, fnv1a<std::uint32_t>("foo"sv)), fnv1a<std::uint32_t>("foobar"sv));
}

TEST(MixBits, IsTheFinaliserOfMurmurHash3) {
  static_assert(mix_bits(0) == 0);
  EXPECT_EQ(mix_bits(1), 0xb456bcfc34c2cb2cU);
  EXPECT_EQ(mix_bits(0xb456bcfc34c2cb2cU) != mix_bits(0xb456bcfc34c2cb2dU), true);
}

}  // namespace
}  // namespace sallyport::hash_test
