// Needs root for the interfaces; each test skips itself elsewhere (but not in CI).
#include "dataplane/housekeeping/host_bridge.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "dataplane/packet/arp.hpp"
#include "tests/unit/housekeeping/lab.hpp"

namespace sallyport::dataplane::host_bridge_test {
namespace {

class HostBridgeTest : public Lab {
 protected:
  void SetUp() override {
    wan_host_services = {{config::HostProtocol::tcp, 443}, {config::HostProtocol::udp, 5353}};
    Lab::SetUp();
    bridge = std::make_unique<HostBridge>(*gateway->context);
    if (in_own_namespace) {
      const auto opened = bridge->open();
      ASSERT_TRUE(opened) << opened.error();
      return;
    }
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string_view(ci) == "true")
      FAIL() << "this test must run in CI: needs root and /dev/net/tun";
    GTEST_SKIP() << "needs root and /dev/net/tun";
  }
  void TearDown() override {
    bridge.reset();
    Lab::TearDown();
  }
  std::unique_ptr<HostInterface> open_interface() {
    LogicalPort port = gateway->ports->port(wan);
    port.name = "other";
    port.addresses = {prefix("198.51.100.1/24")};
    port.link_local.reset();
    auto interface = HostInterface::open(port);
    EXPECT_TRUE(interface) << interface.error();
    return std::make_unique<HostInterface>(std::move(*interface));
  }

