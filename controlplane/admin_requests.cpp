// What the admin API asks of the control plane.
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "controlplane/control_plane.hpp"
#include "controlplane/health.hpp"

namespace sallyport::controlplane {

tl::expected<void, std::string> ControlPlane::forget_timestamp(std::string_view name) {
  const Peer* peer = peers_.directory().by_name(name);
  if (peer == nullptr) return tl::unexpected("there is no peer " + std::string(name));
  const auto id = peer_id(name);
  // The dataplane would give it back at the next link.
  if (!id || statistics() == nullptr)
    return tl::unexpected(std::string("no dataplane is connected, which remembers it too: try again when it is"));
  service_.forget_timestamp(*id);
  publisher_.send_now(abi::ForgetTimestamp{*id});
  peers_.memory().forget_timestamp(peers_.key_of(*peer));
  request_flush();
  log_info("timestamp forgotten", {{"peer", name}});
  return {};
}

// ---- what is ----

const abi::StatisticsView* ControlPlane::statistics() const {
  const DataplaneConnection* connection = link_.connection();
  return connection != nullptr ? &connection->statistics() : nullptr;
}

std::optional<std::uint32_t> ControlPlane::peer_id(std::string_view name) const {
  return peers_.directory().id_of(name);
}

std::string ControlPlane::peer_name(std::uint32_t id) const {
  const Peer* peer = peers_.directory().by_id(id);
  return peer == nullptr ? std::string() : peer->name;
}

std::optional<PublicKey> ControlPlane::tunnel_public_key(std::string_view name) const {
  const auto found = peers_.keys().tunnels.find(std::string(name));
  if (found == peers_.keys().tunnels.end()) return std::nullopt;
  return found->second->public_key;
}

std::vector<NamedCounter> ControlPlane::counters() const {
  std::vector<NamedCounter> list = service_.counters();
  const auto add = [&list](std::vector<NamedCounter> more) {
    for (NamedCounter& counter : more) list.push_back(std::move(counter));
  };
  add({{"commands_refused", "commands that the dataplane refused", publisher_.refusals()},
       {"sessions_without_room", "sessions that found the command ring full", publisher_.installs_without_room()},
       {"dataplane_reconnections", "links to the dataplane after the first", reconnections_},
       {"dataplane_resynchronisations", "times that the dataplane was told everything again because it differed",
        resynchronisations_}});
  add(peers_.counters());
  add(state_.counters());
  add(policy_.counters());
  add(flow_reports_.counters());
  add(enrolment_counters());
  add(recorder_.counters());
  list.push_back({"clock_steps", "times that the wall clock was set", clock_steps_seen_});
  return list;
}

std::vector<Problem> ControlPlane::problems() const {
  std::vector<Problem> list = publisher_.problems();
  const auto add = [&list](std::vector<Problem> more) {
    for (Problem& problem : more) list.push_back(std::move(problem));
  };
  add(differences_.problems());
  add(peers_.problems());
  add(service_.problems());
  if (last_reload_ && !last_reload_->succeeded) list.push_back(refused_reload_problem(refused_reload_));
  add(state_.problems());
  for (const std::string& change : restarts_wanted_) list.push_back({"configuration", change});
  if (!policy_failure_.empty()) list.push_back({"policy files", policy_failure_});
  add(gate_.problems());
  add(pool_problems(pool_use()));
  add(trust_.problems());
  add(live_.problems());
  add(policy_.problems());
  add(peer_files_.problems());
  add(recorder_.problems());
  if (struct stat unused{};
      statistics() != nullptr && stat(config_.dataplane.socket.c_str(), &unused) != 0 && errno == ENOENT)
    list.push_back({"dataplane", config_.dataplane.socket.string() +
                                     " was removed: the next control plane finds no dataplane until it is restarted"});
  if (const abi::StatisticsView* view = statistics())
    add(dataplane_problems(config_, *view, connected_since_ns_, boottime_ns()));
  else
    list.push_back({"dataplane", link_failure_.empty() ? "not connected yet" : link_failure_});
  return list;
}

}  // namespace sallyport::controlplane
