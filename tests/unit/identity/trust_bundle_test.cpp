#include <algorithm>

#include <gtest/gtest.h>

#include "controlplane/identity/x509_certificate.hpp"
#include "tests/unit/identity/certificate_maker.hpp"
#include "tests/unit/identity/issuers.hpp"

namespace sallyport::controlplane::trust_bundle_test {
namespace {

using namespace std::chrono_literals;

TestCertificate root(std::string name, std::uint8_t seed) {
  return self_signed(authority(std::move(name), test_now), TestKey::ec("P-256", seed));
}

std::string problem_of(std::string_view pem) {
  const auto bundle = TrustBundle::parse(pem);
  return bundle ? "" : bundle.error();
}

TEST(TrustBundle, TellsWhatIsInIt) {
  const auto bundle = TrustBundle::parse("# prod\n" + root("root A", 1).pem() + "\n" + root("root B", 2).pem());
  ASSERT_TRUE(bundle) << bundle.error();
  const auto& certificates = (*bundle)->certificates();
  ASSERT_EQ(certificates.size(), 2U);
  EXPECT_EQ(certificates[0].subject, "CN=root A");
  EXPECT_EQ(certificates[0].not_before, test_now - 365 * 24h);
  EXPECT_EQ(certificates[1].not_after, test_now + 365 * 24h);
  EXPECT_EQ(certificates[0].key_id.size(), 64U);
  EXPECT_NE(certificates[0].key_id, certificates[1].key_id);
}

TEST(TrustBundle, KeyIdIsOfTheKeyAndNotOfTheCertificate) {
  const auto bundle = TrustBundle::parse(root("root A", 1).pem() + root("root A again", 1).pem());
  ASSERT_TRUE(bundle);
  EXPECT_EQ((*bundle)->certificates()[0].key_id, (*bundle)->certificates()[1].key_id);
}

TEST(TrustBundle, TakesACertificateThatComesTwiceOnce) {
  const std::string pem = root("root A", 1).pem();
  EXPECT_EQ((*TrustBundle::parse(pem + pem))->certificates().size(), 1U);
}

TEST(TrustBundle, RefusesWhatIsNoCertificateOfACa) {
  const TestCertificate leaf =
      signed_by(root("root A", 1), workload("spiffe://prod.example.org/web", test_now), TestKey::ec("P-256", 3));
  EXPECT_EQ(problem_of(leaf.pem()), "block 1: not a CA certificate: CN=workload");
  CertificateRequest no_signing = authority("root", test_now);
  no_signing.key_usage = "digitalSignature";
  EXPECT_EQ(problem_of(self_signed(no_signing, TestKey::ec("P-256", 1)).pem()),
            "block 1: not a CA certificate: CN=root");
  EXPECT_EQ(problem_of(root("root A", 1).pem() + corp_key().public_pem()),
            "block 2: expected a CERTIFICATE, got \"PUBLIC KEY\"");
}

TEST(TrustBundle, RefusesWhatIsNoPem) {
  EXPECT_EQ(problem_of(""), "expected CA certificates in PEM, got nothing");
  EXPECT_EQ(problem_of("some text"), "expected CA certificates in PEM, got none");
  EXPECT_EQ(problem_of("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), "block 1: not a certificate");
}

TEST(TrustBundle, RefusesACutFile) {
  const std::string pem = root("root A", 1).pem() + root("root B", 2).pem();
  const std::size_t one = root("root A", 1).pem().size();
  for (const std::size_t length : {pem.size() - 2, pem.size() - 30, one + 60, one + 200, std::size_t{100}})
    EXPECT_NE(problem_of(std::string_view(pem).substr(0, length)), "") << length;
}

TEST(TrustBundle, IsBounded) {
  EXPECT_EQ(problem_of(std::string(TrustBundle::bytes_max + 1, '\n')), "expected at most 1048576 bytes, got 1048577");
  std::string pem;
  const std::string one = root("root A", 1).pem();
  for (std::size_t i = 0; i <= TrustBundle::certificates_max; ++i) pem += one;
  EXPECT_EQ(problem_of(pem), "expected at most 256 certificates");
}

}  // namespace
}  // namespace sallyport::controlplane::trust_bundle_test
