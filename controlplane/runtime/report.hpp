// What parts of the control plane say of themselves: counters and problems.
#pragma once

#include <cstdint>
#include <string>

namespace sallyport::controlplane {

// A counter of the control plane itself: refused handshakes by reason, timeouts, DNS failures, ...
struct NamedCounter {
  std::string name;
  std::string text;
  std::uint64_t value = 0;
};

// Why the publisher could not make something real; shown by `sallyctl status` until it succeeds.
struct Problem {
  std::string what;  // "route 10.20.0.0/16"
  std::string why;
};

}  // namespace sallyport::controlplane
