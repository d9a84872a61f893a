// Whom the gateway believes, at one moment: the issuers of the policy with their keys and bundles. Immutable, so that
// any thread may verify against a snapshot while the next one is made. No I/O: trust_sources reads files and URLs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "controlplane/identity/proof.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

// Keys of a JWKS (RFC 7517) or of a SPIFFE bundle document: those that can verify RS, PS, ES 256-512 or EdDSA. Keys of
// other kinds and uses are left out. Two keys with one kid, or no usable key: an error.
class KeySet {
 public:
  static tl::expected<std::shared_ptr<const KeySet>, std::string> parse(std::string_view json);

  struct KeyInfo {
    std::string kid;
    std::string kind;  // "RSA", "EC P-256", "Ed25519"
  };
  [[nodiscard]] const std::vector<KeyInfo>& keys() const;

  static constexpr std::size_t bytes_max = 1024 * 1024;
  static constexpr std::size_t keys_max = 256;

  class Impl;
  explicit KeySet(std::unique_ptr<Impl> impl);
  ~KeySet();
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// The CA certificates of a trust domain, from PEM.
class TrustBundle {
 public:
  static tl::expected<std::shared_ptr<const TrustBundle>, std::string> parse(std::string_view pem);

  struct CertificateInfo {
    std::string subject;
    std::string key_id;  // SHA-256 of the public key (SubjectPublicKeyInfo), hexadecimal: what can be revoked
    policy::TimePoint not_before, not_after;
  };
  [[nodiscard]] const std::vector<CertificateInfo>& certificates() const;

  static constexpr std::size_t bytes_max = 1024 * 1024;
  static constexpr std::size_t certificates_max = 256;

  class Impl;
  explicit TrustBundle(std::unique_ptr<Impl> impl);
  ~TrustBundle();
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// An issuer of the policy and what is known of its keys now.
struct IssuerTrust {
  policy::Issuer issuer;
  std::shared_ptr<const KeySet> keys;                                 // oidc, kubernetes; null: none could be had yet
  std::map<std::string, std::shared_ptr<const KeySet>> domain_keys;   // spiffe-jwt, by trust domain
  std::map<std::string, std::shared_ptr<const TrustBundle>> bundles;  // spiffe-x509, by trust domain
};

class TrustStore {
 public:
  explicit TrustStore(std::vector<IssuerTrust> issuers);
  ~TrustStore();

  // A token by which `public_key` is to be enrolled: signature, then every check of its issuer's type. Neither the
  // token's jku, jwk, x5u, x5c nor anything else in it is ever fetched or believed.
  [[nodiscard]] tl::expected<Proof, RefusedProof> verify_token(std::string_view token, const PublicKey& public_key,
                                                               policy::TimePoint now) const;
  // A client certificate whose private key the client has proven (TLS): DER, the leaf first, then what it sent along.
  [[nodiscard]] tl::expected<Proof, RefusedProof> verify_certificate(std::span<const std::vector<std::uint8_t>> chain,
                                                                     policy::TimePoint now) const;

  // The issuer whose keys would be asked for this token, if its kid is not among them: a reason to fetch them again.
  // Nothing is verified.
  [[nodiscard]] std::optional<std::string> issuer_with_unknown_key(std::string_view token) const;

  [[nodiscard]] const std::vector<IssuerTrust>& issuers() const { return issuers_; }
  [[nodiscard]] bool has_certificate_issuers() const;

  static constexpr std::size_t chain_max = 8;

 private:
  std::vector<IssuerTrust> issuers_;
};

}  // namespace sallyport::controlplane
