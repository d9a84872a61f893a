// What became of a command, or of a step of one.
#pragma once

#include "dataplane/abi/events.hpp"

namespace sallyport::dataplane {

class CommandResult {
 public:
  // Refusal::none: it is done.
  constexpr CommandResult(abi::Refusal refusal) noexcept : refusal_(refusal) {}
  // A table asks for a moment: the same command is to be tried again, as a whole.
  [[nodiscard]] static constexpr CommandResult again() noexcept { return CommandResult(); }

  [[nodiscard]] constexpr bool is_done() const noexcept { return !again_ && refusal_ == abi::Refusal::none; }
  [[nodiscard]] constexpr bool asks_again() const noexcept { return again_; }
  // If it does not ask for another try.
  [[nodiscard]] constexpr abi::Refusal refusal() const noexcept { return refusal_; }

 private:
  constexpr CommandResult() noexcept : again_(true) {}

  abi::Refusal refusal_ = abi::Refusal::none;
  bool again_ = false;
};

}  // namespace sallyport::dataplane
