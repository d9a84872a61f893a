#include "controlplane/api/enrolment_metrics.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace sallyport::controlplane {
namespace {

constexpr std::size_t most_certificates_shown = 4096;

double unix_seconds(policy::TimePoint at) {
  return static_cast<double>(at.time_since_epoch().count());
}

void add_pools(Exposition& out, const EnrolmentBackend& backend) {
  const auto pools = backend.pool_use();
  out.begin(Metric::pool_leased);
  for (const auto& pool : pools) out.sample({{"pool", pool.name}}, pool.leased);
  out.begin(Metric::pool_sessions);
  for (const auto& pool : pools) out.sample({{"pool", pool.name}}, pool.sessions);
  out.begin(Metric::pool_capacity);
  for (const auto& pool : pools) {
    const bool counted = pool.capacity != std::numeric_limits<std::uint64_t>::max();
    out.sample({{"pool", pool.name}}, counted ? std::to_string(pool.capacity) : "+Inf");
  }
}

// One series for an issuer and trust domain: if there are two sources, the first one has it.
std::vector<TrustSourceStatus> counted_sources(const EnrolmentBackend& backend) {
  std::vector<TrustSourceStatus> sources;
  std::set<std::pair<std::string, std::string>> names;
  for (TrustSourceStatus& source : backend.trust_sources())
    if (names.emplace(source.issuer, source.trust_domain).second) sources.push_back(std::move(source));
  return sources;
}

// A key that was certified twice ends with the later certificate.
void add_certificates(Exposition& out, const std::vector<TrustSourceStatus>& sources) {
  using Series = std::tuple<std::string, std::string, std::string, std::string>;
  std::map<Series, policy::TimePoint> ends;
  for (const TrustSourceStatus& source : sources)
    for (const TrustBundle::CertificateInfo& certificate : source.certificates) {
      if (ends.size() == most_certificates_shown) break;
      policy::TimePoint& end = ends[{source.issuer, source.trust_domain, certificate.key_id, certificate.subject}];
      end = std::max(end, certificate.not_after);
    }
  out.begin(Metric::trust_not_after);
  for (const auto& [series, end] : ends) {
    const auto& [issuer, trust_domain, key_id, subject] = series;
    out.sample_seconds({{"issuer", issuer}, {"trust_domain", trust_domain}, {"key_id", key_id}, {"subject", subject}},
                       unix_seconds(end));
  }
}

void add_trust(Exposition& out, const EnrolmentBackend& backend) {
  const auto sources = counted_sources(backend);
  const auto each = [&](Metric metric, auto sample) {
    out.begin(metric);
    for (const TrustSourceStatus& source : sources)
      sample(source, Exposition::Labels{{"issuer", source.issuer}, {"trust_domain", source.trust_domain}});
  };
  each(Metric::trust_ok, [&](const TrustSourceStatus& source, Exposition::Labels labels) {
    out.sample(labels, source.problem.empty() && source.read_at ? 1 : 0);
  });
  each(Metric::trust_keys,
       [&](const TrustSourceStatus& source, Exposition::Labels labels) { out.sample(labels, source.keys.size()); });
  each(Metric::trust_read, [&](const TrustSourceStatus& source, Exposition::Labels labels) {
    if (source.read_at) out.sample_seconds(labels, unix_seconds(*source.read_at));
  });
  add_certificates(out, sources);
}

void add_clusters(Exposition& out, const EnrolmentBackend& backend) {
  const auto clusters = backend.clusters();
  const auto each = [&](Metric metric, auto value) {
    out.begin(metric);
    for (const ClusterStatus& cluster : clusters) out.sample({{"cluster", cluster.name}}, value(cluster));
  };
  out.begin(Metric::cluster_contact);
  for (const ClusterStatus& cluster : clusters)
    if (cluster.in_contact_at) out.sample_seconds({{"cluster", cluster.name}}, unix_seconds(*cluster.in_contact_at));
  each(Metric::cluster_stale, [](const ClusterStatus& cluster) { return std::uint64_t{cluster.stale ? 1U : 0U}; });
  each(Metric::cluster_slices, [](const ClusterStatus& cluster) { return std::uint64_t{cluster.slices}; });
  each(Metric::cluster_reconnections, [](const ClusterStatus& cluster) { return cluster.reconnections; });
  each(Metric::cluster_relists, [](const ClusterStatus& cluster) { return cluster.relists; });
}

void add_revocations(Exposition& out, const EnrolmentBackend& backend) {
  constexpr std::array kinds = {RevocationKind::identity, RevocationKind::public_key, RevocationKind::issuer,
                                RevocationKind::issuer_key, RevocationKind::enrolment_key};
  std::map<RevocationKind, std::uint64_t> counts;
  for (const Revocation& revocation : backend.revocations()) ++counts[revocation.kind];
  out.begin(Metric::revocations);
  for (const RevocationKind kind : kinds) out.sample({{"kind", name_of(kind)}}, counts[kind]);
  out.one(Metric::enrolment_keys, backend.enrolment_keys().size());
}

}  // namespace

void add_enrolment(Exposition& out, const EnrolmentBackend& backend) {
  add_revocations(out, backend);
  add_pools(out, backend);
  add_trust(out, backend);
  add_clusters(out, backend);
}

}  // namespace sallyport::controlplane
