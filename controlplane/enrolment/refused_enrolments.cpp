#include "controlplane/enrolment/refused_enrolments.hpp"

#include <utility>
#include <variant>

namespace sallyport::controlplane {
namespace {

RefusedEnrolment entry_of(const EnrolmentRefusal& refusal, const IpAddress& source, TimePoint now) {
  RefusedEnrolment entry;
  if (const auto* refused = std::get_if<RefusedProof>(&refusal)) {
    entry.reason = name_of(refused->reason);
    entry.explanation = explain(refused->reason);
    entry.issuer = refused->issuer;
    entry.detail = refused->detail;
  } else {
    const auto failure = std::get<EnrolmentFailure>(refusal);
    entry.reason = name_of(failure);
    entry.explanation = explain(failure);
  }
  entry.source = source;
  entry.first_at = entry.last_at = now;
  return entry;
}

}  // namespace

void RefusedEnrolments::note(const EnrolmentRefusal& refusal, const IpAddress& source, TimePoint now) {
  RefusedEnrolment entry = entry_of(refusal, source, now);
  const Key key{entry.reason, entry.issuer, source.is_set() ? source.to_string() : std::string()};
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    entry.first_at = known->second->first_at;
    entry.times = known->second->times + 1;
    newest_first_.erase(known->second);
    by_key_.erase(known);
  }
  newest_first_.push_front(std::move(entry));
  by_key_.emplace(key, newest_first_.begin());
  if (newest_first_.size() <= kept_max) return;
  const RefusedEnrolment& oldest = newest_first_.back();
  by_key_.erase({oldest.reason, oldest.issuer, oldest.source.is_set() ? oldest.source.to_string() : std::string()});
  newest_first_.pop_back();
}

std::vector<RefusedEnrolment> RefusedEnrolments::list() const {
  const std::lock_guard lock(mutex_);
  return {newest_first_.begin(), newest_first_.end()};
}

}  // namespace sallyport::controlplane
