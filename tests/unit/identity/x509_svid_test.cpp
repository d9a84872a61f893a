#include <thread>

#include <openssl/err.h>

#include <gtest/gtest.h>

#include "tests/unit/identity/certificate_maker.hpp"
#include "tests/unit/identity/issuers.hpp"

namespace sallyport::controlplane::x509_svid_test {
namespace {

using namespace std::chrono_literals;
using Chain = std::vector<std::vector<std::uint8_t>>;

constexpr const char* web = "spiffe://prod.example.org/ns/shop/sa/web";

TestKey key(std::uint8_t seed) {
  return TestKey::ec("P-256", seed);
}

TestCertificate root(std::uint8_t seed = 1) {
  return self_signed(authority("root " + std::to_string(seed), test_now), key(seed));
}

CertificateRequest web_request() {
  return workload(web, test_now);
}

TestCertificate leaf_of(const TestCertificate& issuer, const CertificateRequest& request = web_request()) {
  return signed_by(issuer, request, key(100));
}

IssuerTrust trust_in_certificates(const std::string& pem, const std::string& domain = "prod.example.org") {
  IssuerTrust trust;
  trust.issuer.name = "mesh";
  trust.issuer.type = policy::IssuerType::spiffe_x509;
  auto bundle = TrustBundle::parse(pem);
  EXPECT_TRUE(bundle) << bundle.error();
  if (bundle) trust.bundles[domain] = *bundle;
  return trust;
}

Verdict verify_chain(const std::string& pem, const Chain& chain, policy::TimePoint now = test_now) {
  auto verdict = TrustStore({trust_in_certificates(pem)}).verify_certificate(chain, now);
  EXPECT_EQ(ERR_peek_error(), 0U) << "errors left for the next TLS connection of the thread";
  return verdict;
}

std::string verdict_for(const CertificateRequest& request) {
  return verdict_of(verify_chain(root().pem(), {leaf_of(root(), request).der}));
}

TEST(X509Svid, ProvesASpiffeId) {
  const auto proof = verify_chain(root().pem(), {leaf_of(root()).der});
  ASSERT_TRUE(proof) << proof.error().detail;
  EXPECT_EQ(proof->issuer, "mesh");
  EXPECT_EQ(proof->identity, web);
  EXPECT_EQ(proof->subject, web);
  EXPECT_FALSE(proof->name_may_move);
  EXPECT_EQ(proof->not_after, test_now + 1h);
  EXPECT_EQ(proof->issuer_key, "mesh/" + (*TrustBundle::parse(root().pem()))->certificates()[0].key_id);
  EXPECT_TRUE(proof->claims.empty());
}

TEST(X509Svid, SessionEndsWithTheFirstThatEnds) {
  IssuerTrust trust = trust_in_certificates(root().pem());
  trust.issuer.max_session = 10min;
  const Chain chain{leaf_of(root()).der};
  EXPECT_EQ(TrustStore({trust}).verify_certificate(chain, test_now)->not_after, test_now + 10min);
  CertificateRequest intermediate = authority("intermediate", test_now);
  intermediate.not_after = test_now + 5min;
  const TestCertificate ca = signed_by(root(), intermediate, key(50));
  EXPECT_EQ(verify_chain(root().pem(), {leaf_of(ca).der, ca.der})->not_after, test_now + 5min);
}

TEST(X509Svid, HasExactlyOneUriName) {
  CertificateRequest request = web_request();
  request.alternative_names += ",URI:spiffe://prod.example.org/admin";
  EXPECT_EQ(verdict_for(request), "not_one_uri_san");
  request.alternative_names = "DNS:web.example.org";
  EXPECT_EQ(verdict_for(request), "not_one_uri_san");
  request.alternative_names = "";
  EXPECT_EQ(verdict_for(request), "not_one_uri_san");
  request.alternative_names = "DNS:web.example.org,IP:10.0.0.1," + web_request().alternative_names;
  EXPECT_EQ(verdict_for(request), "accepted");
}

TEST(X509Svid, UriNameMustBeASpiffeIdWithAPath) {
  for (const char* uri : {"https://prod.example.org/web", "spiffe://prod.example.org", "spiffe://prod.example.org/",
                          "spiffe://PROD.example.org/web", "spiffe://prod.example.org/a//b"})
    EXPECT_EQ(verdict_for(workload(uri, test_now)), "not_one_uri_san") << uri;
}

TEST(X509Svid, LeafMustNotBeACa) {
  CertificateRequest request = web_request();
  request.basic_constraints = "critical,CA:TRUE";
  EXPECT_EQ(verdict_for(request), "leaf_is_ca");
  request = web_request();
  request.key_usage = "critical,digitalSignature,keyCertSign";
  EXPECT_EQ(verdict_for(request), "leaf_is_ca");
  request.key_usage = "critical,digitalSignature,cRLSign";
  EXPECT_EQ(verdict_for(request), "leaf_is_ca");
  request = web_request();
  request.basic_constraints.clear();
  EXPECT_EQ(verdict_for(request), "accepted");
}

TEST(X509Svid, CaOfTheBundleIsNoSvidItself) {
  CertificateRequest request = authority("root", test_now);
  request.alternative_names = std::string("URI:") + web;
  const TestCertificate ca = self_signed(request, key(1));
  EXPECT_EQ(verdict_of(verify_chain(ca.pem(), {ca.der})), "leaf_is_ca");
}

TEST(X509Svid, KeyMustBeForSignatures) {
  CertificateRequest request = web_request();
  request.key_usage = "critical,keyAgreement";
  EXPECT_EQ(verdict_for(request), "malformed_certificate");
  request.key_usage.clear();
  EXPECT_EQ(verdict_for(request), "accepted");
}

TEST(X509Svid, MustBeForClientsIfItSaysForWhat) {
  CertificateRequest request = web_request();
  request.extended_key_usage = "serverAuth";
  EXPECT_EQ(verdict_for(request), "untrusted_chain");
  request.extended_key_usage.clear();
  EXPECT_EQ(verdict_for(request), "accepted");
}

TEST(X509Svid, OfAnUnknownTrustDomainIsRefused) {
  EXPECT_EQ(verdict_for(workload("spiffe://other.example.org/web", test_now)), "unknown_trust_domain");
}

TEST(X509Svid, IsVerifiedByTheBundleOfItsOwnTrustDomain) {
  IssuerTrust trust = trust_in_certificates(root(1).pem(), "prod.example.org");
  trust.bundles["other.example.org"] = *TrustBundle::parse(root(2).pem());
  const TrustStore store({trust});
  const auto verdict = [&](const char* id, std::uint8_t ca) {
    return verdict_of(store.verify_certificate(Chain{leaf_of(root(ca), workload(id, test_now)).der}, test_now));
  };
  EXPECT_EQ(verdict("spiffe://prod.example.org/web", 1), "accepted");
  EXPECT_EQ(verdict("spiffe://other.example.org/web", 2), "accepted");
  EXPECT_EQ(verdict("spiffe://prod.example.org/web", 2), "untrusted_chain");
  EXPECT_EQ(verdict("spiffe://other.example.org/web", 1), "untrusted_chain");
}

TEST(X509Svid, ChainMustLeadToTheBundle) {
  EXPECT_EQ(verdict_of(verify_chain(root(1).pem(), {leaf_of(root(2)).der})), "untrusted_chain");
  EXPECT_EQ(verdict_of(verify_chain(root(1).pem(), {leaf_of(root(2)).der, root(2).der})), "untrusted_chain");
  const TestCertificate same_name = self_signed(authority("root 1", test_now), key(2));
  EXPECT_EQ(verdict_of(verify_chain(root(1).pem(), {leaf_of(same_name).der, same_name.der})), "untrusted_chain");
  EXPECT_EQ(verdict_of(verify_chain(root(1).pem(), {self_signed(web_request(), key(100)).der})), "untrusted_chain");
}

TEST(X509Svid, IntermediatesMayComeWithIt) {
  const TestCertificate first = signed_by(root(), authority("first", test_now), key(50));
  const TestCertificate second = signed_by(first, authority("second", test_now), key(51));
  const TestCertificate leaf = leaf_of(second);
  const auto proof = verify_chain(root().pem(), {leaf.der, second.der, first.der});
  ASSERT_TRUE(proof) << proof.error().detail;
  EXPECT_EQ(proof->issuer_key, "mesh/" + (*TrustBundle::parse(root().pem()))->certificates()[0].key_id);
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {leaf.der, first.der, second.der})), "accepted");
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {leaf.der, second.der})), "untrusted_chain");
}

