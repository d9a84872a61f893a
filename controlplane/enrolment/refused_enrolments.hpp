// Who was refused lately, and why: in memory and bounded, for an operator who asks. The log and the counters have all
// of them. What is refused again and again is one entry, so a stranger who knocks a thousand times hides nobody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "config/base/ip.hpp"
#include "controlplane/enrolment/requests.hpp"

namespace sallyport::controlplane {

struct RefusedEnrolment {
  std::string reason;       // "wrong_audience": of a refused proof, or of a failure
  std::string explanation;  // one sentence
  std::string issuer;       // [issuer.NAME]; empty: not known
  std::string detail;       // of the newest one
  IpAddress source;
  TimePoint first_at{}, last_at{};
  std::uint64_t times = 1;
};

// Any thread.
class RefusedEnrolments {
 public:
  void note(const EnrolmentRefusal& refusal, const IpAddress& source, TimePoint now);
  [[nodiscard]] std::vector<RefusedEnrolment> list() const;  // the newest first

  static constexpr std::size_t kept_max = 1000;

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // reason, issuer, source

  mutable std::mutex mutex_;
  std::list<RefusedEnrolment> newest_first_;
  std::map<Key, std::list<RefusedEnrolment>::iterator> by_key_;
};

}  // namespace sallyport::controlplane
