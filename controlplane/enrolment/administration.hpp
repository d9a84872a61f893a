// What an operator asks of enrolment, and what comes of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/enrolment/records.hpp"

namespace sallyport::controlplane {

struct Revoked {
  Revocation revocation;
  std::size_t sessions_ended = 0;  // enrolled ones
  std::size_t peers_ended = 0;     // configured ones
  bool stored = true;              // false: in force, but the state file could not be written yet
};

struct NewEnrolmentKey {
  std::string name;
  std::vector<std::string> tags;
  std::optional<std::uint32_t> uses;
  std::chrono::seconds valid_for{};
  std::chrono::seconds session{};
};
struct MadeEnrolmentKey {
  EnrolmentKey key;
  std::string secret;  // "spk_ID_SECRET", shown this once
};

// Hosts of pools: given out, and all.
struct PoolUse {
  std::string name;
  std::uint64_t leased = 0, sessions = 0, capacity = 0;  // capacity: of the smallest family; UINT64_MAX: more
};

}  // namespace sallyport::controlplane
