#include "dataplane/packet/icmp_quote.hpp"

#include <gtest/gtest.h>

#include "dataplane/packet/icmp_error.hpp"
#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::icmp_quote_test {
namespace {

using namespace test;
using Ports = TransportPorts;

Bytes icmp(unsigned type, unsigned code = 0, unsigned identifier = 0) {
  Bytes message{static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), 0, 0, 0, 0, 0, 1};
  put16(message, 4, identifier);
  return message;
}

Bytes first(const Bytes& bytes, std::size_t count) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)};
}

// From a router on the way, to the sender of the quoted packets of V4{} and V6{}.
Bytes error4(const Bytes& quoted, unsigned type = 3, std::string_view to = "10.8.0.2") {
  return v4({.source = "10.0.0.1", .destination = to, .protocol = 1}, icmp(type) + quoted);
}
Bytes error6(const Bytes& quoted, unsigned type = 1, std::string_view to = "fd08::2") {
  return v6({.source = "fd00::1", .destination = to, .next_header = 58}, icmp(type) + quoted);
}

std::optional<IcmpQuote> quote_of(const Bytes& packet) {
  return parse_icmp_quote(packet, parsed(packet));
}

TEST(IcmpQuote, NamesTheQuotedPacketAsItWent) {
  const auto quote = quote_of(error4(v4({}, udp(1000, 53, Bytes(40)))));
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->source, ip("10.8.0.2"));
  EXPECT_EQ(quote->destination, ip("10.0.0.7"));
  EXPECT_EQ(quote->protocol, IpProtocol::udp);
  EXPECT_EQ(quote->ports, (Ports{1000, 53}));

  const auto quote6 = quote_of(error6(v6({.next_header = 6}, tcp(2, {}))));
  ASSERT_TRUE(quote6);
  EXPECT_EQ(quote6->source, ip("fd08::2"));
  EXPECT_EQ(quote6->destination, ip("fd00::7"));
  EXPECT_EQ(quote6->protocol, IpProtocol::tcp);
  EXPECT_EQ(quote6->ports, (Ports{40000, 443}));
}

TEST(IcmpQuote, UnderstandsTheErrorsOfOurOwnMaking) {
  const Bytes offending = v4({.protocol = 132}, udp(1000, 2000, Bytes(1000)));
  Bytes error(1280);
  error.resize(
      build_icmp_error(error, offending, parsed(offending), IcmpErrorKind::packet_too_big, 576, ip("10.0.0.1")));
  const auto quote = quote_of(error);
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->protocol, IpProtocol::sctp);
  EXPECT_EQ(quote->ports, (Ports{1000, 2000}));
}

TEST(IcmpQuote, NeedsNoMoreThanEightBytesOfTheTransportHeader) {
  const Bytes tcp4 = v4({.protocol = 6}, tcp(2, {}));
  const Bytes tcp6 = v6({.next_header = 6}, tcp(2, {}));
  EXPECT_TRUE(quote_of(error4(first(tcp4, 28))));
  EXPECT_TRUE(quote_of(error6(first(tcp6, 48))));
  for (std::size_t length = 0; length < 28; ++length) EXPECT_FALSE(quote_of(error4(first(tcp4, length)))) << length;
  for (std::size_t length = 0; length < 48; ++length) EXPECT_FALSE(quote_of(error6(first(tcp6, length)))) << length;
}

TEST(IcmpQuote, DoesNotReadBeyondTheQuotedPacket) {
  // Four bytes of UDP, and what follows is not part of the packet (RFC 4884 puts extensions there).
  EXPECT_FALSE(quote_of(error4(v4({}, Bytes(4)) + Bytes(100, 7))));
  EXPECT_FALSE(quote_of(error6(v6({}, Bytes(4)) + Bytes(100, 7))));
}

TEST(IcmpQuote, DoesNotMindWhatRoutersChange) {
  Bytes quoted = v4({}, udp(1000, 53, {}));
  quoted[8] = 0;      // the TTL, without a new checksum
  quoted[1] = 0xfc;   // DSCP
  quoted[10] ^= 255;  // an old checksum
  EXPECT_TRUE(quote_of(error4(quoted)));
}

TEST(IcmpQuote, OnlyErrorsQuote) {
  const Bytes quoted = v4({}, udp(1000, 53, {}));
  const Bytes quoted6 = v6({}, udp(1000, 53, {}));
  for (unsigned type = 0; type < 256; ++type) {
    const bool is_error = type == 3 || type == 11 || type == 12;
    EXPECT_EQ(quote_of(error4(quoted, type)).has_value(), is_error) << type;
    const bool is_error6 = type >= 1 && type <= 4;
    EXPECT_EQ(quote_of(error6(quoted6, type)).has_value(), is_error6) << type;
  }
}

