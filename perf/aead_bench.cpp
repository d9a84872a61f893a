// AEAD engines: TSC cycles for each packet of 64, 512 and 1,420 bytes (and empty, a keepalive), in batches of 1, 8, 32
// and 64 packets of different sessions. Run it alone on a core: `perf/aead_bench --benchmark_counters_tabular=true`.
#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include <string>
#include <vector>

#include "dataplane/crypto/engine_selection.hpp"

namespace {

using namespace sallyport::dataplane;

constexpr std::size_t slot_bytes = 2048;

struct Burst {
  explicit Burst(std::size_t packets) : keys(packets), buffers(packets * slot_bytes), jobs(packets) {
    for (std::size_t i = 0; i < packets; ++i)
      keys[i].install(AeadAlgorithm::chacha20_poly1305,
                      std::array<std::uint8_t, aead_key_bytes>{static_cast<std::uint8_t>(i)});
  }
  void fill(std::uint32_t length_bytes) {
    for (std::size_t i = 0; i < jobs.size(); ++i)
      jobs[i] = AeadJob{
          .key = &keys[i], .data = &buffers[i * slot_bytes], .length_bytes = length_bytes, .nonce = wireguard_nonce(i)};
  }
  std::vector<AeadKey> keys;
  std::vector<std::uint8_t> buffers;
  std::vector<AeadJob> jobs;
};

void seal_and_open(benchmark::State& state, const EngineDescriptor& descriptor) {
  const auto engine = descriptor.create();
  if (!engine) return state.SkipWithError(engine.error().c_str());
  const auto length_bytes = static_cast<std::uint32_t>(state.range(0));
  Burst burst(static_cast<std::size_t>(state.range(1)));
  std::uint64_t seal_cycles = 0, open_cycles = 0;
  for (auto _ : state) {
    burst.fill(length_bytes);
    const std::uint64_t begin = __rdtsc();
    (*engine)->seal(burst.jobs);
    const std::uint64_t middle = __rdtsc();
    for (AeadJob& job : burst.jobs) job.length_bytes += aead_tag_bytes;
    const std::uint64_t again = __rdtsc();
    (*engine)->open(burst.jobs);
    open_cycles += __rdtsc() - again;
    seal_cycles += middle - begin;
    if (!burst.jobs.back().ok) return state.SkipWithError("a packet did not open");
  }
  const double packets = static_cast<double>(state.iterations()) * static_cast<double>(burst.jobs.size());
  state.counters["seal_cycles"] = static_cast<double>(seal_cycles) / packets;
  state.counters["open_cycles"] = static_cast<double>(open_cycles) / packets;
}

}  // namespace

int main(int argc, char** argv) {
  for (const EngineDescriptor& engine : all_engines())
    benchmark::RegisterBenchmark(std::string(engine.name).c_str(), seal_and_open, engine)
        ->ArgsProduct({{0, 64, 512, 1420}, {1, 8, 32, 64}})
        ->ArgNames({"bytes", "batch"});
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
