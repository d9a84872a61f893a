// Policies as people write them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "policy/bundle.hpp"
#include "policy/load.hpp"

namespace sallyport::policy {

// A valid one, in policy.toml. "schema = 1" is line 1, and `text` begins on line 2.
inline Policy parsed(std::string_view text) {
  auto policy = parse({.files = {{"policy.toml", "schema = 1\n" + std::string(text)}}});
  if (policy) return std::move(*policy);
  for (const Error& error : policy.error()) ADD_FAILURE() << config::to_string(error);
  return {};
}

}  // namespace sallyport::policy
