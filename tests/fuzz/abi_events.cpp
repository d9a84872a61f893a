// What a broken dataplane may put into the event and packets-up rings: events and packets of any bytes, in any order,
// for the WireGuard service, the publisher and what is told of flows. The first byte of each record says what it is;
// time passes in between.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <utility>

#include "config/base/log.hpp"
#include "controlplane/flows/flow_records.hpp"
#include "controlplane/flows/flow_reports.hpp"
#include "controlplane/publisher/publisher.hpp"
#include "controlplane/tunnels/wireguard_service.hpp"
#include "dataplane/abi/events.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/segment.hpp"
#include "tests/unit/wireguard/lab.hpp"

namespace {

using namespace sallyport;
using namespace sallyport::controlplane;

class InlinePool final : public WorkPool {
 public:
  bool submit(WorkClass, std::unique_ptr<Task> task) override {
    tasks.push_back(std::move(task));
    return true;
  }
  [[nodiscard]] std::size_t room(WorkClass) const override { return 100; }
  void run() {
    while (!tasks.empty()) {
      const std::unique_ptr<Task> task = std::move(tasks.front());
      tasks.pop_front();
      task->work();
      task->finish();
    }
  }
  std::deque<std::unique_ptr<Task>> tasks;
};

struct World final : ServiceOutputs {
  World() {
    ServiceSettings settings;
    settings.tunnels.push_back({0, "wg0", gateway.local, {}});
    client.know(gateway.local->public_key);
    for (std::uint32_t id = 0; id < 2; ++id) {
      wireguard::Endpoint other(id + 100);
      const auto& key = id == 0 ? client.local->public_key : other.local->public_key;
      settings.peers.push_back({.peer_id = id,
                                .tunnel_id = 0,
                                .name = "peer",
                                .keys = *wireguard::make_peer_keys(*gateway.local, key, {}),
                                .endpoint = *IpEndpoint::parse("198.51.100.7:4242"),
                                .persistent_keepalive = id == 1});
    }
    service.apply(settings);
    publisher.connect(*commands.at<abi::CommandRing>(), applied);
    service.on_connected(view, false);
  }

  std::optional<std::uint64_t> install_session(const abi::InstallSession& session) override {
    SP_CHECK(session.index != 0 && session.session_id != 0);
    return ++sequence;
  }
  void retire_session(std::uint32_t, std::uint64_t) override {}
  bool send_packet(const abi::PacketDown& packet) override {
    SP_CHECK(packet.remote.is_set() && packet.length_bytes <= packet.data.size());
    return true;
  }
  std::optional<abi::PeerStatusValue> peer_status(std::uint32_t) const override { return std::nullopt; }
  void reresolve_endpoint(std::uint32_t) override {}
  void timestamp_accepted(const PeerKey&, const wireguard::GreatestTimestamp&) override {}
  void endpoint_learned(const PeerKey&, const IpEndpoint& remote, const IpEndpoint&) override {
    SP_CHECK(remote.is_set() && remote.valid());
  }

  // What is shown or recorded can be shown.
  static void show(const abi::FlowRecord& flow) {
    SP_CHECK(flow.source.is_set() && flow.source.valid() && flow.destination.valid());
    SP_CHECK(flow.rule < abi::max_rules && flow.audit_rule < abi::max_rules && flow.allowed <= 1);
    SP_CHECK(!flow.destination.to_string().empty());
  }

