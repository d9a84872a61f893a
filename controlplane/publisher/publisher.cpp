#include "controlplane/publisher/publisher.hpp"

#include <cstring>
#include <utility>

#include "config/base/log.hpp"

namespace sallyport::controlplane {
namespace {

template <typename Map, typename Key>
std::string name_in(const Map& map, const Key& key, std::string fallback) {
  const auto found = map.find(key);
  return found != map.end() && !found->second.name.empty() ? found->second.name : std::move(fallback);
}

}  // namespace

void Publisher::connect(abi::CommandRing& ring, const std::atomic<std::uint64_t>& applied_sequence, Flows flows) {
  disconnect();
  flows_ = flows;
  channel_.emplace(ring, applied_sequence);
  enqueue_everything();
}

void Publisher::disconnect() {
  channel_.reset();
  queue_.clear();
  urgent_.clear();
  announced_peers_.clear();
  announced_tunnels_.reset();
  announced_source_classes_.clear();
  announced_destination_classes_.clear();
  problems_.clear();
  last_queue_sequence_ = 0;
  policy_commit_sequence_ = 0;
  end_sync_sequence_ = 0;
  pushed_ = false;
}

void Publisher::enqueue(Action action, const Subject& subject, const PublicKey& removed_key) {
  if (!channel_) return;
  queue_.push_back({action, subject, removed_key});
}

void Publisher::enqueue_everything() {
  ++sync_id_;
  if (channel_->send(abi::BeginSync{sync_id_}, {.kind = SubjectKind::sync}, Share::state)) pushed_ = true;
  for (const auto& [id, tunnel] : desired_.tunnels) enqueue(Action::set, Subject::tunnel(id));
  if (cookie_secrets_) enqueue(Action::set, {.kind = SubjectKind::cookie_secrets});
  for (const auto& [id, peer] : desired_.peers) enqueue(Action::set, Subject::peer(id));
  for (const auto& [prefix, route] : desired_.routes) enqueue(Action::set, Subject::route(prefix));
  if (policy_.image != 0) stage_policy();
  enqueue(Action::set, {.kind = SubjectKind::sync});
}

void Publisher::resynchronise() {
  if (!channel_) return;
  queue_.clear();
  enqueue_everything();
}

// The access of a peer goes with it, and so do its routes: those that the number's next owner has as well must be sent
// after it, though they are the same.
void Publisher::drop_peer(std::uint32_t peer_id, const PublicKey& key) {
  problems_.forget(Subject::peer(peer_id));
  problems_.forget(Subject::of_policy(SubjectKind::peer_access, policy_.image, peer_id));
  policy_.peers.erase(peer_id);
  if (peer_id < announced_peers_.size()) announced_peers_[peer_id] = false;
  enqueue(Action::remove, Subject::peer(peer_id), key);
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

bool Publisher::on_refused(const abi::CommandRefused& refused, std::uint64_t now_ns) {
  ++refusals_;
  if (refused.reason == abi::Refusal::bad_header) {
    log_error("dataplane lost count of commands",
              {{"sequence", refused.sequence}, {"reason", abi::to_string(refused.reason)}});
    return true;
  }
  const auto subject = channel_ ? channel_->subject_of(refused.sequence) : std::nullopt;
  if (!subject) return false;
  if (subject->kind == SubjectKind::session) {
    hooks_.on_install_refused(subject->id, subject->serial, refused.reason);
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
                            refused.command_kind == abi::CommandKind::remove_address ||
                            refused.command_kind == abi::CommandKind::remove_source_class ||
                            refused.command_kind == abi::CommandKind::remove_destination_class;
  if (gone_already || is_normal(*subject, refused.reason)) return false;
  part_refused(*subject);
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
  for (const Subject& subject : problems_.take_due(now_ns)) {
    if (subject.kind == SubjectKind::policy_begin || subject.kind == SubjectKind::policy_commit) {
      problems_.forget(subject);
      stage_policy();
    } else {
      enqueue(is_desired(subject) ? Action::set : Action::remove, subject);
    }
  }

  while (!urgent_.empty() && channel_->send(urgent_.front(), {.kind = SubjectKind::other}, Share::sessions)) {
    urgent_.pop_front();
    pushed_ = true;
  }
  send_queue(now_ns);
  if (channel_->broken()) return Pumped::broken;
  return std::exchange(pushed_, false) ? Pumped::sent : Pumped::nothing;
}

void Publisher::send_queue(std::uint64_t now_ns) {
  while (!queue_.empty()) {
    if (const auto missing = missing_class(queue_.front())) queue_.push_front({Action::set, *missing});
    Operation& operation = queue_.front();
    const Performed performed = perform(operation);
    if (performed.outcome == Outcome::no_room) return;
    if (performed.sequence != 0) {
      pushed_ = true;
      last_queue_sequence_ = performed.sequence;
    }
    if (performed.outcome == Outcome::unfinished) continue;
    if (performed.outcome == Outcome::sent) problems_.retried(operation.subject, performed.sequence, now_ns);
    if (performed.outcome == Outcome::unwanted) problems_.forget(operation.subject);
    queue_.pop_front();
  }
}

template <typename Map, typename Key>
Publisher::Performed Publisher::send_from(const Map& map, const Key& key, const Subject& subject, Share share) {
  const auto found = map.find(key);
  if (found == map.end()) return {Outcome::unwanted};
  return send(found->second.message, subject, share);
}

Publisher::Performed Publisher::perform(Operation& operation) {
  if (operation.subject.is_of_policy()) return perform_policy(operation);
  return operation.action == Action::set ? perform_set(operation.subject, Share::state) : perform_remove(operation);
}

Publisher::Performed Publisher::perform_set(const Subject& subject, Share share) {
  switch (subject.kind) {
    case SubjectKind::sync: {
      const Performed sent = send(abi::EndSync{sync_id_}, subject, share);
      end_sync_sequence_ = sent.sequence;
      return sent;
    }
    case SubjectKind::tunnel: {
      const Performed sent = send_from(desired_.tunnels, static_cast<std::uint16_t>(subject.id), subject, share);
      if (sent.outcome == Outcome::sent) announced_tunnels_[subject.id] = true;
      return sent;
    }
    case SubjectKind::peer: {
      const auto found = desired_.peers.find(subject.id);
      if (found == desired_.peers.end()) return {Outcome::unwanted};
      abi::SetPeer message = found->second.message;
      if (hooks_.complete_peer) hooks_.complete_peer(message);
      const Performed sent = send(message, subject, share);
      if (sent.outcome == Outcome::sent) {
        if (subject.id >= announced_peers_.size()) announced_peers_.resize(std::size_t{subject.id} + 1);
        announced_peers_[subject.id] = true;
      }
      return sent;
    }
    case SubjectKind::route:
      return send_from(desired_.routes, subject.prefix, subject, share);
    case SubjectKind::cookie_secrets: {
      if (!cookie_secrets_) return {Outcome::unwanted};
      abi::SetCookieSecrets message;
      std::memcpy(message.current.data(), cookie_secrets_->first.expose().data(), message.current.size());
      std::memcpy(message.previous.data(), cookie_secrets_->second.expose().data(), message.previous.size());
      const Performed sent = send(message, subject, share);
      explicit_bzero(&message, sizeof message);
      return sent;
    }
    default:
      return {Outcome::unwanted};
  }
}

Publisher::Performed Publisher::perform_remove(const Operation& operation) {
  const Subject& subject = operation.subject;
  if (subject.kind == SubjectKind::peer) {
    const auto found = desired_.peers.find(subject.id);
    // Wanted again before the removal was sent, perhaps with another key by now.
    if (found != desired_.peers.end() && (found->second.message.key == operation.removed_key ||
                                          found->second.message.former_key == operation.removed_key))
      return {Outcome::known};
    return send(abi::RemovePeer{subject.id, operation.removed_key}, subject, Share::state);
  }
  if (is_desired(subject)) return {Outcome::known};  // wanted again before the removal was sent
  switch (subject.kind) {
    case SubjectKind::tunnel:
      return send(abi::RemoveTunnel{static_cast<std::uint16_t>(subject.id)}, subject, Share::state);
    case SubjectKind::route:
      return send(abi::RemoveRoute{subject.prefix}, subject, Share::state);
    default:
      return {Outcome::unwanted};
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
    default:
      return subject.is_of_policy() ? is_desired_part(subject) : true;
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
    case SubjectKind::cookie_secrets:
      return "cookie secrets";
    case SubjectKind::sync:
      return "synchronisation";
    case SubjectKind::session:
      return "session " + hex(subject.id);
    default:
      return subject.is_of_policy() ? describe_part(subject) : "command";
  }
}

std::uint64_t Publisher::pending() const noexcept {
  return channel_ ? queue_.size() + urgent_.size() + channel_->unapplied() : queue_.size();
}

bool Publisher::synchronised() const noexcept {
  return channel_ && end_sync_sequence_ != 0 && channel_->applied_sequence() >= end_sync_sequence_;
}

}  // namespace sallyport::controlplane
