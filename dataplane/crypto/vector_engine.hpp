// Our own AEAD engine. ChaCha20-Poly1305 (RFC 8439) across packets: those of a batch stand side by side in the lanes of
// vectors, whatever their keys; chacha20_poly1305_lanes.hpp says how. Batches that are too small to gain go to the
// ipsec_mb engine, packet by packet. AES-GCM with the blocks of a packet side by side: aes_gcm_lanes.hpp.
#pragma once

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "dataplane/crypto/aead_batch.hpp"
#include "dataplane/crypto/gcm_packets.hpp"

namespace sallyport::dataplane {

enum class VectorWidth : std::uint8_t { avx2, avx512 };

// Start-up only: allocates the scratch memory of one worker's engine. The widest vectors that the processor has. The
// error is a sentence.
[[nodiscard]] tl::expected<std::unique_ptr<AeadEngine>, std::string> make_vector_engine();

// The same with vectors of one width and one way to do AES-GCM (null: the best that there is): for tests and
// measurements. With `fall_back` false, every batch goes through our own code.
[[nodiscard]] tl::expected<std::unique_ptr<AeadEngine>, std::string> make_vector_engine(VectorWidth width,
                                                                                        bool fall_back = true,
                                                                                        const gcm::Way* way = nullptr);

}  // namespace sallyport::dataplane
