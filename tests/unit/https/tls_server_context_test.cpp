#include "controlplane/https/tls_server_context.hpp"

#include <gtest/gtest.h>

#include "tests/unit/https/client_lab.hpp"

namespace sallyport::controlplane::tls_server_context_test {
namespace {

using namespace std::chrono_literals;

std::string error_of(const std::string& certificate, const std::string& key,
                     const TlsServerContext::Settings& settings = {}) {
  const auto context = TlsServerContext::make(certificate, key, settings);
  return context ? "" : context.error();
}

TEST(TlsServerContext, NamesWhatIsWrong) {
  const TestIdentity good = test_ca().issue({.common_name = "one"});
  const TestIdentity other = test_ca().issue({.common_name = "two"});
  EXPECT_EQ(error_of(good.certificate_pem, good.key_pem), "");
  EXPECT_EQ(error_of(good.certificate_pem, other.key_pem),
            "the private key does not fit the first certificate, that of CN=one");
  EXPECT_EQ(error_of("", good.key_pem), "expected a certificate in PEM, found none");
  EXPECT_EQ(error_of("hello", good.key_pem), "expected a certificate in PEM, found none");
  EXPECT_EQ(error_of(good.certificate_pem, "hello"), "expected a private key in PEM, found none");
  EXPECT_EQ(error_of(good.certificate_pem, good.certificate_pem), "expected a private key in PEM, found none");
  EXPECT_EQ(error_of(good.certificate_pem, encrypted(good.key_pem)),
            "the private key is encrypted, expected one without a passphrase");
  std::string broken = good.certificate_pem;
  broken[broken.size() / 2] = '*';
  EXPECT_TRUE(has(error_of(broken, good.key_pem), "certificate 1: "));
  EXPECT_TRUE(has(error_of(good.certificate_pem + broken, good.key_pem), "certificate 2: "));
  EXPECT_TRUE(has(error_of(std::string(2 << 20, 'x'), good.key_pem), "expected PEM of 1048576 bytes at most"));
  std::string many;
  for (int i = 0; i < 17; ++i) many += good.certificate_pem;
  EXPECT_EQ(error_of(many, good.key_pem), "expected 16 certificates at most, got more");
  const std::vector<std::string> cas{"no PEM"};
  EXPECT_TRUE(has(error_of(good.certificate_pem, good.key_pem, {.client_cas = cas, .ask_for_certificate = true}),
                  "a CA of clients: "));
}

TEST(TlsServerContext, WarnsOfDatesAndTellsThem) {
  const TestIdentity expired = test_ca().issue({.not_before = -7200s, .not_after = -3600s});
  const auto context = TlsServerContext::make(expired.certificate_pem, expired.key_pem, {});
  ASSERT_TRUE(context) << "expired, but what else is there to show";
  const auto not_after = (*context)->not_after();
  EXPECT_EQ(not_after - (*context)->not_before(), 3600s);
  EXPECT_EQ((*context)->warning(not_after - 1s), "");
  EXPECT_EQ((*context)->warning(not_after), "the certificate has expired, 0 h ago");
  EXPECT_EQ((*context)->warning(not_after + 49h), "the certificate has expired, 49 h ago");
  EXPECT_EQ((*context)->warning(not_after - 3h), "the certificate is not valid yet, for 2 h");
}

TEST(TlsServerContext, ShowsNoNamesOfCasRatherThanTooMany) {
  const TestIdentity identity = test_ca().issue();
  std::vector<std::string> cas{test_ca().pem(), test_ca().pem()};
  const auto names = [&] {
    const auto context = TlsServerContext::make(identity.certificate_pem, identity.key_pem,
                                                {.client_cas = cas, .ask_for_certificate = true});
    return sk_X509_NAME_num(SSL_CTX_get_client_CA_list((*context)->native()));
  };
  EXPECT_EQ(names(), 1) << "each name once";
  for (std::size_t i = 0; i < TlsServerContext::client_cas_max; ++i)
    cas.push_back(test_ca().issue({.common_name = "CA " + std::to_string(i)}).certificate_pem);
  EXPECT_LE(names(), 0);
}

}  // namespace
}  // namespace sallyport::controlplane::tls_server_context_test
