// The dataplane put together: ports, tables, workers and housekeeping, from one configuration. main.cpp runs it; tests
// and benchmarks build one over in-process ports and drive it by hand.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "dataplane/abi/segment.hpp"
#include "dataplane/abi/statistics_view.hpp"
#include "dataplane/housekeeping/housekeeping.hpp"
#include "dataplane/io/memory.hpp"
#include "dataplane/worker/worker.hpp"

namespace sallyport::dataplane {

class Gateway {
 public:
  // EAL must run (start_eal). One at a time in a process.
  static tl::expected<std::unique_ptr<Gateway>, std::string> create(const config::Config& configuration);
  // Workers must have returned. Frees every packet that is held, then the ports, then the pools.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Launches the workers on their lcores and runs housekeeping on the calling thread until `stop`.
  void run(const std::atomic<bool>& stop);

  // For tests and benchmarks, on one thread.
  [[nodiscard]] std::span<const std::unique_ptr<Worker>> workers() noexcept { return workers_; }
  [[nodiscard]] Housekeeping& housekeeping() noexcept { return *housekeeping_; }
  [[nodiscard]] Tables& tables() noexcept { return *tables_; }
  [[nodiscard]] abi::StatisticsView statistics() const noexcept;
  [[nodiscard]] const MbufPools& pools() const noexcept { return *pools_; }

 private:
  Gateway() = default;
  // The steps of create(), in order; each returns what went wrong, or nothing.
  [[nodiscard]] std::string open_ports(const config::Config& configuration);
  [[nodiscard]] std::string allocate_tables(const config::Dataplane& dataplane);
  [[nodiscard]] std::string make_statistics(const config::Config& configuration);
  [[nodiscard]] std::string make_rings();
  [[nodiscard]] std::string make_workers(const config::Dataplane& dataplane);
  [[nodiscard]] std::string start_housekeeping(const config::Config& configuration);

  struct RteFree {
    void operator()(void* memory) const noexcept;
  };
  template <typename T>
  using RteArray = std::unique_ptr<T[], RteFree>;

  std::uint16_t worker_count_ = 0;
  std::uint32_t max_sessions_ = 0;  // rounded up to a power of two
  std::unique_ptr<MbufPools> pools_;
  struct PoolFree {
    void operator()(rte_mempool* pool) const noexcept;
  };
  std::unique_ptr<rte_mempool, PoolFree> capture_pool_;
  std::unique_ptr<PortTable> ports_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::unique_ptr<rte_rcu_qsbr, RteFree> rcu_;
  std::unique_ptr<RouteTable> routes_;
  std::unique_ptr<NeighbourTable> neighbours_;
  RteArray<OpenSession> open_sessions_;
  RteArray<SealSession> seal_sessions_;
  RteArray<Peer> peers_;
  RteArray<FlowEntry> flow_entries_;
  RteArray<FlowBucket> flow_buckets_;
  RteArray<std::atomic<std::uint32_t>> identity_flows_;
  RteArray<RateSlot> rate_slots_;
  std::unique_ptr<PolicyTable> policy_;
  std::unique_ptr<FlowTable> flows_;
  std::unique_ptr<RateLimiter> rates_;
  std::unique_ptr<TunnelTable> tunnels_;
  CaptureFilter capture_filter_;
  std::unique_ptr<Tables> tables_;
  abi::Segment statistics_;
  abi::StatisticsLayout layout_{};
  std::vector<WorkerRings> rings_;
  std::vector<std::unique_ptr<Counters>> worker_counters_;
  std::vector<CaptureTap*> captures_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Housekeeping> housekeeping_;
};

}  // namespace sallyport::dataplane
