#include "controlplane/enrolment/even_refusals.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::controlplane {

bool EvenRefusals::hold(Time arrived, Time now, std::function<void()> answer) {
  if (held_.size() >= held_max) return false;
  constexpr Time step = answered_after;
  const auto steps = std::max<Time>(now - arrived, Time(0)) / step + 1;
  held_.emplace(arrived + steps * step, std::move(answer));
  return true;
}

std::optional<EvenRefusals::Time> EvenRefusals::next() const {
  if (held_.empty()) return std::nullopt;
  return held_.begin()->first;
}

void EvenRefusals::release(Time now) {
  while (!held_.empty() && held_.begin()->first <= now) {
    // Taken out first: what the answer leads to may come back here.
    const auto due = held_.extract(held_.begin());
    due.mapped()();
  }
}

}  // namespace sallyport::controlplane
