// What a router tells the sender of a packet that it cannot forward, through the tunnel or on the inside.
#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

class Errors : public IntegrationTest {
 protected:
  // The ICMP error about `offending` that `peer` gets through its tunnel.
  std::optional<Icmp> told(const WireguardPeer& peer, const Bytes& offending, const IpAddress& by) {
    auto packet = lab->only_inner(peer);
    if (!packet) return std::nullopt;
    const std::size_t total = is_v4(*packet) ? get16(*packet, 2) : 40 + get16(*packet, 4);
    packet->resize(total);
    return judged(*packet, offending, by);
  }
  std::optional<Icmp> told_inside(const Bytes& offending, const IpAddress& by) {
    const Bytes packet = lab->only_packet(lan);
    return packet.empty() ? std::nullopt : judged(packet, offending, by);
  }

 private:
  static std::optional<Icmp> judged(const Bytes& packet, const Bytes& offending, const IpAddress& by) {
    EXPECT_TRUE(is_sound(packet));
    EXPECT_EQ(source_address(packet), by);
    EXPECT_EQ(destination_address(packet), source_address(offending));
    const auto icmp = icmp_of(packet);
    if (!icmp) return std::nullopt;
    const std::size_t quoted = std::min(offending.size(), icmp->body.size());
    EXPECT_GE(quoted, 28U);
    EXPECT_TRUE(std::equal(icmp->body.begin() + 12, icmp->body.begin() + static_cast<std::ptrdiff_t>(quoted),
                           offending.begin() + 12))
        << "quotes the packet that it is about";
    return icmp;
  }
};

TEST_F(Errors, TellsAPeerThatThereIsNoRoute) {
  const Bytes v4 = udp_packet(lab->ann.v4, ip("203.0.113.9"), 20);
  lab->put_inner(lab->ann, v4);
  const auto icmp = told(lab->ann, v4, ip("10.8.0.1"));
  ASSERT_TRUE(icmp) << lab->drops();
  EXPECT_EQ(icmp->type, 3U);
  EXPECT_EQ(icmp->code, 0U);
  const Bytes v6 = udp_packet(lab->bob.v6, ip("2001:db8:ff::1"), 20);
  lab->put_inner(lab->bob, v6);
  const auto icmp6 = told(lab->bob, v6, ip("fd08::1"));
  ASSERT_TRUE(icmp6) << lab->drops();
  EXPECT_EQ(icmp6->type, 1U);
  EXPECT_EQ(icmp6->code, 0U);
  EXPECT_EQ(lab->dropped(DropReason::no_route), 2U);
}

TEST_F(Errors, TellsAnInsideHostThatThereIsNoRoute) {
  const Bytes packet = udp_packet(host_v4, ip("203.0.113.9"), 20);
  lab->put_packet(lan, packet);
  const auto icmp = told_inside(packet, ip("10.0.0.1"));
  ASSERT_TRUE(icmp) << lab->drops();
  EXPECT_EQ(icmp->type, 3U);
}

TEST_F(Errors, BlackholesAndTells) {
  lab->control->push(
      abi::SetRoute{.prefix = *IpPrefix::parse("203.0.113.0/24"), .route_kind = abi::RouteKind::blackhole});
  lab->settle();
  const Bytes packet = udp_packet(lab->ann.v4, ip("203.0.113.9"), 20);
  lab->put_inner(lab->ann, packet);
  EXPECT_TRUE(told(lab->ann, packet, ip("10.8.0.1"))) << lab->drops();
}

TEST_F(Errors, TellsThatTheHopsAreUsedUp) {
  const Bytes v4 = udp_packet(lab->ann.v4, host_v4, 20, {.ttl = 1});
  lab->put_inner(lab->ann, v4);
  const auto icmp = told(lab->ann, v4, ip("10.8.0.1"));
  ASSERT_TRUE(icmp) << lab->drops();
  EXPECT_EQ(icmp->type, 11U);
  const Bytes v6 = udp_packet(lab->bob.v6, host_v6, 20, {.ttl = 1});
  lab->put_inner(lab->bob, v6);
  const auto icmp6 = told(lab->bob, v6, ip("fd08::1"));
  ASSERT_TRUE(icmp6) << lab->drops();
  EXPECT_EQ(icmp6->type, 3U);
  EXPECT_EQ(lab->dropped(DropReason::ttl_expired), 2U);
}

