#include "controlplane/publisher/publisher.hpp"

#include <cstring>
#include <utility>

#include "config/base/log.hpp"

namespace sallyport::controlplane {
namespace {

// Calls gone(key, value) for what only `before` has and changed(key, value) for what `after` has anew or differently.
template <typename Map, typename Gone, typename Changed>
void compare(const Map& before, const Map& after, Gone&& gone, Changed&& changed) {
  for (const auto& [key, value] : before)
    if (!after.contains(key)) gone(key, value);
  for (const auto& [key, value] : after) {
    const auto old = before.find(key);
    if (old == before.end() || old->second != value) changed(key, value);
  }
}

template <typename Map, typename Key>
std::string name_in(const Map& map, const Key& key, std::string fallback) {
  const auto found = map.find(key);
  return found != map.end() && !found->second.name.empty() ? found->second.name : std::move(fallback);
}

}  // namespace

void Publisher::connect(abi::CommandRing& ring, const std::atomic<std::uint64_t>& applied_sequence) {
  disconnect();
  channel_.emplace(ring, applied_sequence);
  enqueue_everything();
}

void Publisher::disconnect() {
  channel_.reset();
  queue_.clear();
  urgent_.clear();
  announced_peers_.clear();
  announced_tunnels_.reset();
  problems_.clear();
  end_sync_sequence_ = 0;
  pushed_ = false;
}

void Publisher::enqueue(Action action, const Subject& subject, const PublicKey& removed_key) {
  if (channel_) queue_.push_back({action, subject, removed_key});
}

void Publisher::enqueue_everything() {
  ++sync_id_;
  if (channel_->send(abi::BeginSync{sync_id_}, {.kind = SubjectKind::sync}, Share::state)) pushed_ = true;
  for (const auto& [id, tunnel] : desired_.tunnels) enqueue(Action::set, Subject::tunnel(id));
  for (const auto& [id, row] : desired_.verdict_rows) enqueue(Action::set, Subject::verdict_row(id));
  if (cookie_secrets_) enqueue(Action::set, {.kind = SubjectKind::cookie_secrets});
  for (const auto& [id, peer] : desired_.peers) enqueue(Action::set, Subject::peer(id));
  for (const auto& [prefix, route] : desired_.routes) enqueue(Action::set, Subject::route(prefix));
  enqueue(Action::set, {.kind = SubjectKind::sync});
}

std::size_t Publisher::set_desired(DesiredState next) {
  const std::size_t before = queue_.size();
  std::size_t touched = 0;
  const DesiredState old = std::exchange(desired_, std::move(next));
  const auto remove = [&](const Subject& subject, const PublicKey& key = {}) {
    problems_.forget(subject);
    enqueue(Action::remove, subject, key);
    ++touched;
  };
  const auto set = [&](const Subject& subject) {
    enqueue(Action::set, subject);
    ++touched;
  };
  const auto ignore = [](const auto&, const auto&) {};

  // 1. What goes, dependants first.
  compare(
      old.routes, desired_.routes, [&](const auto& prefix, const auto&) { remove(Subject::route(prefix)); }, ignore);
  compare(
      old.peers, desired_.peers,
      [&](auto id, const auto& peer) {
        remove(Subject::peer(id), peer.message.public_key);
        if (id < announced_peers_.size()) announced_peers_[id] = false;
      },
      [&](auto id, const auto& peer) {
        const auto former = old.peers.find(id);
        if (former == old.peers.end() || former->second.message.public_key == peer.message.public_key) return;
        remove(Subject::peer(id), former->second.message.public_key);
        if (id < announced_peers_.size()) announced_peers_[id] = false;
      });
  compare(
      old.tunnels, desired_.tunnels,
      [&](auto id, const auto&) {
        remove(Subject::tunnel(id));
        announced_tunnels_[id] = false;
      },
      ignore);
  compare(
      old.verdict_rows, desired_.verdict_rows, [&](auto id, const auto&) { remove(Subject::verdict_row(id)); }, ignore);

  // 2. What comes or changes, what others depend on first.
  compare(old.tunnels, desired_.tunnels, ignore, [&](auto id, const auto&) { set(Subject::tunnel(id)); });
  compare(old.verdict_rows, desired_.verdict_rows, ignore,
          [&](auto id, const auto&) { set(Subject::verdict_row(id)); });
  compare(old.peers, desired_.peers, ignore, [&](auto id, const auto&) { set(Subject::peer(id)); });
  compare(old.routes, desired_.routes, ignore, [&](const auto& prefix, const auto&) { set(Subject::route(prefix)); });
  return channel_ ? queue_.size() - before : touched;
}

void Publisher::set_peer_endpoint(std::uint32_t peer_id, const IpEndpoint& endpoint, std::uint32_t generation) {
  const auto found = desired_.peers.find(peer_id);
  if (found == desired_.peers.end()) return;
  found->second.message.endpoint = endpoint;
  found->second.message.endpoint_generation = generation;
  enqueue(Action::set, Subject::peer(peer_id));
}

void Publisher::set_cookie_secrets(Secret<32> current, Secret<32> previous) {
  cookie_secrets_.emplace(std::move(current), std::move(previous));
  enqueue(Action::set, {.kind = SubjectKind::cookie_secrets});
}

std::optional<std::uint64_t> Publisher::install_session(const abi::InstallSession& session) {
  if (!channel_) return std::nullopt;
  constexpr std::size_t commands_needed = 3;  // its tunnel, its peer, itself
  if (channel_->room(Share::sessions) < commands_needed) {
    ++installs_without_room_;
    return std::nullopt;
  }
  const auto peer = desired_.peers.find(session.peer_id);
  if (peer == desired_.peers.end()) return std::nullopt;
  const std::uint16_t tunnel_id = peer->second.message.tunnel_id;
  if (!announced_tunnels_[tunnel_id]) (void)perform_set(Subject::tunnel(tunnel_id), Share::sessions);
  if (session.peer_id >= announced_peers_.size() || !announced_peers_[session.peer_id])
    (void)perform_set(Subject::peer(session.peer_id), Share::sessions);
  const auto sequence = channel_->send(session, Subject::session(session.index, session.session_id), Share::sessions);
  if (sequence) pushed_ = true;
  return sequence;
}

void Publisher::send_urgently(const abi::Command& command) {
  if (!channel_) return;
  if (urgent_.empty() && channel_->send(command, {.kind = SubjectKind::other}, Share::sessions)) {
    pushed_ = true;
  } else {
    urgent_.push_back(command);
  }
}

void Publisher::retire_session(std::uint32_t index, std::uint64_t session_id) {
  send_urgently(abi::make_command(0, abi::RetireSession{index, 0, session_id}));
}

void Publisher::forget_timestamp(std::uint32_t peer_id) {
  send_urgently(abi::make_command(0, abi::ForgetTimestamp{peer_id}));
}

void Publisher::set_capture(const abi::SetCapture& capture) {
  send_urgently(abi::make_command(0, capture));
}

bool Publisher::on_refused(const abi::CommandRefused& refused, std::uint64_t now_ns) {
  ++refusals_;
  if (refused.reason == abi::Refusal::out_of_order || refused.reason == abi::Refusal::bad_header) {
    log_error("dataplane lost count of commands",
              {{"sequence", refused.sequence}, {"reason", abi::to_string(refused.reason)}});
    return true;
  }
  const auto subject = channel_ ? channel_->subject_of(refused.sequence) : std::nullopt;
  if (!subject) return false;
  if (subject->kind == SubjectKind::session) {
    hooks_.on_install_refused(subject->id, subject->session_id, refused.reason);
    return false;
  }
  if (subject->kind == SubjectKind::other) {
    log_warning("dataplane refused a command", {{"sequence", refused.sequence},
                                                {"kind", static_cast<unsigned>(refused.command_kind)},
                                                {"reason", abi::to_string(refused.reason)}});
    return false;
  }
  const bool gone_already = refused.command_kind == abi::CommandKind::remove_peer ||
                            refused.command_kind == abi::CommandKind::remove_route ||
                            refused.command_kind == abi::CommandKind::remove_verdict_row;
  if (gone_already) return false;
  if (problems_.refused(*subject, describe(*subject), std::string(abi::to_string(refused.reason)), now_ns) &&
      refusal_log_.admit(now_ns))
    log_warning("dataplane refused an object", {{"object", describe(*subject)},
                                                {"reason", abi::to_string(refused.reason)},
                                                {"suppressed", refusal_log_.take_suppressed()}});
  return false;
}

Publisher::Pumped Publisher::pump(std::uint64_t now_ns) {
  if (!channel_) return Pumped::nothing;
  channel_->scrub_applied_keys();
  for (const std::string& what : problems_.settle(channel_->applied_sequence(), now_ns))
    log_info("dataplane took what it had refused", {{"object", what}});
  for (const Subject& subject : problems_.take_due(now_ns))
    enqueue(is_desired(subject) ? Action::set : Action::remove, subject);

  while (!urgent_.empty() && channel_->send(urgent_.front(), {.kind = SubjectKind::other}, Share::sessions)) {
    urgent_.pop_front();
    pushed_ = true;
  }
  while (!queue_.empty()) {
    const auto sequence = perform(queue_.front());
    if (!sequence) break;
    if (*sequence != 0) {
      problems_.retried(queue_.front().subject, *sequence, now_ns);
      pushed_ = true;
    } else {
      problems_.forget(queue_.front().subject);  // nobody wants it any more
    }
    queue_.pop_front();
  }
  if (channel_->broken()) return Pumped::broken;
  return std::exchange(pushed_, false) ? Pumped::sent : Pumped::nothing;
}

std::optional<std::uint64_t> Publisher::perform(const Operation& operation) {
  return operation.action == Action::set ? perform_set(operation.subject, Share::state) : perform_remove(operation);
}

std::optional<std::uint64_t> Publisher::perform_set(const Subject& subject, Share share) {
  const auto send_from = [&](const auto& map, const auto& key) -> std::optional<std::uint64_t> {
    const auto found = map.find(key);
    return found == map.end() ? 0 : channel_->send(found->second.message, subject, share);
  };
  switch (subject.kind) {
    case SubjectKind::sync: {
      const auto sequence = channel_->send(abi::EndSync{sync_id_}, subject, share);
      if (sequence) end_sync_sequence_ = *sequence;
      return sequence;
    }
    case SubjectKind::tunnel: {
      const auto sequence = send_from(desired_.tunnels, static_cast<std::uint16_t>(subject.id));
      if (sequence && *sequence != 0) announced_tunnels_[subject.id] = true;
      return sequence;
    }
    case SubjectKind::peer: {
      const auto found = desired_.peers.find(subject.id);
      if (found == desired_.peers.end()) return 0;
      abi::SetPeer message = found->second.message;
      if (hooks_.complete_peer) hooks_.complete_peer(message);
      const auto sequence = channel_->send(message, subject, share);
      if (sequence) {
        if (subject.id >= announced_peers_.size()) announced_peers_.resize(std::size_t{subject.id} + 1);
        announced_peers_[subject.id] = true;
      }
      return sequence;
    }
    case SubjectKind::route:
      return send_from(desired_.routes, subject.prefix);
    case SubjectKind::verdict_row:
      return send_from(desired_.verdict_rows, subject.id);
    case SubjectKind::cookie_secrets: {
      if (!cookie_secrets_) return 0;
      abi::SetCookieSecrets message;
      std::memcpy(message.current.data(), cookie_secrets_->first.expose().data(), message.current.size());
      std::memcpy(message.previous.data(), cookie_secrets_->second.expose().data(), message.previous.size());
      const auto sequence = channel_->send(message, subject, share);
      explicit_bzero(&message, sizeof message);
      return sequence;
    }
    case SubjectKind::none:
    case SubjectKind::session:
    case SubjectKind::other:
      break;
  }
  return 0;
}

std::optional<std::uint64_t> Publisher::perform_remove(const Operation& operation) {
  const Subject& subject = operation.subject;
  if (subject.kind == SubjectKind::peer) {
    const auto found = desired_.peers.find(subject.id);
    if (found != desired_.peers.end() && found->second.message.public_key == operation.removed_key) return 0;
    return channel_->send(abi::RemovePeer{subject.id, operation.removed_key}, subject, Share::state);
  }
  if (is_desired(subject)) return 0;  // wanted again before the removal was sent
  switch (subject.kind) {
    case SubjectKind::tunnel:
      return channel_->send(abi::RemoveTunnel{static_cast<std::uint16_t>(subject.id)}, subject, Share::state);
    case SubjectKind::route:
      return channel_->send(abi::RemoveRoute{subject.prefix}, subject, Share::state);
    case SubjectKind::verdict_row:
      return channel_->send(abi::RemoveVerdictRow{subject.id}, subject, Share::state);
    default:
      return 0;
  }
}

bool Publisher::is_desired(const Subject& subject) const {
  switch (subject.kind) {
    case SubjectKind::tunnel:
      return desired_.tunnels.contains(static_cast<std::uint16_t>(subject.id));
    case SubjectKind::peer:
      return desired_.peers.contains(subject.id);
    case SubjectKind::route:
      return desired_.routes.contains(subject.prefix);
    case SubjectKind::verdict_row:
      return desired_.verdict_rows.contains(subject.id);
    default:
      return true;
  }
}

std::string Publisher::describe(const Subject& subject) const {
  switch (subject.kind) {
    case SubjectKind::tunnel:
      return "wireguard " +
             name_in(desired_.tunnels, static_cast<std::uint16_t>(subject.id), std::to_string(subject.id));
    case SubjectKind::peer:
      return "peer " + name_in(desired_.peers, subject.id, std::to_string(subject.id));
    case SubjectKind::route:
      return "route " + name_in(desired_.routes, subject.prefix, subject.prefix.to_string());
    case SubjectKind::verdict_row:
      return "verdict row " + std::to_string(subject.id);
    case SubjectKind::cookie_secrets:
      return "cookie secrets";
    case SubjectKind::sync:
      return "synchronisation";
    case SubjectKind::session:
      return "session " + hex(subject.id);
    case SubjectKind::none:
    case SubjectKind::other:
      break;
  }
  return "command";
}

std::uint64_t Publisher::pending() const noexcept {
  return channel_ ? queue_.size() + urgent_.size() + channel_->unapplied() : queue_.size();
}

bool Publisher::synchronised() const noexcept {
  return channel_ && end_sync_sequence_ != 0 && channel_->applied_sequence() >= end_sync_sequence_;
}

}  // namespace sallyport::controlplane
