// WireGuard's control side: which handshake is made when, with whom, and what becomes of it. It joins the I/O-free
// protocol core (wireguard/peer_handshake.hpp) to the dataplane's events, packets and sessions:
//
//   session wanted, rekey wanted ─▶┐                        ┌─▶ install session, then the packet that waits for it
//   handshake packets ────────────▶│  PeerHandshake, a pool │─▶ initiations, responses
//   timers ───────────────────────▶┘  for the expensive part└─▶ timestamps to remember, names to resolve again
//
// No I/O and no clock of its own: everything goes through ServiceOutputs. All calls on the event loop.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/base/ip.hpp"
#include "config/base/log.hpp"
#include "controlplane/runtime/report.hpp"
#include "controlplane/runtime/work_pool.hpp"
#include "controlplane/state/store.hpp"
#include "controlplane/tunnels/service_settings.hpp"
#include "controlplane/tunnels/session_indices.hpp"
#include "controlplane/wireguard/peer_handshake.hpp"
#include "dataplane/abi/events.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/statistics_view.hpp"

namespace sallyport::controlplane {

// What the service asks of its surroundings.
class ServiceOutputs {
 public:
  virtual ~ServiceOutputs() = default;
  // The command's sequence number; nothing if there is no room or no link.
  virtual std::optional<std::uint64_t> install_session(const abi::InstallSession& session) = 0;
  virtual void retire_session(std::uint32_t index, std::uint64_t session_id) = 0;
  virtual bool send_packet(const abi::PacketDown& packet) = 0;
  // What the dataplane knows of a peer now; nothing without a link.
  [[nodiscard]] virtual std::optional<abi::PeerStatusValue> peer_status(std::uint32_t peer_id) const = 0;
  virtual void reresolve_endpoint(std::uint32_t peer_id) = 0;
  // Remember it over a restart.
  virtual void timestamp_accepted(const PeerKey& peer, const wireguard::GreatestTimestamp& timestamp) = 0;
  // Where the peer is now, and which of our addresses it uses (unset: not known): remember it over a restart.
  virtual void endpoint_learned(const PeerKey& peer, const IpEndpoint& remote, const IpEndpoint& local) = 0;
};

class WireguardService {
 public:
  using Clock = std::function<wireguard::Instant()>;
  WireguardService(ServiceOutputs& outputs, WorkPool& pool, wireguard::RandomSource random, Clock clock);
  WireguardService(const WireguardService&) = delete;
  WireguardService& operator=(const WireguardService&) = delete;
  ~WireguardService();

  // Makes tunnels and peers so. What stays the same keeps its handshakes. Sessions of a tunnel whose private key
  // changed are retired, and its peers are called again.
  void apply(const ServiceSettings& settings);
  // The same for one peer of a tunnel that is there. One that has another key or tunnel under a known id is a new peer,
  // unless its former key is the one that it had: then both are answered, and sessions go on. They end with the key, at
  // the latest when it is no longer named as the former one.
  void set_peer(const PeerSettings& settings);
  void remove_peer(std::uint32_t peer_id);
  // A name resolved anew.
  void set_endpoint(std::uint32_t peer_id, const IpEndpoint& endpoint);
  // A floor from the store. Call after apply().
  void restore_timestamp(const PeerKey& peer, const wireguard::GreatestTimestamp& saved);
  // Where a peer was according to the store, `age` ago, if nothing better is known. Call after apply().
  void restore_endpoint(const PeerKey& peer, const IpEndpoint& remote, const IpEndpoint& local,
                        std::chrono::nanoseconds age);

  // A link to a dataplane. With a boot id that we did not know it has no session of ours, but perhaps of the control
  // plane before us. If it is empty, every peer whose endpoint we remember is called, recently active ones first.
  void on_connected(const abi::StatisticsView& statistics, bool same_boot);
  // The link is gone. `statistics` is the old segment, which outlives the process that wrote it: the last endpoints.
  void on_disconnected(const abi::StatisticsView& statistics);

  void on_event(const abi::Event& event);
  void on_install_refused(std::uint32_t index, std::uint64_t session_id, abi::Refusal reason);
  void on_packet(const abi::PacketUp& packet, bool proven);

  // Call at the deadline (nothing: no timer runs), and ask again after any call.
  [[nodiscard]] std::optional<wireguard::BootTime> next_deadline() const;
  void on_timer();
  // Once a second: looks for sessions whose end was never heard of, and at where peers are, some in each call.
  void reconcile(const abi::StatisticsView& statistics);

  // The greatest timestamp of a peer, into the message that sets it.
  void complete(abi::SetPeer& message) const;
  void forget_timestamp(std::uint32_t peer_id);
  [[nodiscard]] std::vector<std::pair<PeerKey, wireguard::GreatestTimestamp>> timestamps() const;
  // How far own timestamps must be reserved on disk now, by tunnel key; call reservation_written() when they are.
  [[nodiscard]] std::map<PublicKey, wireguard::Tai64n> reservations_wanted() const;
  void reservation_written(const PublicKey& tunnel, const wireguard::Tai64n& until);

