// Where a command reads and writes: the process's own streams, or a test's.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

namespace sallyport::ctl {

struct Terminal {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  int out_descriptor = -1;       // of `out`, to look at its file mode; -1: none
  bool out_is_terminal = false;  // somebody watches: redrawing makes sense
  std::function<std::optional<std::string>(const char*)> environment = [](const char*) { return std::nullopt; };
};

}  // namespace sallyport::ctl
