// Which initiations of one peer are new (white paper, sections 5.1 and 5.4.2): their timestamps must grow. The greatest
// binds for 24 h after the handshake that set it and then lapses, so that a peer whose clock once jumped ahead is not
// locked out for good; the price is that a recorded initiation could be replayed to a peer that was silent for a day,
// which yields a session that nobody can use. Initiations less than 20 ms apart are a flood (the kernel's bound).
#pragma once

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

class ReplayGuard {
 public:
  // Before any cryptography. True: refuse as HandshakeError::flood.
  [[nodiscard]] bool floods(BootTime now) const noexcept;
  // Call only with an authenticated timestamp: it is remembered. Error: old_timestamp.
  [[nodiscard]] tl::expected<void, HandshakeError> accept(const Tai64n& timestamp, BootTime now) noexcept;

  // What must survive a restart.
  [[nodiscard]] const std::optional<GreatestTimestamp>& greatest() const noexcept { return greatest_; }
  // Takes back what survived; the greater of two restored values wins. A set_at later than now counts as now.
  void restore(const GreatestTimestamp& saved, BootTime now) noexcept;
  // The operator's way out: the next initiation is accepted whatever its timestamp.
  void forget() noexcept { greatest_.reset(); }

 private:
  std::optional<GreatestTimestamp> greatest_;
  std::optional<BootTime> last_accepted_at_;
};

}  // namespace sallyport::wireguard
