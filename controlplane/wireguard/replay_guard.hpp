// Which initiations of one peer are new (white paper, sections 5.1 and 5.4.2): their timestamps must grow. The greatest
// binds for 24 h after the handshake that set it and then lapses, so that a peer whose clock once jumped ahead is not
// locked out for good; it never goes down. What comes while it does not bind may have been recorded and be replayed: it
// yields a session that nobody can use, and proves nothing about where the peer is. The timestamp of one that the peer
// did use, which only the owner of the ephemeral key can, binds for a day in its place. Initiations less than 20 ms
// apart are a flood (the kernel's bound).
#pragma once

#include <cstdint>
#include <optional>

#include <tl/expected.hpp>

#include "controlplane/wireguard/handshake_error.hpp"
#include "controlplane/wireguard/instant.hpp"
#include "controlplane/wireguard/tai64n.hpp"

namespace sallyport::wireguard {

struct GreatestTimestamp {
  Tai64n value;
  BootTime set_at;

  friend bool operator==(const GreatestTimestamp&, const GreatestTimestamp&) = default;
};

// What an accepted initiation says about its sender.
enum class Freshness : std::uint8_t {
  fresh,
  unproven,  // no floor bound: it may be a replay until its session carries data
};

class ReplayGuard {
 public:
  // Before any cryptography. True: refuse as HandshakeError::flood.
  [[nodiscard]] bool floods(BootTime now) const noexcept;
  // Call only with an authenticated timestamp: it is remembered. Error: old_timestamp.
  [[nodiscard]] tl::expected<Freshness, HandshakeError> accept(const Tai64n& timestamp, BootTime now) noexcept;
  // The session of an initiation that was unproven carried data.
  void confirm(const Tai64n& timestamp, BootTime now) noexcept;

  // What must survive a restart.
  [[nodiscard]] const std::optional<GreatestTimestamp>& greatest() const noexcept { return greatest_; }
  // Takes back what survived; the greater of two restored values wins. A set_at later than now counts as now.
  void restore(const GreatestTimestamp& saved, BootTime now) noexcept;
  // The operator's way out: the next initiation is accepted whatever its timestamp.
  void forget() noexcept {
    greatest_.reset();
    confirmed_.reset();
  }

 private:
  std::optional<GreatestTimestamp> greatest_;
  std::optional<GreatestTimestamp> confirmed_;  // while `greatest_` did not bind
  std::optional<BootTime> last_accepted_at_;
};

}  // namespace sallyport::wireguard
