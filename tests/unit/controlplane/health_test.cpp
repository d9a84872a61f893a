#include "controlplane/health.hpp"

#include <cstring>

#include <gtest/gtest.h>

#include "config/base/clock.hpp"
#include "dataplane/abi/segment.hpp"

namespace sallyport::controlplane::health_test {
namespace {

constexpr std::uint64_t now_ns = 1000 * second_ns;

class Health : public ::testing::Test {
 protected:
  Health() : segment(make_segment()), view(segment, 1, 100, 128) {
    configuration.ports.push_back({.name = "wan", .gateway = {*IpAddress::parse("192.0.2.254")}});
    header().started_at_ns = now_ns - 60 * second_ns;
    header().updated_at_ns = now_ns;
    header().port_count = 1;
    header().max_flows = 1000;
    header().buffers_total = 1000;
    set_link(true);
    set_gateway(abi::NeighbourState::reachable);
  }

  static abi::StatisticsLayout layout() { return abi::StatisticsLayout::of(1, 100, 128); }
  static abi::Segment make_segment() {
    auto made = abi::Segment::create("health-test", layout().total, abi::Segment::OtherSide::reads_only);
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  abi::StatisticsHeader& header() { return *segment.at<abi::StatisticsHeader>(); }
  void set_link(bool up) {
    abi::PortStatusValue port{};
    std::memcpy(port.name.data(), "wan", 3);
    port.link_up = up ? 1 : 0;
    segment.at<abi::PortStatus>(layout().ports)[0].write(port);
  }
  void set_gateway(abi::NeighbourState state, std::uint64_t confirmed_at_ns = 0) {
    abi::NeighbourStatusValue gateway{};
    gateway.address = *IpAddress::parse("192.0.2.254");
    gateway.state = state;
    gateway.confirmed_at_ns = confirmed_at_ns;
    segment.at<abi::NeighbourStatus>(layout().neighbours)[0].write(gateway);
  }
  std::string only_problem() {
    const auto list = dataplane_problems(configuration, view, now_ns - 30 * second_ns, now_ns);
    if (list.empty()) return "none";
    EXPECT_EQ(list.size(), 1U) << list[1].what << ": " << list[1].why;
    return list[0].what + ": " + list[0].why;
  }

  config::Config configuration;
  abi::Segment segment;
  abi::StatisticsView view;
};

TEST_F(Health, FindsNothingWrongWithAGatewayThatWorks) {
  EXPECT_EQ(only_problem(), "none");
  set_gateway(abi::NeighbourState::stale);
  EXPECT_EQ(only_problem(), "none") << "idle, not dead";
}

TEST_F(Health, NamesAPortWhoseLinkIsDown) {
  set_link(false);
  set_gateway(abi::NeighbourState::failed);
  EXPECT_EQ(only_problem(), "port wan: its link is down") << "and not what follows from it";
}

TEST_F(Health, NamesAGatewayThatDoesNotAnswer) {
  set_gateway(abi::NeighbourState::failed);
  EXPECT_EQ(only_problem(), "port wan: its gateway 192.0.2.254 does not answer ARP, and never did");
  set_gateway(abi::NeighbourState::incomplete, now_ns - 7 * second_ns);
  EXPECT_EQ(only_problem(), "port wan: its gateway 192.0.2.254 does not answer ARP, the last time was 7 s ago");
  header().started_at_ns = now_ns - second_ns;
  EXPECT_EQ(only_problem(), "none") << "it was asked just now";
}

TEST_F(Health, NamesATableThatIsNearlyFull) {
  header().live_flows = 899;
  EXPECT_EQ(only_problem(), "none");
  header().live_flows = 900;
  EXPECT_EQ(only_problem(), "table of flows: 900 of 1000 are in use: raise [dataplane] max_flows");
  header().live_flows = 0;
  header().live_peers = 90;
  EXPECT_EQ(only_problem(), "table of peers: 90 of 100 are in use: raise [dataplane] max_peers");
  header().live_peers = 0;
  header().live_sessions = 128;
  EXPECT_EQ(only_problem(), "table of sessions: 128 of 128 are in use: raise [dataplane] max_sessions");
  header().live_sessions = 0;
  header().buffers_in_use = 950;
  EXPECT_EQ(only_problem(), "packet buffers: 950 of 1000 are in use");
}

TEST_F(Health, NamesADataplaneThatIsSilent) {
  header().updated_at_ns = now_ns - 8 * second_ns;
  EXPECT_EQ(only_problem(), "dataplane: its housekeeping has been silent for 8 s");
}

TEST_F(Health, NamesAPoolThatIsNearlyGivenOut) {
  const auto list = pool_problems({{.name = "people", .leased = 250, .sessions = 250, .capacity = 253},
                                   {.name = "pods", .leased = 10, .sessions = 10, .capacity = 253},
                                   {.name = "wide", .leased = 10, .sessions = 10, .capacity = ~std::uint64_t{0}}});
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].what, "pool people");
}

TEST_F(Health, SaysWhyAReloadWasRefused) {
  const Problem problem = refused_reload_problem({"gateway.toml:3:1: nonsense", "gateway.toml:4:1: more"});
  EXPECT_EQ(problem.what, "configuration");
  EXPECT_EQ(problem.why, "refused, and the former one goes on: gateway.toml:3:1: nonsense, and 1 more");
}

}  // namespace
}  // namespace sallyport::controlplane::health_test
