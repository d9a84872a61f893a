// The only writer of the command ring. It holds the state that the dataplane should have and makes it so: everything,
// between begin_sync and end_sync, on a new link; only the difference, in the order of dependencies, after a change. A
// full ring is a normal state: what is wanted waits here as a list of keys (never of messages, so it cannot be
// outdated) until there is room.
//
//   set_desired ─▶ desired state ──difference──▶ keys to send ──pump──▶ CommandChannel ─▶ ring
//   set_policy  ─▶ desired policy     ▲                                       │
//                                     └── retried every 5 s ◀── ProblemList ◀── command_refused
//
// A policy is staged as a new image: begun, filled, committed. What changes afterwards is sent alone, and every class
// goes ahead of the first address or peer that has it. publisher_policy.cpp has that part.
//
// No I/O and no clock of its own. All calls on the event loop.
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/base/log.hpp"
#include "config/base/secret.hpp"
#include "controlplane/publisher/command_channel.hpp"
#include "controlplane/publisher/desired_state.hpp"
#include "controlplane/publisher/problem_list.hpp"
#include "controlplane/runtime/report.hpp"
#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/events.hpp"

namespace sallyport::controlplane {

class Publisher {
 public:
  struct Hooks {
    // Fills in what is not configuration but must be as of the moment of sending: the greatest timestamp.
    std::function<void(abi::SetPeer&)> complete_peer;
    // The dataplane did not take a session; its slot is not in use.
    std::function<void(std::uint32_t index, std::uint64_t session_id, abi::Refusal)> on_install_refused;
  };
  // `first_sync_id` must differ from all that an earlier control plane may have used with the same dataplane, which
  // tells by it what is left over; so must the images after it.
  Publisher(Hooks hooks, std::uint64_t first_sync_id)
      : hooks_(std::move(hooks)), sync_id_(first_sync_id), last_image_(first_sync_id) {}
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // A new link: the whole desired state is queued. What the old link had not applied is forgotten. Connections of a
  // dataplane that lost its flows by a restart, or had none because everything was allowed, may be picked up in
  // mid-stream for a while.
  enum class Flows : std::uint8_t { kept, lost };
  void connect(abi::CommandRing& ring, const std::atomic<std::uint64_t>& applied_sequence, Flows flows = Flows::kept);
  void disconnect();
  [[nodiscard]] bool connected() const noexcept { return channel_.has_value(); }

  // Replaces the desired state; queues the difference. Returns how many objects it touches.
  std::size_t set_desired(DesiredState next);
  [[nodiscard]] const DesiredState& desired() const noexcept { return desired_; }
  // The same for single objects, at a cost that does not grow with the others. A removed peer's routes must be gone.
  void set_peer(Named<abi::SetPeer> peer);
  void remove_peer(std::uint32_t peer_id);
  void set_route(Named<abi::SetRoute> route);
  void remove_route(const IpPrefix& prefix);
  // One peer's configured endpoint changed (a name that resolved anew). Ignored if the peer is not desired.
  void set_peer_endpoint(std::uint32_t peer_id, const IpEndpoint& endpoint, std::uint32_t generation);
  void set_cookie_secrets(Secret<32> current, Secret<32> previous);

  // Another policy takes the place of the one in force: a new image is begun, filled and committed. The image number is
  // given here.
  void set_policy(DesiredPolicy next);
  // Changes of the policy in force; equal ones send nothing. A class must be there before what names it, and nothing
  // may name a class that is removed, or whose number gets another meaning: see policy_settled().
  void set_source_class(std::uint32_t number, const std::vector<abi::RowEntry>& row);
  void set_destination_class(std::uint32_t number, const std::vector<std::uint32_t>& services);
  void remove_source_class(std::uint32_t number);
  void remove_destination_class(std::uint32_t number);
  void set_address(const abi::SetAddress& address);
  void remove_address(const IpPrefix& prefix);
  // Goes with remove_peer().
  void set_peer_access(const abi::SetPeerAccess& access);
  [[nodiscard]] const DesiredPolicy& policy() const noexcept { return policy_; }
  // Everything that was to be sent of the policy and of peers is applied (or there is no link, and the next one begins
  // with a new image): classes that nothing names any more may go.
  [[nodiscard]] bool policy_settled() const noexcept;
  // The image of policy() is in force in the dataplane.
  [[nodiscard]] bool policy_committed() const noexcept;

  // Sends a session ahead of everything but its own peer and tunnel. Returns the sequence number that the handshake's
  // packet must wait for; nothing if there is no link or no room (the peer will try again). The caller wipes `session`.
  std::optional<std::uint64_t> install_session(const abi::InstallSession& session);
  // A command that is about no desired state (RetireSession, ForgetTimestamp, SetCapture, ListFlows): ahead of the
  // rest, and it waits for room if it must. Without a link it is dropped, since a new link begins from the statistics.
  template <typename Payload>
  void send_now(const Payload& payload) {
    send_urgently(abi::make_command(0, payload));
  }

  // Returns true if the link must be reopened: the dataplane lost count of our commands.
  [[nodiscard]] bool on_refused(const abi::CommandRefused& refused, std::uint64_t now_ns);

  enum class Pumped : std::uint8_t { nothing, sent, broken };
  // Sends what there is room for. Call after events were handled, and again soon while pending() is not 0.
  Pumped pump(std::uint64_t now_ns);