  std::unique_ptr<HostBridge> bridge;
};

TEST_F(HostBridgeTest, GivesTheKernelWhatTheListAdmits) {
  EXPECT_EQ(bridge->descriptors().size(), 1U);
  bridge->deliver(received(wan, ethernet(wan_mac, other_mac, EtherType::ipv4,
                                         tcp_syn(address("192.0.2.9"), address("192.0.2.1"), 5000, 443))));
  EXPECT_EQ(counter(Counter::punted), 1U);
  bridge->deliver(received(wan, ethernet(wan_mac, other_mac, EtherType::ipv4,
                                         tcp_syn(address("192.0.2.9"), address("192.0.2.1"), 5000, 22))));
  bridge->deliver(received(lan, ethernet(lan_mac, other_mac, EtherType::ipv4,
                                         tcp_syn(address("10.0.0.9"), address("10.0.0.1"), 5000, 443))));
  EXPECT_EQ(dropped(DropReason::no_listener), 2U);
}

TEST_F(HostBridgeTest, BoundsWhatGoesToTheKernel) {
  const Bytes frame =
      ethernet(wan_mac, other_mac, EtherType::ipv4, tcp_syn(address("192.0.2.9"), address("192.0.2.1"), 5000, 443));
  for (unsigned i = 0; i < HostInterface::burst_packets + 10; ++i) bridge->deliver(received(wan, frame));
  EXPECT_GE(dropped(DropReason::host_interface_rate), 10U);
}

TEST_F(HostBridgeTest, CopiesAnswersWithoutCountingThem) {
  Packet* frame = received(wan, ethernet(wan_mac, other_mac, EtherType::arp, Bytes(28)));
  bridge->copy(frame);
  EXPECT_EQ(counter(Counter::punted), 0U);
  gateway->counters->finish(frame, Counter::consumed);
}

TEST_F(HostBridgeTest, SendsWhatTheKernelMaySendAndDropsTheRest) {
  const int speaker = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = inet_addr("192.0.2.255");
  const int yes = 1;
  ASSERT_EQ(setsockopt(speaker, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), 0);
  to.sin_port = htons(5353);
  ASSERT_EQ(sendto(speaker, "admitted", 8, 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 8);
  to.sin_port = htons(9999);
  ASSERT_EQ(sendto(speaker, "refused!", 8, 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 8);
  to.sin_addr.s_addr = inet_addr("192.0.2.77");
  to.sin_port = htons(5353);
  ASSERT_EQ(sendto(speaker, "who has?", 8, 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 8);
  close(speaker);
  bridge->poll();
  bool saw_datagram = false, saw_arp = false, saw_refused = false;
  for (const Sent& frame : sent()) {
    EXPECT_EQ(frame.link().source, wan_mac);
    EXPECT_EQ(frame.tx_port, wan);
    const std::string text(frame.bytes.begin(), frame.bytes.end());
    saw_datagram |= text.find("admitted") != std::string::npos;
    saw_refused |= text.find("refused!") != std::string::npos;
    saw_arp |= frame.link().type.host() == static_cast<std::uint16_t>(EtherType::arp);
  }
  EXPECT_TRUE(saw_datagram);
  EXPECT_TRUE(saw_arp);
  EXPECT_FALSE(saw_refused);
  EXPECT_GE(dropped(DropReason::host_interface_refused), 1U);
}

TEST_F(HostBridgeTest, LetsNothingLeaveThatIsNotThePortsOwn) {
  const auto interface = open_interface();  // with the same list
  const LogicalPort& port = gateway->ports->port(wan);
  const auto may = [&](const Bytes& frame) { return may_leave(port, *interface, frame); };
  const auto v4 = [](const Bytes& packet, const MacAddress& source = wan_mac) {
    return ethernet(other_mac, source, EtherType::ipv4, packet);
  };
  EXPECT_TRUE(may(v4(udp(address("192.0.2.1"), address("192.0.2.9"), 1000, 5353, {1}))));
  EXPECT_FALSE(may(v4(udp(address("192.0.2.1"), address("192.0.2.9"), 1000, 5353, {1}), other_mac))) << "another MAC";
  EXPECT_FALSE(may(v4(udp(address("192.0.2.2"), address("192.0.2.9"), 1000, 5353, {1})))) << "another address";
  EXPECT_FALSE(may(v4(udp(address("10.0.0.1"), address("192.0.2.9"), 1000, 5353, {1})))) << "another port's address";
  EXPECT_FALSE(may(v4(tcp_syn(address("192.0.2.1"), address("192.0.2.9"), 443, 1000))))
      << "a connection that the list does not open";
  EXPECT_FALSE(may(v4(echo_request(address("192.0.2.1"), address("192.0.2.9"))))) << "ICMP stays with the dataplane";
  EXPECT_FALSE(may(
      ethernet(other_mac, wan_mac, EtherType::ipv6, udp(address("192.0.2.1"), address("192.0.2.9"), 1000, 5353, {1}))));
  EXPECT_FALSE(may(ethernet(other_mac, wan_mac, EtherType::vlan, Bytes(60))));
  EXPECT_FALSE(may(Bytes(13)));
  Bytes fragment = udp(address("192.0.2.1"), address("192.0.2.9"), 1000, 5353, Bytes(64));
  fragment[6] = 0x20;
  store_wire(&fragment[10], Be16{});
  store_wire(&fragment[10], internet_checksum(std::span(fragment).first(20)));
  EXPECT_FALSE(may(v4(fragment)));
  Bytes arp(arp_frame_bytes);
  ASSERT_NE(build_arp_request(arp, wan_mac, address("192.0.2.1"), address("192.0.2.9")), 0U);
  EXPECT_TRUE(may(arp));
  ASSERT_NE(build_arp_request(arp, wan_mac, address("192.0.2.7"), address("192.0.2.9")), 0U);
  EXPECT_FALSE(may(arp)) << "claims another's address";
  Bytes discovery(neighbour_frame_bytes);
  ASSERT_NE(build_neighbour_solicitation(discovery, wan_mac, address("2001:db8::1"), address("2001:db8::9")), 0U);
  EXPECT_TRUE(may(discovery));
  ASSERT_NE(build_neighbour_announcement(discovery, wan_mac, address("2001:db8::1")), 0U);
  EXPECT_TRUE(may(discovery));
}

}  // namespace
}  // namespace sallyport::dataplane::host_bridge_test
