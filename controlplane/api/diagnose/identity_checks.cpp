#include "controlplane/api/diagnose/identity_checks.hpp"

#include <algorithm>

#include "controlplane/api/diagnose/tunnel_checks.hpp"
#include "policy/describe.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

constexpr std::size_t most_refusals = 3;

std::string refused_words(std::vector<NamedCounter> refused) {
  std::stable_sort(refused.begin(), refused.end(),
                   [](const NamedCounter& a, const NamedCounter& b) { return a.value > b.value; });
  std::vector<std::string> words;
  for (const NamedCounter& reason : refused)
    if (reason.value > 0 && words.size() < most_refusals)
      words.push_back(std::to_string(reason.value) + " because " + reason.text);
  if (words.empty()) return "no proof of anybody was refused since the start: its client has not tried";
  return "proofs were refused since the start (of all clients together): " + policy::joined(words, "; ");
}

}  // namespace

Check check_identity(const IdentitySeen& seen) {
  constexpr std::string_view name = "peer";
  if (seen.revocation) return {name, Result::failed, revocation_words(*seen.revocation)};
  const std::string none = "no peer has the identity " + seen.identity + ": it is not configured, and not enrolled now";
  if (seen.pin)
    return {name, Result::warning,
            none + "; it has been, for its name is pinned since " + policy::time_words(seen.pin->at) + " to " +
                seen.pin->subject};
  return {name, Result::warning, none};
}

std::string issuer_in(std::string_view identity) {
  for (const std::string_view prefix : {"user:", "sa:", "spiffe://"}) {
    if (!identity.starts_with(prefix)) continue;
    identity.remove_prefix(prefix.size());
    return std::string(identity.substr(0, identity.find('/')));
  }
  return {};
}

Check check_enrolment(const EnrolmentSeen& seen) {
  constexpr std::string_view name = "proof";
  if (!seen.enabled)
    return {
        name, Result::failed,
        "this gateway enrols nobody ([enrolment] is not configured), and no peer has the identity " + seen.identity};
  if (!seen.issuer.empty() && !seen.issuer_known)
    return {name, Result::failed,
            "the policy has no issuer " + seen.issuer + ", by which " + seen.identity + " could be proven"};
  return {name, Result::failed, seen.identity + " is not enrolled; " + refused_words(seen.refused)};
}

}  // namespace sallyport::controlplane::diagnose
