#include "dataplane/housekeeping/icmp_errors.hpp"

#include "dataplane/packet/icmp.hpp"
#include "tests/unit/housekeeping/lab.hpp"

namespace sallyport::dataplane::icmp_errors_test {
namespace {

class IcmpErrorsTest : public Lab {
 protected:
  void SetUp() override {
    Lab::SetUp();
    errors = std::make_unique<IcmpErrors>(*gateway->context);
  }
  void TearDown() override {
    errors.reset();
    Lab::TearDown();
  }
  void fail(const Bytes& bytes, std::uint32_t peer, std::uint8_t port, IcmpErrorRequest request, DropReason reason) {
    Packet* packet = inner(bytes, Task::icmp_error, peer, port);
    meta_of(packet).drop_reason = reason;
    meta_of(packet).icmp = request;
    errors->handle(packet);
  }
  void too_big(const char* from, const char* to, std::uint32_t peer = peer_in_tunnel, std::uint8_t port = wan) {
    fail(udp(address(from), address(to), 1, 2, Bytes(1200)), peer, port,
         {.kind = IcmpErrorKind::packet_too_big, .mtu = 1380}, DropReason::too_big);
  }
  static IpAddress source_of(const Sent& sent) { return source_address(sent.bytes, sent.meta.ip); }

  std::unique_ptr<IcmpErrors> errors;
};

TEST_F(IcmpErrorsTest, AnswersAPeerFromItsTunnelsAddress) {
  too_big("10.8.0.2", "10.20.0.1");
  const Sent error = only_sent();
  EXPECT_EQ(error.task, Task::route);
  EXPECT_EQ(error.meta.is_trusted, 1);
  EXPECT_EQ(source_of(error), address("10.8.0.1"));
  EXPECT_EQ(destination_address(error.bytes, error.meta.ip), address("10.8.0.2"));
  EXPECT_EQ(error.bytes[20], static_cast<std::uint8_t>(IcmpType::destination_unreachable));
  EXPECT_EQ(error.bytes[26] << 8 | error.bytes[27], 1380);
  EXPECT_TRUE(l4_checksum_holds(error.bytes, error.meta.ip));
  EXPECT_EQ(dropped(DropReason::too_big), 1U);
  EXPECT_EQ(counter(Counter::icmp_errors_sent), 1U);
  too_big("fd08::2", "fd20::1");
  EXPECT_EQ(source_of(only_sent()), address("fd08::1"));
}

TEST_F(IcmpErrorsTest, AnswersTheInsideFromThePortsAddress) {
  too_big("10.0.0.9", "10.8.0.2", abi::no_peer, lan);
  EXPECT_EQ(source_of(only_sent()), address("10.0.0.1"));
  too_big("fd00::9", "fd08::2", abi::no_peer, lan);
  EXPECT_EQ(source_of(only_sent()), address("fd00::1"));
}

TEST_F(IcmpErrorsTest, SendsNoErrorAboutAnErrorButCountsTheDrop) {
  Bytes l4(8 + 28);
  l4[0] = static_cast<std::uint8_t>(IcmpType::time_exceeded);
  fail(ip_packet(address("10.8.0.2"), address("10.20.0.1"), IpProtocol::icmp, l4), peer_in_tunnel, wan,
       {.kind = IcmpErrorKind::time_exceeded}, DropReason::ttl_expired);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(dropped(DropReason::ttl_expired), 1U);
  EXPECT_EQ(counter(Counter::icmp_errors_suppressed), 1U);
}

TEST_F(IcmpErrorsTest, AMutedSourceDoesNotMuteOthers) {
  for (unsigned i = 0; i < 100; ++i) too_big("10.8.0.2", "10.20.0.1");
  EXPECT_EQ(sent().size(), IcmpErrors::burst_per_source);
  unsigned heard = 0;
  for (const char* other : {"10.8.0.3", "10.8.0.4", "10.8.0.5", "10.8.0.6"}) {
    too_big(other, "10.20.0.1");
    heard += sent().empty() ? 0 : 1;
  }
  EXPECT_GE(heard, 3U) << "at most an unlucky one shares the bucket";
  advance(second_ns);
  too_big("10.8.0.2", "10.20.0.1");
  EXPECT_EQ(sent().size(), 1U);
}

TEST_F(IcmpErrorsTest, BoundsAllErrorsTogether) {
  for (unsigned i = 0; i < 600; ++i)
    too_big(IpAddress::v4(10, 8, static_cast<std::uint8_t>(1 + i / 250), static_cast<std::uint8_t>(1 + i % 250))
                .to_string()
                .c_str(),
            "10.20.0.1");
  EXPECT_EQ(sent().size(), IcmpErrors::burst_errors);
  EXPECT_EQ(counter(Counter::icmp_errors_suppressed), 600 - IcmpErrors::burst_errors);
}

TEST_F(IcmpErrorsTest, DoesNotComplainToItself) {
  Packet* packet = rte_pktmbuf_alloc(&gateway->pools->packets());
  const Bytes bytes = udp(address("10.0.0.1"), address("10.20.0.1"), 1, 2, Bytes(10));
  std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(bytes.size())), bytes.data(), bytes.size());
  reset_meta(packet, abi::no_port);
  ASSERT_EQ(parse_ip(bytes_of(packet), meta_of(packet).ip), IpParseError::none);
  gateway->context->count_originated(packet);
  errors->drop_with_error(packet, DropReason::no_route, {.kind = IcmpErrorKind::no_route});
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(counter(Counter::icmp_errors_suppressed), 0U);
}

}  // namespace
}  // namespace sallyport::dataplane::icmp_errors_test
