#include "controlplane/api/diagnose/gateway_checks.hpp"

#include <algorithm>
#include <limits>

#include "policy/describe.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

constexpr std::chrono::hours certificate_ends_soon{7 * 24};
constexpr std::uint64_t pool_nearly_full_per = 10;  // less than one of so many is free

const TrustBundle::CertificateInfo* first_to_end(const std::vector<TrustBundle::CertificateInfo>& certificates) {
  const auto first = std::min_element(certificates.begin(), certificates.end(),
                                      [](const auto& a, const auto& b) { return a.not_after < b.not_after; });
  return first == certificates.end() ? nullptr : &*first;
}

}  // namespace

Check check_trust(const TrustSourceStatus& source, TimePoint now) {
  constexpr std::string_view name = "trust";
  const std::string what = "issuer " + source.issuer +
                           (source.trust_domain.empty() ? "" : " (" + source.trust_domain + ')') + " from " +
                           source.source;
  if (!source.read_at)
    return {name, Result::failed,
            "nothing could be had yet of " + what + ": nobody is believed by it" +
                (source.problem.empty() ? "" : ": " + source.problem)};
  if (!source.problem.empty())
    return {
        name, Result::warning,
        "what is known of " + what + " is of " + policy::time_words(*source.read_at) + ", for now " + source.problem};
  const auto* certificate = first_to_end(source.certificates);
  if (certificate != nullptr && certificate->not_after <= now)
    return {name, Result::warning,
            "of " + what + " the certificate " + certificate->subject + " ended at " +
                policy::time_words(certificate->not_after)};
  if (certificate != nullptr && certificate->not_after - now < certificate_ends_soon)
    return {name, Result::warning,
            "of " + what + " the certificate " + certificate->subject + " ends at " +
                policy::time_words(certificate->not_after)};
  return {name, Result::ok,
          what + ": " +
              (source.certificates.empty() ? counted(source.keys.size(), "key")
                                           : counted(source.certificates.size(), "certificate"))};
}

Check check_cluster(const ClusterStatus& cluster, TimePoint now) {
  constexpr std::string_view name = "cluster";
  const std::string what = "cluster " + cluster.name;
  const std::string why = cluster.problem.empty() ? "" : ": " + cluster.problem;
  const std::string since = cluster.in_contact_at
                                ? "has not been heard for " +
                                      policy::duration_words(std::max(
                                          std::chrono::seconds(0), std::chrono::seconds(now - *cluster.in_contact_at)))
                                : "has never been heard";
  if (cluster.dropped)
    return {name, Result::failed, what + ' ' + since + ", and its services have no addresses until it is" + why};
  if (cluster.stale)
    return {name, Result::warning, what + ' ' + since + ": its services keep the addresses that they had" + why};
  if (!cluster.problem.empty()) return {name, Result::warning, what + " is " + cluster.state + why};
  return {name, Result::ok, what + " is " + cluster.state + ", with " + counted(cluster.slices, "slice")};
}

Check check_pool(const PoolUse& pool) {
  constexpr std::string_view name = "pool";
  const std::string what = "pool " + pool.name;
  const std::string use = counted(pool.sessions, "session") + " and " + counted(pool.leased, "lease");
  if (pool.capacity == std::numeric_limits<std::uint64_t>::max()) return {name, Result::ok, what + " has " + use};
  const std::string of = use + " of " + counted(pool.capacity, "address") + (pool.capacity == 1 ? "" : "");
  if (pool.sessions >= pool.capacity)
    return {name, Result::failed, what + " is empty: " + use + ", and " + std::to_string(pool.capacity) + " in all"};
  if (pool.capacity - pool.sessions < pool.capacity / pool_nearly_full_per)
    return {name, Result::warning,
            what + " is nearly empty: " + use + ", and " + std::to_string(pool.capacity) + " in all"};
  return {name, Result::ok, what + " has " + use + ", and " + std::to_string(pool.capacity) + " in all"};
}

Check check_problems(const std::vector<Problem>& problems) {
  constexpr std::string_view name = "problem";
  if (problems.empty()) return {name, Result::ok, "everything that is configured could be made real"};
  std::vector<std::string> words;
  for (const Problem& problem : problems) words.push_back(problem.what + ": " + problem.why);
  return {name, Result::warning, "not everything that is configured could be made real: " + first_few(words)};
}

}  // namespace sallyport::controlplane::diagnose
