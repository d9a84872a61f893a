#include "dataplane/packet/tcp_reset.hpp"

#include <gtest/gtest.h>

#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::tcp_reset_test {
namespace {

using namespace test;

constexpr unsigned fin = 1, syn = 2, rst = 4, psh = 8, ack = 16;

void put32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  put16(bytes, at, value >> 16);
  put16(bytes, at + 2, value & 0xffff);
}

// From port 40000 to 443.
Bytes segment(unsigned flags, std::uint32_t sequence, std::uint32_t acknowledgement, std::size_t payload_bytes = 0,
              const Bytes& options = {}) {
  Bytes bytes = tcp(flags, options, Bytes(payload_bytes, 7));
  put32(bytes, 4, sequence);
  put32(bytes, 8, acknowledgement);
  return bytes;
}

// From port 443 to 40000, without a window.
Bytes reset_segment(unsigned flags, std::uint32_t sequence, std::uint32_t acknowledgement) {
  Bytes bytes = segment(flags, sequence, acknowledgement);
  put16(bytes, 0, 443);
  put16(bytes, 2, 40000);
  put16(bytes, 14, 0);
  return bytes;
}

Bytes reset_about(const Bytes& offending) {
  Bytes out(max_tcp_reset_bytes, 0xee);
  out.resize(build_tcp_reset(out, offending, parsed(offending, parse_allow_unspecified_source)));
  return out;
}

Bytes expected_v4(const Bytes& reset) {
  Bytes packet = with_l4_checksum(
      v4({.source = "10.0.0.7", .destination = "10.8.0.2", .protocol = 6, .fragment = 0x4000}, reset), 16);
  put16(packet, 4, 0);  // identification: RFC 6864
  fix_v4_checksum(packet);
  return packet;
}

Bytes expected_v6(const Bytes& reset) {
  return with_l4_checksum(v6({.source = "fd00::7", .destination = "fd08::2", .next_header = 6}, reset), 16);
}

// RFC 9293 section 3.10.7.1, CLOSED.
TEST(TcpReset, AnswersAsAClosedPortDoes) {
  struct Row {
    Bytes offending;
    Bytes reset;
  };
  for (const Row& row : {
           Row{segment(syn, 1000, 0), reset_segment(rst | ack, 0, 1001)},
           Row{segment(syn, 0xffffffff, 0), reset_segment(rst | ack, 0, 0)},
           Row{segment(syn, 1000, 0, 0, Bytes{2, 4, 5, 0xb4}), reset_segment(rst | ack, 0, 1001)},
           Row{segment(syn, 1000, 77, 10), reset_segment(rst | ack, 0, 1011)},  // TCP Fast Open
           Row{segment(fin, 1000, 0, 3), reset_segment(rst | ack, 0, 1004)},
           Row{segment(0, 1000, 0, 3), reset_segment(rst | ack, 0, 1003)},
           Row{segment(ack | psh, 1000, 5000, 100), reset_segment(rst, 5000, 0)},
           Row{segment(syn | ack, 1000, 5000), reset_segment(rst, 5000, 0)},
           Row{segment(fin | ack, 1000, 0xfffffff0), reset_segment(rst, 0xfffffff0, 0)},
       }) {
    EXPECT_EQ(reset_about(v4({.protocol = 6, .ttl = 9, .tos = 0xb9}, row.offending)), expected_v4(row.reset));
    EXPECT_EQ(reset_about(v6({.next_header = 6, .hop_limit = 9}, row.offending)), expected_v6(row.reset));
  }
}

TEST(TcpReset, CountsTheSegmentAndNotThePaddingBehindIt) {
  EXPECT_EQ(reset_about(v4({.protocol = 6}, segment(syn, 1000, 0)) + Bytes(6)),
            expected_v4(reset_segment(rst | ack, 0, 1001)));
}

TEST(TcpReset, StepsOverOptionsAndExtensionHeaders) {
  EXPECT_EQ(reset_about(v4({.protocol = 6, .options = Bytes{1, 1, 1, 0}}, segment(syn, 1000, 0))),
            expected_v4(reset_segment(rst | ack, 0, 1001)));
  EXPECT_EQ(reset_about(v6({.next_header = 60}, Bytes{6, 0, 1, 4, 0, 0, 0, 0} + segment(syn, 1000, 0))),
            expected_v6(reset_segment(rst | ack, 0, 1001)));
}

TEST(TcpReset, NeverAnswersAReset) {
  for (const unsigned flags : {rst, rst | ack, rst | syn})
    EXPECT_TRUE(reset_about(v4({.protocol = 6}, segment(flags, 1000, 0))).empty()) << flags;
  EXPECT_TRUE(reset_about(reset_about(v4({.protocol = 6}, segment(syn, 1, 0)))).empty());
}

TEST(TcpReset, NeverAnswersAFragment) {
  EXPECT_TRUE(reset_about(v4({.protocol = 6, .fragment = 0x2000}, segment(syn, 1000, 0, 4))).empty());
  EXPECT_TRUE(reset_about(v4({.protocol = 6, .fragment = 3}, segment(syn, 1000, 0))).empty());
  EXPECT_TRUE(reset_about(v6({.next_header = 44}, Bytes{6, 0, 0, 1, 0, 0, 0, 9} + segment(syn, 1, 0, 4))).empty());
}

TEST(TcpReset, NeverAnswersAGroupOrNobody) {
  for (const std::string_view destination : {"224.0.0.5", "255.255.255.255", "240.0.0.1"})
    EXPECT_TRUE(reset_about(v4({.destination = destination, .protocol = 6}, segment(syn, 1, 0))).empty())
        << destination;
  for (const std::string_view source : {"0.0.0.0", "240.0.0.1"})
    EXPECT_TRUE(reset_about(v4({.source = source, .protocol = 6}, segment(syn, 1, 0))).empty()) << source;
  EXPECT_TRUE(reset_about(v6({.destination = "ff05::2", .next_header = 6}, segment(syn, 1, 0))).empty());
  EXPECT_TRUE(reset_about(v6({.source = "::", .next_header = 6}, segment(syn, 1, 0))).empty());
}

TEST(TcpReset, NeverAnswersWhatIsNoTcpHeader) {
  EXPECT_TRUE(reset_about(v4({.protocol = 17}, udp(1, 2, Bytes(20)))).empty());
  EXPECT_TRUE(reset_about(v4({.protocol = 6}, Bytes(19))).empty());
  for (const unsigned data_offset : {0x00U, 0x40U, 0x60U}) {
    Bytes bytes = segment(syn, 1, 0);
    bytes[12] = static_cast<std::uint8_t>(data_offset);
    EXPECT_TRUE(reset_about(v4({.protocol = 6}, bytes)).empty()) << data_offset;
  }
}

TEST(TcpReset, NeedsRoom) {
  const Bytes offending = v4({.protocol = 6}, segment(syn, 1, 0));
  Bytes out(39, 0xee);
  EXPECT_EQ(build_tcp_reset(out, offending, parsed(offending)), 0U);
  EXPECT_EQ(out, Bytes(39, 0xee));
  out.resize(40);
  EXPECT_EQ(build_tcp_reset(out, offending, parsed(offending)), 40U);
}

}  // namespace
}  // namespace sallyport::dataplane::tcp_reset_test
