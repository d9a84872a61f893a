// TAI64N timestamps, by which a responder recognises a replayed initiation (white paper, section 5.1), and the source
// of our own: they never go back, not even when the clock does or the process restarts.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>

#include "controlplane/wireguard/constants.hpp"
#include "controlplane/wireguard/instant.hpp"

namespace sallyport::wireguard {

// 12 bytes: seconds as a TAI64 label, then nanoseconds, both big-endian, so that the order of bytes is the order of
// time. A peer's timestamp is opaque: it is compared, never interpreted.
struct Tai64n {
  std::array<std::uint8_t, timestamp_bytes> bytes{};

  // The nanoseconds are rounded down to timestamp_step_ns.
  [[nodiscard]] static Tai64n from_wall(WallTime time) noexcept;
  // The least rounded timestamp that is greater than this one.
  [[nodiscard]] Tai64n next_step() const noexcept;

  friend auto operator<=>(const Tai64n&, const Tai64n&) = default;
};

// Issues the timestamps of all initiations that one private key signs. Each peer remembers only what it saw itself, so
// the order is kept for each peer: max(clock, last + 1). Across a restart the order comes from a floor on disk: the
// caller writes a reservation ahead of use and starts the next process with it.
//
// Where the clock stands behind the floor, a peer uses one step (17 ms) for each initiation (at most one in 5 s), so
// the clock catches up again and repeated restarts push the floor ahead by a quarter of a second each, not more.
class TimestampSource {
 public:
  // Every timestamp issued will be greater than the floor. The default floor, zero, is for a first start.
  explicit TimestampSource(const Tai64n& floor = {}) noexcept : greatest_(floor), floor_(floor), reserved_(floor) {}

  // The timestamp of an initiation to a peer; `last` is the one of its previous initiation. Greater than `last` and the
  // floor. It does not wait for a reservation: with a disk that cannot be written the gateway works on, and only a
  // restart together with a clock that went back could then delay a peer.
  [[nodiscard]] Tai64n next(WallTime now, const Tai64n& last) noexcept;

  // The greatest timestamp issued so far (or the floor): a peer that is new starts after it.
  [[nodiscard]] const Tai64n& greatest() const noexcept { return greatest_; }

  // What the disk holds: greater than all that was issued if the caller keeps up.
  [[nodiscard]] const Tai64n& reserved_until() const noexcept { return reserved_; }
  // What to write next, if it is time; ask at least once in 10 s, and call reserved() when it is on disk.
  [[nodiscard]] std::optional<Tai64n> reservation_wanted(WallTime now) const noexcept;
  void reserved(const Tai64n& until) noexcept;

 private:
  Tai64n greatest_;
  Tai64n floor_;
  Tai64n reserved_;
};

}  // namespace sallyport::wireguard
