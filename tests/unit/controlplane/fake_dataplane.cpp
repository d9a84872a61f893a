#include "tests/unit/controlplane/fake_dataplane.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include <gtest/gtest.h>

#include "dataplane/abi/validate.hpp"

namespace sallyport::controlplane::testing {
namespace {

abi::Segment make_segment(std::size_t bytes, abi::Segment::OtherSide other_side = abi::Segment::OtherSide::may_write) {
  auto segment = abi::Segment::create("fake", bytes, other_side);
  EXPECT_TRUE(segment.has_value());
  return std::move(*segment);
}

}  // namespace

FakeDataplane::FakeDataplane(std::uint32_t max_peers, std::uint32_t max_sessions, std::uint64_t boot_id)
    : max_peers_(max_peers),
      max_sessions_(max_sessions),
      statistics_(make_segment(abi::StatisticsLayout::of(1, max_peers, max_sessions).total,
                               abi::Segment::OtherSide::reads_only)),
      checkpoints_(make_segment(abi::checkpoint_bytes)),
      wake_dataplane_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      wake_control_plane_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      view_(std::make_unique<abi::StatisticsView>(statistics_, 1, max_peers, max_sessions)) {
  header().magic = abi::statistics_magic;
  header().abi_version = abi::version;
  header().max_peers = max_peers;
  header().max_sessions = max_sessions;
  header().worker_count = 1;
  header().port_count = 2;
  header().boot_id = boot_id;
  reconnect();
}

void FakeDataplane::reconnect() {
  commands_ = make_segment(sizeof(abi::CommandRing));
  events_ = make_segment(sizeof(abi::EventRing));
  packets_up_ = make_segment(sizeof(abi::PacketUpRing));
  packets_up_proven_ = make_segment(sizeof(abi::PacketUpRing));
  packets_down_ = make_segment(sizeof(abi::PacketDownRing));
  capture_ = make_segment(sizeof(abi::CaptureRing));
  command_consumer_ = abi::RingConsumer(commands_.at<abi::CommandRing>());
  event_producer_ = abi::RingProducer(events_.at<abi::EventRing>());
  event_consumer_ = abi::RingConsumer(events_.at<abi::EventRing>());
  up_producer_ = abi::RingProducer(packets_up_.at<abi::PacketUpRing>());
  up_proven_producer_ = abi::RingProducer(packets_up_proven_.at<abi::PacketUpRing>());
  down_consumer_ = abi::RingConsumer(packets_down_.at<abi::PacketDownRing>());
  held_packets_.clear();
  refused_sequences_.clear();
  last_sequence_ = 0;
  header().applied_sequence.store(0);
  log.clear();
  syncing_ = false;
}

abi::Hello FakeDataplane::hello() const {
  abi::Hello hello{};
  hello.magic = abi::hello_magic;
  hello.version = abi::version;
  hello.worker_count = 1;
  hello.max_peers = max_peers_;
  hello.max_sessions = max_sessions_;
  hello.boot_id = header().boot_id;
  return hello;
}

std::array<int, abi::hello_descriptor_count> FakeDataplane::descriptors() const {
  return {commands_.descriptor(),          events_.descriptor(),       packets_up_.descriptor(),
          packets_up_proven_.descriptor(), packets_down_.descriptor(), capture_.descriptor(),
          statistics_.descriptor(),        checkpoints_.descriptor(),  wake_dataplane_.get(),
          wake_control_plane_.get()};
}

std::size_t FakeDataplane::apply(std::size_t limit) {
  std::size_t taken = 0;
  abi::Command command;
  while (taken < limit && command_consumer_.pop(command) == abi::RingResult::ok) {
    ++taken;
    EXPECT_EQ(command.header.sequence, last_sequence_ + 1);
    last_sequence_ = command.header.sequence;
    log.push_back(command.header.kind);
    abi::Refusal refusal = refuse(command);
    if (refusal == abi::Refusal::none) refusal = apply_one(command);
    if (refusal != abi::Refusal::none) {
      refused_sequences_.insert(command.header.sequence);
      raise(abi::CommandRefused{command.header.sequence, command.header.kind, refusal});
    }
    header().applied_sequence.store(command.header.sequence);
  }
  return taken;
}

abi::Refusal FakeDataplane::apply_one(const abi::Command& command) {
  const abi::CommandLimits limits{max_peers_, max_sessions_, 4096, 2};
  const auto take = [&](auto& payload) {
    const bool fits = abi::read_payload(command, payload);
    EXPECT_TRUE(fits);
    return fits;
  };
  switch (command.header.kind) {
    case abi::CommandKind::begin_sync: {
      abi::BeginSync begin;
      if (!take(begin)) return abi::Refusal::bad_value;
      EXPECT_NE(begin.sync_id, sync_id_) << "what carries this id would seem to be named again";
      sync_id_ = begin.sync_id;
      syncing_ = true;
      named_tunnels_.clear(), named_peers_.clear(), named_rows_.clear(), named_routes_.clear();
      return abi::Refusal::none;
    }
    case abi::CommandKind::end_sync:
      finish_sync();
      return abi::Refusal::none;
    case abi::CommandKind::set_tunnel: {
      abi::SetTunnel tunnel;
      if (!take(tunnel) || !abi::valid(tunnel)) return abi::Refusal::bad_value;
      tunnels[tunnel.tunnel_id] = tunnel;
      named_tunnels_.insert(tunnel.tunnel_id);
      return abi::Refusal::none;
    }
    case abi::CommandKind::remove_tunnel: {
      abi::RemoveTunnel removed;
      if (!take(removed)) return abi::Refusal::bad_value;
      for (const auto& [id, peer] : peers)
        if (peer.tunnel_id == removed.tunnel_id) return abi::Refusal::tunnel_in_use;
      return tunnels.erase(removed.tunnel_id) != 0 ? abi::Refusal::none : abi::Refusal::unknown_tunnel;
    }
    case abi::CommandKind::set_peer: {
      abi::SetPeer peer;
      if (!take(peer) || !abi::valid(peer, limits)) return abi::Refusal::bad_value;
      if (!tunnels.contains(peer.tunnel_id)) return abi::Refusal::unknown_tunnel;
      peers[peer.peer_id] = peer;
      named_peers_.insert(peer.peer_id);
      return abi::Refusal::none;
    }
    case abi::CommandKind::remove_peer: {
      abi::RemovePeer removed;
      if (!take(removed)) return abi::Refusal::bad_value;
      const auto found = peers.find(removed.peer_id);
      if (found == peers.end() || found->second.public_key != removed.public_key) return abi::Refusal::unknown_peer;
      peers.erase(found);
      return abi::Refusal::none;
    }
    case abi::CommandKind::set_route: {
      abi::SetRoute route;
      if (!take(route) || !abi::valid(route, limits)) return abi::Refusal::bad_value;
      if (route.route_kind == abi::RouteKind::peer && !peers.contains(route.peer_id)) return abi::Refusal::unknown_peer;
      routes[route.prefix] = route;
      named_routes_.insert(route.prefix);
      return abi::Refusal::none;
    }
    case abi::CommandKind::remove_route: {
      abi::RemoveRoute removed;
      if (!take(removed) || !abi::valid(removed)) return abi::Refusal::bad_value;
      routes.erase(removed.prefix);
      return abi::Refusal::none;
    }
    case abi::CommandKind::install_session: {
      abi::InstallSession session;
      if (!take(session) || !abi::valid(session, limits)) return abi::Refusal::bad_value;
      return install(session);
    }
    case abi::CommandKind::retire_session: {
      abi::RetireSession retired;
      if (!take(retired) || !abi::valid(retired)) return abi::Refusal::bad_value;
      end_session(retired.index, abi::SessionEnd::retired);
      return abi::Refusal::none;
    }
    case abi::CommandKind::set_cookie_secrets:
      return take(cookie_secrets) ? abi::Refusal::none : abi::Refusal::bad_value;
    case abi::CommandKind::set_verdict_row: {
      abi::SetVerdictRow row;
      if (!take(row) || !abi::valid(row, limits)) return abi::Refusal::bad_value;
      verdict_rows[row.source_class] = row;
      named_rows_.insert(row.source_class);
      return abi::Refusal::none;
    }
    case abi::CommandKind::remove_verdict_row: {
      abi::RemoveVerdictRow removed;
      if (!take(removed)) return abi::Refusal::bad_value;
      verdict_rows.erase(removed.source_class);
      return abi::Refusal::none;
    }
    case abi::CommandKind::forget_timestamp: {
      abi::ForgetTimestamp forgotten;
      if (!take(forgotten)) return abi::Refusal::bad_value;
      forgotten_timestamps.push_back(forgotten.peer_id);
      return abi::Refusal::none;
    }
    case abi::CommandKind::set_capture:
      return take(capture) ? abi::Refusal::none : abi::Refusal::bad_value;
  }
  return abi::Refusal::bad_header;
}

abi::Refusal FakeDataplane::install(const abi::InstallSession& session) {
  if (!peers.contains(session.peer_id)) return abi::Refusal::unknown_peer;
  const std::uint32_t slot = session.index & (max_sessions_ - 1);
  const auto found = sessions.find(slot);
  if (found != sessions.end())
    return found->second.index == session.index && found->second.session_id == session.session_id
               ? abi::Refusal::none
               : abi::Refusal::slot_in_use;
  sessions[slot] = session;
  abi::SessionStatusValue status{};
  status.state = session.role == abi::HandshakeRole::initiator ? abi::SessionState::current : abi::SessionState::next;
  status.role = session.role;
  status.index = session.index;
  status.remote_index = session.remote_index;
  status.peer_id = session.peer_id;
  status.session_id = session.session_id;
  status.created_at_ns = session.created_at_ns;
  publish_session(slot, status);
  return abi::Refusal::none;
}

void FakeDataplane::finish_sync() {
  EXPECT_TRUE(syncing_);
  syncing_ = false;
  std::erase_if(routes, [this](const auto& entry) { return !named_routes_.contains(entry.first); });
  std::erase_if(peers, [this](const auto& entry) { return !named_peers_.contains(entry.first); });
  std::erase_if(verdict_rows, [this](const auto& entry) { return !named_rows_.contains(entry.first); });
  std::erase_if(tunnels, [this](const auto& entry) { return !named_tunnels_.contains(entry.first); });
}

std::vector<abi::PacketDown> FakeDataplane::take_packets() {
  abi::PacketDown packet;
  while (down_consumer_.pop(packet) == abi::RingResult::ok) {
    EXPECT_TRUE(abi::valid(packet));
    held_packets_.push_back(packet);
  }
  std::vector<abi::PacketDown> sent, held;
  for (const abi::PacketDown& candidate : held_packets_) {
    if (refused_sequences_.contains(candidate.after_sequence)) continue;
    (candidate.after_sequence <= last_sequence_ ? sent : held).push_back(candidate);
  }
  held_packets_ = std::move(held);
  return sent;
}

void FakeDataplane::push_event(const abi::Event& event) {
  EXPECT_EQ(event_producer_.push(event), abi::RingResult::ok);
}

void FakeDataplane::push_packet(const abi::PacketUp& packet, bool proven) {
  EXPECT_EQ((proven ? up_proven_producer_ : up_producer_).push(packet), abi::RingResult::ok);
}

void FakeDataplane::wake_control_plane() const {
  const std::uint64_t one = 1;
  EXPECT_EQ(write(wake_control_plane_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
}

bool FakeDataplane::pop_event(abi::Event& event) {
  return event_consumer_.pop(event) == abi::RingResult::ok;
}

void FakeDataplane::publish_peer(std::uint32_t peer_id, const abi::PeerStatusValue& value) {
  const auto layout = abi::StatisticsLayout::of(1, max_peers_, max_sessions_);
  statistics_.at<abi::PeerStatus>(layout.peers)[peer_id].write(value);
}

void FakeDataplane::publish_session(std::uint32_t slot, const abi::SessionStatusValue& value) {
  const auto layout = abi::StatisticsLayout::of(1, max_peers_, max_sessions_);
  statistics_.at<abi::SessionStatus>(layout.sessions)[slot].write(value);
}

void FakeDataplane::end_session(std::uint32_t index, abi::SessionEnd reason) {
  const std::uint32_t slot = index & (max_sessions_ - 1);
  const auto found = sessions.find(slot);
  if (found == sessions.end() || found->second.index != index) return;
  raise(abi::SessionEnded{found->second.peer_id, index, found->second.session_id, reason});
  sessions.erase(found);
  publish_session(slot, {});
}

}  // namespace sallyport::controlplane::testing
