// A control plane that has lost its mind: random bytes over every segment that it can write, indices of rings included,
// and valid commands with random contents. The dataplane goes on forwarding, reopens the link, and what it holds still
// adds up.
#include <random>

#include "config/base/clock.hpp"
#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

using Which = abi::HelloDescriptor;

class HostileMemory : public IntegrationTest, public testing::WithParamInterface<std::uint64_t> {
 protected:
  void SetUp() override {
    start();
    random_.seed(GetParam());
  }
  [[nodiscard]] bool passes() {
    lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.7"), 20));
    lab->put_packet(lan, udp_packet(ip("10.0.0.7"), lab->ann.v4, 20));
    bool in = false, out = false;
    for (const Frame& frame : lab->sent()) {
      in |= frame.device == lan;
      const auto datagram = frame.device == wan ? datagram_of(payload_of(frame.bytes)) : std::nullopt;
      out |= datagram && datagram->to == lab->ann.endpoint && lab->ann.open(datagram->payload);
    }
    return in && out;
  }
  void scribble(Which which, std::size_t from, std::size_t bytes) {
    auto* at = lab->control->segment(which).at<std::uint8_t>(from);
    for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<std::uint8_t>(random_());
  }
  void reconnect_if_closed() {
    if (lab->control->is_connected()) return;
    ++reopened_;
    lab->disconnect();
    lab->connect();
  }
  [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  std::mt19937_64 random_;
  unsigned reopened_ = 0;
};

TEST_P(HostileMemory, ScribblingOverASegmentEndsNothingButTheLink) {
  constexpr std::array<Which, 7> writable = {Which::commands,          Which::events,       Which::packets_up,
                                             Which::packets_up_proven, Which::packets_down, Which::capture,
                                             Which::checkpoints};
  lab->control->push(abi::SetCapture{.capture_id = 1,
                                     .peer_id = abi::no_peer,
                                     .max_packets = 1'000'000,
                                     .snap_bytes = 2000,
                                     .points = 31,
                                     .port_index = abi::no_port,
                                     .any_drop_reason = 1});
  for (unsigned round = 0; round < 100; ++round) {
    const Which which = writable[below(writable.size())];
    const std::size_t size = lab->control->segment(which).size();
    // The first three lines are the ring's indices and its first slot.
    switch (below(3)) {
      case 0:
        scribble(which, 0, 64 * (1 + below(3)));
        break;
      case 1:
        scribble(which, below(size - 512), 512);
        break;
      case 2:
        scribble(which, 0, size);
        break;
    }
    EXPECT_TRUE(passes()) << "round " << round << ' ' << lab->drops();
    reconnect_if_closed();
    EXPECT_TRUE(passes());
  }
  EXPECT_GT(reopened_, 10U);
  const auto status = lab->gateway->statistics().peer(lab->ann.id);
  EXPECT_EQ(status->current_index, lab->ann.gateway_index) << "the session survived all of it";
}

// Indices that are off by a little are the ones that a distance check could miss.
TEST_P(HostileMemory, WrongRingIndicesEndNothingButTheLink) {
  constexpr std::array<Which, 6> rings = {Which::commands,          Which::events,       Which::packets_up,
                                          Which::packets_up_proven, Which::packets_down, Which::capture};
  for (unsigned round = 0; round < 300; ++round) {
    auto* indices = lab->control->segment(rings[below(rings.size())]).at<std::atomic<std::uint64_t>>();
    std::atomic<std::uint64_t>& index = indices[below(2) * 8];  // written, read
    switch (below(4)) {
      case 0:
        index.store(index.load() + 1 + below(3));
        break;
      case 1:
        index.store(index.load() - 1 - below(3));
        break;
      case 2:
        index.store(8192 + below(4));
        break;
      case 3:
        index.store(random_());
        break;
    }
    lab->put_message(*IpEndpoint::parse("192.0.2.30:3000"), Bytes(148, 1));
    EXPECT_TRUE(passes()) << "round " << round;
    reconnect_if_closed();
  }
  EXPECT_GT(reopened_, 10U);
}

// Well-formed headers, random insides: what a bug in the publisher would look like.
TEST_P(HostileMemory, CommandsWithRandomContentsDoNotBreakThePipeline) {
  for (unsigned round = 0; round < 4000; ++round) {
    abi::Command command{};
    constexpr std::array sizes = {
#define SALLYPORT_SIZE(number, name, Payload) sizeof(abi::Payload),
        SALLYPORT_COMMANDS(SALLYPORT_SIZE)
#undef SALLYPORT_SIZE
    };
    const auto kind = static_cast<std::uint32_t>(1 + below(sizes.size()));
    command.header = {.version = abi::version,
                      .kind = static_cast<abi::CommandKind>(kind),
                      .payload_bytes = static_cast<std::uint32_t>(sizes[kind - 1]),
                      .sequence = lab->control->next_sequence()};
    // Half valid messages with a few bytes changed: they come further.
    const auto write = [&](const auto& payload) { std::memcpy(command.payload.data(), &payload, sizeof payload); };
    WireguardPeer someone = lab->ann;
    someone.id = static_cast<std::uint32_t>(below(40));
    someone.public_key[0] = static_cast<std::uint8_t>(below(3));
    switch (command.header.kind) {
      case abi::CommandKind::set_tunnel:
        write(lab->tunnel());
        break;
      case abi::CommandKind::set_peer:
        write(lab->peer_command(someone));
        break;
      case abi::CommandKind::set_route:
        write(lab->route_to(*IpPrefix::parse("10.70.0.0/16"), someone));
        break;
      case abi::CommandKind::install_session:
        write(lab->new_session(someone, abi::HandshakeRole::responder));
        break;
      case abi::CommandKind::begin_policy:
        write(abi::BeginPolicy{.image = 1000 + below(3), .generation = 1});
        break;
      case abi::CommandKind::commit_policy:
        write(abi::CommitPolicy{.image = 1000 + below(3)});
        break;
      case abi::CommandKind::set_rule:
        write(abi::SetRule{.image = 1000 + below(3), .number = static_cast<std::uint32_t>(below(64))});
        break;
      case abi::CommandKind::set_service:
        write(abi::SetService{.image = 1000 + below(3), .number = static_cast<std::uint32_t>(below(64))});
        break;
      case abi::CommandKind::set_source_class:
        write(abi::SetSourceClass{.image = 1000 + below(3),
                                  .number = static_cast<std::uint32_t>(below(64)),
                                  .total = 2,
                                  .count = 2,
                                  .entries = {{{1, 1, 0}, {abi::any_service, 1, 2}}}});
        break;
      case abi::CommandKind::set_destination_class:
        write(abi::SetDestinationClass{.image = 1000 + below(3),
                                       .number = static_cast<std::uint32_t>(below(64)),
                                       .total = 2,
                                       .count = 2,
                                       .services = {1, 40}});
        break;
      case abi::CommandKind::set_address:
        write(abi::SetAddress{.image = 1000 + below(3), .prefix = *IpPrefix::parse("10.0.0.0/24")});
        break;
      case abi::CommandKind::set_peer_access:
        write(abi::SetPeerAccess{.image = 1000 + below(3), .peer_id = static_cast<std::uint32_t>(below(40))});
        break;
      default:
        break;
    }
    for (unsigned changes = static_cast<unsigned>(below(4)); changes > 0; --changes)
      command.payload[below(sizes[kind - 1])] = static_cast<std::uint8_t>(random_());
    if (below(8) == 0)
      for (std::uint8_t& byte : command.payload) byte = static_cast<std::uint8_t>(random_());
    lab->control->push_slot(command);
    if (round % 16 == 0) {
      lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.7"), 20));
      lab->put_packet(lan, udp_packet(ip("10.0.0.7"), ip("10.70.1.1"), 20));
      lab->turn();
    }
    if (round % 64 == 0) lab->set_up_again();  // else soon nothing would be left
    if (round % 512 == 0) lab->advance(second_ns);
  }
  lab->settle();
  EXPECT_GT(lab->gateway->statistics().header().applied_sequence.load(), 4000U);
  EXPECT_GT(lab->counter(Counter::sent), 200U);
  // It may have changed the world; said once more what it shall be, traffic flows.
  lab->disconnect();
  lab->connect();
  lab->control->push(abi::BeginSync{.sync_id = 1});
  lab->control->push(abi::EndSync{.sync_id = 1});
  lab->settle();
  lab->advance(2 * second_ns);
  lab->set_up_again();
  EXPECT_TRUE(passes()) << lab->drops();
}

INSTANTIATE_TEST_SUITE_P(Seeds, HostileMemory, testing::Range<std::uint64_t>(1, 5));

}  // namespace
}  // namespace sallyport::integration
