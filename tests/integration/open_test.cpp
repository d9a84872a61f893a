// What a data message must be to be opened: its index, its age, its counter, its tag, and then what is inside. The
// WireGuard paper, sections 5.4.6 and 6.1; the window is Linux's.
#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

class Open : public IntegrationTest {
 protected:
  // Whether a packet with this counter comes out on the inside.
  bool passes(std::uint64_t counter) {
    lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.7"), 20), counter);
    return !lab->only_packet(lan).empty();
  }
  bool passes(const Bytes& message) {
    lab->put_message(lab->ann.endpoint, message);
    return !lab->only_packet(lan).empty();
  }
  [[nodiscard]] Bytes message(std::optional<std::uint64_t> counter = {}) {
    return lab->ann.seal(udp_packet(lab->ann.v4, ip("10.0.0.7"), 20), counter);
  }
};

TEST_F(Open, DropsAReplay) {
  EXPECT_TRUE(passes(5));
  EXPECT_FALSE(passes(5));
  EXPECT_EQ(lab->dropped(DropReason::replayed), 1U);
  EXPECT_TRUE(passes(4)) << "late, and new";
  EXPECT_FALSE(passes(4));
}

TEST_F(Open, DropsAReplayWithinOneBurst) {
  const Bytes twice = message(9);
  lab->put_message(lab->ann.endpoint, twice);
  lab->put_message(lab->ann.endpoint, twice);
  lab->put_message(lab->ann.endpoint, twice);
  EXPECT_EQ(lab->sent().size(), 1U);
  EXPECT_EQ(lab->dropped(DropReason::replayed), 2U);
}

TEST_F(Open, TakesABurstThatWasReorderedSixtyFourDeep) {
  ASSERT_TRUE(passes(64));  // the host's MAC address is known from here on
  for (std::uint64_t counter = 64; counter-- > 0;)
    lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.7"), 20), counter);
  EXPECT_EQ(lab->sent().size(), 64U);
}

TEST_F(Open, TakesTheNewestLess8128AndNotOneOlder) {
  constexpr std::uint64_t newest = 100'000;
  EXPECT_TRUE(passes(newest)) << "a big jump";
  EXPECT_FALSE(passes(newest - 8129));
  EXPECT_TRUE(passes(newest - 8128));
  EXPECT_FALSE(passes(newest - 8128));
  EXPECT_TRUE(passes(newest + 1));
  EXPECT_EQ(lab->dropped(DropReason::replayed), 2U);
}

TEST_F(Open, RefusesCountersFromTheRejectLimitOn) {
  constexpr std::uint64_t limit = ~0ULL - 8192;  // 2^64 - 2^13 - 1
  EXPECT_FALSE(passes(limit));
  EXPECT_FALSE(passes(~0ULL));
  EXPECT_EQ(lab->dropped(DropReason::session_expired), 2U);
  EXPECT_TRUE(passes(limit - 1));
  EXPECT_EQ(lab->dropped(DropReason::session_expired), 2U);
}

TEST_F(Open, DoesNotLetABrokenTagBurnACounter) {
  const Bytes good = message(7);
  Bytes broken = good;
  broken.back() ^= 1;
  EXPECT_FALSE(passes(broken));
  EXPECT_EQ(lab->dropped(DropReason::authentication_failed), 1U);
  EXPECT_TRUE(passes(good));
  Bytes far = message(1'000'000);
  far[20] ^= 0x80;
  EXPECT_FALSE(passes(far));
  EXPECT_TRUE(passes(8)) << "a forged far-future counter did not move the window";
}

TEST_F(Open, DropsAnUnknownIndex) {
  Bytes unknown = message();
  unknown[6] ^= 0xff;
  EXPECT_FALSE(passes(unknown));
  Bytes zero = message();
  std::fill(zero.begin() + 4, zero.begin() + 8, 0);
  EXPECT_FALSE(passes(zero));
  EXPECT_EQ(lab->dropped(DropReason::unknown_session), 2U);
}