TEST(X509Svid, IntermediateInTheBundleIsAnAnchor) {
  const TestCertificate intermediate = signed_by(root(), authority("intermediate", test_now), key(50));
  const auto proof = verify_chain(intermediate.pem(), {leaf_of(intermediate).der});
  ASSERT_TRUE(proof) << proof.error().detail;
  EXPECT_EQ(proof->issuer_key, "mesh/" + (*TrustBundle::parse(intermediate.pem()))->certificates()[0].key_id);
}

TEST(X509Svid, LeafCannotIssueAnother) {
  const TestCertificate leaf = leaf_of(root());
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {signed_by(leaf, web_request(), key(101)).der, leaf.der})),
            "untrusted_chain");
}

TEST(X509Svid, IntermediateOfAnotherTrustDomainDoesNotVouch) {
  CertificateRequest request = authority("intermediate", test_now);
  request.alternative_names = "URI:spiffe://other.example.org";
  const TestCertificate foreign = signed_by(root(), request, key(50));
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {leaf_of(foreign).der, foreign.der})), "untrusted_chain");
  request.alternative_names = "URI:spiffe://prod.example.org";
  const TestCertificate own = signed_by(root(), request, key(50));
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {leaf_of(own).der, own.der})), "accepted");
}

TEST(X509Svid, NameConstraintsOfACaHold) {
  CertificateRequest request = authority("intermediate", test_now);
  request.name_constraints = "critical,permitted;URI:other.example.org";
  const TestCertificate constrained = signed_by(root(), request, key(50));
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {leaf_of(constrained).der, constrained.der})), "untrusted_chain");
  request.name_constraints = "critical,permitted;URI:prod.example.org";
  const TestCertificate fitting = signed_by(root(), request, key(50));
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {leaf_of(fitting).der, fitting.der})), "accepted");
}

