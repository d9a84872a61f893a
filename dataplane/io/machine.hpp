// What this machine offers the dataplane: the CPUs that the process may use, huge pages, memory. Read once at start,
// and a plain value, so that the plan made of it can be tested for machines that we do not have. No DPDK in here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sallyport::dataplane {

struct Machine {
  std::vector<unsigned> allowed_cpus;      // ascending; of the calling thread
  unsigned cpu_count = 0;                  // configured in the machine, allowed or not
  std::uint64_t free_huge_page_bytes = 0;  // of all sizes, without what others have reserved
  std::uint64_t total_huge_page_bytes = 0;
  std::uint64_t smallest_huge_page_bytes = 0;  // 0: the kernel has none
  std::uint64_t memory_bytes = 0;
  std::uint64_t available_memory_bytes = 0;
};

// What cannot be read counts as absent. Call before EAL starts, which pins the calling thread.
[[nodiscard]] Machine read_machine(const std::filesystem::path& sys = "/sys",
                                   const std::filesystem::path& proc = "/proc");

// "0-3,8" of {0, 1, 2, 3, 8}.
[[nodiscard]] std::string cpu_list(const std::vector<unsigned>& cpus);

}  // namespace sallyport::dataplane