TEST_F(Open, DropsDataOfASessionThatIsTooOld) {
  const std::uint32_t slot = lab->gateway->tables().sessions.slot_of(lab->ann.gateway_index);
  lab->gateway->tables().sessions.open_slot(slot).expires_at_tsc = rte_rdtsc();
  EXPECT_FALSE(passes(message()));
  EXPECT_EQ(lab->dropped(DropReason::session_expired), 1U);
}

TEST_F(Open, DropsWhatIsNoWireguardMessage) {
  const Bytes good = message();
  for (const std::size_t size : {0UL, 1UL, 3UL, 4UL, 16UL, 31UL}) {
    EXPECT_FALSE(passes(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  Bytes reserved = good;
  reserved[2] = 1;
  EXPECT_FALSE(passes(reserved));
  for (const int type : {0, 1, 2, 3, 5, 255}) {
    Bytes other = good;
    other[0] = static_cast<std::uint8_t>(type);
    EXPECT_FALSE(passes(other));
  }
  EXPECT_EQ(lab->dropped(DropReason::unknown_message), 13U) << lab->drops();
}

TEST_F(Open, DropsWhatIsNoIpPacketInside) {
  const Bytes inner = udp_packet(lab->ann.v4, ip("10.0.0.7"), 20);
  const auto refused = [&](Bytes plaintext) {
    lab->put_message(lab->ann.endpoint, lab->ann.seal_exactly(plaintext));
    EXPECT_TRUE(lab->sent().empty());
    EXPECT_EQ(newly_dropped(DropReason::bad_inner_packet), 1U) << plaintext.size() << ' ' << lab->drops();
  };
  for (std::size_t size = 1; size < inner.size(); ++size)  // lying lengths, and 1 to 39 bytes
    refused(Bytes(inner.begin(), inner.begin() + static_cast<std::ptrdiff_t>(size)));
  const Bytes inner_v6 = udp_packet(lab->ann.v6, ip("fd00::7"), 20);
  for (std::size_t size = 1; size < inner_v6.size(); ++size)
    refused(Bytes(inner_v6.begin(), inner_v6.begin() + static_cast<std::ptrdiff_t>(size)));
  for (const int first : {0x05, 0x44, 0x55, 0xf5}) {
    Bytes wrong = inner;
    wrong[0] = static_cast<std::uint8_t>(first);
    refused(wrong);
  }
  Bytes checksum = inner;
  checksum[10] ^= 1;
  refused(checksum);
  refused(Bytes(64));
}

TEST_F(Open, DropsASourceThatIsNotThePeers) {
  const auto refused = [&](const Bytes& inner) {
    lab->put_inner(lab->ann, inner);
    EXPECT_TRUE(lab->sent().empty());
    EXPECT_EQ(newly_dropped(DropReason::foreign_source), 1U) << lab->drops();
  };
  refused(udp_packet(lab->bob.v4, ip("10.0.0.7"), 20));     // another peer's
  refused(udp_packet(ip("10.0.0.8"), ip("10.0.0.7"), 20));  // an inside host's
  refused(udp_packet(ip("10.8.0.1"), ip("10.0.0.7"), 20));  // the gateway's
  refused(udp_packet(ip("198.51.100.1"), ip("10.0.0.7"), 20));
  refused(udp_packet(ip("fe80::1"), ip("fd00::7"), 20));
  refused(udp_packet(lab->bob.v6, ip("fd00::7"), 20));
}

TEST_F(Open, FollowsAnAddressThatMovesToAnotherPeer) {
  const Bytes inner = udp_packet(lab->ann.v4, ip("10.0.0.7"), 20);
  lab->control->push(lab->route_to(IpPrefix::host(lab->ann.v4), lab->bob));
  lab->put_inner(lab->ann, inner);
  lab->settle();  // the packet may have been first; the next one is not
  static_cast<void>(lab->sent());
  lab->put_inner(lab->ann, inner);
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_GE(lab->dropped(DropReason::foreign_source), 1U);
  lab->put_inner(lab->bob, inner);
  EXPECT_FALSE(lab->only_packet(lan).empty());
}

TEST_F(Open, DropsInsidePacketsWhoseSourceIsAPeersOrOurs) {
  lab->put_packet(lan, udp_packet(lab->bob.v4, lab->ann.v4, 20));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::inside_source_is_peer), 1U);
  lab->put_packet(lan, udp_packet(ip("10.0.0.1"), lab->ann.v4, 20));
  lab->put_packet(lan, udp_packet(ip("10.8.0.1"), lab->ann.v4, 20));
  lab->put_packet(lan, udp_packet(ip("127.0.0.1"), lab->ann.v4, 20));
  lab->put_packet(lan, udp_packet(ip("224.0.0.1"), lab->ann.v4, 20));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::bad_source), 4U) << lab->drops();
}

