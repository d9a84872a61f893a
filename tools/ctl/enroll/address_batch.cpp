#include "tools/ctl/enroll/address_batch.hpp"

#include <algorithm>
#include <optional>

namespace sallyport::ctl {
namespace {

bool contains(const std::vector<IpPrefix>& list, const IpPrefix& prefix) {
  return std::find(list.begin(), list.end(), prefix) != list.end();
}

// "10.0.0.0/8", a host without its length, or "default".
std::optional<IpPrefix> destination(const std::string& text, bool ipv6) {
  if (text == "default") return IpPrefix::parse(ipv6 ? "::/0" : "0.0.0.0/0");
  if (const auto host = IpAddress::parse(text)) return IpPrefix::host(*host);
  return IpPrefix::parse(text);
}

std::vector<IpPrefix> present_addresses(const Json& links) {
  std::vector<IpPrefix> addresses;
  for (const Json& link : links)
    for (const Json& entry : list_field(link, "addr_info")) {
      const auto address = IpAddress::parse(text_field(entry, "local"));
      const auto length = number_field(entry, "prefixlen");
      if (address && length <= address->bits() && text_field(entry, "scope") == "global")
        addresses.push_back({*address, static_cast<std::uint8_t>(length)});
    }
  return addresses;
}

}  // namespace

std::string address_lines(const BatchTarget& target, const std::vector<IpPrefix>& wanted, const Json& present) {
  const auto there = present_addresses(present);
  std::string lines;
  const auto add = [&](const char* verb, const IpPrefix& prefix) {
    if (prefix.address.is_v6() == target.ipv6)
      lines += "address " + std::string(verb) + ' ' + prefix.to_string() + " dev " + target.interface + '\n';
  };
  for (const IpPrefix& prefix : wanted)
    if (!contains(there, prefix)) add("add", prefix);
  for (const IpPrefix& prefix : there)
    if (!contains(wanted, prefix)) add("delete", prefix);
  return lines;
}

std::string route_lines(const BatchTarget& target, const std::vector<IpPrefix>& wanted, const Json& present) {
  std::string lines;
  const auto add = [&](const char* verb, const IpPrefix& prefix) {
    if (prefix.address.is_v6() != target.ipv6) return;
    lines += "route " + std::string(verb) + ' ' + prefix.to_string() + " dev " + target.interface +
             " proto static table " + target.table + '\n';
  };
  for (const IpPrefix& prefix : wanted) add("replace", prefix);
  for (const Json& route : present) {
    const auto prefix = destination(text_field(route, "dst"), target.ipv6);
    if (prefix && !contains(wanted, *prefix)) add("delete", *prefix);
  }
  return lines;
}

}  // namespace sallyport::ctl
