#include "dataplane/housekeeping/commands.hpp"

namespace sallyport::dataplane {
namespace {

constexpr unsigned commands_per_poll = 512;

// The commands that build or change a policy image.
template <typename Payload>
concept OfPolicy = requires(const Payload& payload) {
  payload.image;
};

}  // namespace

void Commands::on_new_link() noexcept {
  applied_sequence_ = 0;
  has_waiting_ = in_sync_ = false;
  parts_.header.applied_sequence.store(0, std::memory_order_release);
}

bool Commands::poll() noexcept {
  parts_.tunnels.poll();
  unsigned applied = 0;
  for (; applied < commands_per_poll && parts_.tunnels.has_room(); ++applied) {
    if (!has_waiting_ && !parts_.context.link.take_command(waiting_)) break;
    has_waiting_ = !apply(waiting_);
    if (has_waiting_) break;
    explicit_bzero(&waiting_, sizeof waiting_);  // it may have held keys
  }
  return applied != 0;
}

bool Commands::apply(const abi::Command& command) noexcept {
  if (command.header.sequence != applied_sequence_ + 1) {
    // A writer that lost count: nothing that it says can be matched to what it thinks it said. It may connect anew.
    parts_.context.link.disconnect("its commands are out of order");
    return true;
  }
  CommandResult result = abi::Refusal::bad_header;
  switch (command.header.kind) {
#define SALLYPORT_PERFORM(number, name, Payload)      \
  case abi::CommandKind::name:                        \
    result = read_and_perform<abi::Payload>(command); \
    break;
    SALLYPORT_COMMANDS(SALLYPORT_PERFORM)
#undef SALLYPORT_PERFORM
  }
  if (result.asks_again()) return false;
  finish(command, result.refusal());
  return true;
}

template <typename Payload>
CommandResult Commands::read_and_perform(const abi::Command& command) noexcept {
  Payload payload;
  const CommandResult result =
      abi::read_payload(command, payload) ? check_and_perform(payload) : abi::Refusal::bad_header;
  explicit_bzero(&payload, sizeof payload);
  return result;
}

template <typename Payload>
CommandResult Commands::check_and_perform(const Payload& payload) noexcept {
  // What workers still read of the policy is bounded; a change that finds no room waits for their quiescent states.
  if constexpr (OfPolicy<Payload>)
    if (!parts_.policy.has_room()) return CommandResult::again();
  const CommandResult result = abi::valid(payload, limits_) ? perform(payload) : abi::Refusal::bad_value;
  if constexpr (OfPolicy<Payload>)
    if (!result.is_done()) parts_.policy.spoil(payload.image, Payload::kind);
  return result;
}

void Commands::finish(const abi::Command& command, abi::Refusal refusal) noexcept {
  applied_sequence_ = command.header.sequence;
  if (refusal != abi::Refusal::none) {
    parts_.packets_down.on_refused(command.header.sequence);
    const abi::CommandRefused refused{
        .sequence = command.header.sequence, .command_kind = command.header.kind, .reason = refusal};
    if (!parts_.context.link.push_event(parts_.context.now_ns, refused))
      parts_.context.counters.add(no_port, Counter::events_lost);
  }
  // Release: whoever sees the number sees what the command did.
  parts_.header.applied_sequence.store(applied_sequence_, std::memory_order_release);
}

// --- synchronisation ---

CommandResult Commands::perform(const abi::BeginSync& begin) noexcept {
  sync_id_ = begin.sync_id;
  in_sync_ = true;
  return abi::Refusal::none;
}

// Routes lead to peers, and peers are in tunnels.
CommandResult Commands::perform(const abi::EndSync& end) noexcept {
  if (!in_sync_ || end.sync_id != sync_id_) return abi::Refusal::bad_value;
  if (!parts_.routes.remove_unnamed(sync_id_) || !parts_.peers.remove_unnamed(sync_id_) ||
      !parts_.tunnels.remove_unnamed(sync_id_))
    return CommandResult::again();
  in_sync_ = false;
  return abi::Refusal::none;
}

// --- tunnels, peers, routes ---

CommandResult Commands::perform(const abi::SetTunnel& set) noexcept {
  return parts_.tunnels.set(set, sync_id_);
}
CommandResult Commands::perform(const abi::RemoveTunnel& remove) noexcept {
  return parts_.tunnels.remove(remove.tunnel_id);
}
CommandResult Commands::perform(const abi::SetCookieSecrets& set) noexcept {
  parts_.tunnels.set_cookie_secrets(set);
  return abi::Refusal::none;
}
CommandResult Commands::perform(const abi::SetPeer& set) noexcept {
  return parts_.peers.set(set, sync_id_);
}
CommandResult Commands::perform(const abi::RemovePeer& remove) noexcept {
  return parts_.peers.remove(remove);
}
CommandResult Commands::perform(const abi::ForgetTimestamp& forget) noexcept {
  parts_.peers.forget_timestamp(forget.peer_id);
  return abi::Refusal::none;
}
CommandResult Commands::perform(const abi::SetRoute& set) noexcept {
  return parts_.routes.set(set, sync_id_);
}
CommandResult Commands::perform(const abi::RemoveRoute& remove) noexcept {
  return parts_.routes.remove(remove.prefix);
}

// --- sessions, captures, flows ---

CommandResult Commands::perform(const abi::InstallSession& install) noexcept {
  return parts_.sessions.install(install);
}
CommandResult Commands::perform(const abi::RetireSession& retire) noexcept {
  parts_.sessions.retire(retire);
  return abi::Refusal::none;
}
CommandResult Commands::perform(const abi::SetCapture& set) noexcept {
  parts_.capture.apply(set);
  return abi::Refusal::none;
}
CommandResult Commands::perform(const abi::ListFlows& list) noexcept {
  parts_.flows.list(list);
  return abi::Refusal::none;
}

// --- policy ---

CommandResult Commands::perform(const abi::BeginPolicy& begin) noexcept {
  return parts_.policy.begin(begin);
}
CommandResult Commands::perform(const abi::CommitPolicy& commit) noexcept {
  return parts_.policy.commit(commit);
}
CommandResult Commands::perform(const abi::SetRule& set) noexcept {
  return parts_.policy.set_rule(set);
}
CommandResult Commands::perform(const abi::SetService& set) noexcept {
  return parts_.policy.set_service(set);
}
CommandResult Commands::perform(const abi::SetSourceClass& set) noexcept {
  return parts_.policy.set_source_class(set);
}
CommandResult Commands::perform(const abi::RemoveSourceClass& remove) noexcept {
  return parts_.policy.remove_source_class(remove);
}
CommandResult Commands::perform(const abi::SetDestinationClass& set) noexcept {
  return parts_.policy.set_destination_class(set);
}
CommandResult Commands::perform(const abi::RemoveDestinationClass& remove) noexcept {
  return parts_.policy.remove_destination_class(remove);
}
CommandResult Commands::perform(const abi::SetAddress& set) noexcept {
  return parts_.policy.set_address(set);
}
CommandResult Commands::perform(const abi::RemoveAddress& remove) noexcept {
  return parts_.policy.remove_address(remove);
}
CommandResult Commands::perform(const abi::SetPeerAccess& set) noexcept {
  return parts_.policy.set_peer_access(set);
}

}  // namespace sallyport::dataplane
