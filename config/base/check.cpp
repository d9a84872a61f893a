#include "config/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace sallyport {

void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: internal error: %s is false\n", file, line, expression);
  std::abort();
}

}  // namespace sallyport