  [[nodiscard]] std::vector<NamedCounter> counters() const;
  // Peers that call again and again although they were answered, and peers that are in two places at once.
  [[nodiscard]] std::vector<Problem> problems() const;
  [[nodiscard]] const SessionIndices& indices() const noexcept { return indices_; }

  // Calls after a restart of the dataplane: so many a second.
  static constexpr unsigned calls_per_second = 500;
  // So many answers in a row without one authenticated packet are a problem, until nothing was answered for so long.
  static constexpr unsigned unconfirmed_answers_tolerated = 2;
  static constexpr std::uint64_t unconfirmed_shown_ns = 600'000'000'000;
  // A peer whose endpoint moves more often within a minute is in two places.
  static constexpr unsigned moves_a_minute_tolerated = 5;

 private:
  struct Tunnel {
    Tunnel(TunnelSettings tunnel_settings, const wireguard::RandomSource& random, SessionIndices& indices)
        : settings(std::move(tunnel_settings)),
          timestamps(settings.timestamp_floor),
          environment{random, indices, timestamps} {}

    TunnelSettings settings;
    wireguard::TimestampSource timestamps;
    wireguard::HandshakeEnvironment environment;
    std::map<PublicKey, std::uint32_t> peers;
  };
  struct Peer;
  // The handshakes with one key of a peer. Where a key changes, a peer has two for a while.
  struct PeerKeyState {
    PeerKeyState(Peer& owner, KeyNumber key_number, std::shared_ptr<const wireguard::PeerKeys> keys)
        : peer(owner),
          number(key_number),
          handshake(handshake_name(owner.settings.peer_id, number), owner.tunnel->environment,
                    owner.tunnel->settings.identity, std::move(keys)) {}

    [[nodiscard]] const PublicKey& public_key() const noexcept { return handshake.keys().public_key; }

    Peer& peer;
    const KeyNumber number;
    wireguard::PeerHandshake handshake;
  };
  // Handshakes that we answered since the peer last proved that it has a session.
  struct Unconfirmed {
    unsigned times = 0;
    std::uint64_t last_at_ns = 0;
    wireguard::LocalIndex last_index{};
    IpEndpoint from;
  };
  // Moves of the endpoint, in whole minutes.
  struct Roaming {
    std::uint64_t minute_began_ns = 0;
    unsigned moves = 0;              // in this minute
    unsigned moves_last_minute = 0;  // in the one before, if that was the one before
    IpEndpoint before;
  };
  struct Peer {
    Peer(std::uint64_t number, PeerSettings peer_settings, Tunnel& of)
        : incarnation(number), settings(std::move(peer_settings)), tunnel(&of) {}
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    [[nodiscard]] bool handshaking() const noexcept {
      return present->handshake.handshaking() || (former && former->handshake.handshaking());
    }
    [[nodiscard]] bool has_key(const PublicKey& key) const noexcept {
      return present->public_key() == key || (former && former->public_key() == key);
    }

    std::uint64_t incarnation;  // tells results for this peer from those for a former owner of its id
    PeerSettings settings;
    Tunnel* tunnel;
    std::unique_ptr<PeerKeyState> present;  // never null once it is among peers_
    std::unique_ptr<PeerKeyState> former;   // null: none
    KeyNumber next_key = 0;
    std::optional<KeyNumber> last_completed;  // the key of the newest session
    IpEndpoint known_endpoint;                // where it was last
    IpEndpoint known_local;                   // our address that it used there; unset: not known
    bool has_another_address = false;         // its name gave one since, and no session came of it yet
    std::uint64_t last_active_ns = 0;
    std::vector<wireguard::LocalIndex> sessions;
    std::optional<wireguard::BootTime> scheduled;
    Unconfirmed unconfirmed;
    Roaming roaming;
  };
  struct KeyReference {
    std::uint32_t id;
    std::uint64_t incarnation;
    KeyNumber key;
  };
  // Where a message came from, kept while the pool works on it.
  struct Origin {
    std::shared_ptr<const wireguard::LocalIdentity> identity;
    IpEndpoint remote;
    IpEndpoint local;
    std::uint64_t received_at_ns;
    std::uint16_t tunnel_id;
    std::uint8_t port_index;
  };
  struct Counters {
    std::array<std::uint64_t, wireguard::handshake_error_count> refused{};
    std::uint64_t malformed_packets = 0;
    std::uint64_t queue_full = 0;
    std::uint64_t initiations_sent = 0;
    std::uint64_t responses_sent = 0;
    std::uint64_t cookies_received = 0;
    std::uint64_t completed_as_initiator = 0;
    std::uint64_t completed_as_responder = 0;
    std::uint64_t gave_up = 0;
    std::uint64_t without_endpoint = 0;
    std::uint64_t packets_not_sent = 0;
    std::uint64_t installs_not_sent = 0;
    std::uint64_t installs_refused = 0;
    std::uint64_t ends_not_heard = 0;
  };