TEST(IcmpQuote, AnErrorAboutAnErrorHasNoAnswer) {
  for (const unsigned type : {3U, 4U, 5U, 11U, 12U, 42U})
    EXPECT_FALSE(quote_of(error4(v4({.protocol = 1}, icmp(type))))) << type;
  for (const unsigned type : {1U, 2U, 3U, 4U, 127U, 133U, 135U, 137U})
    EXPECT_FALSE(quote_of(error6(v6({.next_header = 58}, icmp(type))))) << type;
}

TEST(IcmpQuote, KnowsQuotedPingsByTheirIdentifier) {
  for (const unsigned type : {0U, 8U}) {
    const auto quote = quote_of(error4(v4({.protocol = 1}, icmp(type, 0, 0xabcd))));
    ASSERT_TRUE(quote) << type;
    EXPECT_EQ(quote->ports, (Ports{0xabcd, 0xabcd}));
  }
  for (const unsigned type : {128U, 129U}) {
    const auto quote = quote_of(error6(v6({.next_header = 58}, icmp(type, 0, 0xabcd))));
    ASSERT_TRUE(quote) << type;
    EXPECT_EQ(quote->ports, (Ports{0xabcd, 0xabcd}));
  }
  EXPECT_FALSE(quote_of(error4(v4({.protocol = 58}, icmp(128, 0, 1)))));
  EXPECT_FALSE(quote_of(error6(v6({.next_header = 1}, icmp(8, 0, 1)))));
}

TEST(IcmpQuote, ProtocolsWithoutPortsHaveNone) {
  const auto quote = quote_of(error4(v4({.protocol = 47}, Bytes{0x20, 0, 8, 0})));
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->protocol, IpProtocol{47});
  EXPECT_EQ(quote->ports, Ports{});
}

TEST(IcmpQuote, ComesOnlyToTheSenderOfThePacketThatItQuotes) {
  EXPECT_FALSE(quote_of(error4(v4({}, udp(1, 2, {})), 3, "10.8.0.3")));
  EXPECT_FALSE(quote_of(error6(v6({}, udp(1, 2, {})), 1, "fd08::3")));
}

TEST(IcmpQuote, IsOfTheFamilyOfItsError) {
  EXPECT_FALSE(quote_of(error4(v6({}, udp(1, 2, {})))));
  EXPECT_FALSE(quote_of(error6(v4({}, udp(1, 2, {})) + Bytes(40))));
  // An error of the other family's ICMP is none.
  EXPECT_FALSE(quote_of(v4({.destination = "10.8.0.2", .protocol = 58}, icmp(1) + v4({}, udp(1, 2, {})))));
  EXPECT_FALSE(quote_of(v6({.destination = "fd08::2", .next_header = 1}, icmp(3) + v6({}, udp(1, 2, {})))));
}

TEST(IcmpQuote, FirstFragmentsHavePortsAndLaterOnesHaveNot) {
  const Bytes payload = udp(1000, 53, Bytes(8));
  EXPECT_TRUE(quote_of(error4(v4({.fragment = 0x2000}, payload))));
  EXPECT_FALSE(quote_of(error4(v4({.fragment = 0x2003}, payload))));
  EXPECT_FALSE(quote_of(error4(v4({.fragment = 3}, payload))));
  EXPECT_TRUE(quote_of(error6(v6({.next_header = 44}, Bytes{17, 0, 0, 1, 0, 0, 0, 9} + payload))));
  EXPECT_FALSE(quote_of(error6(v6({.next_header = 44}, Bytes{17, 0, 0, 0x19, 0, 0, 0, 9} + payload))));
}

TEST(IcmpQuote, AnErrorInFragmentsHasNoAnswer) {
  const Bytes message = icmp(3) + v4({}, udp(1, 2, Bytes(4)));
  EXPECT_FALSE(
      quote_of(v4({.source = "10.0.0.1", .destination = "10.8.0.2", .protocol = 1, .fragment = 0x2000}, message)));
  EXPECT_TRUE(quote_of(v4({.source = "10.0.0.1", .destination = "10.8.0.2", .protocol = 1}, message)));
}

