// Bytes as gateway.toml: either a Config whose difference with itself is empty, or errors in the order of the file,
// each on one line.
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "config/base/check.hpp"
#include "config/difference.hpp"
#include "config/load.hpp"
#include "config/unsupported.hpp"

namespace {

using namespace sallyport::config;

void check_line(const std::string& line) {
  SP_CHECK(!line.empty());
  for (const char c : line) SP_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

void check_errors(const std::vector<Error>& errors) {
  SP_CHECK(!errors.empty());
  Position last;
  for (const Error& error : errors) {
    const Position at{error.location.line, error.location.column};
    SP_CHECK(last <= at);
    check_line(to_string(error));
    last = at;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = parse({reinterpret_cast<const char*>(data), size}, "/etc/sallyport/gateway.toml");
  if (!config) {
    check_errors(config.error());
    return 0;
  }
  for (const std::string& warning : config->warnings) check_line(warning);
  if (const auto unsupported = unsupported_features(*config); !unsupported.empty()) check_errors(unsupported);
  SP_CHECK(diff(*config, *config).empty());
  SP_CHECK(!to_string(diff(Config{}, *config)).empty());
  return 0;
}
