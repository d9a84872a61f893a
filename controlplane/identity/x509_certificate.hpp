// X.509 certificates as OpenSSL has them, owned, and what we ask of one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <openssl/x509v3.h>

#include "policy/model.hpp"

namespace sallyport::controlplane {

template <auto release>
struct OpensslDelete {
  template <typename T>
  void operator()(T* object) const {
    release(object);
  }
};
using X509Ptr = std::unique_ptr<X509, OpensslDelete<X509_free>>;

inline constexpr std::size_t certificate_bytes_max = 64 * 1024;

// DER, the whole of it and nothing after it. Null: it is none, or its extensions contradict each other.
[[nodiscard]] X509Ptr parse_certificate(std::span<const std::uint8_t> der);

[[nodiscard]] std::string subject_of(const X509& certificate);  // RFC 2253, escaped for a message and cut
// SHA-256 of SubjectPublicKeyInfo, in hexadecimal.
[[nodiscard]] std::string key_id_of(const X509& certificate);

[[nodiscard]] std::optional<policy::TimePoint> not_before_of(const X509& certificate);
[[nodiscard]] std::optional<policy::TimePoint> not_after_of(const X509& certificate);

// Of the subject alternative names those that are URIs, byte by byte as they stand there. Nothing: the extension is
// malformed or there are two of it.
[[nodiscard]] std::optional<std::vector<std::string>> uri_names_of(const X509& certificate);

}  // namespace sallyport::controlplane
