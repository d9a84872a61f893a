// How the judgement of an IP header is counted.
#pragma once

#include "dataplane/abi/counters.hpp"
#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

[[nodiscard]] constexpr abi::DropReason drop_reason_of(IpParseError error) noexcept {
  using abi::DropReason;
  switch (error) {
    case IpParseError::truncated:
    case IpParseError::length_exceeds_packet:
      return DropReason::truncated;
    case IpParseError::bad_header_checksum:
      return DropReason::bad_checksum;
    case IpParseError::bad_source:
    case IpParseError::bad_destination:
      return DropReason::bad_source;
    case IpParseError::bad_extension_header:
    case IpParseError::too_many_extension_headers:
      return DropReason::too_many_extension_headers;
    default:
      return DropReason::bad_ip_header;
  }
}

}  // namespace sallyport::dataplane