TEST_F(Errors, SaysWhatFitsTheTunnel) {
  const Bytes v4 = udp_packet(host_v4, lab->ann.v4, 1421 - 28, {.dont_fragment = true});
  ASSERT_EQ(v4.size(), 1421U);
  lab->put_packet(lan, v4);
  const auto icmp = told_inside(v4, ip("10.0.0.1"));
  ASSERT_TRUE(icmp) << lab->drops();
  EXPECT_EQ(icmp->type, 3U);
  EXPECT_EQ(icmp->code, 4U);
  EXPECT_EQ(icmp->rest & 0xffffU, 1420U);
  const Bytes v6 = udp_packet(host_v6, lab->ann.v6, 1421 - 48);
  lab->put_packet(lan, v6);
  const auto icmp6 = told_inside(v6, ip("fd00::1"));
  ASSERT_TRUE(icmp6) << lab->drops();
  EXPECT_EQ(icmp6->type, 2U);
  EXPECT_EQ(icmp6->rest, 1420U);
  EXPECT_EQ(lab->dropped(DropReason::too_big), 2U);
  lab->put_packet(lan, udp_packet(host_v4, lab->ann.v4, 1420 - 28, {.dont_fragment = true}));
  EXPECT_TRUE(lab->only_inner(lab->ann));
}

TEST_F(Errors, FragmentsWhatPermitsIt) {
  const Bytes packet = udp_packet(host_v4, lab->ann.v4, 1500 - 28);
  lab->put_packet(lan, packet);
  Bytes payload(packet.size() - 20);
  std::size_t covered = 0;
  for (const Frame& frame : lab->sent()) {
    const auto datagram = datagram_of(payload_of(frame.bytes));
    ASSERT_TRUE(datagram);
    auto data = lab->ann.open(datagram->payload);
    ASSERT_TRUE(data);
    ASSERT_LE(data->plaintext.size(), 1420U);
    const std::size_t bytes = get16(data->plaintext, 2) - 20U;
    const std::size_t offset = (get16(data->plaintext, 6) & 0x1fffU) * 8;
    EXPECT_EQ((get16(data->plaintext, 6) & 0x2000U) != 0, offset + bytes < payload.size());
    EXPECT_TRUE(
        is_sound(Bytes(data->plaintext.begin(), data->plaintext.begin() + static_cast<std::ptrdiff_t>(bytes + 20))));
    std::copy_n(data->plaintext.begin() + 20, bytes, payload.begin() + static_cast<std::ptrdiff_t>(offset));
    covered += bytes;
  }
  EXPECT_EQ(covered, payload.size());
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), packet.begin() + 20));
}

// --- the path of outer packets: RFC 1191, RFC 8201 ---

// "Fragmentation needed" or "packet too big" from a router on the way, about the outer packet that it quotes.
Bytes too_big(const Bytes& outer, std::uint32_t mtu) {
  const bool v4 = is_v4(outer);
  const std::size_t quoted = std::min<std::size_t>(outer.size(), 548);
  Bytes l4(8 + quoted);
  l4[0] = v4 ? 3 : 2;
  l4[1] = v4 ? 4 : 0;
  put16(l4, 4, v4 ? 0 : mtu >> 16);
  put16(l4, 6, mtu & 0xffffU);
  std::copy_n(outer.begin(), quoted, l4.begin() + 8);
  return with_l4_checksum(
      ip_packet_of(ip(v4 ? "203.0.113.66" : "2001:db8:66::1"), source_address(outer), v4 ? 1 : 58, l4), 2);
}

