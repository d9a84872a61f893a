#include "dataplane/packet/fragment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>

#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::fragment_test {
namespace {

using namespace test;
using Judgement = FragmentJudgement;

constexpr unsigned more_fragments = 0x2000;

Bytes fragment4(unsigned protocol, unsigned offset_and_flags, std::size_t bytes) {
  return v4({.protocol = protocol, .fragment = offset_and_flags}, Bytes(bytes));
}
// `before` lies between the fragment header and the data.
Bytes fragment6(unsigned protocol, unsigned offset_and_more, std::size_t bytes, const Bytes& before = {}) {
  Bytes header{static_cast<std::uint8_t>(protocol), 0, 0, 0, 0x12, 0x34, 0x56, 0x78};
  put16(header, 2, offset_and_more);
  return v6({.next_header = 44}, header + before + Bytes(bytes));
}
Judgement judge(const Bytes& packet) {
  return judge_fragment(parsed(packet));
}

// RFC 791 section 3.1: of kind 148 the copied flag is set, of 7 and 68 it is not; 1 does nothing.
TEST(Fragment, OfTheLaterOnesTheHeaderHasTheCopiedOptionsAlone) {
  const auto later = [](const Bytes& options) {
    const Bytes packet = v4({.tos = 3, .options = options}, Bytes(8));
    std::array<std::uint8_t, 60> out;
    out.fill(0xee);
    const std::size_t length =
        make_later_fragment_header(std::span(packet).first(20 + options.size()), std::span<std::uint8_t, 60>(out));
    EXPECT_EQ(out[0], 0x40 | length / 4);
    EXPECT_TRUE(std::equal(out.begin() + 1, out.begin() + 20, packet.begin() + 1));
    return Bytes(out.begin() + 20, out.begin() + static_cast<std::ptrdiff_t>(length));
  };
  EXPECT_EQ(later({}), Bytes{});
  EXPECT_EQ(later({7, 7, 4, 0, 0, 0, 0, 0}), Bytes{});
  EXPECT_EQ(later({0x94, 4, 0, 0}), (Bytes{0x94, 4, 0, 0}));
  EXPECT_EQ(later({1, 1, 68, 4, 5, 0, 1, 0x94, 4, 0, 0, 0}), (Bytes{0x94, 4, 0, 0}));
  EXPECT_EQ(later({0x82, 3, 9, 7, 3, 4, 0, 0}), (Bytes{0x82, 3, 9, 0})) << "padded";
  EXPECT_EQ(later({0, 0x94, 4, 0}), Bytes{}) << "behind the end";
  Bytes most(40, 0x80 | 1);
  for (std::size_t at = 0; at < 40; at += 4) most[at] = 0x94, most[at + 1] = 4;
  EXPECT_EQ(later(most), most);
}

TEST(Fragment, IsIdentifiedBySixteenOrThirtyTwoBits) {
  const Bytes v4_fragment = fragment4(17, more_fragments, 8);
  EXPECT_EQ(fragment_identification(v4_fragment, parsed(v4_fragment)), 0x1234U);
  const Bytes v6_fragment = fragment6(17, 1, 8);
  EXPECT_EQ(fragment_identification(v6_fragment, parsed(v6_fragment)), 0x12345678U);
  const Bytes whole = v6({}, udp(1, 2, {}));
  EXPECT_EQ(fragment_identification(whole, parsed(whole)), 0U);
}

TEST(Fragment, CarriesWhatFollowsTheHeadersThatAreInEveryFragment) {
  EXPECT_EQ(fragment_payload_bytes(parsed(v4({.fragment = more_fragments, .options = Bytes(4, 1)}, Bytes(64)))), 64U);
  EXPECT_EQ(fragment_payload_bytes(parsed(fragment6(17, 1, 64))), 64U);
  // Destination options behind the fragment header are part of what is cut in pieces.
  EXPECT_EQ(fragment_payload_bytes(parsed(fragment6(60, 1, 64, Bytes{17, 0, 1, 4, 0, 0, 0, 0}))), 72U);
}

// RFC 1858 section 3.
TEST(Fragment, FirstMustHoldTheTransportHeader) {
  struct Row {
    unsigned protocol;
    std::size_t tiny, enough;
  };
  for (const Row& row : {Row{6, 16, 24}, Row{132, 8, 16}}) {
    EXPECT_EQ(judge(fragment4(row.protocol, more_fragments, row.tiny)), Judgement::tiny_first) << row.protocol;
    EXPECT_EQ(judge(fragment4(row.protocol, more_fragments, row.enough)), Judgement::harmless) << row.protocol;
    EXPECT_EQ(judge(fragment6(row.protocol, 1, row.tiny)), Judgement::tiny_first) << row.protocol;
    EXPECT_EQ(judge(fragment6(row.protocol, 1, row.enough)), Judgement::harmless) << row.protocol;
  }
  for (const unsigned protocol : {1U, 17U, 47U, 58U})
    EXPECT_EQ(judge(fragment4(protocol, more_fragments, 8)), Judgement::harmless) << protocol;
}

// RFC 7112: the header chain ends in the first fragment.
TEST(Fragment, FirstMustHoldTheTransportHeaderBehindExtensionHeaders) {
  const Bytes options{6, 0, 1, 4, 0, 0, 0, 0};
  EXPECT_EQ(judge(fragment6(60, 1, 16, options)), Judgement::tiny_first);
  EXPECT_EQ(judge(fragment6(60, 1, 0, options)), Judgement::tiny_first);
  EXPECT_EQ(judge(fragment6(60, 1, 24, options)), Judgement::harmless);
}

// RFC 1858 section 4, RFC 3128: whatever the later fragment calls its protocol.
TEST(Fragment, LaterMustNotOverlapATransportHeader) {
  for (const unsigned protocol : {1U, 6U, 17U, 47U, 58U}) {
    for (const unsigned offset : {8U, 16U}) {
      EXPECT_EQ(judge(fragment4(protocol, offset / 8, 64)), Judgement::overlapping) << protocol << ' ' << offset;
      EXPECT_EQ(judge(fragment6(protocol, offset | 1, 64)), Judgement::overlapping) << protocol << ' ' << offset;
    }
    for (const unsigned offset : {24U, 1480U}) {
      EXPECT_EQ(judge(fragment4(protocol, offset / 8, 3)), Judgement::harmless) << protocol << ' ' << offset;
      EXPECT_EQ(judge(fragment6(protocol, offset, 3)), Judgement::harmless) << protocol << ' ' << offset;
    }
  }
}

TEST(Fragment, WhatIsNoFragmentIsHarmless) {
  EXPECT_EQ(judge(v4({.protocol = 6}, Bytes(4))), Judgement::harmless);
  EXPECT_EQ(judge(fragment6(6, 0, 4)), Judgement::harmless);  // atomic, RFC 6946
}

}  // namespace
}  // namespace sallyport::dataplane::fragment_test
