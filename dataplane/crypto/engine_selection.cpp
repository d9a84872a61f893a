#include "dataplane/crypto/engine_selection.hpp"

#include <x86intrin.h>

#include "dataplane/crypto/ipsec_mb_engine.hpp"
#include "dataplane/crypto/known_answer_tests.hpp"
#include "dataplane/crypto/vector_engine.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::array<EngineDescriptor, 2> engine_list = {
    {{"vector", make_vector_engine}, {"ipsec_mb", make_ipsec_mb_engine}}};

// The best of several rounds: what disturbs a round only makes it longer.
double measure_cycles_per_packet(AeadEngine& engine, std::uint32_t length_bytes) {
  constexpr std::uint32_t packets = 64;
  constexpr std::size_t slot_bytes = 2304;  // about a packet buffer of DPDK
  constexpr int rounds = 60;
  AeadKey key;
  key.install(AeadAlgorithm::chacha20_poly1305, std::array<std::uint8_t, aead_key_bytes>{1});
  std::vector<std::uint8_t> buffers(packets * slot_bytes);
  std::array<AeadJob, packets> jobs;
  std::uint64_t best = ~0ULL;
  for (int round = 0; round < rounds; ++round) {
    for (std::uint32_t i = 0; i < packets; ++i)
      jobs[i] = AeadJob{
          .key = &key, .data = &buffers[i * slot_bytes], .length_bytes = length_bytes, .nonce = wireguard_nonce(i)};
    const std::uint64_t begin = __rdtsc();
    engine.seal(jobs);
    for (AeadJob& job : jobs) job.length_bytes += aead_tag_bytes;
    engine.open(jobs);
    best = std::min<std::uint64_t>(best, __rdtsc() - begin);
  }
  return static_cast<double>(best) / (2.0 * packets);
}

EngineReport try_engine(const EngineDescriptor& descriptor) {
  EngineReport report{.name = descriptor.name};
  const auto engine = descriptor.create();
  if (!engine) {
    report.error = engine.error();
  } else if (const auto proof = run_known_answer_tests(**engine); !proof) {
    report.error = "known-answer test failed: " + proof.error();
  } else {
    report.cycles_64_bytes = measure_cycles_per_packet(**engine, 64);
    report.cycles_1420_bytes = measure_cycles_per_packet(**engine, 1420);
  }
  return report;
}

std::string names_of(std::span<const EngineDescriptor> engines) {
  std::string names = "\"auto\"";
  for (const EngineDescriptor& engine : engines) names += ", \"" + std::string(engine.name) + "\"";
  return names;
}

}  // namespace

std::span<const EngineDescriptor> all_engines() noexcept {
  return engine_list;
}

tl::expected<EngineSelection, std::string> select_engine(std::string_view configured,
                                                         std::span<const EngineDescriptor> engines) {
  const bool automatic = configured == "auto";
  const EngineDescriptor* chosen = nullptr;
  double chosen_cost = 0;
  EngineSelection selection{};
  for (const EngineDescriptor& engine : engines) {
    if (!automatic && engine.name != configured) continue;
    const EngineReport& report = selection.reports.emplace_back(try_engine(engine));
    if (!report.error.empty()) continue;
    if (chosen == nullptr || report.cost() < chosen_cost) {
      chosen = &engine;
      chosen_cost = report.cost();
    }
  }
  if (chosen != nullptr) {
    selection.engine = *chosen;
    return selection;
  }
  if (!automatic && selection.reports.empty())
    return tl::unexpected("crypto = \"" + std::string(configured) + "\": no such engine; expected one of " +
                          names_of(engines));
  std::string error(automatic ? "no crypto engine can be used:" : "the configured crypto engine cannot be used:");
  for (const EngineReport& report : selection.reports)
    error.append(" ").append(report.name).append(": ").append(report.error).append(";");
  error.back() = '.';
  return tl::unexpected(std::move(error));
}

}  // namespace sallyport::dataplane
