#include "dataplane/io/machine.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>

namespace sallyport::dataplane {
namespace {

std::uint64_t number_in(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::uint64_t value = 0;
  return stream >> value ? value : 0;
}

// "hugepages-2048kB" -> 2 MiB; 0 for anything else.
std::uint64_t page_bytes(std::string_view folder) {
  constexpr std::string_view prefix = "hugepages-";
  if (!folder.starts_with(prefix) || !folder.ends_with("kB")) return 0;
  folder.remove_prefix(prefix.size());
  std::uint64_t kib = 0;
  std::from_chars(folder.data(), folder.data() + folder.size(), kib);
  return kib * 1024;
}

void read_huge_pages(Machine& machine, const std::filesystem::path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::uint64_t bytes = page_bytes(entry->path().filename().string());
    if (bytes == 0) continue;
    const std::uint64_t free = number_in(entry->path() / "free_hugepages");
    const std::uint64_t reserved = number_in(entry->path() / "resv_hugepages");
    machine.free_huge_page_bytes += (free - std::min(free, reserved)) * bytes;
    machine.total_huge_page_bytes += number_in(entry->path() / "nr_hugepages") * bytes;
    if (machine.smallest_huge_page_bytes == 0 || bytes < machine.smallest_huge_page_bytes)
      machine.smallest_huge_page_bytes = bytes;
  }
}

void read_memory(Machine& machine, const std::filesystem::path& meminfo) {
  std::ifstream stream(meminfo);
  std::string key;
  std::uint64_t kib = 0;
  for (std::string unit; stream >> key >> kib && std::getline(stream, unit);) {
    if (key == "MemTotal:") machine.memory_bytes = kib * 1024;
    if (key == "MemAvailable:") machine.available_memory_bytes = kib * 1024;
  }
}

}  // namespace

Machine read_machine(const std::filesystem::path& sys, const std::filesystem::path& proc) {
  Machine machine;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &allowed)) machine.allowed_cpus.push_back(cpu);
  const long configured = sysconf(_SC_NPROCESSORS_CONF);
  machine.cpu_count = configured > 0 ? static_cast<unsigned>(configured) : 0;
  read_huge_pages(machine, sys / "kernel/mm/hugepages");
  read_memory(machine, proc / "meminfo");
  return machine;
}

std::string cpu_list(const std::vector<unsigned>& cpus) {
  std::string list;
  for (std::size_t first = 0; first < cpus.size();) {
    std::size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!list.empty()) list += ',';
    list += std::to_string(cpus[first]);
    if (last > first) list += '-' + std::to_string(cpus[last]);
    first = last + 1;
  }
  return list;
}

}  // namespace sallyport::dataplane
