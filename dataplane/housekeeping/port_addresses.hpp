// Questions about the addresses of a port, for the slow path: which are its own, which are on its link, and which of
// its own speaks to a given one.
#pragma once

#include <optional>

#include "config/base/ip.hpp"
#include "dataplane/io/port_table.hpp"

namespace sallyport::dataplane {

// One of the port's own addresses, the link-local one included.
[[nodiscard]] bool owns_address(const LogicalPort& port, const IpAddress& address) noexcept;
[[nodiscard]] bool any_port_owns(const PortTable& ports, const IpAddress& address) noexcept;

// The longest of the port's prefixes that contains `address`; null: it is not on the link. IPv6 link-local addresses
// are on every link, but have no prefix here: see is_on_link().
[[nodiscard]] const IpPrefix* connected_prefix(const LogicalPort& port, const IpAddress& address) noexcept;

// May be the address of a neighbour on this link: connected, IPv6 link-local, or the port's gateway; not our own, a
// group, or a broadcast.
[[nodiscard]] bool is_on_link(const LogicalPort& port, const IpAddress& address) noexcept;

// The address with which the port speaks to `remote`: link-local to link-local, else that of the prefix which contains
// it, else the first of the family. None: the port has no address of the family.
[[nodiscard]] std::optional<IpAddress> source_for(const LogicalPort& port, const IpAddress& remote) noexcept;

}  // namespace sallyport::dataplane
