// From the files of a policy to a Policy, or to every mistake at once (of each file the first syntax error, or all that
// is wrong with its values), each with file, line, column and what was expected.
#pragma once

#include <vector>

#include <tl/expected.hpp>

#include "policy/bundle.hpp"
#include "policy/model.hpp"

namespace sallyport::policy {

[[nodiscard]] tl::expected<Policy, std::vector<Error>> parse(const Bundle& bundle);
// `now` is for warnings alone: of rules that have expired.
[[nodiscard]] tl::expected<Policy, std::vector<Error>> parse(const Bundle& bundle, TimePoint now);

}  // namespace sallyport::policy
