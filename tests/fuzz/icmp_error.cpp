// Any packet as the offender: the error about it is a right packet within its bounds, from us to the offender, and
// never itself the cause of another.
#include "dataplane/packet/icmp_error.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "config/base/check.hpp"

using namespace sallyport;
using namespace sallyport::dataplane;

// First byte: how small the output is. Second: the MTU. Then an IP packet.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::vector<std::uint8_t> offending(data + 2, data + size);
  ParsedIp ip;
  if (parse_ip(offending, ip, parse_allow_unspecified_source) != IpParseError::none) return 0;
  const IpAddress us = ip.is_v4() ? IpAddress::v4(192, 0, 2, 1) : *IpAddress::parse("2001:db8::1");
  for (unsigned kind = 0; kind <= static_cast<unsigned>(IcmpErrorKind::packet_too_big); ++kind) {
    std::vector<std::uint8_t> out(data[0] == 0 ? 1280 : data[0] * 5U);
    const std::size_t length =
        build_icmp_error(out, offending, ip, static_cast<IcmpErrorKind>(kind), data[1] * 256U, us);
    SP_CHECK(length <= out.size() && length <= (ip.is_v4() ? max_icmpv4_error_bytes : max_icmpv6_error_bytes));
    if (length == 0) continue;
    out.resize(length);
    ParsedIp error;
    SP_CHECK(parse_ip(out, error) == IpParseError::none);
    SP_CHECK(error.total_bytes == length && error.ttl == 64 && l4_checksum_holds(out, error));
    SP_CHECK(source_address(out, error) == us && destination_address(out, error) == source_address(offending, ip));
    const std::size_t quoted = error.l4_bytes() - 8;
    SP_CHECK(quoted <= ip.total_bytes &&
             std::equal(out.end() - static_cast<std::ptrdiff_t>(quoted), out.end(), offending.begin()));
    std::vector<std::uint8_t> again(1280);
    const IpAddress them = destination_address(out, error);
    SP_CHECK(build_icmp_error(again, out, error, IcmpErrorKind::time_exceeded, 0, them) == 0);
  }
  return 0;
}
