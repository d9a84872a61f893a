// The values inside a command, checked after its copy left the shared memory. A payload that passes holds no enum,
// address, index or count outside its range; whether the things that it names exist is the tables' question.
#pragma once

#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/packets.hpp"

namespace sallyport::abi {

struct CommandLimits {
  std::uint32_t max_peers;
  std::uint32_t max_sessions;
  std::uint32_t max_classes;
  std::uint32_t port_count;
};

// One for each command; what has no value that is wrong says so in validate.cpp.
#define SALLYPORT_VALID(number, name, Payload) \
  [[nodiscard]] bool valid(const Payload& payload, const CommandLimits& limits) noexcept;
SALLYPORT_COMMANDS(SALLYPORT_VALID)
#undef SALLYPORT_VALID
[[nodiscard]] bool valid(const Access& access, const CommandLimits& limits) noexcept;
[[nodiscard]] bool valid(const PacketDown& packet) noexcept;

}  // namespace sallyport::abi
