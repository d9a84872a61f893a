#include "dataplane/io/host_admission.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "dataplane/io/host_interface.hpp"

namespace sallyport::dataplane::host_admission_test {
namespace {

constexpr std::uint8_t syn = tcp_flag_syn;
constexpr std::uint8_t ack = tcp_flag_ack;
constexpr std::uint16_t ephemeral = 49'152;

HostAdmission listing(std::vector<config::HostService> services) {
  return HostAdmission(services);
}

const HostAdmission https_and_bgp = listing({{config::HostProtocol::tcp, 443}, {config::HostProtocol::tcp, 179}});
const HostAdmission dns = listing({{config::HostProtocol::udp, 53}});

TEST(HostAdmission, AdmitsNothingByDefault) {
  const HostAdmission none;
  EXPECT_TRUE(none.empty());
  for (const int protocol : {0, 1, 6, 17, 58, 255}) {
    EXPECT_FALSE(none.admits_inbound(static_cast<std::uint8_t>(protocol), 443, 443, ack));
    EXPECT_FALSE(none.admits_outbound(static_cast<std::uint8_t>(protocol), 443, 443, ack));
  }
}

TEST(HostAdmission, LetsClientsReachAServiceOfTheHostAndItsAnswersOut) {
  EXPECT_TRUE(https_and_bgp.admits_inbound(protocol_tcp, 443, ephemeral, syn));
  EXPECT_TRUE(https_and_bgp.admits_outbound(protocol_tcp, ephemeral, 443, syn | ack));
  EXPECT_TRUE(dns.admits_inbound(protocol_udp, 53, ephemeral, 0));
  EXPECT_TRUE(dns.admits_outbound(protocol_udp, ephemeral, 53, 0));
}

TEST(HostAdmission, LetsTheHostOpenAConnectionToAListedPort) {
  EXPECT_TRUE(https_and_bgp.admits_outbound(protocol_tcp, 179, ephemeral, syn));
  EXPECT_TRUE(https_and_bgp.admits_inbound(protocol_tcp, ephemeral, 179, syn | ack));
  EXPECT_TRUE(https_and_bgp.admits_inbound(protocol_tcp, ephemeral, 179, ack));
}

TEST(HostAdmission, RefusesAConnectionOpenedFromAListedSourcePort) {
  EXPECT_FALSE(https_and_bgp.admits_inbound(protocol_tcp, 22, 179, syn));
  EXPECT_FALSE(https_and_bgp.admits_inbound(protocol_tcp, 22, 179, syn | 0x01));
  EXPECT_FALSE(https_and_bgp.admits_outbound(protocol_tcp, 22, 443, syn));
}

TEST(HostAdmission, RefusesUdpThatOnlyClaimsAListedSourcePort) {
  EXPECT_FALSE(dns.admits_inbound(protocol_udp, ephemeral, 53, 0));
  EXPECT_TRUE(dns.admits_outbound(protocol_udp, 53, ephemeral, 0));
}

TEST(HostAdmission, DistinguishesProtocols) {
  EXPECT_FALSE(https_and_bgp.admits_inbound(protocol_udp, 443, ephemeral, 0));
  EXPECT_FALSE(dns.admits_inbound(protocol_tcp, 53, ephemeral, syn));
  EXPECT_FALSE(dns.admits_inbound(1, 53, 53, 0));
}

TEST(HostInterfaceName, FitsTheKernelAndStaysDistinct) {
  EXPECT_EQ(host_interface_name("wan"), "sp-wan");
  EXPECT_EQ(host_interface_name("twelve-chars"), "sp-twelve-chars");
  const std::string one = host_interface_name("datacentre-uplink-1");
  const std::string two = host_interface_name("datacentre-uplink-2");
  EXPECT_LE(one.size(), 15U);
  EXPECT_NE(one, two);
  EXPECT_TRUE(one.starts_with("sp-datac-"));
  EXPECT_EQ(host_interface_name("a/b c").find_first_of("/ "), std::string::npos);
  EXPECT_NE(host_interface_name("a/b"), host_interface_name("a_b"));
}

}  // namespace
}  // namespace sallyport::dataplane::host_admission_test
