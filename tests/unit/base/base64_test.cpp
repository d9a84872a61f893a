#include "config/base/base64.hpp"

#include <gtest/gtest.h>

namespace sallyport::base64_test {
namespace {

TEST(Base64Key, RoundTrips) {
  const std::string text = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
  const auto key = decode_key(text);
  ASSERT_TRUE(key);
  EXPECT_EQ(encode_key(*key), text);
}

TEST(Base64Key, RefusesOtherLengthsAndAlphabets) {
  for (const char* text :
       {"", "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg", "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D==",
        "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D-=", "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= "})
    EXPECT_FALSE(decode_key(text)) << text;
}

}  // namespace
}  // namespace sallyport::base64_test
