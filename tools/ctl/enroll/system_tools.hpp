// The programs that set an interface up: ip (iproute2), wg (wireguard-tools), wireguard-go, resolvectl.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "tools/ctl/enroll/program.hpp"
#include "tools/ctl/json_fields.hpp"

namespace sallyport::ctl {

class SystemTools {
 public:
  explicit SystemTools(std::string search_path);

  [[nodiscard]] bool has(std::string_view program) const;
  // The output. The error is what the program said, with its command line.
  [[nodiscard]] tl::expected<std::string, std::string> run(const std::vector<std::string>& command,
                                                           std::string_view input = {}) const;
  // `ip -j ...`: a JSON document, an empty list if it prints nothing.
  [[nodiscard]] tl::expected<Json, std::string> ask_ip(const std::vector<std::string>& arguments) const;
  // Lines for `ip -batch -`.
  [[nodiscard]] tl::expected<void, std::string> run_ip(bool ipv6, std::string_view lines) const;

 private:
  std::string search_path_;
};

}  // namespace sallyport::ctl
