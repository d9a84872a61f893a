// Outer packets that came in fragments: put together within a bound, or dropped and counted one by one.
#include <algorithm>

#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

class Fragments : public IntegrationTest {
 protected:
  [[nodiscard]] std::vector<Bytes> pieces_of(WireguardPeer& peer, std::size_t inner_bytes, std::size_t piece_bytes,
                                             unsigned identification = 77) {
    const Bytes message = peer.seal(udp_packet(peer.v4, ip("10.0.0.7"), inner_bytes));
    return fragments_of(udp_packet(peer.endpoint, lab->gateway_endpoint(peer.endpoint.address.family), message),
                        piece_bytes, identification);
  }
  void expect_nothing_but(DropReason reason, std::uint64_t fragments) {
    EXPECT_TRUE(lab->sent().empty());
    for (const auto& worker : lab->gateway->workers())
      worker->reassembly.expire(rte_rdtsc() + 10 * rte_get_tsc_hz(), worker->counters);
    EXPECT_EQ(newly_dropped(reason), fragments) << lab->drops();
    EXPECT_EQ(lab->counter(Counter::reassembled), 0U);
  }
};

TEST_F(Fragments, AreReassembledInAnyOrder) {
  for (WireguardPeer* peer : {&lab->ann, &lab->bob}) {
    for (const std::size_t piece : {256UL, 512UL, 1024UL}) {
      std::vector<Bytes> pieces = pieces_of(*peer, 1300, piece);
      std::reverse(pieces.begin(), pieces.end());
      for (const Bytes& piece_bytes : pieces) lab->put_packet(wan, piece_bytes);
      const Bytes inner = lab->only_packet(lan);
      ASSERT_FALSE(inner.empty()) << lab->drops();
      EXPECT_EQ(inner.size(), 1328U);
      EXPECT_TRUE(is_sound(inner));
    }
  }
  EXPECT_EQ(lab->counter(Counter::reassembled), 6U);
  EXPECT_EQ(lab->all_dropped(), 0U);
}

TEST_F(Fragments, OfManyPacketsMayInterleave) {
  std::vector<Bytes> all;
  for (unsigned i = 0; i < 30; ++i)
    for (const Bytes& piece : pieces_of(lab->ann, 1300, 512, 1000 + i)) all.push_back(piece);
  std::stable_sort(all.begin(), all.end(),
                   [](const Bytes& a, const Bytes& b) { return (get16(a, 6) & 0x1fffU) < (get16(b, 6) & 0x1fffU); });
  for (const Bytes& piece : all) lab->put_packet(wan, piece);
  EXPECT_FALSE(lab->sent().empty());
  EXPECT_EQ(lab->counter(Counter::reassembled), 30U);
  EXPECT_EQ(lab->counter(Counter::merged), 60U);
}

TEST_F(Fragments, ThatNeverCompleteAreDropped) {
  for (unsigned i = 0; i < 5; ++i) {
    std::vector<Bytes> pieces = pieces_of(lab->ann, 1300, 512, i);
    pieces.erase(pieces.begin() + i % 3);
    for (const Bytes& piece : pieces) lab->put_packet(wan, piece);
  }
  expect_nothing_but(DropReason::reassembly_failed, 10);
}

TEST_F(Fragments, ThatOverlapAreDropped) {
  std::vector<Bytes> pieces = pieces_of(lab->ann, 1300, 512);
  ASSERT_EQ(pieces.size(), 3U);
  Bytes overlapping = pieces[1];
  put16(overlapping, 6, 0x2000U | (512 - 64) / 8);
  dataplane::test::fix_v4_checksum(overlapping);
  for (const Bytes& piece : {pieces[0], overlapping, pieces[1], pieces[2]}) lab->put_packet(wan, piece);
  expect_nothing_but(DropReason::reassembly_failed, 4);
  std::vector<Bytes> twice = pieces_of(lab->ann, 1300, 512, 99);
  for (const Bytes& piece : {twice[0], twice[0], twice[1], twice[2]}) lab->put_packet(wan, piece);
  expect_nothing_but(DropReason::reassembly_failed, 4);
}

TEST_F(Fragments, ThatAreMoreThanTheBoundAreDropped) {
  const std::vector<Bytes> pieces = pieces_of(lab->ann, 1300, 64);
  ASSERT_GT(pieces.size(), 16U);
  for (const Bytes& piece : pieces) lab->put_packet(wan, piece);
  expect_nothing_but(DropReason::reassembly_failed, pieces.size());
}

TEST_F(Fragments, OfAFloodHoldABoundedNumberOfBuffers) {
  for (unsigned round = 0; round < 20; ++round) {
    for (unsigned i = 0; i < 100; ++i) lab->put_packet(wan, pieces_of(lab->ann, 1300, 512, round * 100 + i)[0]);
    lab->settle();
  }
  EXPECT_LE(lab->gateway->pools().in_use(), 1024U);
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.7"), 20));
  EXPECT_EQ(lab->sent().size(), 1U);
  expect_nothing_but(DropReason::reassembly_failed, 2000);
}

TEST_F(Fragments, WithLyingLengthsAreDropped) {
  std::vector<Bytes> pieces = pieces_of(lab->ann, 1300, 512);
  Bytes beyond = pieces[1];
  put16(beyond, 6, 0x2000U | 0x1fffU);
  dataplane::test::fix_v4_checksum(beyond);
  lab->put_packet(wan, beyond);
  Bytes odd(pieces[0].begin(), pieces[0].end() - 3);  // a middle piece whose length is no multiple of 8
  put16(odd, 2, odd.size());
  dataplane::test::fix_v4_checksum(odd);
  lab->put_packet(wan, odd);
  Bytes empty(pieces[1].begin(), pieces[1].begin() + 20);
  put16(empty, 2, 20);
  dataplane::test::fix_v4_checksum(empty);
  lab->put_packet(wan, empty);
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->all_dropped(), 3U) << lab->drops();
}

}  // namespace
}  // namespace sallyport::integration
