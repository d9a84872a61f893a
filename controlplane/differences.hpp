// What should be against what the dataplane has, once a second, object by object where the statistics segment shows
// them and kind by kind where it shows totals. Commands are applied in order and refusals are told, so a difference
// that lasts is a fault of ours or of the dataplane; `sallyctl status` has to say so, since everything else looks well.
//
//   desired state, policy ──┐
//   session indices ────────┼─▶ look() ─▶ problems(), is_news()
//   statistics segment ─────┘
//
// No clock and no I/O of its own. Peers and sessions are looked at in turns, all of them within 16 looks or so.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "controlplane/publisher/publisher.hpp"
#include "controlplane/runtime/report.hpp"
#include "controlplane/tunnels/session_indices.hpp"
#include "dataplane/abi/statistics_view.hpp"

namespace sallyport::controlplane {

class Differences {
 public:
  // A difference counts when it was there in so many looks in a row: what a look sees may be on its way.
  static constexpr unsigned looks_needed = 3;
  // Per look. Objects that differ are looked at again in the next one, so many at the most.
  static constexpr std::uint32_t peers_per_look = 8192;
  static constexpr std::uint32_t session_rounds = 15;
  static constexpr std::size_t suspects_max = 256;

  // Call once a second while there is a link.
  void look(const Publisher& publisher, const SessionIndices& indices, const abi::StatisticsView& statistics,
            std::uint64_t now_ns);
  // A new link makes everything new.
  void clear();

  [[nodiscard]] std::vector<Problem> problems() const;
  // What became a problem in the last look; for the log, and for whoever sends everything again.
  [[nodiscard]] const std::vector<Problem>& news() const noexcept { return news_; }

 private:
  struct Suspect {
    std::string why;
    unsigned looks = 0;
  };
  // By what it is: "peer ann", "routes".
  using Suspects = std::map<std::string, Suspect>;

  void look_at_peers(const Publisher& publisher, const abi::StatisticsView& statistics);
  void look_at_sessions(const SessionIndices& indices, const abi::StatisticsView& statistics);
  void look_at_totals(const Publisher& publisher, const abi::StatisticsView& statistics, std::uint64_t now_ns);
  void judge(Suspects& suspects, const std::string& what, const std::string& why);

  std::map<std::uint32_t, std::string> peers_to_see_;     // the peers that differed: by id, how they are called
  std::map<std::uint32_t, std::string> sessions_to_see_;  // by slot
  Suspects peers_, sessions_, totals_;
  std::vector<Problem> news_;
  std::uint32_t next_peer_ = 0, next_slot_ = 0;
  // Totals are compared at rest alone: nothing but sessions was sent since the last look, and the dataplane wrote them
  // after it. Where peers come and go every second they wait for a pause.
  std::uint64_t sequence_ = 0, looked_at_ns_ = 0;
  std::uint64_t version_ = 0, routes_digest_ = 0, tunnels_digest_ = 0;  // of the desired state
};

}  // namespace sallyport::controlplane