TEST_F(Errors, ThatSayAPathIsNarrowerLowerItsMtuForTenMinutes) {
  const auto to = [&](const WireguardPeer& peer, std::size_t bytes) {
    return lab->put_packet(lan, udp_packet(host_v4, peer.v4, bytes - 28, {.dont_fragment = true}));
  };
  struct Step {
    WireguardPeer& peer;
    std::size_t inner_bytes;  // that pass so far
    std::uint32_t reported;
    std::size_t fits;
  };
  for (const auto& [peer, inner_bytes, reported, fits] :
       {Step{lab->bob, 1420, 1400, 1320}, Step{lab->bob, 1320, 1300, 1220}, Step{lab->ann, 1420, 1400, 1340},
        Step{lab->ann, 1340, 500, 516}}) {
    ASSERT_TRUE(to(peer, inner_bytes));
    const Bytes outer = lab->only_packet(wan);
    ASSERT_FALSE(outer.empty()) << lab->drops();
    ASSERT_TRUE(lab->put_packet(wan, too_big(outer, reported)));
    lab->settle();
    // The inner sender is told, and what fits still passes.
    ASSERT_TRUE(to(peer, inner_bytes));
    const auto told = icmp_of(lab->only_packet(lan));
    ASSERT_TRUE(told) << lab->drops();
    EXPECT_EQ(told->type, 3U);
    EXPECT_EQ(told->code, 4U);
    EXPECT_EQ(told->rest, fits);
    ASSERT_TRUE(to(peer, fits));
    EXPECT_LE(lab->only_packet(wan).size(), std::max(reported, 576U));
  }
  EXPECT_EQ(lab->counter(Counter::path_mtu_lowered), 4U);
  EXPECT_EQ(lab->dropped(DropReason::path_mtu_refused), 0U);

  for (WireguardPeer* peer : {&lab->ann, &lab->bob}) {
    lab->advance(601 * second_ns);
    lab->give_session(*peer);
    static_cast<void>(lab->sent());
    ASSERT_TRUE(to(*peer, 1420));
    const auto plaintext = lab->only_inner(*peer);
    ASSERT_TRUE(plaintext) << lab->drops();
    EXPECT_EQ(plaintext->size(), 1420U);
  }
}

// The datagram that a host makes of fragments of one packet, IPv4 or IPv6, each at most `mtu` bytes long; empty: they
// are not those of one.
Bytes reassembled(const std::vector<Frame>& frames, std::size_t mtu) {
  Bytes whole;
  bool last_seen = false;
  for (const Frame& frame : frames) {
    const Bytes packet = payload_of(frame.bytes);
    EXPECT_LE(packet.size(), mtu);
    const bool v4 = is_v4(packet);
    if (v4 ? dataplane::test::slow_checksum(Bytes(packet.begin(), packet.begin() + 20)) != 0
           : packet[6] != 44 || get16(packet, 4) != packet.size() - 40)
      return {};
    const std::size_t headers = v4 ? 20 : 48;
    const unsigned field = get16(packet, v4 ? 6 : 42);
    const std::size_t offset = v4 ? (field & 0x1fffU) * 8 : field & 0xfff8U;
    const bool more = (field & (v4 ? 0x2000U : 1U)) != 0;
    if (offset == 0) {
      whole.assign(packet.begin(), packet.begin() + (v4 ? 20 : 40));
      if (!v4) whole[6] = packet[40];
    }
    const std::size_t start = v4 ? 20 : 40;
    if (whole.size() != start + offset || last_seen || (more && (packet.size() - headers) % 8 != 0)) return {};
    last_seen = !more;
    whole.insert(whole.end(), packet.begin() + static_cast<std::ptrdiff_t>(headers), packet.end());
  }
  if (!last_seen) return {};
  const bool v4 = is_v4(whole);
  put16(whole, v4 ? 2 : 4, static_cast<std::uint32_t>(v4 ? whole.size() : whole.size() - 40));
  if (v4) {
    put16(whole, 6, 0);
    dataplane::test::fix_v4_checksum(whole);
  }
  return whole;
}

