#include "dataplane/io/device.hpp"

#include <rte_errno.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "config/base/hash.hpp"
#include "dataplane/io/kernel_interface.hpp"
#include "dataplane/io/kernel_link.hpp"
#include "dataplane/io/link_local.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::uint64_t spread_by = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP;
constexpr std::uint64_t spread_by_spi_too = spread_by | RTE_ETH_RSS_ESP;

bool is_unsupported(int result) noexcept {
  return result == -ENOTSUP || result == -ENOSYS;
}

std::string refused(const char* step, int result) {
  return std::string(step) + ": " + rte_strerror(-result);
}

config::MacAddress to_mac(const rte_ether_addr& address) noexcept {
  config::MacAddress mac{};
  std::memcpy(mac.data(), address.addr_bytes, mac.size());
  return mac;
}

rte_ether_addr to_rte(const config::MacAddress& mac) noexcept {
  rte_ether_addr address{};
  std::memcpy(address.addr_bytes, mac.data(), mac.size());
  return address;
}

bool is_unicast(const config::MacAddress& mac) noexcept {
  return (mac[0] & 1) == 0 && mac != config::MacAddress{};
}

// A device without a MAC gets a locally administered one, the same at each start.
config::MacAddress made_up_mac(const std::string& name) noexcept {
  const auto hash = fnv1a<std::uint64_t>(name);
  config::MacAddress mac = {0x02};
  std::memcpy(mac.data() + 1, &hash, 5);
  return mac;
}

}  // namespace

config::MacAddress solicited_node_mac(const IpAddress& address) noexcept {
  return {0x33, 0x33, 0xff, address.bytes[13], address.bytes[14], address.bytes[15]};
}

tl::expected<std::unique_ptr<Device>, std::string> Device::open(const DeviceRequest& request, rte_mempool& pool) {
  std::unique_ptr<Device> device(new Device(request.ethdev));
  std::string refusal = device->look_up();
  if (refusal.empty()) refusal = device->configure(request);
  if (refusal.empty()) refusal = device->set_up_queues(request, pool);
  if (refusal.empty()) refusal = device->choose_mtu(request);
  if (refusal.empty()) device->choose_mac(request);
  if (refusal.empty()) refusal = device->start();
  if (!refusal.empty()) return tl::unexpected("device " + device->name_ + ": " + refusal);
  device->receive_own_addresses(request);
  return device;
}

Device::~Device() {
  stop();
  if (!name_.empty()) rte_eth_dev_close(ethdev_);
}

void Device::stop() noexcept {
  if (started_) rte_eth_dev_stop(ethdev_);
  started_ = false;
}

std::string Device::look_up() {
  char name[RTE_ETH_NAME_MAX_LEN] = "";
  if (const int result = rte_eth_dev_info_get(ethdev_, &info_); result != 0) return refused("no such device", result);
  if (rte_eth_dev_get_name_by_port(ethdev_, name) == 0) name_ = name;
  driver_ = info_.driver_name != nullptr ? info_.driver_name : "";
  traits_ = DriverTraits::of(driver_);
  if (traits_.shares_interface) remarks_ = take_kernel_interface(info_.if_index, driver_);
  return {};
}