  // wireguard_peers.cpp and wireguard_service.cpp: peers and keys; the link, events and timers
  enum class Call : std::uint8_t { now, in_turn };
  void set_peer(const PeerSettings& wanted, Call new_peers);
  [[nodiscard]] static bool is_another(const Peer& peer, const PeerSettings& wanted);
  void take_keys(Peer& peer, const PeerSettings& wanted);
  [[nodiscard]] static std::unique_ptr<PeerKeyState> make_key(Peer& peer,
                                                              std::shared_ptr<const wireguard::PeerKeys> keys);
  void drop_former_key(Peer& peer);
  static void forget_key(Peer& peer, const PublicKey& key);
  [[nodiscard]] static PeerKeyState* find_key(Peer& peer, KeyNumber number);
  [[nodiscard]] static PeerKeyState* find_key(Peer& peer, const PublicKey& key);
  // The key that our own initiations use.
  [[nodiscard]] static PeerKeyState& calling_key(Peer& peer);
  void adopt_status(Peer& peer, const abi::PeerStatusValue& status);
  void learn_endpoint(Peer& peer, const IpEndpoint& remote, const IpEndpoint& local);
  [[nodiscard]] static bool is_usable(const IpEndpoint& endpoint) noexcept;
  [[nodiscard]] Peer* find_by_key(const PeerKey& key);
  void retire_sessions_of(const Tunnel& tunnel);
  void want_session(Peer& peer);
  void call(std::uint32_t peer_id);
  void reschedule(Peer& peer);
  [[nodiscard]] Peer* find(std::uint32_t peer_id);
  [[nodiscard]] PeerKeyState* find(const KeyReference& reference);
  [[nodiscard]] static KeyReference reference_to(const PeerKeyState& key);
  [[nodiscard]] Tunnel* find_tunnel(std::uint16_t tunnel_id);
  void session_gone(wireguard::LocalIndex index, std::uint32_t peer_id);
  void on_moved(Peer& peer);  // before its endpoint is another one
  [[nodiscard]] std::optional<Problem> unconfirmed_problem(const Peer& peer, std::uint64_t now_ns) const;
  [[nodiscard]] static std::optional<Problem> roaming_problem(const Peer& peer, std::uint64_t now_ns);

  // wireguard_messages.cpp: what arrives, what is computed, what is sent
  void on_initiation(const Origin& origin, wireguard::Bytes message, WorkClass work_class);
  void on_identified(const Origin& origin,
                     tl::expected<wireguard::IdentifiedInitiation, wireguard::HandshakeError> identified);
  void on_response(const Origin& origin, wireguard::Bytes message, WorkClass work_class);
  void on_cookie(const Origin& origin, wireguard::Bytes message);
  void perform(PeerKeyState& key, wireguard::Actions actions, const Origin* origin);
  void perform_or_refuse(PeerKeyState& key, const Origin& origin,
                         tl::expected<wireguard::Actions, wireguard::HandshakeError> actions);
  // The handshake whose pending message the index is.
  [[nodiscard]] PeerKeyState* find_pending(std::uint32_t receiver_index, std::uint16_t tunnel_id);
  [[nodiscard]] std::optional<std::uint64_t> install(PeerKeyState& key, wireguard::InstallSession session,
                                                     const Origin& origin);
  // False: it did not leave.
  bool send(const PeerKeyState& key, const wireguard::OutgoingMessage& message, const Origin* origin,
            std::uint64_t after_sequence);
  void answered(Peer& peer, const Origin& origin, wireguard::LocalIndex index);
  // The first packet of the peer on a session of ours was authentic.
  void completed(Peer& peer, wireguard::Role role, wireguard::LocalIndex index);
  struct Target {
    IpEndpoint remote;
    IpEndpoint local;
  };
  // After so many tries.
  [[nodiscard]] std::optional<Target> target_of(const Peer& peer, unsigned tries) const;
  // `claimed`: the public key that the message names, which is no peer's.
  void refuse(wireguard::HandshakeError error, const Origin& origin, const Peer* peer,
              const PublicKey* claimed = nullptr);
  [[nodiscard]] std::uint64_t next_session_id();
  [[nodiscard]] std::uint64_t now_ns() const { return wireguard::to_boottime_ns(clock_().boot); }

  ServiceOutputs& outputs_;
  WorkPool& pool_;
  wireguard::RandomSource random_;
  Clock clock_;
  SessionIndices indices_;
  std::map<std::uint16_t, std::unique_ptr<Tunnel>> tunnels_;
  std::map<std::uint32_t, std::unique_ptr<Peer>> peers_;  // gone before tunnels_ and indices_
  std::set<std::pair<wireguard::BootTime, std::uint32_t>> deadlines_;
  std::deque<std::uint32_t> to_call_;
  std::set<std::uint32_t> unconfirmed_;  // peers that were answered and have not confirmed yet
  std::set<std::uint32_t> roaming_;      // peers whose endpoint moved lately
  wireguard::BootTime next_call_at_{};
  std::uint32_t next_to_reconcile_ = 0;  // a peer's number
  bool connected_ = false;
  std::uint64_t last_incarnation_ = 0;
  std::uint64_t last_session_id_ = 0;
  Counters counters_;
  LogLimiter refusal_log_{10, 1'000'000'000};
};

}  // namespace sallyport::controlplane