// RFC 8200, section 5, and RFC 2473, section 7.1: what no IPv6 host makes smaller leaves in fragments.
TEST_F(Errors, APathNarrowerThanTheLeastMtuNeedsCarriesInnerIpv6InFragments) {
  for (auto* peer : {&lab->bob, &lab->ann}) {
    ASSERT_TRUE(lab->put_packet(lan, udp_packet(host_v4, peer->v4, 1392, {.dont_fragment = true})));
    const Bytes outer = lab->only_packet(wan);
    ASSERT_FALSE(outer.empty()) << lab->drops();
    const std::uint32_t narrow = is_v4(outer) ? 600 : 1280;
    ASSERT_TRUE(lab->put_packet(wan, too_big(outer, narrow)));
    lab->settle();
    for (const std::size_t bytes : {1280U, 1241U, 700U}) {
      const Bytes packet = udp_packet(host_v6, peer->v6, bytes - 48);
      ASSERT_TRUE(lab->put_packet(lan, packet));
      const auto frames = lab->sent();
      Bytes whole = frames.size() == 1 ? payload_of(frames[0].bytes) : reassembled(frames, narrow);
      ASSERT_FALSE(whole.empty()) << bytes << lab->drops();
      EXPECT_TRUE(is_sound(whole));
      const auto datagram = datagram_of(whole);
      ASSERT_TRUE(datagram);
      auto data = peer->open(datagram->payload);
      ASSERT_TRUE(data) << bytes;
      data->plaintext.resize(packet.size());
      EXPECT_TRUE(std::equal(packet.begin() + 8, packet.end(), data->plaintext.begin() + 8));
      EXPECT_EQ(frames.size() > 1, is_v4(whole) || bytes > 1200);
    }
    const Bytes larger = udp_packet(host_v6, peer->v6, 1281 - 48);
    ASSERT_TRUE(lab->put_packet(lan, larger));
    const auto icmp = told_inside(larger, ip("fd00::1"));
    ASSERT_TRUE(icmp) << lab->drops();
    EXPECT_EQ(icmp->type, 2U);
    EXPECT_EQ(icmp->rest, 1280U);
  }
}

TEST_F(Errors, AboutTheSizeOfPacketsAreBelievedOnlyIfTheyQuoteALiveSession) {
  for (const WireguardPeer* peer : {&lab->ann, &lab->bob}) {
    ASSERT_TRUE(lab->put_packet(lan, udp_packet(host_v4, peer->v4, 1392, {.dont_fragment = true})));
    const Bytes outer = lab->only_packet(wan);
    ASSERT_FALSE(outer.empty()) << lab->drops();
    const std::size_t header = is_v4(outer) ? 28 : 48;
    const auto changed = [&](std::size_t offset) {
      Bytes forged = outer;
      forged[offset] ^= 1;
      return too_big(forged, 1300);
    };
    std::vector<Bytes> forgeries;
    forgeries.push_back(changed(header - 5));   // another port of the peer
    forgeries.push_back(changed(header - 7));   // another of ours
    forgeries.push_back(changed(header - 9));   // another address of the peer
    forgeries.push_back(changed(header));       // no data message
    forgeries.push_back(changed(header + 4));   // another receiver index
    forgeries.push_back(changed(header + 15));  // a counter that was never used
    forgeries.push_back(too_big(outer, 1500));  // it would have passed
    forgeries.push_back(too_big(Bytes(outer.begin(), outer.begin() + static_cast<std::ptrdiff_t>(header) + 7), 1300));
    if (!is_v4(outer)) forgeries.push_back(too_big(outer, 1279));
    for (const Bytes& forged : forgeries) {
      ASSERT_TRUE(lab->put_packet(wan, forged));
      lab->settle();
      EXPECT_EQ(newly_dropped(DropReason::path_mtu_refused), 1U) << &forged - forgeries.data() << lab->drops();
    }
    Bytes damaged = too_big(outer, 1300);
    damaged.back() ^= 1;
    ASSERT_TRUE(lab->put_packet(wan, damaged));
    // Where the peer was, or in a session that is over.
    lab->control->push(abi::RetireSession{.index = peer->gateway_index, .session_id = peer->session_id});
    lab->settle();
    EXPECT_EQ(newly_dropped(DropReason::bad_checksum), 1U);
    ASSERT_TRUE(lab->put_packet(wan, too_big(outer, 1300)));
    lab->settle();
    EXPECT_EQ(newly_dropped(DropReason::path_mtu_refused), 1U);
    EXPECT_EQ(lab->gateway->tables().peers[peer->id].path().inner_mtu, 1420U);
  }
  EXPECT_EQ(lab->counter(Counter::path_mtu_lowered), 0U);
}

