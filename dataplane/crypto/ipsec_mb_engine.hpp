// The AEAD engine over intel-ipsec-mb, always there: ChaCha20-Poly1305 (RFC 8439) and AES-GCM (NIST SP 800-38D), one
// packet after the other, with the best instructions that the processor has (SSE4.1 to AVX-512 IFMA, VAES; the library
// decides at start).
#pragma once

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "dataplane/crypto/aead_batch.hpp"

namespace sallyport::dataplane {

// Start-up only: allocates the library's manager, one for each engine and so one for each worker. The error is a
// sentence.
[[nodiscard]] tl::expected<std::unique_ptr<AeadEngine>, std::string> make_ipsec_mb_engine();

}  // namespace sallyport::dataplane
