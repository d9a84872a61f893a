// peers.d in the control plane: peers come and go without a reload, one by one. What each file gives is decided by
// config::PeerFolder; here it is made so.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/base/log.hpp"
#include "config/config.hpp"
#include "config/peer_folder.hpp"
#include "controlplane/access/policy_service.hpp"
#include "controlplane/link/dataplane_access.hpp"
#include "controlplane/peers/barred_peers.hpp"
#include "controlplane/peers/gateway_keys.hpp"
#include "controlplane/peers/peer_folder_watch.hpp"
#include "controlplane/peers/peers.hpp"
#include "controlplane/peers/session_peers.hpp"
#include "controlplane/runtime/report.hpp"

namespace sallyport::controlplane {

class PeerFiles {
 public:
  // The folder beside gateway.toml, `file`, of which `configuration` was loaded.
  PeerFiles(boost::asio::io_context& loop, const std::filesystem::path& file, const config::Config& configuration,
            Peers& peers, BarredPeers& barred, SessionPeers& sessions, PolicyService& policy,
            DataplaneAccess& dataplane);

  // Reads the folder, and watches it from then on.
  void start();

  // A reload: the folder as it is now, judged against another gateway.toml, whose warnings grow by what stays for all
  // that. Its peers and their keys are added to `peers` and `keys`; a file that is broken is left out. replace() when
  // that is in force.
  [[nodiscard]] config::PeerFolder judge_anew(config::Config& next, std::vector<Peer>& peers, GatewayKeys& keys) const;
  void replace(config::PeerFolder folder);

  [[nodiscard]] const config::PeerFolder& folder() const { return folder_; }
  [[nodiscard]] std::vector<Problem> problems() const;

 private:
  using NewKeys = std::map<std::string, Peers::Keys>;  // by the peer's name
  // A peer is its interface and its key: with these it keeps its number, session, flows and endpoint, whatever it is
  // called and whichever file says so.
  using InterfaceAndKey = std::pair<std::string, PublicKey>;
  using Wanted = std::map<InterfaceAndKey, const config::Peer*>;
  // Makes the keys of a new peer; the reason if they cannot be had.
  [[nodiscard]] static config::PeerFolder::Accept accept_peers(const GatewayKeys& keys, const GatewayKeys& before,
                                                               NewKeys& made);
  // These files may have changed; null: any.
  void on_changed(const std::set<std::string>* names);
  void apply(const config::PeerFolder::Changes& changes, const NewKeys& made);
  // What goes: peers, and prefixes that may be somebody else's from now on. Returns who goes on under another name.
  Renames take_away(const config::PeerFolder::Changes& changes, const Wanted& wanted);
  void bring(const config::PeerFolder::Changes& changes, const NewKeys& made);
  void log_problems();

  const config::Config& configuration_;
  Peers& peers_;
  BarredPeers& barred_;
  SessionPeers& sessions_;
  PolicyService& policy_;
  DataplaneAccess& dataplane_;
  config::PeerFolder folder_;
  std::set<std::string> logged_problems_;
  LogLimiter log_{10, 1'000'000'000};
  PeerFolderWatch watch_;
};

}  // namespace sallyport::controlplane