TEST_F(Errors, TellsThatAHostDoesNotAnswer) {
  lab->answers_neighbours = false;
  const Bytes packet = udp_packet(lab->ann.v4, ip("10.0.0.77"), 20);
  lab->put_inner(lab->ann, packet);
  lab->settle();
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 1U);
  for (int second = 0; second < 5; ++second) lab->advance(second_ns);
  std::vector<Frame> frames = lab->sent();
  std::erase_if(frames, [](const Frame& frame) { return is_neighbour_message(frame.bytes); });
  ASSERT_EQ(frames.size(), 1U) << lab->drops();
  const auto datagram = datagram_of(payload_of(frames[0].bytes));
  ASSERT_TRUE(datagram);
  const auto data = lab->ann.open(datagram->payload);
  ASSERT_TRUE(data);
  const auto icmp = icmp_of(data->plaintext);
  ASSERT_TRUE(icmp);
  EXPECT_EQ(icmp->type, 3U);
  EXPECT_EQ(icmp->code, 1U);
  EXPECT_EQ(lab->dropped(DropReason::neighbour_unresolved), 1U);
}

TEST_F(Errors, NeverAnswersAnErrorWithAnError) {
  const Bytes quoted = udp_packet(ip("203.0.113.9"), lab->ann.v4, 20);
  Bytes l4 = {3, 1, 0, 0, 0, 0, 0, 0};
  l4.insert(l4.end(), quoted.begin(), quoted.begin() + 28);
  const std::string source = lab->ann.v4.to_string();
  const Bytes error =
      with_l4_checksum(dataplane::test::v4({.source = source, .destination = "203.0.113.9", .protocol = 1}, l4), 2);
  lab->put_inner(lab->ann, error);
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->counter(Counter::icmp_errors_suppressed), 1U);
}

TEST_F(Errors, BoundsTheErrorsForOneSender) {
  for (int i = 0; i < 500; ++i) lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("203.0.113.9"), 20));
  const std::size_t answers = lab->sent().size();
  EXPECT_GE(answers, 1U);
  EXPECT_LT(answers, 100U);
  EXPECT_EQ(lab->counter(Counter::icmp_errors_sent) + lab->counter(Counter::icmp_errors_suppressed), 500U);
}

TEST_F(Errors, DropsWhatWouldGoBackWhereItCameFrom) {
  lab->control->push(lab->route_to(*IpPrefix::parse("10.50.0.0/16"), lab->ann));
  lab->settle();
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.50.0.1"), 20));
  lab->put_packet(lan, udp_packet(host_v4, ip("10.0.0.99"), 20));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::loop), 2U) << lab->drops();
}

TEST_F(Errors, ForwardsNoMulticastAndNothingLinkLocal) {
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("239.1.2.3"), 20));
  lab->put_inner(lab->ann, udp_packet(lab->ann.v6, ip("ff02::1"), 20));
  lab->put_inner(lab->ann, udp_packet(lab->ann.v6, ip("fe80::9"), 20));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::multicast), 2U) << lab->drops();
  EXPECT_EQ(lab->dropped(DropReason::no_route), 1U);
}

}  // namespace
}  // namespace sallyport::integration
