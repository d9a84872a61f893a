// Certificates for tests, made on the spot with keys on P-256.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/https/pem.hpp"

namespace sallyport::controlplane {

struct TestIdentity {
  std::string certificate_pem;
  std::string key_pem;
};

struct CertificateOrder {
  std::string common_name = "localhost";
  std::string names = "DNS:localhost,IP:127.0.0.1";  // subject alternative names as OpenSSL writes them; empty: none
  std::chrono::seconds not_before{-3600};            // from now
  std::chrono::seconds not_after{3600};
  bool ca = false;
  std::size_t padding_bytes = 0;  // of an extension that nobody reads
};

class TestCa {
 public:
  explicit TestCa(const std::string& name = "test CA");
  [[nodiscard]] TestIdentity issue(const CertificateOrder& order = {}) const;
  [[nodiscard]] const std::string& pem() const { return own_.certificate_pem; }
  [[nodiscard]] const TestIdentity& own() const { return own_; }

 private:
  PrivateKeyPtr key_;
  CertificatePtr certificate_;
  TestIdentity own_;
};

// The same key, encrypted with a passphrase.
[[nodiscard]] std::string encrypted(const std::string& key_pem);
// A thief's: the key has the public half that the certificate has, and another private half.
[[nodiscard]] TestIdentity with_another_private_key(const TestIdentity& identity);
[[nodiscard]] std::vector<std::uint8_t> der_of(const std::string& certificate_pem);

}  // namespace sallyport::controlplane
