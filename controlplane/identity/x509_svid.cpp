#include "controlplane/identity/x509_svid.hpp"

#include <algorithm>

#include <openssl/x509_vfy.h>

#include "config/toml/value.hpp"
#include "controlplane/identity/openssl_error_queue.hpp"
#include "controlplane/identity/spiffe_id.hpp"
#include "controlplane/identity/trust_bundle.hpp"

namespace sallyport::controlplane {
namespace {

using policy::Issuer;
using policy::TimePoint;
using ContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslDelete<X509_STORE_CTX_free>>;
using Stack = std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })>;

// 112 bits: no SHA-1, no RSA below 2048 bits.
constexpr int security_level = 2;

Checked<void> read_id(X509Svid& svid) {
  const auto uris = uri_names_of(*svid.chain.front());
  if (!uris) return refuse(ProofRefusal::malformed_certificate, "its subject alternative names cannot be read");
  if (uris->size() != 1)
    return refuse(ProofRefusal::not_one_uri_san, std::to_string(uris->size()) + " URI SANs, expected one");
  const auto id = parse_spiffe_id(uris->front());
  if (!id || id->path.empty())
    return refuse(ProofRefusal::not_one_uri_san,
                  "the URI SAN is " + config::in_quotes(uris->front()) + ", expected a SPIFFE ID with a path");
  svid.id = uris->front();
  svid.trust_domain = id->trust_domain;
  return {};
}

// Section 5.2. The extensions were read when the certificate was parsed.
Checked<void> check_is_leaf(X509& leaf) {
  if ((X509_get_extension_flags(&leaf) & EXFLAG_CA) != 0)
    return refuse(ProofRefusal::leaf_is_ca, "its basicConstraints have CA:TRUE");
  const std::uint32_t usage = X509_get_key_usage(&leaf);
  if (usage == UINT32_MAX) return {};  // it has no such extension
  if ((usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0)
    return refuse(ProofRefusal::leaf_is_ca, "its keyUsage has keyCertSign or cRLSign");
  if ((usage & KU_DIGITAL_SIGNATURE) == 0)
    return refuse(ProofRefusal::malformed_certificate, "its keyUsage lacks digitalSignature");
  return {};
}

// A CA that is of one trust domain by its own name does not vouch for another one.
bool is_of_domain(const X509& intermediate, std::string_view trust_domain) {
  const auto uris = uri_names_of(intermediate);
  return uris && std::all_of(uris->begin(), uris->end(), [&](const std::string& uri) {
           const auto id = parse_spiffe_id(uri);
           return id && id->trust_domain == trust_domain;
         });
}

Stack intermediates_of(const X509Svid& svid) {
  Stack stack(sk_X509_new_null());
  for (std::size_t i = 1; stack != nullptr && i < svid.chain.size(); ++i)
    if (sk_X509_push(stack.get(), svid.chain[i].get()) == 0) stack.reset();  // the stack borrows
  return stack;
}

// At `now` and not at the time of the system; an intermediate in the bundle is an anchor; nothing is fetched.
bool prepare(X509_STORE_CTX& context, const X509Svid& svid, STACK_OF(X509) & intermediates, const TrustBundle& bundle,
             TimePoint now) {
  if (X509_STORE_CTX_init(&context, bundle.impl().store.get(), svid.chain.front().get(), &intermediates) != 1)
    return false;
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(&context);
  X509_VERIFY_PARAM_set_time(parameters, now.time_since_epoch().count());
  X509_VERIFY_PARAM_set_depth(parameters, static_cast<int>(TrustStore::chain_max));
  X509_VERIFY_PARAM_set_auth_level(parameters, security_level);
  return X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
         X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT) == 1;
}

bool is_about_time(int error) {
  return error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID ||
         error == X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD || error == X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD;
}

