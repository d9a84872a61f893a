// The dataplane as it runs: two workers and housekeeping on threads of their own, while peers, routes, sessions and
// tunnels change. One peer is left alone, and loses nothing.
#include <chrono>
#include <random>
#include <thread>

#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

class Threads : public IntegrationTest {
 protected:
  void SetUp() override { start({.workers = 2, .queues = 2}); }

  // One change of the world, ann excepted.
  void change_something() {
    WireguardPeer& bob = lab->bob;
    switch (random_() % 8) {
      case 0:
        lab->control->push(abi::RemovePeer{.peer_id = bob.id, .public_key = bob.public_key});
        break;
      case 1:
        lab->add_peer(bob);
        break;
      case 2:
        lab->give_session(bob);
        break;
      case 3:
        lab->control->push(abi::RetireSession{.index = bob.gateway_index, .session_id = bob.session_id});
        break;
      case 4:
        lab->control->push(abi::SetCookieSecrets{.current = {static_cast<std::uint8_t>(random_())}});
        break;
      case 5:
        lab->control->push(lab->tunnel());
        break;
      case 6:
        for (std::uint8_t i = 0; i < 20; ++i)
          lab->control->push(lab->route_to(IpPrefix::host(IpAddress::v4(10, 90, 0, i)), lab->ann));
        break;
      case 7:
        for (std::uint8_t i = 0; i < 20; ++i)
          lab->control->push(abi::RemoveRoute{.prefix = IpPrefix::host(IpAddress::v4(10, 90, 0, i))});
        break;
    }
  }

  // Sends `packets` of ann's, at most 64 under way, and notes what comes out on the inside. False: too slow.
  bool exchange(std::size_t packets) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    std::size_t put = 0, in = 0, out = 0;
    const auto take = [&] {
      for (const Frame& frame : lab->taken_off_the_cables()) {
        const Bytes packet = payload_of(frame.bytes);
        if (frame.device == lan && source_address(packet) == lab->ann.v4) {
          ++in;
          delivered_.insert(get16(packet, 28));
        } else if (const auto datagram = datagram_of(packet); datagram && frame.device == wan) {
          const auto data = lab->ann.open(datagram->payload);
          if (data && !data->plaintext.empty()) {
            ++out;
            counters_.insert(data->counter);
          }
        }
      }
      lab->control->collect_events();
    };
    while (in < packets || out < packets) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      if (put < packets && put < in + 64 && put < out + 64) {
        const auto queue = static_cast<unsigned>(put / 100 % 2);  // so that the session's window moves
        Bytes number(2);
        put16(number, 0, put);
        lab->put_message(lab->ann.endpoint,
                         lab->ann.seal(udp_packet({.address = lab->ann.v4, .port = 1},
                                                  {.address = ip("10.0.0.7"), .port = 2}, number)),
                         0, queue);
        lab->put_packet(lan, udp_packet(ip("10.0.0.7"), lab->ann.v4, 20), queue);
        lab->put_inner(lab->bob, udp_packet(lab->bob.v4, ip("10.0.0.9"), 20));
        if (++put % 16 == 0) change_something();
      } else {
        std::this_thread::yield();
      }
      take();
    }
    return true;
  }

  std::mt19937_64 random_{17};
  std::set<unsigned> delivered_;
  std::set<std::uint64_t> counters_;
};

TEST_F(Threads, ForwardWhileEverythingChanges) {
  constexpr std::size_t packets = 5000;
  std::atomic<bool> stop{false};
  bool in_time = false;
  std::thread network([&] {
    in_time = exchange(packets);
    stop.store(true);
  });
  lab->gateway->run(stop);
  network.join();
  EXPECT_TRUE(in_time) << lab->drops();
  EXPECT_EQ(delivered_.size(), packets) << lab->drops();
  EXPECT_EQ(counters_.size(), packets) << "never the same nonce twice";
  EXPECT_EQ(lab->dropped(DropReason::replayed), 0U);
}

}  // namespace
}  // namespace sallyport::integration
