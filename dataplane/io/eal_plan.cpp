#include "dataplane/io/eal_plan.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "config/base/hash.hpp"
#include "config/base/log.hpp"
#include "dataplane/io/buffer_plan.hpp"
#include "dataplane/io/device_name.hpp"

namespace sallyport::dataplane {
namespace {

using Failure = tl::unexpected<std::string>;

bool contains(const std::vector<unsigned>& cpus, unsigned cpu) {
  return std::find(cpus.begin(), cpus.end(), cpu) != cpus.end();
}

// Why a worker cannot have this core; empty: it can.
std::string core_problem(unsigned core, const Machine& machine) {
  const std::string here = "[dataplane] workers: core " + std::to_string(core);
  if (core >= machine.cpu_count)
    return here + " does not exist: this machine has cores 0-" + std::to_string(machine.cpu_count - 1);
  if (!contains(machine.allowed_cpus, core))
    return here + " may not be used by this process, which is confined to cores " + cpu_list(machine.allowed_cpus) +
           " (cpuset, taskset or systemd's CPUAffinity/AllowedCPUs)";
  return {};
}

tl::expected<std::string, std::string> lcore_map(const config::Dataplane& dataplane, const Machine& machine) {
  std::vector<unsigned> housekeeping = machine.allowed_cpus;
  std::string workers;
  unsigned worker = 0;
  for (const unsigned core : dataplane.workers) {
    if (std::string problem = core_problem(core, machine); !problem.empty()) return Failure(std::move(problem));
    std::erase(housekeeping, core);
    workers += ',' + std::to_string(lcore_of_worker(worker++)) + '@' + std::to_string(core);
  }
  if (housekeeping.empty()) housekeeping = machine.allowed_cpus;
  return "--lcores=0@(" + cpu_list(housekeeping) + ')' + workers;
}

// The same for every start of this gateway, another for every other gateway of the machine.
std::string file_prefix(const std::string& socket) {
  return "--file-prefix=sallyport-" + hex(fnv1a<std::uint64_t>(socket)).substr(2);
}

std::string how_to_configure(const Machine& machine, std::uint64_t need_mb) {
  if (machine.smallest_huge_page_bytes == 0) return "this kernel offers no huge pages";
  const std::uint64_t page = machine.smallest_huge_page_bytes;
  const std::uint64_t used =
      machine.total_huge_page_bytes - std::min(machine.total_huge_page_bytes, machine.free_huge_page_bytes);
  const std::uint64_t pages = (need_mb * mib + used + page - 1) / page;
  return "configure them with: echo " + std::to_string(pages) + " > /sys/kernel/mm/hugepages/hugepages-" +
         std::to_string(page / 1024) + "kB/nr_hugepages (or vm.nr_hugepages in /etc/sysctl.d, or tools/setup)";
}

tl::expected<void, std::string> choose_memory(EalPlan& plan, const config::Dataplane& dataplane, const MemoryNeed& need,
                                              const Machine& machine) {
  const auto memory_mb = memory_to_reserve_mb(dataplane, need);
  if (!memory_mb) return Failure(memory_mb.error());
  plan.memory_mb = *memory_mb;

  const bool enough = machine.free_huge_page_bytes >= plan.memory_mb * mib;
  const std::string shortage = std::to_string(machine.free_huge_page_bytes / mib) + " MiB of free huge pages, " +
                               std::to_string(plan.memory_mb) + " MiB needed";
  if (dataplane.hugepages == config::HugePages::require && !enough)
    return Failure("[dataplane] hugepages = \"require\": " + shortage + "; " +
                   how_to_configure(machine, plan.memory_mb) + "\n" + need.to_table());
  plan.huge_pages = enough && dataplane.hugepages != config::HugePages::never;
  if (plan.huge_pages) return {};

  if (plan.memory_mb * mib > machine.memory_bytes)
    return Failure("the dataplane needs " + std::to_string(plan.memory_mb) + " MiB, this machine has " +
                   std::to_string(machine.memory_bytes / mib) + " MiB:\n" + need.to_table());
  if (plan.memory_mb * mib > machine.available_memory_bytes)
    plan.remarks.push_back("only " + std::to_string(machine.available_memory_bytes / mib) +
                           " MiB are available of the " + std::to_string(plan.memory_mb) +
                           " MiB that the tables may come to use");
  if (dataplane.hugepages == config::HugePages::automatic)
    plan.remarks.push_back("running without huge pages, which costs speed: " + shortage + "; " +
                           how_to_configure(machine, plan.memory_mb));
  return {};
}

bool user_selects_pci(const std::vector<std::string>& eal_args) {
  return std::any_of(eal_args.begin(), eal_args.end(), [](const std::string& argument) {
    return argument.starts_with("-a") || argument.starts_with("-b") || argument.starts_with("--allow") ||
           argument.starts_with("--block") || argument == "--no-pci";
  });
}

tl::expected<void, std::string> add_devices(EalPlan& plan, const config::Dataplane& dataplane,
                                            std::span<const config::Port> ports) {
  std::map<std::string, std::string> arguments_of;
  std::set<std::string> pci;  // also those that only serve a bond
  std::vector<std::string> devices;
  for (const config::Port& port : ports) {
    const DeviceName device = DeviceName::parse(port.device);
    const auto [known, is_new] = arguments_of.emplace(device.name, device.arguments);
    if (!is_new && known->second != device.arguments)
      return Failure("[[port]] " + port.name + ": device " + device.name +
                     " stands in another port with other arguments: \"" + device.arguments + "\" here, \"" +
                     known->second + "\" there");
    if (!is_new) continue;
    if (device.is_pci) {
      pci.insert(device.name);
      devices.push_back("--allow=" + device.to_string());
    } else {
      devices.push_back("--vdev=" + device.to_string());
    }
  }
  for (const config::Port& port : ports)
    for (const std::string& slave : DeviceName::parse(port.device).pci_slaves)
      if (pci.insert(slave).second) devices.push_back("--allow=" + slave);
  if (pci.empty() && !user_selects_pci(dataplane.eal_args)) plan.arguments.emplace_back("--no-pci");
  plan.arguments.insert(plan.arguments.end(), devices.begin(), devices.end());
  return {};
}

}  // namespace

std::vector<std::string> shortcomings(const config::Dataplane& dataplane, const MemoryNeed& need,
                                      const Machine& machine) {
  std::vector<std::string> list;
  for (const unsigned core : dataplane.workers)
    if (std::string problem = core_problem(core, machine); !problem.empty()) list.push_back(std::move(problem));
  if (!memory_to_reserve_mb(dataplane, need)) return list;  // the file's own mistake
  EalPlan plan;
  if (auto chosen = choose_memory(plan, dataplane, need, machine); !chosen) {
    std::string line = chosen.error().substr(0, chosen.error().find('\n'));  // without the breakdown
    if (line.ends_with(':')) line.pop_back();
    list.push_back(std::move(line));
  }
  return list;
}

tl::expected<EalPlan, std::string> plan_eal(const config::Dataplane& dataplane, std::span<const config::Port> ports,
                                            const MemoryNeed& need, const Machine& machine) {
  EalPlan plan;
  const auto lcores = lcore_map(dataplane, machine);
  if (!lcores) return Failure(lcores.error());
  if (const auto chosen = choose_memory(plan, dataplane, need, machine); !chosen) return Failure(chosen.error());

  plan.arguments = {"sallyport-dataplane", *lcores};
  // --no-huge and --in-memory exclude each other.
  if (plan.huge_pages) {
    plan.arguments.insert(plan.arguments.end(), {"--in-memory"});
  } else {
    plan.arguments.insert(plan.arguments.end(), {"--no-huge", "--no-shconf"});
  }
  plan.arguments.insert(plan.arguments.end(),
                        {"-m", std::to_string(plan.memory_mb), file_prefix(dataplane.socket.string()), "--no-telemetry",
                         "--log-level=error"});
  if (const auto added = add_devices(plan, dataplane, ports); !added) return Failure(added.error());
  plan.arguments.insert(plan.arguments.end(), dataplane.eal_args.begin(), dataplane.eal_args.end());
  return plan;
}

}  // namespace sallyport::dataplane
