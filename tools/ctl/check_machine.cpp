#include "tools/ctl/check_machine.hpp"

#include "config/base/privileges.hpp"
#include "dataplane/io/device_presence.hpp"
#include "dataplane/io/eal_plan.hpp"
#include "dataplane/io/machine.hpp"

namespace sallyport::ctl {

std::vector<config::Error> missing_here(const config::Config& configuration, const dataplane::MemoryNeed& need) {
  std::vector<config::Error> missing;
  const auto add = [&](const config::Location& location, const std::string& what) {
    missing.push_back({location, "on this machine: " + what});
  };
  const config::Dataplane& dataplane = configuration.dataplane;
  for (const std::string& what : dataplane::shortcomings(dataplane, need, dataplane::read_machine()))
    add(dataplane.location, what);
  for (const config::Port& port : configuration.ports)
    for (const std::string& what : dataplane::missing_of(port.device)) add(port.location, "device: " + what);
  const auto check_user = [&](const config::Location& location, const std::optional<std::string>& user) {
    if (!user) return;
    if (const auto account = find_account(*user); !account) add(location, "user: " + account.error());
  };
  check_user(dataplane.location, dataplane.user);
  check_user(configuration.controlplane.location, configuration.controlplane.user);
  return missing;
}

}  // namespace sallyport::ctl