  // Commands not yet applied, and objects not yet sent.
  [[nodiscard]] std::uint64_t pending() const noexcept;
  // Nothing to send, nothing unapplied, no key left in the ring: no need to pump soon.
  [[nodiscard]] bool at_rest() const noexcept { return pending() == 0 && (!channel_ || !channel_->holds_keys()); }
  // Everything once more, as on a new link: for what the dataplane has lost without a word.
  void resynchronise();
  // The last command that was about the desired state or the policy, sessions left out; 0: none on this link.
  [[nodiscard]] std::uint64_t state_sequence() const noexcept { return last_queue_sequence_; }
  // Rises with each change of tunnels or routes.
  [[nodiscard]] std::uint64_t desired_version() const noexcept { return desired_version_; }
  [[nodiscard]] std::vector<Problem> problems() const { return problems_.problems(); }
  // What the dataplane refused, and may have as it was before or not at all.
  [[nodiscard]] const ProblemList& refused() const noexcept { return problems_; }
  // The synchronisation that a new link begins with is applied.
  [[nodiscard]] bool synchronised() const noexcept;
  [[nodiscard]] std::uint64_t refusals() const noexcept { return refusals_; }
  [[nodiscard]] std::uint64_t installs_without_room() const noexcept { return installs_without_room_; }

 private:
  enum class Action : std::uint8_t { set, remove };
  struct Operation {
    Action action;
    Subject subject;
    PublicKey removed_key{};   // of a removed peer: the id may have a new owner by then
    std::uint32_t offset = 0;  // how much of a list was sent
  };
  enum class Outcome : std::uint8_t { sent, unfinished, no_room, unwanted, known };
  struct Performed {
    Outcome outcome;
    std::uint64_t sequence = 0;
  };

  void enqueue(Action action, const Subject& subject, const PublicKey& removed_key = {});
  void enqueue_everything();
  void drop_peer(std::uint32_t peer_id, const PublicKey& key);
  void enqueue_routes_of(std::uint32_t peer_id);
  [[nodiscard]] Performed perform(Operation& operation);
  [[nodiscard]] Performed perform_set(const Subject& subject, Share share);
  [[nodiscard]] Performed perform_remove(const Operation& operation);
  template <typename Message>
  [[nodiscard]] Performed send(const Message& message, const Subject& subject, Share share) {
    const auto sequence = channel_->send(message, subject, share);
    return sequence ? Performed{Outcome::sent, *sequence} : Performed{Outcome::no_room};
  }
  template <typename Map, typename Key>
  [[nodiscard]] Performed send_from(const Map& map, const Key& key, const Subject& subject, Share share);
  void send_queue(std::uint64_t now_ns);
  [[nodiscard]] bool is_desired(const Subject& subject) const;
  [[nodiscard]] std::string describe(const Subject& subject) const;
  void send_urgently(const abi::Command& command);

  // publisher_policy.cpp
  void stage_policy();
  void enqueue_policy(Action action, SubjectKind kind, std::uint32_t number = 0);
  void restart_list(const Subject& subject);
  [[nodiscard]] Performed perform_policy(Operation& operation);
  [[nodiscard]] Performed set_part(Operation& operation);
  [[nodiscard]] Performed remove_part(const Operation& operation);
  template <typename Message>
  [[nodiscard]] Performed send_part(const Message& message, const Subject& subject);
  template <typename Message, typename Element>
  [[nodiscard]] Performed send_piece(Operation& operation, const std::vector<Element>& list,
                                     std::vector<bool>& announced);
  // A class that must be sent before this operation.
  [[nodiscard]] std::optional<Subject> missing_class(const Operation& operation) const;
  [[nodiscard]] bool is_desired_part(const Subject& subject) const;
  [[nodiscard]] std::string describe_part(const Subject& subject) const;
  [[nodiscard]] bool is_normal(const Subject& subject, abi::Refusal reason) const;
  void part_refused(const Subject& subject);

  Hooks hooks_;
  DesiredState desired_;
  std::uint64_t desired_version_ = 1;
  DesiredPolicy policy_;
  Flows flows_ = Flows::kept;
  std::optional<std::pair<Secret<32>, Secret<32>>> cookie_secrets_;
  std::optional<CommandChannel> channel_;
  std::deque<Operation> queue_;
  std::deque<abi::Command> urgent_;    // without secrets
  std::vector<bool> announced_peers_;  // on this link, by id
  std::bitset<abi::max_tunnels> announced_tunnels_;
  std::vector<bool> announced_source_classes_, announced_destination_classes_;  // of this image, by number
  std::uint64_t last_queue_sequence_ = 0;     // of what was in queue_; 0: none on this link
  std::uint64_t policy_commit_sequence_ = 0;  // of this image; 0: not sent yet, or refused
  std::uint64_t sync_id_;                     // of the next link
  std::uint64_t last_image_;                  // as sync_id_: never used before
  std::uint64_t end_sync_sequence_ = 0;       // 0: not sent yet
  ProblemList problems_;
  LogLimiter refusal_log_{20, 1'000'000'000};
  bool pushed_ = false;  // since the last pump
  std::uint64_t refusals_ = 0;
  std::uint64_t installs_without_room_ = 0;
};

}  // namespace sallyport::controlplane
