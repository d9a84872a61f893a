// Certificates as a SPIFFE authority makes them, good or not.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/model.hpp"
#include "tests/unit/identity/token_maker.hpp"

namespace sallyport::controlplane {

// Extensions are in the notation of OpenSSL's configuration; an empty one is left out.
struct CertificateRequest {
  std::string subject = "workload";  // its common name
  std::string alternative_names;     // "URI:spiffe://prod.example.org/web"
  std::string basic_constraints = "critical,CA:FALSE";
  std::string key_usage = "critical,digitalSignature";
  std::string extended_key_usage = "serverAuth,clientAuth";
  std::string name_constraints;
  policy::TimePoint not_before, not_after;
  bool sha1 = false;
};

struct TestCertificate {
  TestKey key;
  std::string subject;
  std::vector<std::uint8_t> der;
  [[nodiscard]] std::string pem() const;
};

[[nodiscard]] TestCertificate self_signed(const CertificateRequest& request, const TestKey& key);
[[nodiscard]] TestCertificate signed_by(const TestCertificate& issuer, const CertificateRequest& request,
                                        const TestKey& key);

// A CA from a year before `now` to a year after.
[[nodiscard]] CertificateRequest authority(std::string subject, policy::TimePoint now);
// An X.509-SVID from an hour before `now` to an hour after.
[[nodiscard]] CertificateRequest workload(const std::string& spiffe_id, policy::TimePoint now);

}  // namespace sallyport::controlplane
