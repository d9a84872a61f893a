// One number for what a table holds: the sum of the digests of its entries, whatever their order, so that both sides
// can keep it up to date one entry at a time. It tells a table from another one, not from one that an adversary made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "config/base/hash.hpp"
#include "dataplane/abi/commands.hpp"

namespace sallyport::abi {

// A last mixing, since digests are added up.
[[nodiscard]] inline std::uint64_t digest_of_bytes(const std::uint8_t* bytes, std::size_t size) noexcept {
  auto value = fnv1a<std::uint64_t>(std::span(bytes, size));
  value ^= value >> 32;
  value *= 0x9e3779b97f4a7c15U;
  return value ^ (value >> 29);
}

[[nodiscard]] inline std::uint64_t digest_of(const SetTunnel& tunnel) noexcept {
  static_assert(std::has_unique_object_representations_v<SetTunnel>);
  return digest_of_bytes(reinterpret_cast<const std::uint8_t*>(&tunnel), sizeof tunnel);
}

[[nodiscard]] inline std::uint64_t digest_of(const SetRoute& route) noexcept {
  static_assert(std::has_unique_object_representations_v<SetRoute>);
  return digest_of_bytes(reinterpret_cast<const std::uint8_t*>(&route), sizeof route);
}

}  // namespace sallyport::abi
