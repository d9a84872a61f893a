// Traffic of every kind, from a seed: what a lab's cables may carry in the worst of days. Valid packets in both
// directions, handshakes, neighbour messages, pings, fragments, all of it mutated, cut, replayed, sent to the wrong
// port, and plain noise.
#pragma once

#include <random>

#include "tests/integration/lab.hpp"

namespace sallyport::integration {

class RandomTraffic {
 public:
  RandomTraffic(Lab& lab, std::uint64_t seed) : lab_(lab), random_(seed) {}

  // One frame onto some cable. False: it did not fit.
  bool put_one(unsigned queues = 1);

 private:
  [[nodiscard]] std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  [[nodiscard]] bool chance(std::uint32_t percent) { return below(100) < percent; }
  [[nodiscard]] Bytes noise(std::size_t bytes);
  [[nodiscard]] IpAddress some_address();
  [[nodiscard]] Bytes inner_packet(const WireguardPeer* from);
  [[nodiscard]] Bytes message();
  [[nodiscard]] Bytes underlay_packet();
  [[nodiscard]] Bytes neighbour_frame(std::uint8_t device);
  void mutate(Bytes& bytes);

  Lab& lab_;
  std::mt19937_64 random_;
  std::vector<Bytes> earlier_;  // messages to replay
};

}  // namespace sallyport::integration
