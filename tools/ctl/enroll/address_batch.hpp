// What `ip -batch` is told so that an interface has these addresses and routes and none of an earlier run: only the
// difference, so that what stays loses no packet.
#pragma once

#include <string>
#include <vector>

#include "config/base/ip.hpp"
#include "tools/ctl/json_fields.hpp"

namespace sallyport::ctl {

struct BatchTarget {
  std::string interface;
  std::string table;  // "main" or a number
  bool ipv6 = false;  // what is of the other family does not count
};

// `present`: what `ip -j address show dev IF` and `ip -j route show dev IF proto static` say.
[[nodiscard]] std::string address_lines(const BatchTarget& target, const std::vector<IpPrefix>& wanted,
                                        const Json& present);
[[nodiscard]] std::string route_lines(const BatchTarget& target, const std::vector<IpPrefix>& wanted,
                                      const Json& present);

}  // namespace sallyport::ctl