tl::unexpected<RefusedProof> refuse_chain(X509_STORE_CTX& context, const Issuer& issuer, const TrustBundle& bundle) {
  const int error = X509_STORE_CTX_get_error(&context);
  const X509* at = X509_STORE_CTX_get_current_cert(&context);
  const std::string detail = std::string(X509_verify_cert_error_string(error)) +
                             (at == nullptr ? std::string() : ": " + config::in_quotes(subject_of(*at))) +
                             " at depth " + std::to_string(X509_STORE_CTX_get_error_depth(&context));
  const bool of_bundle = at != nullptr && bundle.impl().find(*at) != nullptr;
  const auto reason = !is_about_time(error) ? ProofRefusal::untrusted_chain
                      : of_bundle           ? ProofRefusal::bundle_expired
                                            : ProofRefusal::certificate_expired;
  return refuse(issuer, reason, detail);
}

struct VerifiedChain {
  TimePoint not_after;
  std::string anchor_key_id;
};

// The chain that OpenSSL found, from the leaf to the anchor.
Checked<VerifiedChain> read_chain(X509_STORE_CTX& context, const X509Svid& svid, const Issuer& issuer,
                                  const TrustBundle& bundle) {
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(&context);
  VerifiedChain result{TimePoint::max(), {}};
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const X509* certificate = sk_X509_value(chain, i);
    const auto not_after = not_after_of(*certificate);
    if (!not_after) return refuse(issuer, ProofRefusal::malformed_certificate, "notAfter cannot be read");
    result.not_after = std::min(result.not_after, *not_after);
    const auto* anchor = bundle.impl().find(*certificate);
    if (anchor == nullptr && i > 0 && !is_of_domain(*certificate, svid.trust_domain))
      return refuse(issuer, ProofRefusal::untrusted_chain,
                    "an intermediate is of another trust domain: " + config::in_quotes(subject_of(*certificate)));
    result.anchor_key_id = anchor == nullptr ? std::string() : anchor->key_id;
  }
  if (result.anchor_key_id.empty())
    return refuse(issuer, ProofRefusal::untrusted_chain, "the chain does not end in the bundle");
  return result;
}

}  // namespace

Checked<X509Svid> X509Svid::parse(std::span<const std::vector<std::uint8_t>> chain) {
  const CleanErrorQueue errors;
  if (chain.empty()) return refuse(ProofRefusal::no_proof, "no certificate");
  if (chain.size() > TrustStore::chain_max)
    return refuse(
        ProofRefusal::malformed_certificate,
        std::to_string(chain.size()) + " certificates, expected at most " + std::to_string(TrustStore::chain_max));
  X509Svid svid;
  for (const auto& der : chain) {
    svid.chain.push_back(parse_certificate(der));
    if (svid.chain.back() == nullptr)
      return refuse(ProofRefusal::malformed_certificate,
                    "certificate " + std::to_string(svid.chain.size()) + " of the chain is no X.509 certificate");
  }
  if (auto id = read_id(svid); !id) return tl::unexpected(std::move(id.error()));
  if (auto leaf = check_is_leaf(*svid.chain.front()); !leaf) return tl::unexpected(std::move(leaf.error()));
  return svid;
}

Checked<Proof> verify_svid(const X509Svid& svid, const Issuer& issuer, const TrustBundle& bundle, TimePoint now) {
  const CleanErrorQueue errors;
  const Stack intermediates = intermediates_of(svid);
  const ContextPtr context(X509_STORE_CTX_new());
  if (intermediates == nullptr || context == nullptr || !prepare(*context, svid, *intermediates, bundle, now))
    return refuse(issuer, ProofRefusal::untrusted_chain, "it could not be verified: out of memory");
  if (X509_verify_cert(context.get()) != 1) return refuse_chain(*context, issuer, bundle);
  auto chain = read_chain(*context, svid, issuer, bundle);
  if (!chain) return tl::unexpected(std::move(chain.error()));
  const TimePoint end = session_end(issuer, now, chain->not_after);
  // RFC 5280, section 4.1.2.5: notAfter itself is still good, but not for a session.
  if (now >= end) return refuse(issuer, ProofRefusal::certificate_expired, "its last second has come");

  Proof proof;
  proof.issuer = issuer.name;
  proof.identity = svid.id;
  proof.subject = svid.id;
  proof.authenticated_at = not_before_of(*svid.chain.front());
  proof.not_after = end;
  proof.issuer_key = issuer.name + '/' + chain->anchor_key_id;
  return proof;
}

}  // namespace sallyport::controlplane