TEST(X509Svid, MustNotHaveExpired) {
  const Chain chain{leaf_of(root()).der};
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), chain, test_now + 59min)), "accepted");
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), chain, test_now + 1h + 1s)), "certificate_expired");
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), chain, test_now - 2h)), "certificate_expired");
  CertificateRequest old = authority("intermediate", test_now);
  old.not_after = test_now - 1s;
  const TestCertificate intermediate = signed_by(root(), old, key(50));
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {leaf_of(intermediate).der, intermediate.der})),
            "certificate_expired");
}

TEST(X509Svid, EndsAtTheVerySecondOfItsEnd) {
  const Chain chain{leaf_of(root()).der};
  const auto last = verify_chain(root().pem(), chain, test_now + 1h);
  EXPECT_EQ(verdict_of(last), "certificate_expired") << "a session of no time";
}

TEST(X509Svid, ExpiredBundleIsSaidToBeThat) {
  CertificateRequest old = authority("root 1", test_now);
  old.not_after = test_now - 1s;
  const TestCertificate expired = self_signed(old, key(1));
  EXPECT_EQ(verdict_of(verify_chain(expired.pem(), {leaf_of(expired).der})), "bundle_expired");
  EXPECT_EQ(verdict_of(verify_chain(expired.pem() + root(1).pem(), {leaf_of(expired).der})), "accepted")
      << "the same key has a newer certificate";
}

