// Run under valgrind's memcheck: no branch and no address in the AVX2 and AES-NI code of the vector engine depends on a
// key, a text, a one-time key or a power of H. They are marked as undefined, and memcheck reports what a jump or an
// address makes of undefined bytes. What is public - lengths, nonces, associated data, whether a tag was right - stays
// defined. The engine's code is compiled into this program, so that it can be told when a tag has been judged. With
// `--leak` the program branches on a secret: memcheck must find that.
#include <valgrind/memcheck.h>

#define SP_LANES_PUBLIC(value) VALGRIND_MAKE_MEM_DEFINED(&(value), sizeof(value))
#include <array>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "dataplane/crypto/aes_gcm_aesni.cpp"
#include "dataplane/crypto/chacha20_poly1305_avx2.cpp"

namespace {

using namespace sallyport::dataplane::lanes;

struct Packet {
  explicit Packet(std::uint32_t text_bytes, std::uint16_t aad_bytes)
      : key(32, static_cast<std::uint8_t>(text_bytes)), data(text_bytes + poly_block_bytes), aad(aad_bytes, 7) {}
  std::vector<std::uint8_t> key, data, aad;
};

std::vector<LanePacket> make_secret(std::vector<Packet>& packets) {
  std::vector<LanePacket> lane_packets;
  for (Packet& packet : packets) {
    const auto text_bytes = static_cast<std::uint32_t>(packet.data.size() - poly_block_bytes);
    VALGRIND_MAKE_MEM_UNDEFINED(packet.key.data(), packet.key.size());
    VALGRIND_MAKE_MEM_UNDEFINED(packet.data.data(), packet.data.size());
    lane_packets.push_back(LanePacket{.counter_and_nonce = {0, 1, 2, 3},
                                      .key = packet.key.data(),
                                      .data = packet.data.data(),
                                      .aad = packet.aad.data(),
                                      .text_bytes = text_bytes,
                                      .aad_bytes = static_cast<std::uint16_t>(packet.aad.size()),
                                      .job = 0,
                                      .ok = true});
  }
  return lane_packets;
}

// Seals, damages one packet, opens: both outcomes of a tag's check are run.
bool seal_and_open(std::vector<Packet> packets, Scratch& scratch) {
  std::vector<LanePacket> lane_packets = make_secret(packets);
  avx2.seal(lane_packets.data(), static_cast<unsigned>(lane_packets.size()), scratch);
  lane_packets = make_secret(packets);  // what sealing wrote is as secret as what it read
  packets[0].data[0] ^= 1;
  avx2.open(lane_packets.data(), static_cast<unsigned>(lane_packets.size()), scratch);
  for (std::size_t i = 0; i < packets.size(); ++i)
    if (lane_packets[i].ok != (i != 0)) return false;
  return true;
}

// The same for AES-GCM with one length of text and one of associated data: the powers of H are made here, of secret
// keys.
bool seal_and_open_aes(std::uint32_t text_bytes, std::uint16_t aad_bytes, std::uint8_t rounds) {
  namespace gcm = sallyport::dataplane::gcm;
  std::vector<std::uint8_t> round_keys(15 * gcm::block_bytes, static_cast<std::uint8_t>(text_bytes));
  Packet bytes(text_bytes, aad_bytes);
  VALGRIND_MAKE_MEM_UNDEFINED(round_keys.data(), round_keys.size());
  VALGRIND_MAKE_MEM_UNDEFINED(bytes.data.data(), bytes.data.size());
  gcm::HashPowers powers;
  gcm::aesni.make_powers(round_keys.data(), rounds, powers);
  const std::vector<std::uint8_t> nonce(12, 5);
  gcm::Packet packet{.round_keys = round_keys.data(),
                     .powers = &powers,
                     .data = bytes.data.data(),
                     .aad = bytes.aad.data(),
                     .nonce = nonce.data(),
                     .text_bytes = text_bytes,
                     .aad_bytes = aad_bytes,
                     .rounds = rounds,
                     .ok = false};
  gcm::aesni.seal(&packet, 1);
  VALGRIND_MAKE_MEM_UNDEFINED(bytes.data.data(), bytes.data.size());
  gcm::aesni.open(&packet, 1);
  if (!packet.ok) return false;
  bytes.data[0] ^= 1;
  gcm::aesni.open(&packet, 1);
  return !packet.ok;
}

}  // namespace

int main(int argc, char** argv) {
  if (!avx2.supported() || !sallyport::dataplane::gcm::aesni.supported()) {
    std::puts("skipped: no AVX2 or no AES-NI");
    return 77;
  }
  const auto scratch = std::make_unique<Scratch>();
  std::vector<Packet> alike, mixed, few;
  for (int i = 0; i < 16; ++i) alike.emplace_back(1420, 0);
  for (std::uint32_t length = 900; length > 0; length -= 25)
    mixed.emplace_back(length, static_cast<std::uint16_t>(length % 65));
  mixed.emplace_back(0, 12);
  for (std::uint32_t i = 0; i < 3; ++i) few.emplace_back(200 - i, 8);
  if (!seal_and_open(alike, *scratch) || !seal_and_open(mixed, *scratch) || !seal_and_open(few, *scratch)) {
    std::puts("a packet did not open, or a forged one did");
    return 2;
  }
  for (std::uint32_t length = 0; length < 420; length += 7)
    for (const auto rounds : std::to_array<std::uint8_t>({10, 12, 14}))
      if (!seal_and_open_aes(length, static_cast<std::uint16_t>(length % 65), rounds)) {
        std::puts("with AES-GCM a packet did not open");
        return 2;
      }
  if (!seal_and_open_aes(1420, 8, 10)) return 2;
  if (argc > 1 && std::string_view(argv[1]) == "--leak") {
    VALGRIND_MAKE_MEM_UNDEFINED(few[0].key.data(), 1);
    if (few[0].key[0] == 42) std::puts("the key begins with 42");
  }
  return 0;
}
