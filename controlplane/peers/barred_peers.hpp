// Configured peers that are revoked: out, as if they were not configured, until the revocation is taken back. Sessions
// by proof are not among them; EnrolmentService ends those itself.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "controlplane/enrolment/enrolment_service.hpp"
#include "controlplane/peers/peers.hpp"

namespace sallyport::controlplane {

class BarredPeers {
 public:
  using Map = std::map<std::string, Peer>;  // by name

  BarredPeers(const EnrolmentService& enrolment, Peers& peers) : enrolment_(enrolment), peers_(peers) {}

  [[nodiscard]] bool is_revoked(const Peer& peer) const;
  [[nodiscard]] bool has_key(const PublicKey& key) const;

  // Of those that there will be: takes them out. replace() when the rest is in force.
  [[nodiscard]] Map take_from(std::vector<Peer>& peers) const;
  void replace(Map barred) { barred_ = std::move(barred); }

  // This one is wanted, and must not begin, or ends.
  void bar(const Peer& peer);
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
