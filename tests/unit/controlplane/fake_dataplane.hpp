// A dataplane without packets, for tests of the control plane: real segments and rings, a small model of the tables,
// and refusals on demand. It validates what it takes like the real one and fails the test if a command is invalid.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/events.hpp"
#include "dataplane/abi/hello.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/segment.hpp"
#include "dataplane/abi/statistics_view.hpp"

namespace sallyport::controlplane::testing {

// What every test's tunnel is: a WireGuard interface, on port 51820 + id.
[[nodiscard]] abi::SetTunnel tunnel_command(std::uint16_t id = 0);

class FakeDataplane {
 public:
  explicit FakeDataplane(std::uint32_t max_peers = 64, std::uint32_t max_sessions = 128, std::uint64_t boot_id = 1);

  // New rings, as for a new control plane; the tables stay.
  void reconnect();

  [[nodiscard]] abi::CommandRing& command_ring() const { return *commands_.at<abi::CommandRing>(); }
  [[nodiscard]] const std::atomic<std::uint64_t>& applied_sequence() const { return header().applied_sequence; }
  [[nodiscard]] const abi::StatisticsView& statistics() const { return *view_; }
  [[nodiscard]] abi::StatisticsHeader& header() const { return *statistics_.at<abi::StatisticsHeader>(); }
  [[nodiscard]] abi::Hello hello() const;
  // The descriptors of a hello, still owned by this object.
  [[nodiscard]] std::array<int, abi::hello_descriptor_count> descriptors() const;

  // Takes at most `limit` commands; returns how many.
  std::size_t apply(std::size_t limit = ~std::size_t{0});
  // Consulted for each command; none lets the model decide.
  std::function<abi::Refusal(const abi::Command&)> refuse = [](const abi::Command&) { return abi::Refusal::none; };

  // Packets that the control plane sent and whose command is applied.
  std::vector<abi::PacketDown> take_packets();
  template <typename Payload>
  void raise(const Payload& payload, std::uint64_t at_ns = 1) {
    push_event(abi::make_event(at_ns, payload));
  }
  void push_event(const abi::Event& event);
  void push_packet(const abi::PacketUp& packet, bool proven);
  void wake_control_plane() const;
  // What a control plane without a link would read next; for tests that do not use DataplaneLink.
  bool pop_event(abi::Event& event);

  // The model's sessions and peers as the statistics segment shows them.
  void publish_peer(std::uint32_t peer_id, const abi::PeerStatusValue& value);
  void publish_session(std::uint32_t slot, const abi::SessionStatusValue& value);
  // Packets that a rule allowed, on top of those that its number has already.
  void count_rule(std::uint32_t number, std::uint64_t allowed_packets);
  // Totals of the tables; apply() does so after commands.
  void publish_totals();
  // Ends a session and raises the event.
  void end_session(std::uint32_t index, abi::SessionEnd reason = abi::SessionEnd::expired);

  std::map<std::uint16_t, abi::SetTunnel> tunnels;
  std::map<std::uint32_t, abi::SetPeer> peers;
  std::map<IpPrefix, abi::SetRoute> routes;
  // An image of a policy: the messages without their image number, lists put together.
  struct Image {
    std::uint64_t number = 0;
    abi::BeginPolicy begin{};
    std::map<std::uint32_t, abi::SetRule> rules;
    std::map<std::uint32_t, abi::SetService> services;
    std::map<std::uint32_t, std::vector<abi::RowEntry>> source_classes;
    std::map<std::uint32_t, std::vector<std::uint32_t>> destination_classes;
    std::map<IpPrefix, abi::SetAddress> addresses;
    std::map<std::uint32_t, abi::SetPeerAccess> peers;
  };
  Image policy;                        // in force
  std::optional<Image> staged_policy;  // being built
  std::vector<abi::ListFlows> listings;
  std::map<std::uint32_t, abi::InstallSession> sessions;  // by slot
  std::vector<abi::CommandKind> log;                      // kinds in the order in which they came
  abi::SetCookieSecrets cookie_secrets{};
  abi::SetCapture capture{};
  std::vector<std::uint32_t> forgotten_timestamps;

 private:
  abi::Refusal apply_one(const abi::Command& command);
  template <typename Payload>
  abi::Refusal read_and_apply(const abi::Command& command);
  // What the model knows of; any other command is only validated.
  abi::Refusal apply(const abi::BeginSync& begin);
  abi::Refusal apply(const abi::EndSync& end);
  abi::Refusal apply(const abi::SetTunnel& tunnel);
  abi::Refusal apply(const abi::RemoveTunnel& removed);
  abi::Refusal apply(const abi::SetPeer& peer);
  abi::Refusal apply(const abi::RemovePeer& removed);
  abi::Refusal apply(const abi::SetRoute& route);
  abi::Refusal apply(const abi::RemoveRoute& removed);
  abi::Refusal apply(const abi::InstallSession& session);
  abi::Refusal apply(const abi::RetireSession& retired);
  abi::Refusal apply(const abi::SetCookieSecrets& secrets);
  abi::Refusal apply(const abi::ListFlows& request);
  abi::Refusal apply(const abi::ForgetTimestamp& forgotten);
  abi::Refusal apply(const abi::SetCapture& wanted);
  abi::Refusal apply(const abi::BeginPolicy& begin);
  abi::Refusal apply(const abi::CommitPolicy& commit);
  void finish_sync();
  void forget_peer(std::uint32_t peer_id);
  [[nodiscard]] Image* find_image(std::uint64_t number);
  template <typename Payload>
  abi::Refusal apply_part(Payload part);

  std::uint32_t max_peers_;
  std::uint32_t max_sessions_;
  abi::Segment commands_, events_, packets_up_, packets_up_proven_, packets_down_, capture_, statistics_, checkpoints_;
  abi::FileDescriptor wake_dataplane_, wake_control_plane_;
  std::unique_ptr<abi::StatisticsView> view_;
  abi::RingConsumer<abi::CommandRing> command_consumer_;
  abi::RingProducer<abi::EventRing> event_producer_;
  abi::RingConsumer<abi::EventRing> event_consumer_;
  abi::RingProducer<abi::PacketUpRing> up_producer_, up_proven_producer_;
  abi::RingConsumer<abi::PacketDownRing> down_consumer_;
  std::vector<abi::PacketDown> held_packets_;
  std::uint64_t last_sequence_ = 0;
  std::set<std::uint64_t> refused_sequences_;
  bool syncing_ = false;
  std::uint64_t sync_id_ = 0;
  std::set<std::uint16_t> named_tunnels_;
  std::set<std::uint32_t> named_peers_;
  std::set<std::uint64_t> images_seen_;
  // The list that is coming in pieces.
  std::optional<std::pair<abi::CommandKind, std::uint32_t>> list_;
  std::vector<abi::RowEntry> row_;
  std::vector<std::uint32_t> services_;
  std::set<IpPrefix> named_routes_;
};

}  // namespace sallyport::controlplane::testing