std::string Device::configure(const DeviceRequest& request) {
  queues_ = QueuePlan::choose({.rx_queues = request.rx_queues,
                               .workers = request.workers,
                               .first_worker = request.first_worker,
                               .max_rx_queues = info_.max_rx_queues,
                               .max_tx_queues = info_.max_tx_queues,
                               .traits = traits_});
  if (queues_.rx_queues < request.rx_queues)
    remarks_.push_back(std::to_string(queues_.rx_queues) + " of " + std::to_string(request.rx_queues) +
                       " receive queues");
  if (queues_.tx_queues < queues_.workers)
    remarks_.push_back(std::to_string(queues_.tx_queues) + " transmit queues for " + std::to_string(queues_.workers) +
                       " workers");

  rte_eth_conf conf{};
  const auto receive = [&](bool wanted, std::uint64_t offload) {
    const bool on = wanted && (info_.rx_offload_capa & offload) != 0;
    if (on) conf.rxmode.offloads |= offload;
    return on;
  };
  const auto transmit = [&](bool wanted, std::uint64_t offload) {
    const bool on = wanted && (info_.tx_offload_capa & offload) != 0;
    if (on) conf.txmode.offloads |= offload;
    return on;
  };
  const bool honest = !traits_.partial_checksums;
  offloads_ = {.rx_ipv4_checksum = receive(honest, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM),
               .rx_udp_checksum = receive(honest, RTE_ETH_RX_OFFLOAD_UDP_CKSUM),
               .rx_tcp_checksum = receive(honest, RTE_ETH_RX_OFFLOAD_TCP_CKSUM),
               .rx_vlan_strip = receive(request.has_vlans, RTE_ETH_RX_OFFLOAD_VLAN_STRIP),
               .tx_ipv4_checksum = transmit(true, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM),
               .tx_udp_checksum = transmit(true, RTE_ETH_TX_OFFLOAD_UDP_CKSUM),
               .tx_tcp_checksum = transmit(true, RTE_ETH_TX_OFFLOAD_TCP_CKSUM),
               .tx_vlan_insert = transmit(request.has_vlans, RTE_ETH_TX_OFFLOAD_VLAN_INSERT),
               .tx_fast_free = transmit(request.single_pool, RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE)};

  if (request.mtu > info_.max_mtu)
    return "mtu " + std::to_string(request.mtu) + " is above the device's " + std::to_string(info_.max_mtu);
  conf.rxmode.mtu = request.mtu;

  int result = -EINVAL;
  for (const std::uint64_t hash : {spread_by_spi_too, spread_by, std::uint64_t{0}}) {
    const std::uint64_t offered = queues_.rx_queues > 1 ? hash & info_.flow_type_rss_offloads : 0;
    conf.rxmode.mq_mode = offered != 0 ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE;
    conf.rx_adv_conf.rss_conf.rss_hf = offered;
    result = rte_eth_dev_configure(ethdev_, queues_.rx_queues, queues_.tx_queues, &conf);
    // A driver that derives its longest frame from its present MTU takes the MTU later (choose_mtu).
    if (result == -EINVAL && request.mtu != RTE_ETHER_MTU) {
      conf.rxmode.mtu = 0;
      result = rte_eth_dev_configure(ethdev_, queues_.rx_queues, queues_.tx_queues, &conf);
      conf.rxmode.mtu = request.mtu;
    }
    offloads_.rss = offered != 0;
    if (result == 0 || offered == 0) break;
  }
  return result == 0 ? std::string{} : refused("configure", result);
}

std::string Device::set_up_queues(const DeviceRequest& request, rte_mempool& pool) {
  std::uint16_t rx_descriptors = request.rx_descriptors;
  std::uint16_t tx_descriptors = request.tx_descriptors;
  if (const int result = rte_eth_dev_adjust_nb_rx_tx_desc(ethdev_, &rx_descriptors, &tx_descriptors); result != 0)
    return refused("queue lengths", result);
  // Memory near the device, or anywhere if there is none.
  const int socket = rte_eth_dev_socket_id(ethdev_);
  const auto socket_id = static_cast<unsigned>(socket < 0 ? SOCKET_ID_ANY : socket);

  rte_eth_rxconf rx = info_.default_rxconf;
  rx.offloads = 0;                                // as configured for the port
  rx.rx_drop_en = queues_.rx_queues > 1 ? 1 : 0;  // a slow worker must not stop the queues of the others
  for (std::uint16_t queue = 0; queue < queues_.rx_queues; ++queue)
    if (const int result = rte_eth_rx_queue_setup(ethdev_, queue, rx_descriptors, socket_id, &rx, &pool); result != 0)
      return refused("receive queue", result);
  rte_eth_txconf tx = info_.default_txconf;
  tx.offloads = 0;
  for (std::uint16_t queue = 0; queue < queues_.tx_queues; ++queue)
    if (const int result = rte_eth_tx_queue_setup(ethdev_, queue, tx_descriptors, socket_id, &tx); result != 0)
      return refused("transmit queue", result);
  return {};
}

