#include "dataplane/io/queue_plan.hpp"

#include <algorithm>
#include <array>

namespace sallyport::dataplane {
namespace {

constexpr std::uint16_t most_queues = 64;  // config::limits::rx_queues

struct KnownDriver {
  std::string_view name;
  DriverTraits traits;
};

constexpr std::array<KnownDriver, 11> known_drivers = {{
    // The kernel's fanout feeds every socket that the PMD opened (qpairs).
    {"net_af_packet",
     {.queue_pairs = true, .polls_all_queues = true, .kernel_owns_mtu = true, .shares_interface = true}},
    // The NIC steers into queue_count queues; the PMD refuses unequal numbers.
    {"net_af_xdp", {.queue_pairs = true, .polls_all_queues = true, .shares_interface = true}},
    // More queues than the far end has lead nowhere; rx_queues is what was agreed with it.
    {"net_memif", {.queue_pairs = true}},
    // A virtual switch spreads over all pairs; guest checksum offload means "not computed yet".
    {"net_virtio", {.queue_pairs = true, .partial_checksums = true}},
    {"net_virtio_user", {.queue_pairs = true, .partial_checksums = true}},
    {"virtio_user", {.queue_pairs = true, .partial_checksums = true}},
    {"net_vhost", {.queue_pairs = true}},
    {"net_tap", {.queue_pairs = true}},
    // Loops queue q back to queue q.
    {"net_ring", {.queue_pairs = true}},
    // Hands its queue numbers down to its slaves, of which one may insist on pairs.
    {"net_bonding", {.queue_pairs = true, .needs_idle_tx = true}},
    {"net_pcap", {.polls_all_queues = true}},
}};

}  // namespace

DriverTraits DriverTraits::of(std::string_view driver) noexcept {
  for (const KnownDriver& known : known_drivers)
    if (known.name == driver) return known.traits;
  return {};
}

QueuePlan QueuePlan::choose(const QueueRequest& request) noexcept {
  const auto at_least_one = [](std::uint16_t number) { return std::clamp<std::uint16_t>(number, 1, most_queues); };
  const std::uint16_t max_rx = at_least_one(request.max_rx_queues);
  const std::uint16_t max_tx = at_least_one(request.max_tx_queues);
  QueuePlan plan;
  plan.workers = std::max<std::uint16_t>(1, request.workers);
  plan.first_worker = static_cast<std::uint16_t>(request.first_worker % plan.workers);
  plan.rx_queues = request.traits.polls_all_queues ? max_rx : std::min(at_least_one(request.rx_queues), max_rx);
  plan.tx_queues = std::min(plan.workers, max_tx);
  if (request.traits.queue_pairs) plan.rx_queues = plan.tx_queues = std::min(plan.rx_queues, max_tx);
  return plan;
}

}  // namespace sallyport::dataplane
