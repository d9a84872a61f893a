#include <gtest/gtest.h>

#include <sstream>

#include "tools/ctl/options.hpp"
#include "tools/ctl/packet_summary.hpp"
#include "tools/ctl/qr_code.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl::output_test {
namespace {

TEST(Units, AreShortAndExactEnough) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(bytes_text(~0ULL), "16.0 EiB");
  EXPECT_EQ(bit_rate_text(0), "0");
  EXPECT_EQ(bit_rate_text(812), "812 bit/s");
  EXPECT_EQ(bit_rate_text(9.41e9), "9.41 Gbit/s");
  EXPECT_EQ(bit_rate_text(10e9), "10.0 Gbit/s");
  EXPECT_EQ(rate_text(0.4), "0.4");
  EXPECT_EQ(rate_text(1.2e6), "1.20M");
  EXPECT_EQ(duration_text(59), "59s");
  EXPECT_EQ(duration_text(184), "3m 4s");
  EXPECT_EQ(duration_text(7200), "2h");
  EXPECT_EQ(duration_text(90'000), "1d 1h");
  EXPECT_EQ(ago_text(std::nullopt), "never");
  EXPECT_EQ(ago_text(0), "now");
  EXPECT_EQ(ago_text(12), "12s ago");
}

TEST(Table, AlignsAndKeepsControlBytesOut) {
  Table table({{"NAME"}, {"N", Table::Align::right}, {"REST"}});
  table.add({"\u00e4", "1", ""});
  table.add({"a\x1b[2J\nb", "1000", "x"});
  std::ostringstream out;
  table.print(out);
  EXPECT_EQ(out.str(), "NAME        N  REST\n\u00e4           1\na?[2J?b  1000  x\n");
}

TEST(SafeOutput, ReplacesWhatATerminalObeys) {
  EXPECT_EQ(printable("a\x1b]0;x\x07\x7f"), "a?]0;x??");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "?31m");
  EXPECT_EQ(printable("\xff\xfe"), "??");
  EXPECT_EQ(printable("gr\u00fc\u00df"), "gr\u00fc\u00df");
}

TEST(PacketSummary, NamesWhatItSees) {
  const auto summary = [](const char* hex, bool ethernet = false) {
    return packet_summary(bytes_of_hex(hex), ethernet);
  };
  EXPECT_EQ(summary("4500001c0000000040060000c0000201c6336407115c01bb00000000000000005012"),
            "192.0.2.1:4444 > 198.51.100.7:443 TCP SA");
  EXPECT_EQ(summary("6000000000083a4020010db800000000000000000000000120010db8000000000000000000000002800001"),
            "2001:db8::1 > 2001:db8::2 ICMPv6 type 128 code 0");
  EXPECT_EQ(summary("ffffffffffff0200000000010806000108000604000102000000000a0a0000010000000000000a0000fe", true),
            "ARP who has 10.0.0.254, tell 10.0.0.1");
  EXPECT_EQ(summary("0200000000010200000000028100000c0800", true), "vlan 12 empty");
  EXPECT_EQ(summary("02000000000102000000000288cc", true), "ethertype 0x88cc");
  EXPECT_EQ(summary("4500001c000020ff40110000c0000201c6336407"), "192.0.2.1 > 198.51.100.7 fragment at 2040");
}

TEST(PacketSummary, NeverReadsBeyondTheBytes) {
  const auto whole = bytes_of_hex(
      "0200000000010200000000028100000c08004f00001c0000000040060000c0000201c6336407115c01bb00000000000000005012");
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    const std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_FALSE(packet_summary(cut, true).empty());
    EXPECT_FALSE(packet_summary(cut, false).empty());
  }
}

TEST(Options, KnowHostAndPort) {
  for (const char* text : {"vpn.example.com:51820", "192.0.2.1:1", "[2001:db8::1]:65535"})
    EXPECT_TRUE(is_host_and_port(text)) << text;
  for (const char* text : {"", "host", "host:", "host:0", "host:65536", ":1", "a b:1", "a\n:1", "-x:1", "host:1x"})
    EXPECT_FALSE(is_host_and_port(text)) << text;
}

TEST(QrCode, HasFindersInItsCornersAndFailsWhenTheTextIsTooLong) {
  const auto code = qr_code("x", false);
  ASSERT_TRUE(code);
  // Version 1 has 21 modules, with the quiet zone 29: 15 lines of 29 characters.
  EXPECT_EQ(std::count(code->begin(), code->end(), '\n'), 15);
  std::istringstream lines(*code);
  std::string line;
  for (int i = 0; i < 3; ++i) std::getline(lines, line);
  EXPECT_EQ(columns(line), 29U);
  // Rows 0 and 1 of the finder: seven dark over dark, light, light, light, light, light, dark.
  EXPECT_EQ(line.substr(0, 4 * 3 + 1 + 5 * 3 + 1), "\u2588\u2588\u2588\u2588 \u2584\u2584\u2584\u2584\u2584 ");
  EXPECT_FALSE(qr_code(std::string(3000, 'x'), false));
  EXPECT_FALSE(qr_code("", false));
}

}  // namespace
}  // namespace sallyport::ctl::output_test
