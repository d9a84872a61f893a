// Whether what a [[port]] names is on this machine, seen without DPDK: `sallyctl check` says so before a start does.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::dataplane {

// What keeps a device, given as in `[[port]] device`, from coming up here, one sentence each: a PCI device that is not
// there or that no driver of DPDK can have, a network interface that does not exist in the namespace of the caller.
// Empty: nothing that can be seen.
[[nodiscard]] std::vector<std::string> missing_of(std::string_view device, const std::filesystem::path& sys = "/sys");

}  // namespace sallyport::dataplane
