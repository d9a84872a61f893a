// A copy of a packet on its way from a thread's CaptureTap to housekeeping: the first bytes of the packet, and in the
// mbuf's private area what the control plane is to know about it.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/counters.hpp"

namespace sallyport::dataplane {

struct CaptureCopy {
  std::uint64_t at_tsc;
  std::uint32_t original_bytes;
  std::uint32_t peer_id;
  abi::CapturePoint point;
  std::uint8_t port_index;
  abi::DropReason drop_reason;  // DropReason::count: not dropped
  std::uint8_t starts_at_ip;
};
static_assert(sizeof(CaptureCopy) <= 64);

inline CaptureCopy& capture_copy_of(rte_mbuf* copy) noexcept {
  return *static_cast<CaptureCopy*>(rte_mbuf_to_priv(copy));
}

}  // namespace sallyport::dataplane