TEST_F(Open, RefusesASourceThatIsRoutedThroughAnotherInsidePort) {
  lab->control->push(abi::SetRoute{
      .prefix = *IpPrefix::parse("10.99.0.0/16"), .route_kind = abi::RouteKind::via, .via = ip("10.0.0.9")});
  lab->settle();
  const auto arrives = [&](std::uint8_t port, const char* source) {
    const IpAddress from = ip(source);
    lab->put_packet(port, udp_packet(from, from.is_v4() ? lab->ann.v4 : lab->ann.v6, 20));
    return lab->only_inner(lab->ann).has_value();
  };
  EXPECT_FALSE(arrives(dmz, "10.0.0.7"));
  EXPECT_FALSE(arrives(dmz, "fd00::7"));
  EXPECT_FALSE(arrives(dmz, "10.99.0.7")) << "behind a router";
  EXPECT_FALSE(arrives(lan, "10.12.0.7"));
  EXPECT_FALSE(arrives(lan, "fd12::7"));
  EXPECT_EQ(newly_dropped(DropReason::reverse_path), 5U) << lab->drops();
  EXPECT_TRUE(arrives(dmz, "10.12.0.7"));
  EXPECT_TRUE(arrives(dmz, "fd12::7"));
  EXPECT_TRUE(arrives(lan, "10.0.0.7"));
  EXPECT_TRUE(arrives(lan, "10.99.0.7"));
  EXPECT_TRUE(arrives(dmz, "198.51.100.9")) << "routed through no port";
  EXPECT_EQ(newly_dropped(DropReason::reverse_path), 0U) << lab->drops();
}

TEST_F(Open, TakesAnySourceThatIsNoPeersFromAPortWithALooseReversePath) {
  lab.reset();
  start({.adjust = [](config::Config& configuration) {
    for (config::Port& port : configuration.ports)
      if (port.name == "dmz") port.rpf = config::ReversePath::loose;
  }});
  lab->put_packet(dmz, udp_packet(ip("10.0.0.7"), lab->ann.v4, 20));
  EXPECT_TRUE(lab->only_inner(lab->ann)) << lab->drops();
  lab->put_packet(lan, udp_packet(ip("10.12.0.7"), lab->ann.v4, 20));
  EXPECT_TRUE(lab->sent().empty()) << "the other port is strict";
  lab->put_packet(dmz, udp_packet(lab->bob.v4, lab->ann.v4, 20));
  EXPECT_TRUE(lab->sent().empty()) << "a peer's";
  EXPECT_EQ(lab->dropped(DropReason::reverse_path), 1U);
  EXPECT_EQ(lab->dropped(DropReason::inside_source_is_peer), 1U);
}

TEST_F(Open, DeniesEverythingUntilAPolicyIsInForce) {
  lab.reset();
  lab = std::make_unique<Lab>();
  lab->connect();
  lab->control->push(lab->tunnel());
  lab->add_peer(lab->ann);
  lab->give_session(lab->ann);
  static_cast<void>(lab->sent());
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.7"), 20));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::denied), 1U);
}

}  // namespace
}  // namespace sallyport::integration
