#include "dataplane/packet/checksum.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::checksum_test {
namespace {

using test::Bytes;

TEST(ByteOrder, ConvertsOnlyWhenAsked) {
  const Be32 value{0x01020304};
  EXPECT_EQ(value.bytes, (std::array<std::uint8_t, 4>{1, 2, 3, 4}));
  EXPECT_EQ(value.host(), 0x01020304U);
  EXPECT_EQ(Le32{0x01020304}.bytes, (std::array<std::uint8_t, 4>{4, 3, 2, 1}));
  EXPECT_EQ(Be64{1}.bytes[7], 1);
  static_assert(!std::is_convertible_v<std::uint32_t, Be32> && !std::is_convertible_v<Be32, std::uint32_t>);
}

TEST(Reader, RefusesWhatDoesNotFitAndStaysWhereItWas) {
  const Bytes bytes{1, 2, 3};
  Reader reader(bytes);
  Be32 four;
  Be16 two;
  EXPECT_FALSE(reader.take(four));
  EXPECT_TRUE(reader.take(two));
  EXPECT_EQ(two.host(), 0x0102);
  EXPECT_FALSE(reader.skip(2));
  EXPECT_EQ(reader.remaining(), 1U);
  EXPECT_TRUE(reader.skip(1));
  EXPECT_TRUE(reader.rest().empty());
}

TEST(Checksum, AgreesWithTheExampleOfRfc1071) {
  EXPECT_EQ(internet_checksum(Bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}).host(), 0x220d);
}

TEST(Checksum, AgreesWithAPublishedIpv4Header) {
  const Bytes header{0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7};
  EXPECT_TRUE(checksum_holds(ipv4_header_sum(header.data())));
  EXPECT_TRUE(checksum_holds(add_to_checksum(0, header)));
}

TEST(Checksum, AgreesWithTheSlowOneForEveryLengthAndAlignment) {
  std::mt19937 random(1);
  Bytes buffer(2100);
  for (auto& byte : buffer) byte = static_cast<std::uint8_t>(random());
  for (std::size_t length = 0; length < 300; ++length)
    for (std::size_t start = 0; start < 5; ++start) {
      const Bytes part(buffer.begin() + static_cast<std::ptrdiff_t>(start),
                       buffer.begin() + static_cast<std::ptrdiff_t>(start + length));
      ASSERT_EQ(internet_checksum(std::span(buffer).subspan(start, length)).host(), test::slow_checksum(part))
          << length << " from " << start;
    }
  EXPECT_EQ(internet_checksum(Bytes(65535, 0xff)).host(), test::slow_checksum(Bytes(65535, 0xff)));
}

TEST(Checksum, AddsPartsAsIfTheyWereOne) {
  Bytes bytes(101);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37);
  const ChecksumSum first = add_to_checksum(0, std::span(bytes).first(40));
  EXPECT_EQ(finish_checksum(add_to_checksum(first, std::span(bytes).subspan(40))), internet_checksum(bytes));
}

TEST(Checksum, UpdatesAsInTheExampleOfRfc1624) {
  EXPECT_EQ(update_checksum(Be16{0xdd2f}, Be16{0x5555}, Be16{0x3285}).host(), 0x0000);
}

TEST(Checksum, UpdatesToWhatAFullComputationGives) {
  std::mt19937 random(2);
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes(20);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % 4 == 0 ? 0 : random());
    bytes[0] = 0x45;  // sums of zero do not occur in headers
    const Be16 before = load_wire<Be16>(&bytes[4]);
    const Be16 checksum = internet_checksum(bytes);
    test::put16(bytes, 4, random() & 0xffff);
    ASSERT_EQ(update_checksum(checksum, before, load_wire<Be16>(&bytes[4])), internet_checksum(bytes));
  }
}

TEST(Checksum, NeverSendsAUdpChecksumOfZero) {
  EXPECT_EQ(finish_udp_checksum(0xffff).host(), 0xffff);
  EXPECT_EQ(finish_udp_checksum(0x1234), finish_checksum(0x1234));
}

}  // namespace
}  // namespace sallyport::dataplane::checksum_test
