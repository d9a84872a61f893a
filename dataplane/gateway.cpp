#include "dataplane/gateway.hpp"

#include <pwd.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "config/base/log.hpp"
#include "dataplane/abi/fixed_text.hpp"
#include "dataplane/abi/layout.hpp"
#include "dataplane/crypto/engine_selection.hpp"
#include "dataplane/io/eal.hpp"
#include "dataplane/io/eal_plan.hpp"

namespace sallyport::dataplane {
namespace {

static_assert(sizeof(OpenSession) == MemoryCosts{}.open_session);
static_assert(sizeof(SealSession) == MemoryCosts{}.seal_session);
static_assert(sizeof(Peer) == MemoryCosts{}.peer);
static_assert(sizeof(RateSlot) == rate_slot_bytes);
static_assert(DelayWheel::max_packets == BufferDemand{}.shaped_per_worker);
static_assert(HeldFragments::max_held == BufferDemand{}.held_fragments_per_worker);
static_assert(sizeof(PacketMeta) == MemoryCosts{}.packet_metadata &&
              sizeof(PacketMeta) == BufferDemand{}.private_bytes);

constexpr unsigned ring_slots = 1024;

std::string no_memory(const char* what) {
  return std::string("no memory for ") + what;
}

template <typename T>
T* allocate_zeroed(std::size_t count) {
  return static_cast<T*>(rte_zmalloc_socket(nullptr, count * sizeof(T), alignof(T), SOCKET_ID_ANY));
}

}  // namespace

void Gateway::RteFree::operator()(void* memory) const noexcept {
  rte_free(memory);
}
void Gateway::PoolFree::operator()(rte_mempool* pool) const noexcept {
  rte_mempool_free(pool);
}

tl::expected<std::unique_ptr<Gateway>, std::string> Gateway::create(const config::Config& configuration) {
  std::unique_ptr<Gateway> gateway(new Gateway());
  gateway->worker_count_ = static_cast<std::uint16_t>(configuration.dataplane.workers.size());
  std::string error = gateway->open_ports(configuration);
  if (error.empty()) error = gateway->allocate_tables(configuration.dataplane);
  if (error.empty()) error = gateway->make_statistics(configuration);
  if (error.empty()) error = gateway->make_workers(configuration.dataplane);
  if (error.empty()) error = gateway->start_housekeeping(configuration);
  if (!error.empty()) return tl::unexpected(error);
  return gateway;
}

Gateway::~Gateway() {
  for (const auto& worker : workers_) worker->drop_all_held();
  if (housekeeping_) housekeeping_->drop_all_held();
  housekeeping_.reset();
  workers_.clear();
  for (auto& device : devices_) device->stop();
  devices_.clear();
}

std::string Gateway::open_ports(const config::Config& configuration) {
  auto ports = PortTable::build(configuration.ports);
  if (!ports) return ports.error();
  ports_ = std::make_unique<PortTable>(std::move(*ports));
  auto pools = MbufPools::create(plan_buffers(configuration.dataplane, configuration.ports));
  if (!pools) return pools.error();
  pools_ = std::make_unique<MbufPools>(std::move(*pools));
  capture_pool_.reset(create_capture_pool(worker_count_));
  if (!capture_pool_) return no_memory("capture buffers") + ": " + rte_strerror(rte_errno);

  std::uint16_t first_worker = 0;
  for (std::uint8_t index = 0; index < ports_->devices().size(); ++index) {
    const DeviceEntry& entry = ports_->devices()[index];
    const auto ethdev = find_ethdev(entry.device);
    if (!ethdev) return ethdev.error();
    auto device = Device::open({.ethdev = *ethdev,
                                .rx_queues = entry.rx_queues,
                                .workers = worker_count_,
                                .first_worker = first_worker,
                                .mtu = entry.mtu,
                                .has_vlans = entry.has_vlans,
                                .single_pool = pools_->single(),
                                .macs = ports_->configured_macs(index),
                                .ipv6_addresses = ports_->ipv6_addresses(index)},
                               pools_->packets());
    if (!device) return device.error();
    for (const std::string& remark : (*device)->remarks())
      log_warning("device gives less", {{"device", (*device)->name()}, {"remark", remark}});
    ports_->set_device_mac(index, (*device)->mac());
    devices_.push_back(std::move(*device));
    first_worker = static_cast<std::uint16_t>((first_worker + 1) % worker_count_);
  }
  return {};
}

std::string Gateway::allocate_tables(const config::Dataplane& dataplane) {
  max_sessions_ = session_slots(dataplane);
  rcu_.reset(static_cast<rte_rcu_qsbr*>(
      rte_zmalloc(nullptr, rte_rcu_qsbr_get_memsize(abi::max_workers), RTE_CACHE_LINE_SIZE)));
  if (!rcu_ || rte_rcu_qsbr_init(rcu_.get(), abi::max_workers) != 0) return no_memory("RCU state");
  auto routes = RouteTable::create(route_limits(dataplane), rcu_.get(), "inner", SOCKET_ID_ANY);
  if (!routes) return routes.error();
  routes_ = std::move(*routes);
  std::uint64_t seed = 0;
  randombytes_buf(&seed, sizeof seed);
  neighbours_ = std::make_unique<NeighbourTable>(NeighbourLimits{}, NeighbourTimers{}, seed);
  tunnels_ = std::make_unique<TunnelTable>();
  open_sessions_.reset(allocate_zeroed<OpenSession>(max_sessions_));
  seal_sessions_.reset(allocate_zeroed<SealSession>(max_sessions_));
  peers_.reset(allocate_zeroed<Peer>(dataplane.max_peers));
  const FlowLimits flows = flow_limits(dataplane);
  flow_entries_.reset(allocate_zeroed<FlowEntry>(flows.entries()));
  flow_buckets_.reset(allocate_zeroed<FlowBucket>(flows.buckets()));
  identity_flows_.reset(allocate_zeroed<std::atomic<std::uint32_t>>(flows.max_identities));
  rate_slots_.reset(allocate_zeroed<RateSlot>(rate_slot_count));
  if (!open_sessions_ || !seal_sessions_) return no_memory("sessions");
  if (!peers_) return no_memory("peers");
  if (!flow_entries_ || !flow_buckets_ || !identity_flows_) return no_memory("flows");
  if (!rate_slots_) return no_memory("rates");
  std::array<std::uint64_t, 4> hash_secret;
  randombytes_buf(hash_secret.data(), sizeof hash_secret);
  policy_ = std::make_unique<PolicyTable>(rcu_.get());
  flows_ = std::make_unique<FlowTable>(
      flows, FlowTable::Memory{flow_entries_.get(), flow_buckets_.get(), identity_flows_.get()}, rcu_.get(),
      hash_secret);
  rates_ = std::make_unique<RateLimiter>(rate_slots_.get(), rate_slot_count, rte_get_tsc_hz());
  tables_.reset(new Tables{.ports = *ports_,
                           .devices = devices_,
                           .pools = *pools_,
                           .routes = *routes_,
                           .neighbours = *neighbours_,
                           .sessions = SessionTable(open_sessions_.get(), seal_sessions_.get(), max_sessions_),
                           .peers = PeerTable(peers_.get(), dataplane.max_peers),
                           .tunnels = *tunnels_,
                           .policy = *policy_,
                           .flows = *flows_,
                           .rates = *rates_,
                           .capture = capture_filter_,
                           .rcu = rcu_.get(),
                           .tsc_hz = rte_get_tsc_hz()});
  return {};
}

std::string Gateway::make_statistics(const config::Config& configuration) {
  layout_ = abi::StatisticsLayout::of(worker_count_, configuration.dataplane.max_peers, max_sessions_);
  auto segment = abi::Segment::create("sallyport-statistics", layout_.total, abi::Segment::OtherSide::reads_only);
  if (!segment) return segment.error();
  statistics_ = std::move(*segment);
  auto& header = *statistics_.at<abi::StatisticsHeader>();
  header.magic = abi::statistics_magic;
  header.abi_version = abi::version;
  header.max_peers = configuration.dataplane.max_peers;
  header.max_sessions = max_sessions_;
  header.max_flows = configuration.dataplane.max_flows;
  header.worker_count = worker_count_;
  header.port_count = static_cast<std::uint32_t>(ports_->ports().size());
  header.started_at_ns = boottime_ns();
  randombytes_buf(&header.boot_id, sizeof header.boot_id);
  abi::copy_text(header.build_version, SALLYPORT_VERSION);
  auto* workers = statistics_.at<abi::WorkerStatus>(layout_.workers);
  for (std::uint16_t writer = 0; writer <= worker_count_; ++writer) {
    workers[writer].tsc_hz = rte_get_tsc_hz();
    workers[writer].core = writer == 0 ? 0xffffffff : configuration.dataplane.workers[writer - 1U];
  }
  return {};
}

std::string Gateway::make_rings() {
  rings_.resize(worker_count_);
  for (std::uint16_t id = 0; id < worker_count_; ++id) {
    WorkerRings& rings = rings_[id];
    const std::string name = "w" + std::to_string(id) + "-";
    rings.own_address = PacketRing::create((name + "own").c_str(), ring_slots);
    rings.handshakes = PacketRing::create((name + "handshakes").c_str(), ring_slots);
    rings.held = PacketRing::create((name + "held").c_str(), ring_slots);
    rings.from_housekeeping = PacketRing::create((name + "housekeeping").c_str(), ring_slots);
    rings.notes.reset(new NoteRing());
    rings.flow_notes.reset(new FlowNoteRing());
    rings.packets_held.reset(new std::atomic<std::uint32_t>(0));
    if (!rings.own_address || !rings.handshakes || !rings.held || !rings.from_housekeeping) return no_memory("rings");
    rings.from_worker.resize(worker_count_);
    for (std::uint16_t other = 0; other < worker_count_; ++other) {
      if (other == id) continue;
      rings.from_worker[other] = PacketRing::create((name + "from-" + std::to_string(other)).c_str(), ring_slots);
      if (!rings.from_worker[other]) return no_memory("rings");
    }
  }
  return {};
}

std::string Gateway::make_workers(const config::Dataplane& dataplane) {
  const auto selection = select_engine(dataplane.crypto);
  if (!selection) return selection.error();
  for (const EngineReport& report : selection->reports) {
    if (!report.error.empty()) {
      log_warning("crypto engine not used", {{"engine", report.name}, {"reason", report.error}});
    } else if (report.cycles_64_bytes > 0) {
      log_info("crypto engine measured", {{"engine", report.name},
                                          {"cycles_64_bytes", static_cast<std::uint64_t>(report.cycles_64_bytes)},
                                          {"cycles_1420_bytes", static_cast<std::uint64_t>(report.cycles_1420_bytes)},
                                          {"chosen", report.name == selection->engine.name}});
    }
  }
  if (std::string problem = make_rings(); !problem.empty()) return problem;
  auto* blocks = statistics_.at<abi::CounterBlock>(layout_.counters);
  auto* status = statistics_.at<abi::WorkerStatus>(layout_.workers);
  for (std::uint16_t id = 0; id < worker_count_; ++id) {
    auto aead = selection->engine.create();
    if (!aead) return aead.error();
    std::string engine = (*aead)->name();
    if (const std::string way = (*aead)->way(); !way.empty()) engine += '/' + way;  // "vector/avx512"
    abi::copy_text(statistics_.at<abi::StatisticsHeader>()->crypto_engine, engine);
    auto reassembly = Reassembly::create(pools_->large(), tables_->tsc_hz);
    worker_counters_.push_back(std::make_unique<Counters>(&blocks[id + 1]));
    auto capture = CaptureTap::create(capture_filter_, *capture_pool_, *worker_counters_.back(), id);
    if (!reassembly || !capture) return no_memory("reassembly and capture");
    captures_.push_back(capture.get());
    std::uint64_t fragment_seed = 0;
    randombytes_buf(&fragment_seed, sizeof fragment_seed);
    auto* rule_rows = statistics_.at<abi::RuleCounters>(layout_.rules);
    auto flow = std::make_unique<FlowState>(&rule_rows[std::size_t{id} * abi::max_rules], rings_[id].flow_notes.get(),
                                            tables_->tsc_hz, fragment_seed);
    std::vector<ReceiveQueue> queues;
    for (std::uint8_t device = 0; device < devices_.size(); ++device)
      for (std::uint16_t queue = 0; queue < devices_[device]->queues().rx_queues; ++queue)
        if (devices_[device]->queues().worker_of_rx_queue(queue) == id)
          queues.push_back({.ethdev = devices_[device]->ethdev(), .queue = queue, .device = device});
    workers_.push_back(
        std::make_unique<Worker>(Worker::Setup{.context = {.worker_id = id,
                                                           .worker_count = worker_count_,
                                                           .tables = tables_.get(),
                                                           .counters = &blocks[id + 1],
                                                           .aead = std::move(*aead),
                                                           .reassembly = std::move(reassembly),
                                                           .capture = std::move(capture),
                                                           .flow = std::move(flow),
                                                           .rings = &rings_},
                                               .status = &status[id + 1],
                                               .queues = std::move(queues),
                                               .sleeps_when_idle = dataplane.idle == config::IdleMode::adaptive}));
  }
  return {};
}

std::string Gateway::start_housekeeping(const config::Config& configuration) {
  abi::Hello hello{.magic = abi::hello_magic,
                   .version = abi::version,
                   .worker_count = worker_count_,
                   .max_peers = configuration.dataplane.max_peers,
                   .max_sessions = max_sessions_,
                   .boot_id = statistics_.at<abi::StatisticsHeader>()->boot_id,
                   .layout = abi::layout,
                   .build_version = {}};
  abi::copy_text(hello.build_version, SALLYPORT_VERSION);
  std::optional<uid_t> user;
  if (configuration.controlplane.user) {
    const passwd* entry = getpwnam(configuration.controlplane.user->c_str());
    if (entry == nullptr) return "[controlplane] user '" + *configuration.controlplane.user + "' does not exist";
    user = entry->pw_uid;
  }
  auto link = ControlLink::listen({.socket_path = configuration.dataplane.socket.string(),
                                   .extra_uid = user,
                                   .hello = hello,
                                   .statistics = &statistics_});
  if (!link) return link.error();
  auto housekeeping =
      Housekeeping::create({.tables = *tables_,
                            .rings = rings_,
                            .captures = captures_,
                            .link = std::move(*link),
                            .statistics = statistics_,
                            .layout = layout_,
                            .limits = {.max_peers = configuration.dataplane.max_peers,
                                       .max_sessions = max_sessions_,
                                       .max_classes = configuration.dataplane.max_classes,
                                       .port_count = static_cast<std::uint32_t>(ports_->ports().size())}});
  if (!housekeeping) return housekeeping.error();
  housekeeping_ = std::move(*housekeeping);
  return {};
}

void Gateway::run(const std::atomic<bool>& stop) {
  struct Launch {
    Worker* worker;
    const std::atomic<bool>* stop;
  };
  std::vector<Launch> launches;
  for (const auto& worker : workers_) launches.push_back({worker.get(), &stop});
  for (std::uint16_t id = 0; id < worker_count_; ++id)
    rte_eal_remote_launch(
        [](void* argument) {
          const auto* launch = static_cast<Launch*>(argument);
          launch->worker->run(*launch->stop);
          return 0;
        },
        &launches[id], lcore_of_worker(id));
  housekeeping_->run(stop);
  rte_eal_mp_wait_lcore();
}

abi::StatisticsView Gateway::statistics() const noexcept {
  const auto& header = *statistics_.at<const abi::StatisticsHeader>();
  return {statistics_, header.worker_count, header.max_peers, header.max_sessions};
}

}  // namespace sallyport::dataplane
