// The DNS names among the peers' endpoints: which address is in force for each, when to ask again. A name that does not
// resolve is asked for every 5 s, later every minute; one that did is asked for again only when a handshake keeps
// failing. Where the answer has several addresses, the next one gets its turn at each such failure, at once; addresses
// of a family that no underlay port has are left out. No I/O: it says what to ask.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/base/ip.hpp"
#include "controlplane/runtime/report.hpp"

namespace sallyport::controlplane {

class EndpointNames {
 public:
  // The names that matter now; others are forgotten, known ones keep their answer.
  void set_wanted(const std::vector<std::string>& names);
  // Which families the underlay has; both until this is called. For answers that come from now on.
  void set_families(bool v4, bool v6) noexcept {
    has_v4_ = v4;
    has_v6_ = v6;
  }
  // The address in force; unset while the name was never resolved.
  [[nodiscard]] IpAddress address_of(const std::string& name) const;
  // A handshake with a peer of this name failed: another of its addresses comes into force, and the name is due. True
  // if the address in force changed.
  bool ask_again(const std::string& name, std::uint64_t now_ns);
  // Names to hand to the resolver now; each waits for its answer then.
  [[nodiscard]] std::vector<std::string> take_due(std::uint64_t now_ns);
  // True if the address in force changed.
  bool answered(const std::string& name, const std::vector<IpAddress>& addresses, std::uint64_t now_ns);
  // The resolver had no room for it.
  void postpone(const std::string& name, std::uint64_t now_ns);

  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }
  [[nodiscard]] std::vector<Problem> problems() const;

  static constexpr std::uint64_t interval_min_ns = 5'000'000'000;
  static constexpr std::uint64_t interval_max_ns = 60'000'000'000;
  // Peers that share a name do not take the turns of its addresses from each other; less than REKEY_TIMEOUT.
  static constexpr std::uint64_t turn_ns = 4'000'000'000;

 private:
  struct Entry {
    IpAddress in_force;
    std::vector<IpAddress> addresses;        // the last answer, of our families
    std::uint64_t turn_since_ns = 0;         // when another of them came into force
    bool asked = false;                      // waits for its answer
    bool only_other_families = false;        // the last answer
    std::optional<std::uint64_t> due_at_ns;  // to ask
    std::uint64_t answered_at_ns = 0;
    unsigned failures_in_a_row = 0;
  };
  std::map<std::string, Entry> entries_;
  std::uint64_t failures_ = 0;
  bool has_v4_ = true, has_v6_ = true;
};

}  // namespace sallyport::controlplane
