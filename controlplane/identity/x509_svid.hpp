// An X.509-SVID (the SPIFFE standard of that name, section 5): first what the leaf says, then whether the bundle of its
// trust domain vouches for it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "controlplane/identity/token_claims.hpp"
#include "controlplane/identity/trust_store.hpp"
#include "controlplane/identity/x509_certificate.hpp"

namespace sallyport::controlplane {

struct X509Svid {
  std::vector<X509Ptr> chain;  // the leaf first; what follows is what the client sent along, and nobody's word
  std::string id;              // "spiffe://DOMAIN/PATH"
  std::string trust_domain;

  // malformed_certificate, not_one_uri_san, leaf_is_ca, or no_proof of an empty chain.
  static Checked<X509Svid> parse(std::span<const std::vector<std::uint8_t>> chain);
};

[[nodiscard]] Checked<Proof> verify_svid(const X509Svid& svid, const policy::Issuer& issuer, const TrustBundle& bundle,
                                         policy::TimePoint now);

}  // namespace sallyport::controlplane