TEST(X509Svid, BundleIsReplacedInThreeSteps) {
  const Chain by_a{leaf_of(root(1)).der}, by_b{leaf_of(root(2)).der};
  const std::string a = root(1).pem(), b = root(2).pem();
  EXPECT_EQ(verdict_of(verify_chain(a, by_a)), "accepted");
  EXPECT_EQ(verdict_of(verify_chain(a, by_b)), "untrusted_chain");
  EXPECT_EQ(verdict_of(verify_chain(a + b, by_a)), "accepted");
  EXPECT_EQ(verdict_of(verify_chain(a + b, by_b)), "accepted");
  EXPECT_NE(verify_chain(a + b, by_a)->issuer_key, verify_chain(a + b, by_b)->issuer_key);
  EXPECT_EQ(verdict_of(verify_chain(b, by_a)), "untrusted_chain");
  EXPECT_EQ(verdict_of(verify_chain(b, by_b)), "accepted");
}

TEST(X509Svid, WeakCryptographyIsRefused) {
  CertificateRequest request = web_request();
  request.sha1 = true;
  EXPECT_EQ(verdict_for(request), "untrusted_chain");
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {signed_by(root(), web_request(), TestKey::rsa(1024)).der})),
            "untrusted_chain");
}

TEST(X509Svid, OtherKindsOfKeysAreGoodToo) {
  for (const TestKey& kind : {TestKey::ed25519(1), TestKey::rsa(), TestKey::ec("P-384", 1)})
    EXPECT_EQ(verdict_of(verify_chain(root().pem(), {signed_by(root(), web_request(), kind).der})), "accepted");
}

TEST(X509Svid, ChangedByteSpoilsIt) {
  const std::vector<std::uint8_t> good = leaf_of(root()).der;
  const std::string pem = root().pem();
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] ^= 1;
    EXPECT_NE(verdict_of(verify_chain(pem, {bad})), "accepted") << i;
  }
}

TEST(X509Svid, ChainMustBeOfCertificatesAndShort) {
  const auto leaf = leaf_of(root()).der;
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {})), "no_proof");
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {{}})), "malformed_certificate");
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {{0x30, 0x00}})), "malformed_certificate");
  auto longer = leaf;
  longer.push_back(0);
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {longer})), "malformed_certificate");
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), {leaf, {1, 2, 3}})), "malformed_certificate");
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), Chain(TrustStore::chain_max, leaf))), "accepted");
  EXPECT_EQ(verdict_of(verify_chain(root().pem(), Chain(TrustStore::chain_max + 1, leaf))), "malformed_certificate");
}

TEST(X509Svid, TriesEveryIssuerOfTheTrustDomain) {
  IssuerTrust first = trust_in_certificates(root(1).pem()), second = trust_in_certificates(root(2).pem());
  second.issuer.name = "second";
  const TrustStore store({first, second});
  EXPECT_EQ(store.verify_certificate(Chain{leaf_of(root(2)).der}, test_now)->issuer, "second");
  EXPECT_EQ(verdict_of(store.verify_certificate(Chain{leaf_of(root(3)).der}, test_now)), "untrusted_chain");
  EXPECT_EQ(verdict_of(store.verify_certificate(Chain{leaf_of(root(2)).der}, test_now + 2h)), "certificate_expired");
}

TEST(X509Svid, WithoutIssuersOfCertificatesIsRefused) {
  EXPECT_EQ(verdict_of(TrustStore({}).verify_certificate(Chain{leaf_of(root()).der}, test_now)), "no_issuers");
}

TEST(X509Svid, MayBeVerifiedByManyThreads) {
  const TrustStore store({trust_in_certificates(root(1).pem() + root(2).pem())});
  const Chain chains[] = {{leaf_of(root(1)).der}, {leaf_of(root(2)).der}};
  std::atomic<int> accepted = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 50; ++turn)
        accepted += store.verify_certificate(chains[turn % 2], test_now).has_value() ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 200);
}

}  // namespace
}  // namespace sallyport::controlplane::x509_svid_test
