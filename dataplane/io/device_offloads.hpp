// What a device computes so that we need not: flags that are on, not capabilities. The stages ask these and nothing
// else.
#pragma once

namespace sallyport::dataplane {

struct DeviceOffloads {
  // Receive: the flags of the mbuf say whether a checksum was good, bad or not looked at.
  bool rx_ipv4_checksum = false;
  bool rx_udp_checksum = false;
  bool rx_tcp_checksum = false;
  bool rx_vlan_strip = false;  // the tag, if there was one, is in the mbuf (vlan.hpp handles both ways)
  bool rss = false;            // rx_queues > 1 and the device spreads flows by hash; mbuf.hash.rss is valid
  // Transmit
  bool tx_ipv4_checksum = false;
  bool tx_udp_checksum = false;
  bool tx_tcp_checksum = false;
  bool tx_vlan_insert = false;
  bool tx_fast_free = false;  // every mbuf sent has one reference, one segment and comes from the device's own pool
};

}  // namespace sallyport::dataplane
