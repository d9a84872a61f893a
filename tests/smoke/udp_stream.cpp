// Numbered UDP, for counting loss: `send` paces datagrams that carry a sequence number, `recv` tells which arrived.
// Both run until SIGTERM and print one JSON object. Nothing is concluded here: who lost a packet is for the test to
// find out.
//
//   udp_stream send ADDRESS PORT PACKETS_PER_SECOND BYTES     {"sent", "refused_by_kernel"}
//   udp_stream recv ADDRESS PORT                              {"received", "duplicates", "reordered", "distinct",
//   "highest",
//                                                              "missing" (first ranges), "longest_gap_ms",
//                                                              "longest_gap_after"}
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>
#include <vector>

namespace {

constexpr std::uint64_t ns_per_s = 1'000'000'000;
constexpr std::uint64_t max_sequences = 100'000'000;
constexpr int max_burst_packets = 32;  // after a pause of the scheduler: catch up without overrunning a queue
constexpr int quiet_before_end_ms = 500;

volatile sig_atomic_t stop_wanted = 0;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(2);
}

std::uint64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * ns_per_s + static_cast<std::uint64_t>(t.tv_nsec);
}

std::uint64_t parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    std::fprintf(stderr, "udp_stream: not a number: %.*s\n", static_cast<int>(text.size()), text.data());
    std::exit(2);
  }
  return value;
}

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address parse_address(const char* text, std::uint64_t port) {
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.length = sizeof v4;
  } else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.length = sizeof v6;
  } else {
    std::fprintf(stderr, "udp_stream: not an address: %s\n", text);
    std::exit(2);
  }
  return address;
}

int open_socket(const Address& address) {
  const int fd = socket(address.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int bytes = 32 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
    fail("SO_RCVBUFFORCE");
  }
  return fd;
}

int send_stream(const Address& to, std::uint64_t packets_per_s, std::uint64_t size_bytes) {
  const int fd = open_socket(to);
  std::vector<unsigned char> datagram(std::clamp<std::uint64_t>(size_bytes, 8, 65'000), 0x5a);
  const std::uint64_t interval_ns = ns_per_s / std::max<std::uint64_t>(packets_per_s, 1);
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;
  std::uint64_t due_ns = now_ns();
  while (!stop_wanted && sent < max_sequences) {
    for (int burst = 0; burst < max_burst_packets && due_ns <= now_ns(); ++burst) {
      std::memcpy(datagram.data(), &sent, sizeof sent);
      if (sendto(fd, datagram.data(), datagram.size(), 0, to.get(), to.length) >= 0) {
        ++sent;
      } else {
        ++refused;  // the same number is tried again: what the kernel refused was never sent
      }
      due_ns += interval_ns;
    }
    const std::uint64_t wake_ns = std::max(due_ns, now_ns() + 100'000);
    const timespec wake{static_cast<time_t>(wake_ns / ns_per_s), static_cast<long>(wake_ns % ns_per_s)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr);
  }
  std::printf("{\"sent\": %" PRIu64 ", \"refused_by_kernel\": %" PRIu64 "}\n", sent, refused);
  return 0;
}

// What arrived, by number.
struct Tally {
  std::vector<bool> seen;
  std::uint64_t received = 0, duplicates = 0, reordered = 0, distinct = 0, highest = 0;
  std::uint64_t last_ns = 0, longest_gap_ns = 0, longest_gap_after = 0;

  void count(std::uint64_t sequence, std::uint64_t at_ns) {
    if (sequence >= max_sequences) return;
    ++received;
    if (last_ns != 0 && at_ns - last_ns > longest_gap_ns) {
      longest_gap_ns = at_ns - last_ns;
      longest_gap_after = highest;
    }
    last_ns = at_ns;
    if (sequence >= seen.size()) seen.resize(std::max<std::uint64_t>(sequence + 1, seen.size() * 2));
    if (seen[sequence]) {
      ++duplicates;
      return;
    }
    seen[sequence] = true;
    ++distinct;
    if (sequence < highest) ++reordered;
    highest = std::max(highest, sequence);
  }

  void print() const {
    std::printf("{\"received\": %" PRIu64 ", \"duplicates\": %" PRIu64 ", \"reordered\": %" PRIu64
                ", \"distinct\": %" PRIu64 ", \"highest\": %" PRIu64
                ", \"longest_gap_ms\": %.1f, \"longest_gap_after\": %" PRIu64 ", \"missing\": [",
                received, duplicates, reordered, distinct, highest, static_cast<double>(longest_gap_ns) / 1e6,
                longest_gap_after);
    int printed = 0;
    for (std::uint64_t i = 0; received > 0 && i < highest && printed < 20; ++i) {
      if (seen[i]) continue;
      const std::uint64_t first = i;
      while (i < highest && !seen[i]) ++i;
      std::printf("%s[%" PRIu64 ", %" PRIu64 "]", printed++ == 0 ? "" : ", ", first, i - 1);
    }
    std::printf("]}\n");
  }
};

int receive_stream(const Address& at) {
  const int fd = open_socket(at);
  if (bind(fd, at.get(), at.length) != 0) fail("bind");
  std::printf("ready\n");
  std::fflush(stdout);
  Tally tally;
  std::array<unsigned char, 65'536> datagram{};
  std::uint64_t quiet_since_ns = 0;
  for (;;) {
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, 50) > 0) {
      const ssize_t length = recv(fd, datagram.data(), datagram.size(), MSG_DONTWAIT);
      if (length < 8) continue;
      std::uint64_t sequence = 0;
      std::memcpy(&sequence, datagram.data(), sizeof sequence);
      tally.count(sequence, now_ns());
      quiet_since_ns = 0;
    } else if (stop_wanted) {
      if (quiet_since_ns == 0) quiet_since_ns = now_ns();
      if (now_ns() - quiet_since_ns > quiet_before_end_ms * 1'000'000ULL) break;
    }
  }
  tally.print();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_wanted = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "send" && argc == 6)
    return send_stream(parse_address(argv[2], parse_number(argv[3])), parse_number(argv[4]), parse_number(argv[5]));
  if (mode == "recv" && argc == 4) return receive_stream(parse_address(argv[2], parse_number(argv[3])));
  std::fputs("usage: udp_stream send ADDRESS PORT PACKETS_PER_SECOND BYTES | udp_stream recv ADDRESS PORT\n", stderr);
  return 2;
}
