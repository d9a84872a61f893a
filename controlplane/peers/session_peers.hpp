// Sessions by proof as peers: what EnrolmentService decides is made so, and what it must know of the other peers (their
// keys and addresses, which it gives to nobody) is told to it.
//
//   EnrolmentService ──▶ Effects ──▶ Peers: begin, change, end      and to the state file
//   a configured peer comes ──▶ make_way ──▶ EnrolmentService: what it has ends
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/base/log.hpp"
#include "config/config.hpp"
#include "controlplane/enrolment/enrolment_service.hpp"
#include "controlplane/link/dataplane_access.hpp"
#include "controlplane/peers/barred_peers.hpp"
#include "controlplane/peers/peers.hpp"
#include "controlplane/runtime/loop_timer.hpp"
#include "controlplane/state/state_keeper.hpp"

namespace sallyport::controlplane {

class SessionPeers {
 public:
  SessionPeers(boost::asio::io_context& loop, const config::Config& configuration, EnrolmentService& enrolment,
               Peers& peers, const BarredPeers& barred, StateKeeper& state, DataplaneAccess& dataplane);

  // At the start, when the other peers are known and before the policy is.
  void restore(const Records& records);
  // A reload. First the sessions are added to what will be in force; afterwards those that do not fit it end.
  void add_to(std::vector<Peer>& peers, GatewayKeys& keys, const config::Config& next) const;
  void reconfigure();
  // Before a configured peer begins: what it says is its own.
  void make_way(const Peer& peer);

  // What followed from a call of EnrolmentService.
  void apply(EnrolmentService::Effects effects);
  // Now and when the next one is due: sessions whose proof has ended.
  void expire();
  // Whether a session may have this key, apart from what EnrolmentService knows.
  [[nodiscard]] std::optional<ProofRefusal> check_key(const PublicKey& key) const;

 private:
  [[nodiscard]] std::optional<EnrolmentService::Settings> settings() const;
  void configure();
  void end_displaced();
  void begin(const EnrolledSession& session);
  void change(const EnrolledSession& before, const EnrolledSession& after);
  void end(const EnrolledSession& session, const std::string& why);
  void arm();

  const config::Config& configuration_;
  EnrolmentService& enrolment_;
  Peers& peers_;
  const BarredPeers& barred_;
  StateKeeper& state_;
  DataplaneAccess& dataplane_;
  LogLimiter log_{20, 1'000'000'000};
  LoopTimer timer_;
};

}  // namespace sallyport::controlplane