std::string Device::choose_mtu(const DeviceRequest& request) {
  const int result = rte_eth_dev_set_mtu(ethdev_, request.mtu);
  mtu_ = request.mtu;
  if (result == 0 || is_unsupported(result)) return {};
  if (result == -EINVAL && traits_.kernel_owns_mtu) {
    remarks_.push_back("the interface behind it must have the mtu " + std::to_string(request.mtu) + " already");
    return {};
  }
  return refused(("mtu " + std::to_string(request.mtu)).c_str(), result);
}

void Device::choose_mac(const DeviceRequest& request) {
  rte_ether_addr own{};
  if (rte_eth_macaddr_get(ethdev_, &own) == 0) mac_ = to_mac(own);
  if (!request.macs.empty() && request.macs.front() != mac_) {
    mac_ = request.macs.front();
  } else if (is_unicast(mac_)) {
    return;
  } else {
    mac_ = made_up_mac(name_);
  }
  rte_ether_addr wanted = to_rte(mac_);
  if (rte_eth_dev_default_mac_addr_set(ethdev_, &wanted) != 0) mac_filtered_ = false;
}

std::string Device::start() {
  if (const int result = rte_eth_dev_start(ethdev_); result != 0) return refused("start", result);
  started_ = true;
  rte_eth_dev_set_link_up(ethdev_);  // most have it up already, or cannot
  rte_eth_stats_reset(ethdev_);
  static_cast<void>(link());  // its socket is opened now, while everything is still allowed
  return {};
}

// Own MACs and the multicast of neighbour discovery: by filter if the driver can, else all multicast, else everything.
void Device::receive_own_addresses(const DeviceRequest& request) {
  for (const config::MacAddress& mac : request.macs) {
    if (mac == mac_) continue;
    rte_ether_addr address = to_rte(mac);
    if (rte_eth_dev_mac_addr_add(ethdev_, &address, 0) != 0) mac_filtered_ = false;
  }
  bool multicast_filtered = true;
  if (!request.ipv6_addresses.empty()) {
    std::vector<config::MacAddress> groups = {{0x33, 0x33, 0, 0, 0, 1}, solicited_node_mac(link_local_of(mac_))};
    for (const config::MacAddress& mac : request.macs) groups.push_back(solicited_node_mac(link_local_of(mac)));
    for (const IpAddress& address : request.ipv6_addresses) groups.push_back(solicited_node_mac(address));
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    std::vector<rte_ether_addr> list;
    for (const config::MacAddress& group : groups) list.push_back(to_rte(group));
    multicast_filtered =
        rte_eth_dev_set_mc_addr_list(ethdev_, list.data(), static_cast<std::uint32_t>(list.size())) == 0 ||
        rte_eth_allmulticast_enable(ethdev_) == 0;
  }
  if (mac_filtered_ && multicast_filtered) return;
  // Drivers of rings and files have no filter at all and refuse this too: they deliver everything anyway.
  (void)rte_eth_promiscuous_enable(ethdev_);
}

LinkState Device::link() const noexcept {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(ethdev_, &link) != 0) return {};
  const bool known = link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
  static const KernelLinks kernel;
  const bool is_up_below = info_.if_index == 0 || kernel.is_up(info_.if_index);
  return {.up = link.link_status == RTE_ETH_LINK_UP && is_up_below, .speed_mbps = known ? link.link_speed : 0};
}

DeviceStatistics Device::statistics() const noexcept {
  rte_eth_stats stats{};
  if (rte_eth_stats_get(ethdev_, &stats) != 0) return {};
  return {.received_packets = stats.ipackets,
          .received_bytes = stats.ibytes,
          .sent_packets = stats.opackets,
          .sent_bytes = stats.obytes,
          .missed = stats.imissed,
          .receive_errors = stats.ierrors,
          .send_errors = stats.oerrors,
          .no_buffer = stats.rx_nombuf};
}

}  // namespace sallyport::dataplane
