// What the enrolment API counts. Written by the server's thread alone, read by any: each is a sum by itself, so relaxed
// order suffices.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "controlplane/enrolment/routes.hpp"
#include "controlplane/identity/proof.hpp"
#include "controlplane/runtime/report.hpp"

namespace sallyport::controlplane {

struct RequestCounters {
  using Count = std::atomic<std::uint64_t>;

  std::array<Count, routes.size()> requests{};       // by Endpoint
  Count elsewhere = 0;                               // 404, 405
  Count rate_limited = 0;                            // 429
  Count not_handed_over = 0;                         // 503: as many unanswered ones as there may be
  std::array<Count, 6> answers{};                    // by the status's first digit
  std::array<Count, proof_refusal_count> refused{};  // by ProofRefusal; those that the service refuses it counts

  static void add(Count& count) { count.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::vector<NamedCounter> read() const;
};

}  // namespace sallyport::controlplane
