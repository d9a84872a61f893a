#include "controlplane/api/enrolment_metrics.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "controlplane/api/metrics_text.hpp"
#include "tests/unit/api/ask.hpp"
#include "tests/unit/api/series.hpp"

namespace sallyport::controlplane::enrolment_metrics_test {
namespace {

TEST(EnrolmentMetrics, CountSessionsPoolsAndRevocations) {
  FakeBackend backend;
  backend.enroll("00112233445566aa");
  backend.pools = {{"v4", 3, 1, 254}, {"v6", 3, 1, UINT64_MAX}};
  backend.revocation_list = {{RevocationKind::identity, "a", {}, "", ""}, {RevocationKind::identity, "b", {}, "", ""}};
  backend.key_list.resize(3);
  const auto series = series_of(metrics_text(backend, test_time));
  EXPECT_EQ(series.at("sallyport_enrolled_sessions"), "1");
  EXPECT_EQ(series.at("sallyport_peers_configured"), "2");
  EXPECT_EQ(series.at("sallyport_pool_leased{pool=\"v4\"}"), "3");
  EXPECT_EQ(series.at("sallyport_pool_sessions{pool=\"v4\"}"), "1");
  EXPECT_EQ(series.at("sallyport_pool_capacity{pool=\"v4\"}"), "254");
  EXPECT_EQ(series.at("sallyport_pool_capacity{pool=\"v6\"}"), "+Inf");
  EXPECT_EQ(series.at("sallyport_revocations{kind=\"identity\"}"), "2");
  EXPECT_EQ(series.at("sallyport_revocations{kind=\"issuer-key\"}"), "0");
  EXPECT_EQ(series.at("sallyport_enrolment_keys"), "3");
}

TEST(EnrolmentMetrics, TellWhenTrustEnds) {
  const TimePoint now = FakeBackend::wall_now;
  FakeBackend backend;
  TrustSourceStatus bundle{"mesh", "example.org", "a.pem", {}, {}, now, ""};
  bundle.certificates = {{"CN=\"root\"", "ab", now, now + std::chrono::seconds(10)},
                         {"CN=\"root\"", "ab", now, now + std::chrono::seconds(20)}};
  backend.trust = {bundle,
                   bundle,  // as if an issuer had two files of one domain: the first one counts
                   {"corp", "", "https://idp", {{"1", "RSA"}, {"2", "RSA"}}, {}, std::nullopt, "refused"}};
  const auto series = series_of(metrics_text(backend, test_time));
  EXPECT_EQ(series.at("sallyport_trust_source_ok{issuer=\"mesh\",trust_domain=\"example.org\"}"), "1");
  EXPECT_EQ(series.at("sallyport_trust_source_ok{issuer=\"corp\",trust_domain=\"\"}"), "0");
  EXPECT_EQ(series.at("sallyport_trust_keys{issuer=\"corp\",trust_domain=\"\"}"), "2");
  EXPECT_EQ(series.at("sallyport_trust_read_at_seconds{issuer=\"mesh\",trust_domain=\"example.org\"}"),
            "1700000000.000000");
  EXPECT_FALSE(series.contains("sallyport_trust_read_at_seconds{issuer=\"corp\",trust_domain=\"\"}"));
  EXPECT_EQ(series.at("sallyport_trust_certificate_not_after_seconds{issuer=\"mesh\",trust_domain=\"example.org\","
                      "key_id=\"ab\",subject=\"CN=\\\"root\\\"\"}"),
            "1700000020.000000");
}

TEST(EnrolmentMetrics, TellHowOldClustersAre) {
  FakeBackend backend;
  ClusterStatus cluster;
  cluster.name = "prod-eu";
  cluster.in_contact_at = FakeBackend::wall_now;
  cluster.slices = 4;
  cluster.reconnections = 2;
  cluster.relists = 3;
  ClusterStatus never;
  never.name = "never";
  never.stale = true;
  backend.cluster_list = {cluster, never};
  const auto series = series_of(metrics_text(backend, test_time));
  EXPECT_EQ(series.at("sallyport_cluster_in_contact_at_seconds{cluster=\"prod-eu\"}"), "1700000000.000000");
  EXPECT_FALSE(series.contains("sallyport_cluster_in_contact_at_seconds{cluster=\"never\"}"));
  EXPECT_EQ(series.at("sallyport_cluster_stale{cluster=\"never\"}"), "1");
  EXPECT_EQ(series.at("sallyport_cluster_stale{cluster=\"prod-eu\"}"), "0");
  EXPECT_EQ(series.at("sallyport_cluster_slices{cluster=\"prod-eu\"}"), "4");
  EXPECT_EQ(series.at("sallyport_cluster_reconnections_total{cluster=\"prod-eu\"}"), "2");
  EXPECT_EQ(series.at("sallyport_cluster_relists_total{cluster=\"prod-eu\"}"), "3");
}

}  // namespace
}  // namespace sallyport::controlplane::enrolment_metrics_test
