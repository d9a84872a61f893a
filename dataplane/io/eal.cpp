#include "dataplane/io/eal.hpp"

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_version.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "config/base/log.hpp"
#include "dataplane/io/device_name.hpp"
#include "dataplane/io/dpdk_log.hpp"

namespace sallyport::dataplane {
namespace {

using Failure = tl::unexpected<std::string>;

std::string with_last_words(std::string text) {
  const std::string words = take_dpdk_log();
  return words.empty() ? text : text + " (DPDK says: " + words + ')';
}

std::string joined(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) line += (line.empty() ? "" : " ") + argument;
  return line;
}

// A bond's members are "slave" to DPDK before 23.11 and "member" since; a configuration may use either word.
std::string in_words_of_this_dpdk(std::string argument) {
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
  constexpr std::string_view theirs = ",slave=", ours = ",member=";
#else
  constexpr std::string_view theirs = ",member=", ours = ",slave=";
#endif
  if (!argument.starts_with("--vdev=net_bonding")) return argument;
  for (std::size_t at = argument.find(theirs); at != std::string::npos; at = argument.find(theirs, at + ours.size()))
    argument.replace(at, theirs.size(), ours);
  return argument;
}

}  // namespace

tl::expected<void, std::string> start_eal(const EalPlan& plan, std::span<const config::Port> ports) {
  log_debug("starting dpdk", {{"arguments", joined(plan.arguments)}});
  capture_dpdk_log();
  // rte_eal_init permutes the vector and may keep pointers into the text.
  static std::vector<std::string> arguments;
  arguments.clear();
  for (const std::string& argument : plan.arguments) arguments.push_back(in_words_of_this_dpdk(argument));
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  rte_errno = 0;
  if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0)
    return Failure(with_last_words(
        "DPDK does not start: " + std::string(rte_errno != 0 ? rte_strerror(rte_errno) : "invalid arguments") +
        ", arguments: " + joined(plan.arguments)));
  for (const config::Port& port : ports)
    if (const auto found = find_ethdev(port.device); !found)
      return Failure(with_last_words("[[port]] " + port.name + ": " + found.error()));
  static_cast<void>(take_dpdk_log());
  return {};
}

tl::expected<std::uint16_t, std::string> find_ethdev(std::string_view device) {
  const DeviceName name = DeviceName::parse(device);
  std::uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(name.name.c_str(), &id) == 0) return id;
  // Some drivers name their ports otherwise: look for the device behind the port.
  for (id = 0; id < RTE_MAX_ETHPORTS; ++id) {
    rte_eth_dev_info info{};
    if (rte_eth_dev_is_valid_port(id) == 1 && rte_eth_dev_info_get(id, &info) == 0 && info.device != nullptr &&
        name.name == rte_dev_name(info.device))
      return id;
  }
  return Failure("device " + name.name + " did not come up" +
                 (name.is_pci
                      ? ": does it exist, is it bound to vfio-pci (or its bifurcated driver), and is its PMD installed?"
                      : ": is its driver's name right, and does what its arguments name exist?"));
}

void stop_eal() {
  const std::string runtime_directory = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  rmdir(runtime_directory.c_str());  // empty, because nothing is shared with other processes
}

}  // namespace sallyport::dataplane
