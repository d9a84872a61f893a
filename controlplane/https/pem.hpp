// PEM texts as OpenSSL objects, and what OpenSSL says of an error. Never asks for a passphrase. For the .cpp files of
// this folder: the narrow headers beside it come without OpenSSL.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <tl/expected.hpp>

namespace sallyport::controlplane {

template <auto free_function>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const noexcept {
    free_function(object);
  }
};
using CertificatePtr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using PrivateKeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;

inline constexpr std::size_t pem_bytes_max = 1024 * 1024;

// All certificates of a text, from 1 to `most`; what is between them is passed over.
[[nodiscard]] tl::expected<std::vector<CertificatePtr>, std::string> certificates_of(std::string_view pem,
                                                                                     std::size_t most);
// The first private key of a text, which must not be encrypted.
[[nodiscard]] tl::expected<PrivateKeyPtr, std::string> private_key_of(std::string_view pem);

// The reason of this thread's oldest error, for a sentence; the queue is empty afterwards.
[[nodiscard]] std::string take_openssl_error();

[[nodiscard]] std::string distinguished_name_of(const X509& certificate);  // "CN=vpn.example.com,O=Example"

}  // namespace sallyport::controlplane
