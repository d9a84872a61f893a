// Needs root: the test enters a network namespace of its own, which goes with the process.
#include "dataplane/io/host_interface.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string_view>

#include "dataplane/io/kernel_interface.hpp"

namespace sallyport::dataplane::host_interface_test {
namespace {

constexpr std::uint64_t now = 1000 * second_ns;

class HostInterfaceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    in_namespace = unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
  }

  void SetUp() override {
    if (in_namespace) return;
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string_view(ci) == "true")
      FAIL() << "this test must run in CI: needs root and /dev/net/tun";
    GTEST_SKIP() << "needs root and /dev/net/tun";
  }

  static LogicalPort wan() {
    LogicalPort port;
    port.index = 0;
    port.name = "wan";
    port.mtu = 1400;
    port.mac = {0x02, 0x00, 0x00, 0x00, 0x00, 0x07};
    port.addresses = {*IpPrefix::parse("192.0.2.1/24"), *IpPrefix::parse("2001:db8::1/64")};
    port.link_local = IpAddress::parse("fe80::ff:fe00:7");
    port.host = {{config::HostProtocol::udp, 5353}};
    return port;
  }

  static inline bool in_namespace = false;
};

struct Seen {
  std::map<std::string, unsigned> flags;
  std::set<std::string> addresses;
  std::string mac;
};

Seen look_at(const std::string& interface) {
  Seen seen;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return seen;
  for (const ifaddrs* entry = all; entry != nullptr; entry = entry->ifa_next) {
    if (interface != entry->ifa_name || entry->ifa_addr == nullptr) continue;
    seen.flags[interface] = entry->ifa_flags;
    if (entry->ifa_addr->sa_family == AF_INET)
      seen.addresses.insert(IpAddress::v4_from_bytes(reinterpret_cast<std::uint8_t*>(
                                                         &reinterpret_cast<sockaddr_in*>(entry->ifa_addr)->sin_addr))
                                .to_string());
    if (entry->ifa_addr->sa_family == AF_INET6)
      seen.addresses.insert(
          IpAddress::v6_from_bytes(reinterpret_cast<sockaddr_in6*>(entry->ifa_addr)->sin6_addr.s6_addr).to_string());
    if (entry->ifa_addr->sa_family == AF_PACKET)
      seen.mac.assign(reinterpret_cast<char*>(reinterpret_cast<sockaddr_ll*>(entry->ifa_addr)->sll_addr), 6);
  }
  freeifaddrs(all);
  return seen;
}

// Ethernet, IPv4 and UDP from 192.0.2.99:1234 to 192.0.2.1:5353 with the payload "hello"; UDP checksum 0.
std::array<std::uint8_t, 47> udp_hello() {
  return {0x02, 0,    0,    0,    0, 7,  0x02, 0, 0,   0,   0,    9,    0x08, 0x00,                       //
          0x45, 0,    0,    33,   0, 0,  0,    0, 64,  17,  0xf6, 0x67, 192,  0,    2, 99, 192, 0, 2, 1,  //
          0x04, 0xd2, 0x14, 0xe9, 0, 13, 0,    0, 'h', 'e', 'l',  'l',  'o'};
}

TEST_F(HostInterfaceTest, CarriesThePortsMacAndAddresses) {
  const auto interface = HostInterface::open(wan());
  ASSERT_TRUE(interface) << interface.error();
  EXPECT_EQ(interface->name(), "sp-wan");
  const Seen seen = look_at("sp-wan");
  EXPECT_NE(seen.flags.at("sp-wan") & IFF_UP, 0U);
  EXPECT_EQ(seen.mac, std::string("\x02\0\0\0\0\x07", 6));
  EXPECT_EQ(seen.addresses, (std::set<std::string>{"192.0.2.1", "2001:db8::1", "fe80::ff:fe00:7"}))
      << "exactly the port's addresses: none that the kernel made up";
}

TEST_F(HostInterfaceTest, LeavesNothingBehind) {
  {
    const auto interface = HostInterface::open(wan());
    ASSERT_TRUE(interface) << interface.error();
    EXPECT_NE(if_nametoindex("sp-wan"), 0U);
  }
  EXPECT_EQ(if_nametoindex("sp-wan"), 0U);
}

TEST_F(HostInterfaceTest, RefusesANameThatIsTaken) {
  const auto interface = HostInterface::open(wan());
  ASSERT_TRUE(interface) << interface.error();
  const auto second = HostInterface::open(wan());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("[[port]] wan: host interface sp-wan: create it"), std::string::npos) << second.error();
}

