// Which AEAD engine the workers use: the list of all there are, each proven by the known-answer tests, and the choice -
// the one that `[dataplane] crypto` names, or with "auto" the fastest in a short measurement on this machine.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "dataplane/crypto/aead_batch.hpp"

namespace sallyport::dataplane {

struct EngineDescriptor {
  std::string_view name;  // as in the configuration
  // One engine, for one worker. Start-up only. The error is a sentence.
  tl::expected<std::unique_ptr<AeadEngine>, std::string> (*create)();
};

// Every engine of this build for ChaCha20-Poly1305.
[[nodiscard]] std::span<const EngineDescriptor> all_engines() noexcept;

// How an engine did: for the log at start and for `sallyctl status`.
struct EngineReport {
  std::string_view name;
  std::string error;  // empty: it was created and passed the known-answer tests
  // TSC cycles for a packet of so many bytes: the mean of sealing and opening, 64 in a batch; 0 if not measured.
  double cycles_64_bytes = 0;
  double cycles_1420_bytes = 0;

  // What "auto" compares: the product, in which neither length outweighs the other.
  [[nodiscard]] double cost() const noexcept { return cycles_64_bytes * cycles_1420_bytes; }
};

struct EngineSelection {
  EngineDescriptor engine;            // each worker calls engine.create()
  std::vector<EngineReport> reports;  // of all engines tried. The caller logs those with an error as warnings.
};

// Start-up only: tens of milliseconds for each engine. `configured` is "auto" or a name. The error is for the operator:
// an unknown name (it lists the names), a named engine that failed its proof, or no engine left.
[[nodiscard]] tl::expected<EngineSelection, std::string> select_engine(
    std::string_view configured, std::span<const EngineDescriptor> engines = all_engines());

}  // namespace sallyport::dataplane
