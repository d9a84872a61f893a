#include "controlplane/wireguard/tai64n.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace sallyport::wireguard {
namespace {

// 2^62 is the label of 1970-01-01 00:00:00 TAI; TAI was then 10 s ahead of UTC. Like the kernel and wireguard-go we
// leave out later leap seconds: the order matters, not the hour.
constexpr std::uint64_t unix_epoch_label = 0x400000000000000aULL;
constexpr std::uint32_t second_ns = 1'000'000'000U;

constexpr std::chrono::seconds reserve_ahead{60};
constexpr std::chrono::seconds reserve_again_below{30};
constexpr unsigned reserve_ahead_steps = 16;
constexpr unsigned reserve_again_below_steps = 8;

Tai64n compose(std::uint64_t label, std::uint32_t nanoseconds) noexcept {
  Tai64n timestamp;
  for (std::size_t i = 0; i < 8; ++i) timestamp.bytes[i] = static_cast<std::uint8_t>(label >> (56 - 8 * i));
  for (std::size_t i = 0; i < 4; ++i) timestamp.bytes[8 + i] = static_cast<std::uint8_t>(nanoseconds >> (24 - 8 * i));
  return timestamp;
}

Tai64n steps_after(Tai64n timestamp, unsigned steps) noexcept {
  for (unsigned i = 0; i < steps; ++i) timestamp = timestamp.next_step();
  return timestamp;
}

}  // namespace

Tai64n Tai64n::from_wall(WallTime time) noexcept {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto label = unix_epoch_label + static_cast<std::uint64_t>(whole.time_since_epoch().count());
  const auto nanoseconds = static_cast<std::uint32_t>((time - whole).count());
  return compose(label, nanoseconds & ~(timestamp_step_ns - 1));
}

Tai64n Tai64n::next_step() const noexcept {
  std::uint64_t label = 0;
  std::uint32_t nanoseconds = 0;
  for (std::size_t i = 0; i < 8; ++i) label = label << 8 | bytes[i];
  for (std::size_t i = 8; i < 12; ++i) nanoseconds = nanoseconds << 8 | bytes[i];
  nanoseconds = std::min(nanoseconds, second_ns - 1);  // a floor from disk may hold anything
  const std::uint32_t stepped = (nanoseconds & ~(timestamp_step_ns - 1)) + timestamp_step_ns;
  return stepped < second_ns ? compose(label, stepped) : compose(label + 1, 0);
}

Tai64n TimestampSource::next(WallTime now, const Tai64n& last) noexcept {
  const Tai64n issued = std::max(Tai64n::from_wall(now), std::max(last, floor_).next_step());
  greatest_ = std::max(greatest_, issued);
  return issued;
}

std::optional<Tai64n> TimestampSource::reservation_wanted(WallTime now) const noexcept {
  const Tai64n needed =
      std::max(Tai64n::from_wall(now + reserve_again_below), steps_after(greatest_, reserve_again_below_steps));
  if (needed <= reserved_) return std::nullopt;
  return std::max(Tai64n::from_wall(now + reserve_ahead), steps_after(greatest_, reserve_ahead_steps));
}

void TimestampSource::reserved(const Tai64n& until) noexcept {
  reserved_ = std::max(reserved_, until);
}

}  // namespace sallyport::wireguard
