// AEAD engines side by side in one run: TSC cycles for each packet, and how many times that is less than intel-ipsec-mb
// takes through the best of its interfaces. In every round each contender has its turn, so that what disturbs the
// machine falls upon all alike; the least of all rounds counts. Contenders of one width run together, because a core
// that has just used AVX-512 goes on more slowly for a while. Run it alone on a core.
//
//   aead_bench [--seconds N] [--filter TEXT] [--json FILE]     N: for each case and width, 0.2 if not given
#include <x86intrin.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "perf/aead_contenders.hpp"

namespace {

using namespace sallyport;
using namespace sallyport::dataplane;

constexpr std::size_t most_packets = 64;
constexpr std::size_t slot_bytes = 2304;  // a packet buffer of DPDK; longer packets take several
constexpr std::size_t header_bytes = 58;  // in front of a WireGuard packet's text: no engine gets aligned data

struct Case {
  AeadAlgorithm algorithm;
  bool opening;
  std::size_t batch;
  std::size_t keys;
  std::uint32_t size_bytes;  // 0: the simple IMIX, 7 packets of 64 bytes, 4 of 576, 1 of 1,420

  [[nodiscard]] std::uint32_t size_of(std::size_t packet) const {
    static constexpr std::array<std::uint32_t, 12> imix = {64, 576, 64, 64, 576, 64, 1420, 64, 576, 64, 64, 576};
    return size_bytes != 0 ? size_bytes : imix[packet % imix.size()];
  }
  [[nodiscard]] std::uint32_t mean_size_bytes() const {
    return size_bytes != 0 ? size_bytes : (7 * 64 + 4 * 576 + 1420) / 12;
  }
  [[nodiscard]] std::string name() const {
    return std::string(name_of(algorithm)) + (opening ? "/open" : "/seal") + "/batch" + std::to_string(batch) +
           "/keys" + std::to_string(keys) + (size_bytes == 0 ? "/imix" : "");
  }
};

struct Result {
  Case of;
  std::string engine, baseline;
  double cycles = 0, baseline_cycles = 0, floor_cycles = 0;
};

// Keys in an order that no prefetcher follows, as the sessions of a burst have.
class Bench {
 public:
  explicit Bench(double seconds_for_a_case) : seconds_(seconds_for_a_case), keys_(10'000), order_(keys_.size()) {
    std::mt19937_64 random(1);
    std::iota(order_.begin(), order_.end(), 0U);
    std::shuffle(order_.begin(), order_.end(), random);
  }

  [[nodiscard]] std::vector<perf::Contender>& contenders() { return contenders_; }

  // The least cycles per packet of each contender; of those that are for others, nonsense.
  std::vector<double> run(const Case& of) {
    std::vector<std::uint64_t> best(contenders_.size(), ~0ULL);
    std::map<std::string, std::vector<std::size_t>> groups;
    if (keys_[0].algorithm() != of.algorithm) install_keys(of.algorithm);
    for (std::size_t i = 0; i < contenders_.size(); ++i)
      if (contenders_[i].for_aes_gcm == is_aes_gcm(of.algorithm)) groups[contenders_[i].baseline].push_back(i);
    const auto ticks = static_cast<std::uint64_t>(seconds_ * tsc_hz_);
    for (const auto& [baseline, group] : groups) {
      const std::uint64_t begin = __rdtsc();
      for (std::size_t round = 0; round < 30 || __rdtsc() - begin < ticks; ++round)
        for (std::size_t turn = 0; turn < group.size(); ++turn) {
          const std::size_t i = group[(turn + round) % group.size()];
          best[i] = std::min(best[i], time(*contenders_[i].engine, of));
        }
    }
    std::vector<double> cycles;
    for (const std::uint64_t ticks_of_batch : best)
      cycles.push_back(static_cast<double>(ticks_of_batch) / static_cast<double>(of.batch));
    return cycles;
  }

 private:
  void install_keys(AeadAlgorithm algorithm) {
    std::mt19937_64 random(2);
    for (AeadKey& key : keys_) {
      std::array<std::uint8_t, aead_key_bytes> bytes;
      for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
      key.install(algorithm, bytes);
    }
  }

  // A turn is two batches: the first gives the engine its code, its frequency and its predictions back.
  std::uint64_t time(AeadEngine& engine, const Case& of) {
    std::uint64_t took = 0;
    for (int repetition = 0; repetition < 2; ++repetition) {
      const std::size_t slots = (of.mean_size_bytes() + header_bytes + aead_tag_bytes + slot_bytes - 1) / slot_bytes;
      for (std::size_t i = 0; i < of.batch; ++i) {
        jobs_[i] = AeadJob{.key = &keys_[order_[next_key_++ % of.keys]],
                           .data = &buffers_[i * slots * slot_bytes + header_bytes],
                           .length_bytes = of.size_of(i),
                           .nonce = wireguard_nonce(i)};
      }
      const auto batch = std::span(jobs_).first(of.batch);
      if (of.opening) {
        engine.seal(batch);  // so that opening finds a right tag
        for (AeadJob& job : batch) job.length_bytes += aead_tag_bytes;
      }
      const std::uint64_t begin = __rdtsc();
      of.opening ? engine.open(batch) : engine.seal(batch);
      took = __rdtsc() - begin;
    }
    return took;
  }

