// Flows where the network, a peer or the control plane does what it should not.
#include "config/base/clock.hpp"
#include "tests/integration/fixture.hpp"
#include "tests/integration/policy_images.hpp"

namespace sallyport::integration {
namespace {

constexpr unsigned fin = 1;

class FlowsTest : public IntegrationTest {
 protected:
  void SetUp() override {
    start({.adjust = [](config::Config& configuration) { configuration.dataplane.max_flows = 512; }});
    images.emplace(*lab);
    images->identify(lab->ann, {.peer = "ann", .names = {"user:corp/ann"}});
  }
  void TearDown() override {
    images.reset();
    IntegrationTest::TearDown();
  }
  [[nodiscard]] IpEndpoint anns(unsigned port) const {
    return {.address = lab->ann.v4, .port = static_cast<std::uint16_t>(port)};
  }
  [[nodiscard]] bool goes_in(const Bytes& packet) {
    lab->put_inner(lab->ann, packet);
    return !lab->only_packet(lan).empty();
  }
  [[nodiscard]] bool comes_out(const Bytes& packet) {
    lab->put_packet(lan, packet);
    return lab->only_inner(lab->ann).has_value();
  }

  std::optional<PolicyImages> images;
  const IpEndpoint web = *IpEndpoint::parse("10.0.0.7:8080");
};

TEST_F(FlowsTest, AControlPlaneThatTakesNoEventsDoesNotUseUpTheTable) {
  images->record_flows = true;
  images->put(R"(
[service]
web = { prefixes = ["10.0.0.0/24"], ports = ["tcp"] }
[[rule]]
name = "web"
action = "allow"
from = ["user:corp/ann"]
to = ["web"]
)");
  lab->settle();
  // It says that it has read less than it has: more than half of the ring is taken.
  auto* indices = lab->control->segment(abi::HelloDescriptor::events).at<std::atomic<std::uint64_t>>();
  indices[8].store(indices[0].load() - 5000);
  const std::uint64_t lost_before = lab->counter(Counter::events_lost);
  for (unsigned round = 0; round < 10; ++round) {
    lab->give_session(lab->ann);
    static_cast<void>(lab->sent());  // its keepalive
    for (unsigned port = 1; port <= 100; ++port) {
      ASSERT_TRUE(goes_in(tcp_segment(anns(1000 * (1 + round) + port), web, syn))) << round << ' ' << lab->drops();
      ASSERT_TRUE(goes_in(tcp_segment(anns(1000 * (1 + round) + port), web, rst)));
    }
    for (unsigned i = 0; i < 12; ++i) lab->advance(second_ns);
  }
  EXPECT_EQ(lab->counter(Counter::flows_opened), 1000U);
  EXPECT_GT(lab->counter(Counter::events_lost), lost_before + 800) << "and it is counted";
  EXPECT_TRUE(lab->control->is_connected());
}

TEST_F(FlowsTest, AnEchoRequestIsNoAnswerToAnEchoRequest) {
  images->put(R"(
[service]
ping = { prefixes = ["10.0.0.0/24"], ports = ["icmp"] }
[[rule]]
name = "ping"
action = "allow"
from = ["user:corp/ann"]
to = ["ping"]
)");
  lab->settle();
  ASSERT_TRUE(goes_in(echo_request(lab->ann.v4, web.address)));
  EXPECT_FALSE(comes_out(echo_request(web.address, lab->ann.v4))) << "by the same identifier";
  EXPECT_EQ(newly_dropped(DropReason::denied), 1U);
  images->put(R"(
[service]
ping = { prefixes = ["10.0.0.0/24", "10.8.0.0/16"], ports = ["icmp"] }
[[rule]]
name = "ping"
action = "allow"
from = ["user:corp/ann", "net:10.0.0.0/24"]
to = ["ping"]
)");
  lab->settle();
  EXPECT_TRUE(goes_in(echo_request(lab->ann.v4, web.address)));
  EXPECT_TRUE(comes_out(echo_request(web.address, lab->ann.v4))) << "both may ping";
  EXPECT_EQ(lab->gateway->tables().flows.live(), 1U);
}

TEST_F(FlowsTest, AServerThatSpeaksFirstAfterARestartIsNotRefused) {
  images->pick_up_s = 60;
  images->put(R"(
[service]
web = { prefixes = ["10.0.0.0/24"], ports = ["tcp/8080"] }
[[rule]]
name = "web"
action = "allow"
from = ["user:corp/ann"]
to = ["web"]
[[rule]]
name = "no-way-back"
action = "deny"
deny = "reject"
from = ["net:10.0.0.0/24"]
to = ["*"]
)");
  lab->settle();
  lab->put_packet(lan, tcp_segment(web, anns(40000), ack));
  EXPECT_TRUE(lab->only_inner(lab->ann)) << "she may have opened it";
  lab->put_packet(lan, tcp_segment(*IpEndpoint::parse("10.0.0.7:22"), anns(40000), ack));
  EXPECT_TRUE(lab->sent().empty()) << "this one she may not, but a RST would be about the wrong direction";
  EXPECT_EQ(newly_dropped(DropReason::out_of_state), 1U);
  EXPECT_TRUE(goes_in(tcp_segment(anns(40000), web, ack)));
  EXPECT_TRUE(comes_out(tcp_segment(web, anns(40000), ack)));
  lab->put_packet(lan, tcp_segment(web, anns(40001), syn));
  EXPECT_FALSE(lab->sent().empty()) << "a new one is refused";
}

constexpr std::string_view one_way = R"(
[service]
web = { prefixes = ["10.0.0.0/24"], ports = ["tcp/443"] }
[[rule]]
name = "web"
action = "allow"
from = ["user:corp/ann"]
to = ["web"]
)";

TEST_F(FlowsTest, AServerOpensNoConnectionByWayOfAFlowThatWasPickedUp) {
  images->pick_up_s = 60;
  images->put(one_way);
  lab->settle();
  const IpEndpoint server = *IpEndpoint::parse("10.0.0.7:443");
  EXPECT_TRUE(comes_out(tcp_segment(server, anns(22), ack))) << "she may have opened it";
  EXPECT_FALSE(comes_out(tcp_segment(server, anns(22), syn))) << "but to her nobody may open one";
  EXPECT_EQ(newly_dropped(DropReason::denied), 1U) << lab->drops();
  ASSERT_TRUE(goes_in(tcp_segment(anns(22), server, ack)));
  EXPECT_FALSE(comes_out(tcp_segment(server, anns(22), syn))) << "nor once both ends have spoken";
  EXPECT_TRUE(comes_out(tcp_segment(server, anns(22), ack))) << "the flow goes on all the same";
  EXPECT_TRUE(goes_in(tcp_segment(anns(22), server, syn))) << "she may begin anew";
  EXPECT_TRUE(comes_out(tcp_segment(server, anns(22), syn | ack)));
  EXPECT_TRUE(goes_in(tcp_segment(anns(22), server, ack)));
  EXPECT_FALSE(comes_out(tcp_segment(server, anns(22), syn))) << "nor in a flow whose SYN was hers";
  EXPECT_EQ(newly_dropped(DropReason::out_of_state), 1U) << lab->drops();
}

TEST_F(FlowsTest, AFlowThatWasPickedUpIsForgottenSoonUnlessBothEndsSpeak) {
  images->pick_up_s = 60;
  images->put(one_way);
  lab->settle();
  const IpEndpoint server = *IpEndpoint::parse("10.0.0.7:443");
  ASSERT_TRUE(comes_out(tcp_segment(server, anns(1000), ack)));
  ASSERT_TRUE(comes_out(tcp_segment(server, anns(1001), fin | ack)));
  ASSERT_TRUE(comes_out(tcp_segment(server, anns(1002), ack)));
  ASSERT_TRUE(goes_in(tcp_segment(anns(1002), server, ack)));
  EXPECT_EQ(lab->gateway->tables().flows.live(), 3U);
  for (unsigned i = 0; i < 34; ++i) lab->advance(second_ns);
  static_cast<void>(lab->sent());  // keepalives
  EXPECT_EQ(lab->gateway->tables().flows.live(), 1U);
  EXPECT_TRUE(comes_out(tcp_segment(server, anns(1002), ack)));
}

TEST_F(FlowsTest, WhoSendsInTheMiddleOfAConnectionPaysForItsFlow) {
  images->pick_up_s = 60;
  images->put(one_way);
  lab->settle();
  const IpEndpoint server = *IpEndpoint::parse("10.0.0.7:443");
  for (unsigned port = 1; port <= 512; ++port) {
    lab->put_packet(lan, tcp_segment(server, anns(port), ack));
    lab->settle();
  }
  static_cast<void>(lab->sent());
  EXPECT_GT(newly_dropped(DropReason::flow_quota), 0U) << "the server's share is used up: " << lab->drops();
  EXPECT_TRUE(goes_in(tcp_segment(anns(40000), *IpEndpoint::parse("10.0.0.8:443"), syn)))
      << "hers is not: " << lab->drops();
}

}  // namespace
}  // namespace sallyport::integration
