// Port ranges cut at every place where another range begins or ends: what is decided for one port of a cell is decided
// for all of it.
#pragma once

#include <span>
#include <vector>

#include "policy/model.hpp"

namespace sallyport::policy {

// Of the ranges in `targets`, cut by these and by `cuts`, without overlaps: by protocol, then port. A cell of
// abi::any_protocol stands for all protocols that none of them names.
[[nodiscard]] std::vector<abi::PortRange> port_cells(std::span<const abi::PortRange> targets,
                                                     std::span<const abi::PortRange> cuts);
// Is all of the cell in this range?
[[nodiscard]] bool covers_cell(const abi::PortRange& range, const abi::PortRange& cell);
[[nodiscard]] bool covers_cell(const Service& service, const abi::PortRange& cell);

}  // namespace sallyport::policy
