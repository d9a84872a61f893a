#include "tests/unit/controlplane/fake_dataplane.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

#include "dataplane/abi/digest.hpp"
#include "dataplane/abi/layout.hpp"
#include "dataplane/abi/validate.hpp"

namespace sallyport::controlplane::testing {
namespace {

abi::Segment make_segment(std::size_t bytes, abi::Segment::OtherSide other_side = abi::Segment::OtherSide::may_write) {
  auto segment = abi::Segment::create("fake", bytes, other_side);
  EXPECT_TRUE(segment.has_value());
  return std::move(*segment);
}

}  // namespace

abi::SetTunnel tunnel_command(std::uint16_t id) {
  abi::SetTunnel tunnel{};
  tunnel.tunnel_id = id;
  tunnel.listen_port = static_cast<std::uint16_t>(51820 + id);
  tunnel.mtu = 1420;
  tunnel.protocol = abi::TunnelProtocol::wireguard;
  return tunnel;
}

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
  hello.layout = abi::layout;
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
  if (taken != 0) publish_totals();
  return taken;
}

void FakeDataplane::publish_totals() {
  abi::Holdings& held = header().holdings;
  held.tunnels = tunnels.size();
  held.routes = routes.size();
  held.tunnels_digest = held.routes_digest = 0;
  for (const auto& [id, tunnel] : tunnels) held.tunnels_digest += abi::digest_of(tunnel);
  for (const auto& [prefix, route] : routes) held.routes_digest += abi::digest_of(route);
  held.source_classes = policy.source_classes.size();
  held.destination_classes = policy.destination_classes.size();
  held.addresses = policy.addresses.size();
  held.peers_with_access = policy.peers.size();
  header().live_peers = peers.size();
}

// Like the real one: a peer's routes and access go with it, whatever makes it go.
void FakeDataplane::forget_peer(std::uint32_t peer_id) {
  std::erase_if(routes, [&](const auto& entry) {
    return entry.second.route_kind == abi::RouteKind::peer && entry.second.peer_id == peer_id;
  });
  policy.peers.erase(peer_id);
  if (staged_policy) staged_policy->peers.erase(peer_id);
  peers.erase(peer_id);
  publish_peer(peer_id, {});
}

abi::Refusal FakeDataplane::apply(const abi::BeginSync& begin) {
  EXPECT_NE(begin.sync_id, sync_id_) << "what carries this id would seem to be named again";
  sync_id_ = begin.sync_id;
  syncing_ = true;
  named_tunnels_.clear(), named_peers_.clear(), named_routes_.clear();
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::EndSync&) {
  finish_sync();
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::SetTunnel& tunnel) {
  tunnels[tunnel.tunnel_id] = tunnel;
  named_tunnels_.insert(tunnel.tunnel_id);
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::RemoveTunnel& removed) {
  for (const auto& [id, peer] : peers)
    if (peer.tunnel_id == removed.tunnel_id) return abi::Refusal::tunnel_in_use;
  return tunnels.erase(removed.tunnel_id) != 0 ? abi::Refusal::none : abi::Refusal::unknown_tunnel;
}

