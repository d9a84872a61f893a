// Certificates made for a test: a CA and what it vouches for, all of them PEM.
#pragma once

#include <string>
#include <vector>

namespace sallyport {

struct TestIdentity {
  std::string certificate, key;  // PEM
};

struct CertificateWish {
  std::string common_name;
  std::vector<std::string> names;                   // as subjectAltName: "DNS:localhost", "IP:127.0.0.1"
  long valid_from_s = -3600, valid_until_s = 3600;  // from now
  bool is_ca = false;
};

// Null issuer: it vouches for itself.
[[nodiscard]] TestIdentity make_certificate(const CertificateWish& wish, const TestIdentity* issuer = nullptr);

}  // namespace sallyport
