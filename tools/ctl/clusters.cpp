#include <algorithm>
#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/times.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl {
namespace {

std::string staleness_text(const Json& cluster) {
  if (!flag_field(cluster, "stale")) return "no";
  return flag_field(cluster, "dropped") ? "STALE, addresses dropped" : "STALE, " + text_field(cluster, "on_stale");
}

ExitCode run_clusters(const Invocation& call) {
  const auto answer = get(call, "/v1/clusters");
  if (!answer) return answer.error();
  if (print_json(call, *answer)) return ExitCode::success;
  const WallTime now = wall_now();
  Table table({{"CLUSTER"},
               {"API SERVER"},
               {"STATE"},
               {"IN CONTACT"},
               {"STALE"},
               {"SLICES", right},
               {"EVENTS", right},
               {"RECONNECTIONS", right},
               {"RELISTS", right},
               {"MALFORMED", right}});
  for (const Json& cluster : list_field(*answer, "clusters"))
    table.add({text_field(cluster, "name"), text_field(cluster, "api_server"), text_field(cluster, "state"),
               distance_text(text_field(cluster, "in_contact_at", "never"), now), staleness_text(cluster),
               text_field(cluster, "slices"), text_field(cluster, "events"), text_field(cluster, "reconnections"),
               text_field(cluster, "relists"), text_field(cluster, "malformed")});
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "no clusters are followed\n";
  for (const Json& cluster : list_field(*answer, "clusters"))
    if (const std::string problem = text_field(cluster, "problem", ""); !problem.empty())
      call.terminal.out << "PROBLEM: " << printable(text_field(cluster, "name")) << ": " << printable(problem) << '\n';
  return ExitCode::success;
}

ExitCode run_pools(const Invocation& call) {
  const auto answer = get(call, "/v1/pools");
  if (!answer) return answer.error();
  if (print_json(call, *answer)) return ExitCode::success;
  Table table({{"POOL"}, {"SESSIONS", right}, {"LEASED", right}, {"FREE", right}});
  for (const Json& pool : list_field(*answer, "pools")) {
    const auto capacity = optional_number(pool, "capacity");
    const auto leased = number_field(pool, "leased");
    table.add({text_field(pool, "name"), text_field(pool, "sessions"), text_field(pool, "leased"),
               capacity ? std::to_string(*capacity - std::min(*capacity, leased)) : "plenty"});
  }
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "no pools\n";
  return ExitCode::success;
}

}  // namespace

std::span<const Command> cluster_commands() {
  static constexpr std::array list = {
      Command{"clusters", "", 0, 0, "Kubernetes clusters that live services follow, and how fresh their news is",
              "STALE: no contact for too long; 'on_stale' of the configuration says what happens to the addresses.",
              "  sallyctl clusters", nullptr, run_clusters},
      Command{"pools", "", 0, 0, "Addresses for tunnels by proof: given out, and free",
              "An address stays with its identity (LEASED) also while it has no session.", "  sallyctl pools", nullptr,
              run_pools},
  };
  return list;
}

}  // namespace sallyport::ctl