  static constexpr std::uint32_t max_peers = 4, max_sessions = 4;
  wireguard::Instant now = wireguard::at(std::chrono::hours(1));
  wireguard::Endpoint gateway{99};
  wireguard::Endpoint client{7};
  InlinePool pool;
  WireguardService service{*this, pool, wireguard::TestRandom(5), [this] { return now; }};
  Publisher publisher{
      {.complete_peer = [this](abi::SetPeer& peer) { service.complete(peer); },
       .on_install_refused = [this](std::uint32_t index, std::uint64_t session_id,
                                    abi::Refusal reason) { service.on_install_refused(index, session_id, reason); }},
      1};
  policy::Rule rule;
  FlowReports flows{{.peer_name = [](std::uint32_t id) { return std::to_string(id); },
                     .identity_of = [](std::uint32_t id) { return std::to_string(id); },
                     .rule = [this](std::uint32_t number) { return number % 2 == 0 ? nullptr : &rule; },
                     .record =
                         [](const FlowReport& report) {
                           show(report.flow);
                           SP_CHECK(flow_record_line(report).find('\n') == std::string::npos);
                         },
                     .shown = [](const abi::FlowShown& shown) { show(shown.flow); },
                     .listing_ended = [](const abi::FlowListingEnded&) {}}};
  void on_event(const abi::Event& event) {
    if (flows.on_event(event, now)) return;
    service.on_event(event);
    if (abi::CommandRefused refused; abi::read_payload(event, refused))
      (void)publisher.on_refused(refused, wireguard::to_boottime_ns(now.boot));
  }

  abi::Segment commands = *abi::Segment::create("fuzz", sizeof(abi::CommandRing), abi::Segment::OtherSide::may_write);
  abi::Segment statistics = *abi::Segment::create("fuzz", abi::StatisticsLayout::of(1, max_peers, max_sessions).total,
                                                  abi::Segment::OtherSide::reads_only);
  abi::StatisticsView view{statistics, 1, max_peers, max_sessions};
  std::atomic<std::uint64_t> applied{0};
  std::uint64_t sequence = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = (set_log_level(LogLevel::error), true);
  (void)quiet;
  World world;
  const std::uint8_t* const end = data + size;
  const auto take = [&](void* out, std::size_t bytes) {
    const std::size_t there = std::min(bytes, static_cast<std::size_t>(end - data));
    std::memcpy(out, data, there);
    data += there;
  };
  for (int records = 0; data < end && records < 64; ++records) {
    const std::uint8_t what = *data++;
    world.now.boot += std::chrono::milliseconds(what);
    world.now.wall += std::chrono::milliseconds(what);
    switch (what % 5) {
      case 4: {  // an event of the right size
        static constexpr std::array kinds = {
#define SALLYPORT_KIND(number, kind, Payload) std::pair(abi::EventKind::kind, sizeof(abi::Payload)),
            SALLYPORT_EVENTS(SALLYPORT_KIND)
#undef SALLYPORT_KIND
        };
        const auto [kind, bytes] = kinds[(what / 5U) % kinds.size()];
        abi::Event event{};
        event.header.version = abi::version;
        event.header.kind = kind;
        event.header.payload_bytes = static_cast<std::uint32_t>(bytes);
        take(event.payload.data(), bytes);
        world.on_event(event);
        break;
      }
      case 0: {  // any event
        abi::Event event{};
        take(&event, 48);
        world.on_event(event);
        break;
      }
      case 1: {  // any packet
        abi::PacketUp packet{};
        take(&packet, 56 + 160);
        world.service.on_packet(packet, (what & 4) != 0);
        break;
      }
      case 2: {  // a handshake message of any bytes, well delivered
        abi::PacketUp packet{};
        packet.version = abi::version;
        packet.remote = *IpEndpoint::parse("198.51.100.7:4242");
        packet.length_bytes = (what & 4) != 0 ? 148 : (what & 8) != 0 ? 92 : 64;
        take(packet.data.data(), packet.length_bytes);
        world.service.on_packet(packet, false);
        break;
      }
      case 3: {  // an honest client calls
        const auto initiation = world.client.want(world.now);
        if (!initiation.send) break;
        abi::PacketUp packet{};
        packet.version = abi::version;
        packet.remote = *IpEndpoint::parse("198.51.100.7:4242");
        packet.length_bytes = static_cast<std::uint16_t>(initiation.send->size);
        std::ranges::copy(initiation.send->view(), packet.data.begin());
        world.service.on_packet(packet, true);
        break;
      }
    }
    world.service.on_timer();
    world.pool.run();
    world.service.reconcile(world.view);
    (void)world.publisher.pump(wireguard::to_boottime_ns(world.now.boot));
  }
  return 0;
}