abi::Refusal FakeDataplane::apply(const abi::SetPeer& peer) {
  if (!tunnels.contains(peer.tunnel_id)) return abi::Refusal::unknown_tunnel;
  if (const auto known = peers.find(peer.peer_id);
      known != peers.end() && (known->second.tunnel_id != peer.tunnel_id ||
                               (known->second.key != peer.key && known->second.key != peer.former_key)))
    forget_peer(peer.peer_id);
  peers[peer.peer_id] = peer;
  if (auto status = view_->peer(peer.peer_id);
      !status || status->live == 0 || status->key != peer.key || status->tunnel_id != peer.tunnel_id) {
    abi::PeerStatusValue value = status && status->live != 0 ? *status : abi::PeerStatusValue{};
    value.live = 1;
    value.tunnel_id = peer.tunnel_id;
    value.key = peer.key;
    publish_peer(peer.peer_id, value);
  }
  named_peers_.insert(peer.peer_id);
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::RemovePeer& removed) {
  const auto found = peers.find(removed.peer_id);
  if (found == peers.end() || found->second.key != removed.key) return abi::Refusal::unknown_peer;
  forget_peer(removed.peer_id);
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::SetRoute& route) {
  if (route.route_kind == abi::RouteKind::peer && !peers.contains(route.peer_id)) return abi::Refusal::unknown_peer;
  routes[route.prefix] = route;
  named_routes_.insert(route.prefix);
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::RemoveRoute& removed) {
  routes.erase(removed.prefix);
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::RetireSession& retired) {
  end_session(retired.index, abi::SessionEnd::retired);
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::SetCookieSecrets& secrets) {
  cookie_secrets = secrets;
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::ListFlows& request) {
  listings.push_back(request);
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::ForgetTimestamp& forgotten) {
  forgotten_timestamps.push_back(forgotten.peer_id);
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::SetCapture& wanted) {
  capture = wanted;
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::InstallSession& session) {
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

// ---- policy ----

namespace {

// What a peer or address names must be there.
bool has_classes(const FakeDataplane::Image& image, const abi::Access& access, std::uint32_t destination_class) {
  const auto has_source = [&](std::uint32_t number) { return number == 0 || image.source_classes.contains(number); };
  for (std::uint32_t i = 0; i < access.step_count; ++i)
    if (!has_source(access.steps[i].next_class)) return false;
  return has_source(access.source_class) &&
         (destination_class == 0 || image.destination_classes.contains(destination_class));
}

// Nobody may have a class that goes, or that another meaning is given.
template <typename Uses>
bool in_use(const FakeDataplane::Image& image, Uses&& uses) {
  for (const auto& [id, peer] : image.peers)
    if (uses(peer.access, peer.destination_class)) return true;
  for (const auto& [prefix, address] : image.addresses)
    if (uses(address.access, address.destination_class)) return true;
  return false;
}
auto uses_source(std::uint32_t number) {
  return [number](const abi::Access& access, std::uint32_t) {
    for (std::uint32_t i = 0; i < access.step_count; ++i)
      if (access.steps[i].next_class == number) return true;
    return access.source_class == number;
  };
}
auto uses_destination(std::uint32_t number) {
  return [number](const abi::Access&, std::uint32_t destination_class) { return destination_class == number; };
}

// True once the list is whole.
template <typename Piece, typename Element, std::size_t N>
bool gather(const Piece& piece, const std::array<Element, N>& elements, std::vector<Element>& list) {
  EXPECT_EQ(piece.offset, list.size()) << "a gap between pieces";
  list.insert(list.end(), elements.begin(), elements.begin() + piece.count);
  return list.size() == piece.total;
}

void put(FakeDataplane::Image& image, const abi::SetRule& part) {
  image.rules[part.number] = part;
}
void put(FakeDataplane::Image& image, const abi::SetService& part) {
  image.services[part.number] = part;
}
void put(FakeDataplane::Image& image, const abi::SetAddress& part) {
  EXPECT_TRUE(has_classes(image, part.access, part.destination_class)) << part.prefix.to_string();
  image.addresses[part.prefix] = part;
}
void put(FakeDataplane::Image& image, const abi::RemoveAddress& part) {
  image.addresses.erase(part.prefix);
}
void put(FakeDataplane::Image& image, const abi::SetPeerAccess& part) {
  EXPECT_TRUE(has_classes(image, part.access, part.destination_class)) << "peer " << part.peer_id;
  image.peers[part.peer_id] = part;
}
void put(FakeDataplane::Image& image, const abi::RemoveSourceClass& part) {
  EXPECT_FALSE(in_use(image, uses_source(part.number))) << "source class " << part.number;
  image.source_classes.erase(part.number);
}
void put(FakeDataplane::Image& image, const abi::RemoveDestinationClass& part) {
  EXPECT_FALSE(in_use(image, uses_destination(part.number))) << "destination class " << part.number;
  image.destination_classes.erase(part.number);
}

}  // namespace

FakeDataplane::Image* FakeDataplane::find_image(std::uint64_t number) {
  if (policy.number == number) return &policy;
  return staged_policy && staged_policy->number == number ? &*staged_policy : nullptr;
}

abi::Refusal FakeDataplane::apply(const abi::BeginPolicy& begin) {
  if (find_image(begin.image) != nullptr) return abi::Refusal::none;
  EXPECT_TRUE(images_seen_.insert(begin.image).second) << "an image number is used once";
  staged_policy.emplace();
  staged_policy->number = begin.image;
  staged_policy->begin = begin;
  return abi::Refusal::none;
}

abi::Refusal FakeDataplane::apply(const abi::CommitPolicy& commit) {
  if (find_image(commit.image) == nullptr) return abi::Refusal::no_such_image;
  if (policy.number != commit.image) {
    policy = std::move(*staged_policy);
    staged_policy.reset();
  }
  header().policy_image.store(policy.number);
  header().policy_generation.store(policy.begin.generation);
  return abi::Refusal::none;
}

template <typename Payload>
abi::Refusal FakeDataplane::apply_part(Payload part) {
  Image* image = find_image(part.image);
  if (image == nullptr) return abi::Refusal::no_such_image;
  part.image = 0;
  if constexpr (std::is_same_v<Payload, abi::SetPeerAccess>)
    if (!peers.contains(part.peer_id)) return abi::Refusal::unknown_peer;
  if constexpr (std::is_same_v<Payload, abi::SetSourceClass> || std::is_same_v<Payload, abi::SetDestinationClass>) {
    const auto list = std::pair(Payload::kind, part.number);
    if (part.offset == 0) {
      list_ = list;
      row_.clear(), services_.clear();
    }
    EXPECT_EQ(list_, list) << "pieces of two lists are mixed";
    if constexpr (std::is_same_v<Payload, abi::SetSourceClass>) {
      if (!gather(part, part.entries, row_)) return abi::Refusal::none;
      const auto known = image->source_classes.find(part.number);
      const bool same = known == image->source_classes.end() ||
                        std::equal(known->second.begin(), known->second.end(), row_.begin(), row_.end(),
                                   [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof a) == 0; });
      EXPECT_TRUE(same || !in_use(*image, uses_source(part.number))) << "a class in use gets another meaning";
      image->source_classes[part.number] = row_;
    } else {
      if (!gather(part, part.services, services_)) return abi::Refusal::none;
      image->destination_classes[part.number] = services_;
    }
  } else {
    put(*image, part);
  }
  return abi::Refusal::none;
}

