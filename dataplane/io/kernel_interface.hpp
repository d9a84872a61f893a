// The kernel's interface below a device that shares it (AF_PACKET, AF_XDP): what the kernel does to frames before we
// see them, switched off where that is ours to do, and said where it is not. Blocking, at start only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::dataplane {

// Switches off GRO and LRO of the interface with this index: merged frames are larger than a receive frame, are cut
// there and dropped, and TCP crawls. Returns what could not be switched off, and what only the other end or another
// driver can change, to be logged. `driver` is DPDK's.
[[nodiscard]] std::vector<std::string> take_kernel_interface(unsigned interface_index, std::string_view driver);

}  // namespace sallyport::dataplane
