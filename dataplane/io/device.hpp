// One DPDK ethdev, from configuration to close: what it can do, its queues and their owners, its offloads, MAC filter,
// link and statistics. Several logical ports may share one device by VLAN (port_table.hpp). Everything here is set-up
// or housekeeping; workers only keep the queue numbers and call rte_eth_rx_burst and rte_eth_tx_burst themselves.
//
// Receivers must check the destination MAC themselves: a device that cannot filter runs promiscuous.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/base/ip.hpp"
#include "config/config.hpp"
#include "dataplane/io/device_offloads.hpp"
#include "dataplane/io/mbuf_pool.hpp"
#include "dataplane/io/queue_plan.hpp"

namespace sallyport::dataplane {

struct DeviceRequest {
  std::uint16_t ethdev = 0;  // find_ethdev
  std::uint16_t rx_queues = 1;
  std::uint16_t workers = 1;
  std::uint16_t first_worker = 0;  // who polls queue 0: give each device another
  std::uint16_t mtu = 1500;        // the largest of its logical ports
  bool has_vlans = false;
  bool single_pool = false;               // MbufPools::single()
  std::vector<config::MacAddress> macs;   // configured ones; the first becomes the device's. Empty: the device's own
  std::vector<IpAddress> ipv6_addresses;  // whose solicited-node multicast must be received; link-local is added
  std::uint16_t rx_descriptors = 1024;    // wishes: the driver's limits prevail
  std::uint16_t tx_descriptors = 1024;
};

// Since the device started; what the driver does not count is 0.
struct DeviceStatistics {
  std::uint64_t received_packets = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_packets = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t missed = 0;  // dropped by the device because a queue was full
  std::uint64_t receive_errors = 0;
  std::uint64_t send_errors = 0;
  std::uint64_t no_buffer = 0;  // dropped because the pool was empty
};

struct LinkState {
  bool up = false;
  std::uint32_t speed_mbps = 0;  // 0: unknown
};

class Device {
 public:
  // Configures and starts the device with buffers from `pool`, which must outlive it. Errors name the device and the
  // step that the driver refused; what a driver merely does not offer (ENOTSUP) is done without.
  [[nodiscard]] static tl::expected<std::unique_ptr<Device>, std::string> open(const DeviceRequest& request,
                                                                               rte_mempool& pool);
  // Stops and closes; no worker may use it any more. DPDK forgets a closed vdev: it cannot be opened again.
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  [[nodiscard]] std::uint16_t ethdev() const noexcept { return ethdev_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& driver() const noexcept { return driver_; }
  [[nodiscard]] const QueuePlan& queues() const noexcept { return queues_; }
  [[nodiscard]] const DeviceOffloads& offloads() const noexcept { return offloads_; }
  [[nodiscard]] const config::MacAddress& mac() const noexcept { return mac_; }
  [[nodiscard]] std::uint16_t mtu() const noexcept { return mtu_; }
  // The owner of a transmit queue must call rte_eth_tx_burst at least every 100 ms, if need be with nothing.
  [[nodiscard]] bool needs_idle_tx() const noexcept { return traits_.needs_idle_tx; }
  // Less than what was asked for, to be logged: "2 of 4 receive queues".
  [[nodiscard]] const std::vector<std::string>& remarks() const noexcept { return remarks_; }

  // Housekeeping only; neither waits.
  [[nodiscard]] LinkState link() const noexcept;
  [[nodiscard]] DeviceStatistics statistics() const noexcept;

  // No packet enters or leaves any more; buffers in its queues go back to the pool at close (destructor).
  void stop() noexcept;

 private:
  explicit Device(std::uint16_t ethdev) : ethdev_(ethdev) {}

  // The steps of open, in order. Each returns what the driver refused, or an empty string.
  [[nodiscard]] std::string look_up();
  [[nodiscard]] std::string configure(const DeviceRequest& request);
  [[nodiscard]] std::string set_up_queues(const DeviceRequest& request, rte_mempool& pool);
  [[nodiscard]] std::string choose_mtu(const DeviceRequest& request);
  void choose_mac(const DeviceRequest& request);
  [[nodiscard]] std::string start();
  void receive_own_addresses(const DeviceRequest& request);

  std::uint16_t ethdev_;
  bool started_ = false;
  std::uint16_t mtu_ = 0;
  std::string name_;
  std::string driver_;
  rte_eth_dev_info info_{};
  DriverTraits traits_;
  QueuePlan queues_;
  DeviceOffloads offloads_;
  config::MacAddress mac_{};
  bool mac_filtered_ = true;  // the device knows every MAC that is ours
  std::vector<std::string> remarks_;
};

// RFC 4291, section 2.7.1, and RFC 2464, section 7: 33:33:ff and the last three bytes of the address.
[[nodiscard]] config::MacAddress solicited_node_mac(const IpAddress& address) noexcept;

}  // namespace sallyport::dataplane
