#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolled_peers.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t most_problems_shown = 1000;

Json workers_json(const abi::StatisticsView& statistics) {
  Json workers = Json::array();
  for (std::uint32_t writer = 1; writer <= statistics.worker_count(); ++writer) {
    const abi::WorkerStatus& worker = statistics.worker(writer);
    const std::uint64_t busy = abi::relaxed(worker.busy_cycles), idle = abi::relaxed(worker.idle_cycles);
    workers.push_back({{"worker", writer - 1},
                       {"core", worker.core == 0xffffffff ? Json() : Json(worker.core)},
                       {"loops", abi::relaxed(worker.loops)},
                       {"sleeps", abi::relaxed(worker.sleeps)},
                       {"busy_cycles", busy},
                       {"idle_cycles", idle},
                       {"tsc_hz", worker.tsc_hz}});
  }
  return workers;
}

Json dataplane_json(const AdminBackend& backend, const RequestTime& time) {
  const abi::StatisticsView* statistics = backend.statistics();
  if (statistics == nullptr) {
    Json absent = {{"connected", false}};
    for (const char* key : {"boot_id", "uptime_s", "connected_s", "updated_s_ago", "version", "crypto_engine",
                            "workers", "buffers_in_use", "buffers_total", "packets_held", "under_load", "sessions",
                            "peers", "routes", "neighbours", "capture_remaining"})
      absent[key] = nullptr;
    return absent;
  }
  const abi::StatisticsHeader& header = statistics->header();
  char boot_id[17];
  std::snprintf(boot_id, sizeof boot_id, "%016llx", static_cast<unsigned long long>(header.boot_id));
  return {{"connected", true},
          {"boot_id", boot_id},
          {"uptime_s", time.seconds_since(header.started_at_ns)},
          {"connected_s", time.seconds_since(backend.dataplane_connected_since_ns())},
          {"updated_s_ago", time.seconds_since(abi::relaxed(header.updated_at_ns))},
          {"version", text_of(header.build_version)},
          {"crypto_engine", text_of(header.crypto_engine)},
          {"workers", workers_json(*statistics)},
          {"buffers_in_use", abi::relaxed(header.buffers_in_use)},
          {"buffers_total", abi::relaxed(header.buffers_total)},
          {"packets_held", abi::relaxed(header.packets_held)},
          {"under_load", header.under_load.load(std::memory_order_relaxed) != 0},
          {"sessions", abi::relaxed(header.live_sessions)},
          {"peers", abi::relaxed(header.live_peers)},
          {"routes", abi::relaxed(header.live_routes)},
          {"neighbours", abi::relaxed(header.live_neighbours)},
          {"capture_remaining", header.capture_remaining.load(std::memory_order_relaxed)}};
}

// Peers with a session that carries data now; null while nobody knows.
Json peers_online(const AdminBackend& backend) {
  const abi::StatisticsView* statistics = backend.statistics();
  if (statistics == nullptr) return {};
  std::uint64_t online = 0, left = abi::relaxed(statistics->header().live_peers);
  for (std::uint32_t id = 0; id < statistics->max_peers() && left > 0; ++id) {
    const auto peer = statistics->peer(id);
    if (!peer || peer->live == 0) continue;
    --left;
    if (peer->current_index != 0) ++online;
  }
  return online;
}

Json policy_json(const AdminBackend& backend) {
  Json view = {{"mode", backend.policy() == nullptr ? "allow" : "files"}};
  view.update(version_json(backend.policy_version()));
  return view;
}

}  // namespace

std::string_view version() {
  return SALLYPORT_VERSION;
}

namespace {

Json status_view(const AdminBackend& backend, const RequestTime& time) {
  const std::vector<Problem> all_problems = backend.problems();
  Json problems = Json::array();
  for (std::size_t i = 0; i < all_problems.size() && i < most_problems_shown; ++i)
    problems.push_back({{"what", all_problems[i].what}, {"why", all_problems[i].why}});
  const auto reload = backend.last_reload();
  const std::size_t configured = configured_peer_count(backend);
  return {{"gateway", backend.configuration().gateway.name},
          {"version", version()},
          {"healthy", all_problems.empty() && backend.statistics() != nullptr},
          {"peers_online", peers_online(backend)},
          {"policy", policy_json(backend)},
          {"dataplane", dataplane_json(backend, time)},
          {"controlplane",
           {{"uptime_s", time.seconds_since(backend.started_at_ns())},
            {"commands_pending", backend.commands_pending()},
            {"peers_configured", configured},
            {"peers_enrolled", backend.peers().size() - configured},
            {"last_reload_s_ago", reload ? Json(time.seconds_since(reload->at_ns)) : Json()},
            {"last_reload_succeeded", reload ? Json(reload->succeeded) : Json()}}},
          {"problems", std::move(problems)},
          {"problems_total", all_problems.size()},
          {"warnings", backend.configuration().warnings}};
}

HttpResponse get_status(const Call& call) {
  return document(status_view(call.backend, call.time));
}

}  // namespace

std::span<const Endpoint> status_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"status"}, get_status, "both processes, and what could not be made real"},
  };
  return list;
}

}  // namespace sallyport::controlplane