template <typename Payload>
abi::Refusal FakeDataplane::read_and_apply(const abi::Command& command) {
  Payload payload;
  const bool fits = abi::read_payload(command, payload);
  const bool is_valid = fits && abi::valid(payload, {max_peers_, max_sessions_, 4096, 2});
  EXPECT_TRUE(is_valid) << "kind " << static_cast<unsigned>(command.header.kind);
  if (!is_valid) return abi::Refusal::bad_value;
  if constexpr (requires { apply(payload); })
    return apply(payload);
  else if constexpr (requires { payload.image; })
    return apply_part(payload);
  else
    return abi::Refusal::none;  // nothing that this model knows of
}

abi::Refusal FakeDataplane::apply_one(const abi::Command& command) {
  switch (command.header.kind) {
#define SALLYPORT_APPLY(number, name, Payload) \
  case abi::CommandKind::name:                 \
    return read_and_apply<abi::Payload>(command);
    SALLYPORT_COMMANDS(SALLYPORT_APPLY)
#undef SALLYPORT_APPLY
  }
  return abi::Refusal::bad_header;
}

void FakeDataplane::finish_sync() {
  EXPECT_TRUE(syncing_);
  syncing_ = false;
  std::erase_if(routes, [this](const auto& entry) { return !named_routes_.contains(entry.first); });
  std::vector<std::uint32_t> unnamed;
  for (const auto& [id, peer] : peers)
    if (!named_peers_.contains(id)) unnamed.push_back(id);
  for (const std::uint32_t id : unnamed) forget_peer(id);
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

void FakeDataplane::count_rule(std::uint32_t number, std::uint64_t allowed_packets) {
  const auto layout = abi::StatisticsLayout::of(1, max_peers_, max_sessions_);
  statistics_.at<abi::RuleCounters>(layout.rules)[number].allowed_packets += allowed_packets;
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