  static double measure_tsc_hz() {
    timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    const std::uint64_t begin = __rdtsc();
    do clock_gettime(CLOCK_MONOTONIC, &after);
    while ((after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec < 20'000'000);
    return static_cast<double>(__rdtsc() - begin) * 50;
  }

  const double seconds_, tsc_hz_ = measure_tsc_hz();
  std::vector<perf::Contender> contenders_ = perf::all_contenders();
  std::vector<AeadKey> keys_;
  std::vector<std::uint32_t> order_;
  std::size_t next_key_ = 0;
  std::vector<std::uint8_t> buffers_ = std::vector<std::uint8_t>(most_packets * 4 * slot_bytes + header_bytes);
  std::array<AeadJob, most_packets> jobs_;
};

// What the arithmetic alone takes, in core cycles: a ChaCha20 block (and one for the key), a byte of Poly1305.
double floor_cycles(std::string_view engine, std::uint32_t size_bytes) {
  const double blocks = 1 + std::ceil(size_bytes / 64.0);
  if (engine.ends_with("avx512"))
    return 30 * blocks + (__builtin_cpu_supports("avx512ifma") != 0 ? 0.13 : 0.29) * size_bytes;
  return 46 * blocks + 0.4 * size_bytes;
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const AeadAlgorithm algorithm :
       {AeadAlgorithm::chacha20_poly1305, AeadAlgorithm::aes_128_gcm, AeadAlgorithm::aes_256_gcm})
    for (const bool opening : {false, true}) {
      for (const std::size_t batch : {64, 32, 8, 1})
        for (const std::uint32_t size : {64, 128, 256, 512, 1024, 1420, 4096, 8192, 0})
          cases.push_back({algorithm, opening, batch, 1, size});
      for (const std::size_t keys : {32, 10'000})
        for (const std::uint32_t size : {64, 512, 1420, 0}) cases.push_back({algorithm, opening, 64, keys, size});
    }
  return cases;
}

void print(const Result& result) {
  std::printf("%-40s %6u %-24s %9.0f %8.0f %6.2f", result.of.name().c_str(), result.of.mean_size_bytes(),
              result.engine.c_str(), result.cycles, result.baseline_cycles, result.baseline_cycles / result.cycles);
  if (result.floor_cycles != 0) std::printf(" %6.2f", result.cycles / result.floor_cycles);
  std::printf("\n");
  std::fflush(stdout);
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

bool write_json(const std::vector<Result>& results, const std::string& path) {
  nlohmann::ordered_json json;
  json["machine"] = {{"processor", processor()},
                     {"avx2", __builtin_cpu_supports("avx2") != 0},
                     {"avx512bw", __builtin_cpu_supports("avx512bw") != 0},
                     {"avx512ifma", __builtin_cpu_supports("avx512ifma") != 0}};
  json["results"] = nlohmann::ordered_json::array();
  for (const Result& result : results) {
    nlohmann::ordered_json row = {{"bench", "engine"},
                                  {"case", result.of.name()},
                                  {"engine", result.engine},
                                  {"size_bytes", result.of.mean_size_bytes()},
                                  {"cycles_per_packet", std::round(result.cycles * 10) / 10},
                                  {"baseline", result.baseline},
                                  {"baseline_cycles", std::round(result.baseline_cycles * 10) / 10},
                                  {"ratio", std::round(result.baseline_cycles / result.cycles * 1000) / 1000}};
    if (result.floor_cycles != 0) row["floor_core_cycles"] = result.floor_cycles;
    json["results"].push_back(row);
  }
  std::ofstream file(path);
  file << json.dump(1) << '\n';
  return file.good();
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 0.2;
  std::string filter, json;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    if (option == "--seconds") seconds = std::stod(argv[i + 1]);
    if (option == "--filter") filter = argv[i + 1];
    if (option == "--json") json = argv[i + 1];
  }
  Bench bench(seconds);
  std::printf("%-40s %6s %-24s %9s %8s %6s %6s\n", "case", "bytes", "engine", "cycles", "baseline", "ratio", "/floor");
  std::vector<Result> results;
  for (const Case& of : all_cases()) {
    if (of.name().find(filter) == std::string::npos) continue;
    const std::vector<double> cycles = bench.run(of);
    const auto& contenders = bench.contenders();
    const bool aes = is_aes_gcm(of.algorithm);
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      if (contenders[i].for_aes_gcm != aes) continue;
      Result result{of, contenders[i].name, contenders[i].baseline, cycles[i], 1e300};
      for (std::size_t j = 0; j < contenders.size(); ++j)
        if (contenders[j].for_aes_gcm == aes && contenders[j].name.starts_with(result.baseline))
          result.baseline_cycles = std::min(result.baseline_cycles, cycles[j]);
      result.baseline.pop_back();
      if (!aes && result.engine.starts_with("vector") && of.size_bytes != 0)
        result.floor_cycles = floor_cycles(result.engine, of.size_bytes);
      print(results.emplace_back(std::move(result)));
    }
  }
  return json.empty() || write_json(results, json) ? 0 : 1;
}
