#include "dataplane/crypto/engine_selection.hpp"

#include <x86intrin.h>

#include "dataplane/crypto/ipsec_mb_engine.hpp"
#include "dataplane/crypto/known_answer_tests.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::array<EngineDescriptor, 1> engine_list = {{{"ipsec_mb", make_ipsec_mb_engine}}};

// The best of several rounds: what disturbs a round only makes it longer.
double measure_cycles_per_packet(AeadEngine& engine) {
  constexpr std::uint32_t packets = 32;
  constexpr std::size_t slot_bytes = 1472;
  constexpr int rounds = 20;
  constexpr std::array<std::uint32_t, 3> lengths = {64, 512, 1420};
  AeadKey key;
  key.install(AeadAlgorithm::chacha20_poly1305, std::array<std::uint8_t, aead_key_bytes>{1});
  std::vector<std::uint8_t> buffers(packets * slot_bytes);
  double total = 0;
  for (const std::uint32_t length : lengths) {
    std::array<AeadJob, packets> jobs;
    std::uint64_t best = ~0ULL;
    for (int round = 0; round < rounds; ++round) {
      for (std::uint32_t i = 0; i < packets; ++i)
        jobs[i] =
            AeadJob{.key = &key, .data = &buffers[i * slot_bytes], .length_bytes = length, .nonce = wireguard_nonce(i)};
      const std::uint64_t begin = __rdtsc();
      engine.seal(jobs);
      for (AeadJob& job : jobs) job.length_bytes += aead_tag_bytes;
      engine.open(jobs);
      best = std::min<std::uint64_t>(best, __rdtsc() - begin);
    }
    total += static_cast<double>(best) / (2.0 * packets);
  }
  return total / lengths.size();
}

EngineReport try_engine(const EngineDescriptor& descriptor) {
  EngineReport report{.name = descriptor.name};
  const auto engine = descriptor.create();
  if (!engine) {
    report.error = engine.error();
  } else if (const auto proof = run_known_answer_tests(**engine); !proof) {
    report.error = "known-answer test failed: " + proof.error();
  } else {
    report.cycles_per_packet = measure_cycles_per_packet(**engine);
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
  double chosen_cycles = 0;
  EngineSelection selection{};
  for (const EngineDescriptor& engine : engines) {
    if (!automatic && engine.name != configured) continue;
    const EngineReport& report = selection.reports.emplace_back(try_engine(engine));
    if (!report.error.empty()) continue;
    if (chosen == nullptr || report.cycles_per_packet < chosen_cycles) {
      chosen = &engine;
      chosen_cycles = report.cycles_per_packet;
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
