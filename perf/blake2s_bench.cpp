// BLAKE2s MACs of handshake messages: TSC cycles for one message, for each of eight side by side, and the whole checks
// of mac1 and mac2 of an initiation.
#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include <vector>

#include "dataplane/crypto/handshake_macs.hpp"

namespace {

using namespace sallyport::dataplane;

const std::array<std::uint8_t, 32> key_bytes{1, 2, 3};

// Runs `body`, which handles `messages` messages, and reports cycles per message.
template <typename Body>
void count_cycles(benchmark::State& state, std::size_t messages, Body body) {
  std::uint64_t cycles = 0;
  for (auto _ : state) {
    const std::uint64_t begin = __rdtsc();
    body();
    cycles += __rdtsc() - begin;
  }
  state.counters["cycles"] =
      static_cast<double>(cycles) / static_cast<double>(state.iterations()) / static_cast<double>(messages);
}

void mac_one(benchmark::State& state) {
  const Blake2sMacKey key(key_bytes);
  const std::vector<std::uint8_t> message(static_cast<std::size_t>(state.range(0)));
  count_cycles(state, 1, [&] { benchmark::DoNotOptimize(key.mac(message)); });
}
BENCHMARK(mac_one)->ArgName("bytes")->Arg(18)->Arg(60)->Arg(116)->Arg(132);

void mac_eight_lanes(benchmark::State& state) {
  const Blake2sMacKey key(key_bytes);
  const auto length = static_cast<std::size_t>(state.range(0));
  const std::vector<std::uint8_t> message(length);
  std::array<const std::uint8_t*, Blake2sMacKey::lanes> messages;
  messages.fill(message.data());
  std::array<Blake2s128Mac, Blake2sMacKey::lanes> macs;
  count_cycles(state, messages.size(), [&] {
    key.mac_lanes(messages, length, macs);
    benchmark::DoNotOptimize(macs);
  });
}
BENCHMARK(mac_eight_lanes)->ArgName("bytes")->Arg(60)->Arg(116)->Arg(132);

void check_mac1(benchmark::State& state) {
  const Mac1Checker checker(key_bytes);
  const std::vector<std::uint8_t> message = [] {
    std::vector<std::uint8_t> bytes(handshake_initiation_bytes);
    bytes[0] = 1;
    return bytes;
  }();
  const std::vector<std::span<const std::uint8_t>> burst(static_cast<std::size_t>(state.range(0)), message);
  std::array<bool, 64> passed{};
  count_cycles(state, burst.size(), [&] {
    checker.check_mac1(burst, {passed.data(), burst.size()});
    benchmark::DoNotOptimize(passed);
  });
}
BENCHMARK(check_mac1)->ArgName("burst")->Arg(1)->Arg(2)->Arg(4)->Arg(8)->Arg(64);

void check_wrong_mac2_under_two_secrets(benchmark::State& state) {
  const std::array<std::uint8_t, 4> ip{192, 0, 2, 1};
  const CookieChecker checker(key_bytes, key_bytes, CookieChecker::Secret(key_bytes));
  std::vector<std::uint8_t> message(handshake_initiation_bytes, 0);
  message[0] = 1;
  message.back() = 1;
  count_cycles(state, 1, [&] { benchmark::DoNotOptimize(checker.check_mac2(message, ip, 51820)); });
}
BENCHMARK(check_wrong_mac2_under_two_secrets);

void make_cookie_reply(benchmark::State& state) {
  const std::array<std::uint8_t, 4> ip{192, 0, 2, 1};
  const std::array<std::uint8_t, cookie_nonce_bytes> nonce{};
  const CookieChecker checker(key_bytes, key_bytes, std::nullopt);
  std::vector<std::uint8_t> message(handshake_initiation_bytes, 0);
  message[0] = 1;
  std::array<std::uint8_t, cookie_reply_bytes> reply;
  count_cycles(state, 1, [&] {
    benchmark::DoNotOptimize(checker.make_cookie_reply(message, ip, 51820, nonce, reply));
    benchmark::DoNotOptimize(reply);
  });
}
BENCHMARK(make_cookie_reply);

}  // namespace

BENCHMARK_MAIN();
