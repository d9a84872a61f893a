// Refusals that are all answered after the same time, whatever it was that took long or did not: a client that counts
// microseconds learns no more than from the bytes. One that takes longer waits for the next multiple. No clock of its
// own, and one thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>

namespace sallyport::controlplane {

class EvenRefusals {
 public:
  using Time = std::chrono::nanoseconds;  // of a clock that never goes back

  // Keeps the answer to a request that came at `arrived`. False: there are as many as there may be, and it is dropped.
  [[nodiscard]] bool hold(Time arrived, Time now, std::function<void()> answer);
  [[nodiscard]] std::optional<Time> next() const;  // when release() has something to do
  void release(Time now);
  void clear() { held_.clear(); }

  static constexpr std::chrono::milliseconds answered_after{100};
  static constexpr std::size_t held_max = 16'384;

 private:
  std::multimap<Time, std::function<void()>> held_;
};

}  // namespace sallyport::controlplane
