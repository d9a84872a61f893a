#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "config/base/process_hardening.hpp"
#include "tools/ctl/run.hpp"

int main(int argc, char** argv) {
  (void)sallyport::harden_process(false);  // keys pass through: no core dump of them
  std::ios::sync_with_stdio(false);
  sallyport::ctl::Terminal terminal{.in = std::cin,
                                    .out = std::cout,
                                    .err = std::cerr,
                                    .out_descriptor = STDOUT_FILENO,
                                    .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
                                    .environment = [](const char* name) -> std::optional<std::string> {
                                      const char* value = std::getenv(name);
                                      if (value == nullptr || *value == '\0') return std::nullopt;
                                      return value;
                                    }};
  return static_cast<int>(sallyport::ctl::run({argv + (argc > 0 ? 1 : 0), argv + argc}, terminal));
}
