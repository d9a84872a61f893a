// The inside of a TrustBundle: its certificates, and the store that OpenSSL verifies against.
#pragma once

#include <vector>

#include "controlplane/identity/trust_store.hpp"
#include "controlplane/identity/x509_certificate.hpp"

namespace sallyport::controlplane {

class TrustBundle::Impl {
 public:
  std::vector<CertificateInfo> infos;
  std::vector<X509Ptr> certificates;  // in the order of `infos`
  // Only these certificates; no folder, no file, no default of the system. Threads may share it: it locks for itself.
  std::unique_ptr<X509_STORE, OpensslDelete<X509_STORE_free>> store;

  // The one that is the very same certificate; null: none.
  [[nodiscard]] const CertificateInfo* find(const X509& certificate) const;
};

}  // namespace sallyport::controlplane
