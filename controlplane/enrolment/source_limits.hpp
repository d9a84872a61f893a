// How many requests a source may make: an IPv4 address or an IPv6 /64, which is what one customer has. Time is an
// argument. One thread.
//
// The table is bounded. When it is full, the source that was silent longest is forgotten, and comes back with a full
// allowance; nobody is ever refused because the table is full. So a flood from more sources than it holds locks no
// honest one out: at worst it makes the gateway forget what it had counted, and that pays only for a source that 65,536
// others have followed within burst / rate (5 s), as anybody's allowance is full again by then. Each of them has
// finished a TCP and a TLS handshake by the time it is counted, ten times more of them a second than a core can make;
// so such a flood is bounded by the connections of a source and of the server, not by this table. Which slot of the
// index a source falls into depends on a secret: nobody can choose sources that collide.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

#include "config/base/ip.hpp"

namespace sallyport::controlplane {

class SourceLimits {
 public:
  // More than 0 a second on average, at least 1 at once.
  SourceLimits(double requests_per_s, double burst, std::size_t sources_max = default_sources_max);

  // Nothing: the request is counted and may go on. Otherwise how long until the next one may; it is not counted, so a
  // client that keeps trying gets its rate nonetheless. `now` never goes back; if it does, nothing is gained.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> count(const IpAddress& source, std::chrono::nanoseconds now);
  [[nodiscard]] std::size_t size() const { return by_key_.size(); }

  static constexpr std::size_t default_sources_max = 65'536;

 private:
  using Key = std::array<std::uint8_t, 9>;  // the family; then an IPv4 address and zeros, or an IPv6 /64
  static Key key_of(const IpAddress& source);

  struct KeyedHash {
    KeyedHash();
    std::size_t operator()(const Key& key) const;
    std::array<std::uint8_t, 16> secret;  // of SipHash-2-4
  };
  struct Source {
    Key key;
    std::chrono::nanoseconds due{};  // when its next request would conform without any burst (GCRA)
  };
  Source& find_or_add(const Key& key, std::chrono::nanoseconds now);

  const std::chrono::nanoseconds interval_;
  const std::chrono::nanoseconds depth_;
  const std::size_t sources_max_;
  std::list<Source> sources_;  // the newest first
  std::unordered_map<Key, std::list<Source>::iterator, KeyedHash> by_key_;
};

}  // namespace sallyport::controlplane
