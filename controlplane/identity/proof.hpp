// What a proof of identity comes to: the facts that it proves and until when, or why it is refused. Refusals are for
// our own log and counters; a client hears one and the same answer for all of them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "policy/model.hpp"

namespace sallyport::controlplane {

// One line each: the enum, the counter's name and its help text come from here.
#define SALLYPORT_PROOF_REFUSALS(X)                                                                      \
  X(malformed_token, "the token is no JWS in compact form, or its parts are no JSON objects")            \
  X(token_too_large, "the token is longer than 16 KiB")                                                  \
  X(algorithm_refused, "the token's alg is none, symmetric, unknown, or not that of the key")            \
  X(unknown_issuer, "no [issuer.NAME] of the policy has the token's iss or trust domain")                \
  X(unknown_key, "the issuer has no key of the token's kid, or the token names none")                    \
  X(bad_signature, "the signature does not verify")                                                      \
  X(wrong_audience, "aud does not contain the audience of the issuer")                                   \
  X(expired, "exp has passed")                                                                           \
  X(not_yet_valid, "nbf or iat lies in the future")                                                      \
  X(missing_claim, "a claim that this type of token must have is missing or of another type")            \
  X(claims_too_large, "more claims or values than a session may carry")                                  \
  X(email_not_verified, "the token has an email that its issuer did not verify")                         \
  X(not_bound_to_key, "the token's nonce is not the hash of the WireGuard key, or it has none and must") \
  X(malformed_certificate, "the client certificate cannot be read, or the chain is too long")            \
  X(not_one_uri_san, "the leaf has no URI SAN or more than one, or it is no SPIFFE ID")                  \
  X(leaf_is_ca, "the leaf is a CA certificate, or may sign certificates")                                \
  X(unknown_trust_domain, "no [issuer.NAME] has a bundle for the trust domain")                          \
  X(untrusted_chain, "the chain does not lead to the bundle of its trust domain")                        \
  X(certificate_expired, "the leaf or an intermediate has expired or is not valid yet")                  \
  X(bundle_expired, "the chain leads to a certificate of the bundle that has expired")                   \
  X(unknown_enrolment_key, "no enrolment key has this secret")                                           \
  X(enrolment_key_expired, "the enrolment key may no longer be used")                                    \
  X(enrolment_key_used_up, "the enrolment key was used as often as it may be")                           \
  X(revoked_enrolment_key, "the enrolment key is revoked")                                               \
  X(revoked_identity, "the identity is revoked")                                                         \
  X(revoked_public_key, "the WireGuard key is revoked")                                                  \
  X(revoked_issuer, "the issuer of the proof is revoked")                                                \
  X(revoked_issuer_key, "the key that signed the proof is revoked")                                      \
  X(name_is_anothers, "the name is pinned to another subject of the issuer")                             \
  X(key_is_anothers, "the WireGuard key belongs to another identity or to a configured peer")            \
  X(bad_public_key, "the WireGuard key is a point of low order or the gateway's own")                    \
  X(unknown_session, "there is no such session, it has ended, or it belongs to another identity")        \
  X(not_post_quantum, "the connection's key exchange is not post-quantum, which [enrolment] requires")   \
  X(no_proof, "the request has neither a token nor a client certificate")                                \
  X(no_issuers, "the policy has no issuer of this kind")

enum class ProofRefusal : std::uint8_t {
#define SALLYPORT_ENUMERATOR(name, text) name,
  SALLYPORT_PROOF_REFUSALS(SALLYPORT_ENUMERATOR)
#undef SALLYPORT_ENUMERATOR
};
#define SALLYPORT_COUNT(name, text) +1
inline constexpr std::size_t proof_refusal_count = 0 SALLYPORT_PROOF_REFUSALS(SALLYPORT_COUNT);
#undef SALLYPORT_COUNT

[[nodiscard]] std::string_view name_of(ProofRefusal refusal);  // "wrong_audience"
[[nodiscard]] std::string_view explain(ProofRefusal refusal);

// For the log: who it claimed to be and what was wrong with it. Escaped and cut, never a token or a part of a
// signature.
struct RefusedProof {
  ProofRefusal reason = ProofRefusal::no_proof;
  std::string issuer;  // [issuer.NAME]; empty: not known
  std::string detail;  // "aud is \"other\", expected \"sallyport-fra\""
};

[[nodiscard]] inline tl::unexpected<RefusedProof> refuse(ProofRefusal reason, std::string detail) {
  return tl::unexpected(RefusedProof{reason, {}, std::move(detail)});
}

struct Proof {
  std::string issuer;    // [issuer.NAME]
  std::string identity;  // "sa:prod-eu/shop/frontend": a name as policy selectors have it
  std::string subject;   // what the name is pinned to: iss and sub. Of an X.509-SVID the SPIFFE ID
  // True of OIDC alone: who has a name may change there, so it is pinned to the first subject.
  bool name_may_move = false;
  std::vector<policy::Claim> claims;
  std::optional<policy::TimePoint> authenticated_at;
  std::optional<policy::TimePoint> issued_at;  // iat: of several proofs of one identity the newest one's claims count
  policy::TimePoint not_after;                 // exp or notAfter, or the end of max_session if that is first
  std::string issuer_key;  // that signed it: "corp/2026-11" (issuer/kid), "mesh/SUBJECT-KEY-ID" in hexadecimal
  std::string instance;    // which of the identity's machines, if the proof says so: a pod's uid
};

// Of a token or a claim.
inline constexpr std::size_t token_bytes_max = 16 * 1024;
inline constexpr std::size_t proof_claims_max = 64;
inline constexpr std::size_t proof_claim_values_max = 1024;  // of one claim
inline constexpr std::chrono::seconds clock_skew_max{30};    // of nbf and iat; exp has none

}  // namespace sallyport::controlplane
