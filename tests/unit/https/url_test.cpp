#include <gtest/gtest.h>

#include "controlplane/https/https_client.hpp"
#include "controlplane/https/media_type.hpp"

namespace sallyport::controlplane::url_test {
namespace {

TEST(HttpsUrl, HasHostPortAndTarget) {
  const auto url = parse_https_url("HTTPS://Login.Example.com/keys/v1?kid=a%20b");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "login.example.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->target, "/keys/v1?kid=a%20b");
  EXPECT_EQ(parse_https_url("https://10.20.0.10:6443")->target, "/");
  EXPECT_EQ(parse_https_url("https://10.20.0.10:6443")->port, 6443);
  EXPECT_EQ(parse_https_url("https://[2001:DB8::1]:6443/x")->host, "2001:db8::1");
  EXPECT_EQ(parse_https_url("https://[::1]")->port, 443);
  EXPECT_EQ(parse_https_url("https://a?b")->target, "/?b");
  EXPECT_EQ(parse_https_url("https://my_host.local./")->host, "my_host.local.");
}

TEST(HttpsUrl, SaysWhatWasExpected) {
  const auto error = [](std::string_view text) {
    const auto url = parse_https_url(text);
    return url ? "accepted as " + url->host : url.error();
  };
  EXPECT_EQ(error("http://a/"), "expected a URL that begins with https://");
  EXPECT_EQ(error(""), "expected a URL that begins with https://");
  EXPECT_EQ(error("https://user@a/"), "expected a URL without a user");
  EXPECT_EQ(error("https://a/#part"), "expected a URL without a fragment");
  EXPECT_EQ(error("https://a/b c"), "expected a path and a query of RFC 3986");
  EXPECT_EQ(error("https://a/\r\nX: y"), "expected a path and a query of RFC 3986");
  EXPECT_EQ(error("https://a/%4"), "expected a path and a query of RFC 3986");
  EXPECT_EQ(error("https://a/" + std::string(2048, 'x')), "expected a URL of 2048 bytes at most");
  for (const char* port : {"https://a:", "https://a:0", "https://a:65536", "https://a:-1", "https://a:99999999999"})
    EXPECT_EQ(error(port), "expected a port from 1 to 65535") << port;
  for (const char* host : {"https://", "https:///x", "https://.a", "https://a..b", "https://a..", "https://.",
                           "https://-a", "https://a-", "https://a b", "https://a\\b", "https://1.2.3", "https://1",
                           "https://0x7f.0x1", "https://1.2.3.256", "https://a%2e", "https://\xc3\xa4"})
    EXPECT_EQ(error(host), "expected the name or the address of a host after https://") << host;
  for (const char* host :
       {"https://[", "https://[::1", "https://[]", "https://[1.2.3.4]", "https://[::1]x", "https://[fe80::1%25eth0]"})
    EXPECT_EQ(error(host), "expected an IPv6 address in brackets") << host;
  EXPECT_EQ(error("https://" + std::string(64, 'a')), "expected the name or the address of a host after https://");
}

TEST(MediaType, IsWithoutParametersAndInLowerCase) {
  EXPECT_EQ(media_type("Application/JSON; charset=utf-8"), "application/json");
  EXPECT_EQ(media_type("  text/html\t"), "text/html");
  EXPECT_EQ(media_type(""), "");
  EXPECT_EQ(media_type(" ;"), "");
}

}  // namespace
}  // namespace sallyport::controlplane::url_test