TEST(IcmpQuote, WalksOptionsAndExtensionHeaders) {
  EXPECT_EQ(quote_of(error4(v4({.options = Bytes(40, 1)}, udp(1000, 53, {}))))->ports, (Ports{1000, 53}));
  const Bytes chain = Bytes{60, 0, 1, 4, 0, 0, 0, 0}                                     // hop-by-hop
                      + Bytes{51, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}          // destination options
                      + Bytes{44, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1} + Bytes{17, 0, 0, 0}  // authentication, fragment
                      + Bytes{0, 0, 0, 9};
  EXPECT_EQ(quote_of(error6(v6({.next_header = 0}, chain + udp(1000, 53, {}))))->ports, (Ports{1000, 53}));
}

TEST(IcmpQuote, WalksEightExtensionHeadersAndNotNine) {
  const auto chain = [](unsigned headers) {
    Bytes bytes;
    for (unsigned i = 1; i <= headers; ++i)
      bytes = bytes + Bytes{std::uint8_t(i == headers ? 17 : 60), 0, 1, 4, 0, 0, 0, 0};
    return v6({.next_header = 60}, bytes + udp(1000, 53, {}));
  };
  EXPECT_TRUE(quote_of(error6(chain(8))));
  EXPECT_FALSE(quote_of(error6(chain(9))));
}

TEST(IcmpQuote, RefusesLyingLengths) {
  Bytes short_header = v4({}, udp(1, 2, {}));
  short_header[0] = 0x44;
  EXPECT_FALSE(quote_of(error4(short_header)));
  Bytes long_header = v4({}, udp(1, 2, {}));
  long_header[0] = 0x4f;
  EXPECT_FALSE(quote_of(error4(long_header)));
  Bytes total_length_zero = v4({}, udp(1, 2, {}));
  put16(total_length_zero, 2, 0);
  EXPECT_FALSE(quote_of(error4(total_length_zero)));
  EXPECT_FALSE(quote_of(error6(v6({.next_header = 60}, Bytes{17, 255, 1, 4, 0, 0, 0, 0} + udp(1, 2, {})))));
}

TEST(IcmpQuery, RequestsOpenAndRepliesNeverDo) {
  const auto key4 = [](unsigned type, unsigned code = 0) {
    const Bytes packet = v4({.protocol = 1}, icmp(type, code, 0x1234));
    return *icmp_query_key(packet, parsed(packet));
  };
  const auto key6 = [](unsigned type) {
    const Bytes packet = v6({.next_header = 58}, icmp(type, 0, 0x1234));
    return *icmp_query_key(packet, parsed(packet));
  };
  for (unsigned type = 0; type < 256; ++type) {
    EXPECT_EQ(key4(type).may_open(), type == 8 || type == 13) << type;
    EXPECT_EQ(key4(type).kind == IcmpClass::reply, type == 0 || type == 14) << type;
    EXPECT_EQ(key6(type).may_open(), type == 128) << type;
    EXPECT_EQ(key6(type).kind == IcmpClass::reply, type == 129) << type;
  }
  EXPECT_EQ(key4(8).ports, (Ports{0x1234, 0x1234}));
  EXPECT_EQ(key4(0).ports, (Ports{0x1234, 0x1234}));
  EXPECT_EQ(key6(128).ports, (Ports{0x1234, 0x1234}));
  EXPECT_EQ(key6(129).ports, (Ports{0x1234, 0x1234}));
  EXPECT_EQ(key4(13).ports, (Ports{0x1234, 13 << 8}));
  EXPECT_EQ(key4(14).ports, (Ports{13 << 8, 0x1234}));
  EXPECT_EQ(key4(5, 1).ports, (Ports{0, 5 << 8 | 1}));
  EXPECT_EQ(key6(135).ports, (Ports{0, 135 << 8}));
  EXPECT_EQ(key6(13).kind, IcmpClass::other);
  EXPECT_FALSE(key4(8, 9).may_open());  // RFC 792: the code of an echo is 0
}

TEST(IcmpQuery, NeedsAWholeHeaderOfItsOwnFamily) {
  const auto has_key = [](const Bytes& packet) { return icmp_query_key(packet, parsed(packet)).has_value(); };
  EXPECT_TRUE(has_key(v4({.protocol = 1, .fragment = 0x2000}, icmp(8))));
  EXPECT_FALSE(has_key(v4({.protocol = 1, .fragment = 3}, icmp(8))));
  EXPECT_FALSE(has_key(v4({.protocol = 1}, first(icmp(8), 7))));
  EXPECT_FALSE(has_key(v4({.protocol = 58}, icmp(128))));
  EXPECT_FALSE(has_key(v6({.next_header = 1}, icmp(8))));
  EXPECT_FALSE(has_key(v4({}, udp(1, 2, {}))));
}

}  // namespace
}  // namespace sallyport::dataplane::icmp_quote_test