TEST_F(HostInterfaceTest, HandsFramesToTheKernel) {
  auto interface = HostInterface::open(wan());
  ASSERT_TRUE(interface) << interface.error();
  const int server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  sockaddr_in own{.sin_family = AF_INET, .sin_port = htons(5353), .sin_addr = {}, .sin_zero = {}};
  inet_pton(AF_INET, "192.0.2.1", &own.sin_addr);
  ASSERT_EQ(bind(server, reinterpret_cast<sockaddr*>(&own), sizeof own), 0);

  EXPECT_TRUE(interface->admits_inbound(protocol_udp, 5353, 1234, 0));
  EXPECT_EQ(interface->write_frame(udp_hello(), now), HostWrite::written);
  char text[16] = "";
  EXPECT_EQ(recv(server, text, sizeof text, 0), 5) << "delivered within the write";
  EXPECT_STREQ(text, "hello");
  close(server);
}

TEST_F(HostInterfaceTest, ReadsWhatTheKernelSends) {
  auto interface = HostInterface::open(wan());
  ASSERT_TRUE(interface) << interface.error();
  std::vector<std::uint8_t> buffer(interface->max_frame_bytes());
  while (interface->read_frame(buffer, now) != 0) continue;  // MLD reports

  const int client = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  sockaddr_in neighbour{.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {}, .sin_zero = {}};
  inet_pton(AF_INET, "192.0.2.50", &neighbour.sin_addr);
  ASSERT_EQ(sendto(client, "x", 1, 0, reinterpret_cast<sockaddr*>(&neighbour), sizeof neighbour), 1);
  close(client);
  bool asked = false;  // who has 192.0.2.50?
  for (std::size_t length; (length = interface->read_frame(buffer, now)) != 0;)
    asked = asked || (length >= 42 && buffer[12] == 0x08 && buffer[13] == 0x06 && buffer[41] == 50);
  EXPECT_TRUE(asked);
}

TEST_F(HostInterfaceTest, RefusesFramesOfImpossibleLength) {
  auto interface = HostInterface::open(wan());
  ASSERT_TRUE(interface) << interface.error();
  const std::vector<std::uint8_t> frame(2000);
  EXPECT_EQ(interface->max_frame_bytes(), 1414U);
  for (const std::size_t length : {0U, 1U, 13U, 1415U, 2000U})
    EXPECT_EQ(interface->write_frame(std::span(frame).first(length), now), HostWrite::refused) << length;
  EXPECT_EQ(interface->write_frame(std::span(frame).first(1414), now), HostWrite::written);
}

TEST_F(HostInterfaceTest, BoundsTheRateTowardsTheKernel) {
  auto interface = HostInterface::open(wan());
  ASSERT_TRUE(interface) << interface.error();
  const auto frame = udp_hello();
  for (std::uint64_t i = 0; i < HostInterface::burst_packets; ++i)
    ASSERT_EQ(interface->write_frame(frame, now), HostWrite::written);
  EXPECT_EQ(interface->write_frame(frame, now), HostWrite::rate_limited);
  EXPECT_EQ(interface->write_frame(frame, now + second_ns), HostWrite::written);
}

// Any interface of the kernel will do.
TEST_F(HostInterfaceTest, OfADeviceThatSharesItMergesNoFramesAfterwards) {
  const auto interface = HostInterface::open(wan());
  ASSERT_TRUE(interface) << interface.error();
  const int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
  const auto gro = [descriptor](std::uint32_t command, std::uint32_t value) {
    ethtool_value payload{.cmd = command, .data = value};
    ifreq request{};
    std::strncpy(request.ifr_name, "sp-wan", IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&payload);
    EXPECT_EQ(ioctl(descriptor, SIOCETHTOOL, &request), 0);
    return payload.data;
  };
  gro(ETHTOOL_SGRO, 1);
  ASSERT_EQ(gro(ETHTOOL_GGRO, 0), 1U);
  const auto remarks = take_kernel_interface(if_nametoindex("sp-wan"), "net_af_packet");
  EXPECT_EQ(gro(ETHTOOL_GGRO, 1), 0U);
  ASSERT_EQ(remarks.size(), 1U);
  EXPECT_NE(remarks[0].find("IPv4 fragments"), std::string::npos) << "what cannot be changed is said";
  EXPECT_TRUE(take_kernel_interface(if_nametoindex("sp-wan"), "net_af_xdp").empty());
  EXPECT_TRUE(take_kernel_interface(0, "net_af_packet").empty());
  close(descriptor);
}

TEST_F(HostInterfaceTest, WorksForAPortWithoutIpv6OnASmallMtu) {
  LogicalPort port = wan();
  port.mtu = 576;
  port.addresses = {*IpPrefix::parse("192.0.2.1/31")};
  port.link_local.reset();
  const auto interface = HostInterface::open(port);
  ASSERT_TRUE(interface) << interface.error();
  EXPECT_EQ(look_at("sp-wan").addresses, (std::set<std::string>{"192.0.2.1"}));
}

}  // namespace
}  // namespace sallyport::dataplane::host_interface_test
