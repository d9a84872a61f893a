// One question of a diagnosis and its answer. Each check is a pure function of the little that it looks at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::controlplane::diagnose {

enum class Result : std::uint8_t {
  ok,
  warning,  // worth a look, but packets pass, or may
  failed,   // this is why packets do not pass
  unknown,  // what would tell is not there
};
[[nodiscard]] std::string_view to_string(Result result);

struct Check {
  std::string_view name;  // "port", "handshake"
  Result result = Result::unknown;
  std::string sentence;
  friend bool operator==(const Check&, const Check&) = default;
};

// The first failed check's sentence; else that there is none, and the first warning.
[[nodiscard]] std::string conclusion_of(const std::vector<Check>& checks);

// "a, b, c and 4 more".
[[nodiscard]] std::string first_few(const std::vector<std::string>& words);
// "1 packet", "20 packets".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);

}  // namespace sallyport::controlplane::diagnose
