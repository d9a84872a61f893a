// What the benchmarks of the packet path share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "tests/integration/wireguard_peer.hpp"

namespace sallyport::perf {

// Reorders the samples; 0 of none.
[[nodiscard]] inline double median(std::vector<double>& samples) {
  if (samples.empty()) return 0;
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

// Number `id` of up to 60,000: 10.8.HIGH.LOW and fd08::1:ID, behind 192.0.2.10.
[[nodiscard]] inline integration::WireguardPeer make_peer(std::uint32_t id) {
  integration::WireguardPeer peer;
  peer.id = id;
  const auto high = static_cast<std::uint8_t>(1 + id / 250), low = static_cast<std::uint8_t>(1 + id % 250);
  peer.endpoint = {.address = IpAddress::v4(192, 0, 2, 10), .port = static_cast<std::uint16_t>(20000 + id)};
  peer.v4 = IpAddress::v4(10, 8, high, low);
  peer.v6 = *IpAddress::parse("fd08::1:0");
  std::memcpy(&peer.v6.bytes[14], &id, 2);
  peer.public_key = {};
  std::memcpy(peer.public_key.data(), &id, sizeof id);
  peer.public_key[31] = 1;
  return peer;
}

}  // namespace sallyport::perf
