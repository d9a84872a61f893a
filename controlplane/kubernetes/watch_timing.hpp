// How long one watch lasts and how long it may be silent, so that a quiet cluster whose API server is there says
// something well before stale_after, and one that is not there is noticed by then. A server ends each watch in good
// order after timeoutSeconds, which is the word that is waited for: bookmarks are sent at its discretion.
#pragma once

#include <algorithm>
#include <chrono>

namespace sallyport::controlplane {

struct WatchTiming {
  std::chrono::seconds stale_after;
  std::chrono::seconds watch_for;          // timeoutSeconds
  std::chrono::milliseconds silence_most;  // of an open watch; never more than stale_after

  static constexpr std::chrono::seconds stale_after_least{3};  // the shortest watch is one second
  static constexpr std::chrono::seconds watch_longest{290};    // below the five minutes of many proxies
  static constexpr std::chrono::seconds late_most{10};         // by which the end of a watch may be late

  [[nodiscard]] static constexpr WatchTiming of(std::chrono::seconds stale_after) {
    stale_after = std::max(stale_after, stale_after_least);
    const auto watch_for = std::clamp(stale_after / 2, std::chrono::seconds(1), watch_longest);
    const std::chrono::milliseconds late = stale_after / 2;
    return {stale_after, watch_for, watch_for + std::min<std::chrono::milliseconds>(late, late_most)};
  }
};

}  // namespace sallyport::controlplane
