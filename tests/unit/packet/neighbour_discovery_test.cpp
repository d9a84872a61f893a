#include "dataplane/packet/neighbour_discovery.hpp"

#include <gtest/gtest.h>

#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::neighbour_discovery_test {
namespace {

using namespace test;
using Error = NeighbourDiscoveryError;

const MacAddress ours{{2, 0, 0, 0, 0, 1}};
const MacAddress theirs{{2, 0, 0, 0, 0, 9}};
const Bytes source_option{1, 1, 2, 0, 0, 0, 0, 9};
const Bytes target_option{2, 1, 2, 0, 0, 0, 0, 9};

Bytes body(unsigned type, std::string_view target, const Bytes& options, unsigned flags = 0) {
  return Bytes{static_cast<std::uint8_t>(type), 0, 0, 0, static_cast<std::uint8_t>(flags), 0, 0, 0} +
         address_bytes(ip(target)) + options;
}
Bytes solicitation(const Bytes& options = source_option, V6 header = {.source = "fe80::9", .destination = "fe80::1"},
                   std::string_view target = "fe80::1") {
  header.next_header = 58;
  header.hop_limit = header.hop_limit == 64 ? 255 : header.hop_limit;
  return with_l4_checksum(v6(header, body(135, target, options)), 2);
}
Bytes advertisement(unsigned flags, const Bytes& options = target_option, std::string_view destination = "fe80::1",
                    std::string_view target = "fe80::9") {
  return with_l4_checksum(v6({.source = "fe80::9", .destination = destination, .next_header = 58, .hop_limit = 255},
                             body(136, target, options, flags)),
                          2);
}
Error judge(const Bytes& packet, NeighbourMessage* out = nullptr) {
  NeighbourMessage message;
  const Error error = parse_neighbour_discovery(packet, parsed(packet, parse_allow_unspecified_source), message);
  if (out != nullptr) *out = message;
  return error;
}

TEST(ParseNeighbourDiscovery, YieldsSolicitations) {
  NeighbourMessage message;
  ASSERT_EQ(judge(solicitation(), &message), Error::none);
  EXPECT_EQ(message.type, Icmp6Type::neighbour_solicitation);
  EXPECT_EQ(message.source, ip("fe80::9"));
  EXPECT_EQ(message.target, ip("fe80::1"));
  EXPECT_TRUE(message.has_link_layer_address);
  EXPECT_EQ(message.link_layer_address, theirs);
  EXPECT_FALSE(message.is_duplicate_address_detection());
  // Unknown options are skipped (here a nonce, RFC 3971), and so is a target address in a solicitation.
  ASSERT_EQ(judge(solicitation(Bytes{14, 1, 0, 0, 0, 0, 0, 0} + target_option), &message), Error::none);
  EXPECT_FALSE(message.has_link_layer_address);
}

TEST(ParseNeighbourDiscovery, YieldsAdvertisements) {
  NeighbourMessage message;
  ASSERT_EQ(judge(advertisement(0xe0), &message), Error::none);
  EXPECT_TRUE(message.router && message.solicited && message.override_entry);
  EXPECT_EQ(message.target, ip("fe80::9"));
  EXPECT_EQ(message.link_layer_address, theirs);
  ASSERT_EQ(judge(advertisement(0x20, {}), &message), Error::none);
  EXPECT_FALSE(message.router || message.solicited || message.has_link_layer_address);
  ASSERT_EQ(judge(advertisement(0x20, target_option, "ff02::1")), Error::none);
}

TEST(ParseNeighbourDiscovery, LeavesOtherMessagesToOthers) {
  EXPECT_EQ(judge(with_l4_checksum(v6({.next_header = 58, .hop_limit = 255}, Bytes{128, 0, 0, 0, 0, 0, 0, 0}), 2)),
            Error::not_for_us);
  EXPECT_EQ(judge(with_l4_checksum(v6({.next_header = 58, .hop_limit = 255}, body(134, "::", {})), 2)),
            Error::not_for_us);
  EXPECT_EQ(judge(v6({.next_header = 58}, {})), Error::not_for_us);
  EXPECT_EQ(judge(v6({}, udp(1, 2, {}))), Error::not_for_us);
}

TEST(ParseNeighbourDiscovery, AppliesEveryValidityRule) {
  EXPECT_EQ(judge(solicitation(source_option, {.source = "fe80::9", .destination = "fe80::1", .hop_limit = 254})),
            Error::bad_hop_limit);
  Bytes bad = solicitation();
  bad[42] ^= 1;
  EXPECT_EQ(judge(bad), Error::bad_checksum);
  bad = solicitation();
  bad[41] = 1;
  EXPECT_EQ(judge(with_l4_checksum(bad, 2)), Error::bad_code);
  const Bytes whole = body(135, "fe80::1", {});
  for (std::size_t length = 1; length < 24; ++length) {
    Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    if (length < 4)
      EXPECT_EQ(judge(v6({.next_header = 58, .hop_limit = 255}, part)), Error::truncated);
    else
      EXPECT_EQ(judge(with_l4_checksum(v6({.next_header = 58, .hop_limit = 255}, part), 2)), Error::truncated);
  }
  for (const char* target : {"ff02::1", "::", "::1"})
    EXPECT_EQ(judge(solicitation(source_option, {.source = "fe80::9", .destination = "fe80::1"}, target)),
              Error::bad_target);
  EXPECT_EQ(judge(advertisement(0x40, target_option, "ff02::1")), Error::bad_solicited);
}

TEST(ParseNeighbourDiscovery, RefusesBadOptions) {
  EXPECT_EQ(judge(solicitation(Bytes{1, 0, 2, 0, 0, 0, 0, 9})), Error::bad_option);
  EXPECT_EQ(judge(solicitation(Bytes{1, 2, 2, 0, 0, 0, 0, 9})), Error::bad_option);
  EXPECT_EQ(judge(solicitation(Bytes{1, 2, 2, 0, 0, 0, 0, 9} + Bytes(8))), Error::bad_option);  // no Ethernet address
  EXPECT_EQ(judge(solicitation(source_option + Bytes{14})), Error::bad_option);
  EXPECT_EQ(judge(solicitation(source_option + Bytes{14, 1, 0})), Error::bad_option);
  EXPECT_EQ(judge(solicitation(Bytes{1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})), Error::bad_option);
  EXPECT_EQ(judge(solicitation(Bytes{1, 1, 0, 0, 0, 0, 0, 0})), Error::bad_option);
}

TEST(ParseNeighbourDiscovery, TakesDuplicateAddressDetectionOnlyAsItMustBe) {
  NeighbourMessage message;
  ASSERT_EQ(judge(solicitation({}, {.source = "::", .destination = "ff02::1:ff00:1"}), &message), Error::none);
  EXPECT_TRUE(message.is_duplicate_address_detection());
  EXPECT_EQ(judge(solicitation({}, {.source = "::", .destination = "fe80::1"})), Error::bad_detection);
  EXPECT_EQ(judge(solicitation({}, {.source = "::", .destination = "ff02::1:ff00:2"})), Error::bad_detection);
  EXPECT_EQ(judge(solicitation(source_option, {.source = "::", .destination = "ff02::1:ff00:1"})),
            Error::bad_detection);
}

TEST(ParseNeighbourDiscovery, RefusesFragmentsEvenAtomicOnes) {
  const Bytes fragment_header{58, 0, 0, 0, 0, 0, 0, 1};
  EXPECT_EQ(judge(v6({.source = "fe80::9", .destination = "fe80::1", .next_header = 44, .hop_limit = 255},
                     fragment_header + body(135, "fe80::1", source_option))),
            Error::fragmented);
}

NeighbourMessage parse_frame_of_ours(const Bytes& frame) {
  const Bytes packet(frame.begin() + 14, frame.end());
  EXPECT_EQ(slow_l4_checksum(packet), 0);
  EXPECT_EQ(packet[7], 255);
  NeighbourMessage message;
  EXPECT_EQ(judge(packet, &message), Error::none);
  return message;
}

TEST(BuildNeighbourDiscovery, AsksTheSolicitedNodeGroupOrTheKnownNeighbour) {
  Bytes frame(neighbour_frame_bytes);
  ASSERT_EQ(build_neighbour_solicitation(frame, ours, ip("fe80::1"), ip("fd00::12:3456")), 86U);
  EXPECT_EQ((Bytes{frame.begin(), frame.begin() + 6}), (Bytes{0x33, 0x33, 0xff, 0x12, 0x34, 0x56}));
  const NeighbourMessage multicast = parse_frame_of_ours(frame);
  EXPECT_EQ(multicast.destination, ip("ff02::1:ff12:3456"));
  EXPECT_EQ(multicast.target, ip("fd00::12:3456"));
  EXPECT_EQ(multicast.link_layer_address, ours);

  ASSERT_EQ(build_neighbour_solicitation(frame, ours, ip("fe80::1"), ip("fd00::9"), &theirs), 86U);
  EXPECT_EQ(load_wire<EthernetHeader>(frame.data()).destination, theirs);
  EXPECT_EQ(parse_frame_of_ours(frame).destination, ip("fd00::9"));
}

TEST(BuildNeighbourDiscovery, AnswersTheAskerOrAllNodes) {
  NeighbourMessage request;
  ASSERT_EQ(judge(solicitation(), &request), Error::none);
  Bytes frame(neighbour_frame_bytes);
  ASSERT_EQ(build_neighbour_advertisement(frame, ours, request, theirs), 86U);
  const NeighbourMessage answer = parse_frame_of_ours(frame);
  EXPECT_TRUE(answer.solicited && answer.router && answer.override_entry);
  EXPECT_EQ(answer.destination, ip("fe80::9"));
  EXPECT_EQ(answer.target, ip("fe80::1"));
  EXPECT_EQ(answer.link_layer_address, ours);

  ASSERT_EQ(judge(solicitation({}, {.source = "::", .destination = "ff02::1:ff00:1"}), &request), Error::none);
  ASSERT_EQ(build_neighbour_advertisement(frame, ours, request, theirs), 86U);
  const NeighbourMessage taken = parse_frame_of_ours(frame);
  EXPECT_FALSE(taken.solicited);
  EXPECT_EQ(taken.destination, ip("ff02::1"));
  EXPECT_EQ((Bytes{frame.begin(), frame.begin() + 6}), (Bytes{0x33, 0x33, 0, 0, 0, 1}));

  ASSERT_EQ(build_neighbour_announcement(frame, ours, ip("fe80::1")), 86U);
  EXPECT_EQ(parse_frame_of_ours(frame).target, ip("fe80::1"));
}

TEST(BuildNeighbourDiscovery, RefusesASmallBufferAndForeignAddresses) {
  Bytes small(85), frame(86);
  EXPECT_EQ(build_neighbour_solicitation(small, ours, ip("fe80::1"), ip("fd00::9")), 0U);
  EXPECT_EQ(build_neighbour_solicitation(frame, ours, ip("10.0.0.1"), ip("fd00::9")), 0U);
}

}  // namespace
}  // namespace sallyport::dataplane::neighbour_discovery_test
