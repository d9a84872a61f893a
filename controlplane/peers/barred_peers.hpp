// Configured peers that are revoked: out, as if they were not configured, until the revocation is taken back. Sessions
// by proof are not among them; EnrolmentService ends those itself.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "config/config.hpp"
#include "controlplane/enrolment/enrolment_service.hpp"
#include "controlplane/peers/peers.hpp"

namespace sallyport::controlplane {

class BarredPeers {
 public:
  using Map = std::map<std::string, config::Peer>;  // by name

  BarredPeers(const EnrolmentService& enrolment, Peers& peers) : enrolment_(enrolment), peers_(peers) {}

  [[nodiscard]] bool is_revoked(const config::Peer& peer) const;
  [[nodiscard]] bool has_key(const PublicKey& key) const;

  // Of another configuration: takes them out of it. replace() when it is in force.
  [[nodiscard]] Map take_from(config::Config& configuration) const;
  void replace(Map barred) { barred_ = std::move(barred); }

  // This one is wanted, and must not begin, or ends.
  void bar(const config::Peer& peer);
  // A peer of this name is not wanted any more, or is about to begin.
  void forget(const std::string& name) { barred_.erase(name); }
  // After a revocation, and at the start: how many peers ended.
  std::size_t bar_revoked();
  // After one was taken back: who is not revoked any more begins.
  void let_in();

 private:
  const EnrolmentService& enrolment_;
  Peers& peers_;
  Map barred_;
};

}  // namespace sallyport::controlplane
