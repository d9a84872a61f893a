#include "controlplane/api/diagnose/check.hpp"

#include <algorithm>

#include "policy/describe.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

constexpr std::size_t most_words = 5;

const Check* first_with(Result result, const std::vector<Check>& checks) {
  const auto found =
      std::find_if(checks.begin(), checks.end(), [&](const Check& check) { return check.result == result; });
  return found == checks.end() ? nullptr : &*found;
}

}  // namespace

std::string_view to_string(Result result) {
  switch (result) {
    case Result::ok:
      return "ok";
    case Result::warning:
      return "warning";
    case Result::failed:
      return "failed";
    case Result::unknown:
      break;
  }
  return "unknown";
}

std::string conclusion_of(const std::vector<Check>& checks) {
  if (const Check* failed = first_with(Result::failed, checks)) return failed->sentence;
  const auto good =
      std::count_if(checks.begin(), checks.end(), [](const Check& check) { return check.result == Result::ok; });
  std::string sentence = "nothing is wrong that the gateway can see: " + std::to_string(good) + " of " +
                         counted(checks.size(), "check") + (good == 1 ? " is good" : " are good");
  if (const Check* warning = first_with(Result::warning, checks)) sentence += "; worth a look: " + warning->sentence;
  return sentence;
}

std::string first_few(const std::vector<std::string>& words) {
  if (words.size() <= most_words) return policy::joined(words, ", ");
  return policy::joined({words.begin(), words.begin() + most_words}, ", ") + " and " +
         std::to_string(words.size() - most_words) + " more";
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace sallyport::controlplane::diagnose
