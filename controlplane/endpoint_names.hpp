// The DNS names among the peers' endpoints: which address is in force for each, when to ask again. A name that does not
// resolve is asked for every 5 s, later every minute; one that did is asked for again only when a handshake keeps
// failing. If the same answer comes again and offers several addresses, the next one gets its turn. No I/O: it says
// what to ask.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/base/ip.hpp"
#include "controlplane/api/admin_backend.hpp"

namespace sallyport::controlplane {

class EndpointNames {
 public:
  // The names that matter now; others are forgotten, known ones keep their answer.
  void set_wanted(const std::vector<std::string>& names);
  // The address in force; unset while the name was never resolved.
  [[nodiscard]] IpAddress address_of(const std::string& name) const;
  // A handshake with a peer of this name keeps failing.
  void ask_again(const std::string& name, std::uint64_t now_ns);
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

 private:
  struct Entry {
    IpAddress in_force;
    bool asked = false;                      // waits for its answer
    bool wants_another = false;              // the address in force does not answer
    std::optional<std::uint64_t> due_at_ns;  // to ask
    std::uint64_t answered_at_ns = 0;
    unsigned failures_in_a_row = 0;
  };
  std::map<std::string, Entry> entries_;
  std::uint64_t failures_ = 0;
};

}  // namespace sallyport::controlplane
