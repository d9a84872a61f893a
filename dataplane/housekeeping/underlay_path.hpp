// The way of an outer packet: out of which underlay port, to which neighbour, from which of our addresses. Inside ports
// are never a way, so the endpoint of a tunnel cannot come to lie inside that tunnel; nor are our own addresses.
//
//   a connected prefix of an underlay port, or a static route: the longest prefix wins, connected before static
//   else the gateway of an underlay port
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "config/base/ip.hpp"
#include "dataplane/io/port_table.hpp"

namespace sallyport::dataplane {

struct UnderlayHop {
  std::uint8_t port_index;
  IpAddress next_hop;
  IpAddress local;  // our source address

  friend bool operator==(const UnderlayHop&, const UnderlayHop&) = default;
};

// The `[[route]]`s whose next hop is a neighbour on an underlay port. Few; housekeeping alone writes and reads.
class UnderlayRoutes {
 public:
  static constexpr std::size_t capacity = 1024;

  UnderlayRoutes() { routes_.reserve(capacity); }

  // Adds a route or changes its next hop. False, and nothing changed: invalid, of two families, or the table is full.
  [[nodiscard]] bool set(const IpPrefix& prefix, const IpAddress& via) noexcept;
  // False if there is no such route.
  bool remove(const IpPrefix& prefix) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return routes_.size(); }

  struct Route {
    IpPrefix prefix;
    IpAddress via;
  };
  // The longest prefix that contains `remote`, or null.
  [[nodiscard]] const Route* find(const IpAddress& remote) const noexcept;

 private:
  std::vector<Route> routes_;
};

// `local_hint` may be unset: the address that the other side last sent to. It decides between ports that reach `remote`
// equally well, and is kept as the source if the port has it.
[[nodiscard]] std::optional<UnderlayHop> find_underlay_hop(const PortTable& ports, const UnderlayRoutes& routes,
                                                           const IpAddress& remote,
                                                           const IpAddress& local_hint) noexcept;

}  // namespace sallyport::dataplane
