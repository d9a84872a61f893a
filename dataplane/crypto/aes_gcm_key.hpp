// The expanded key of an AES-GCM session: what intel-ipsec-mb and we make of a key of 16, 24 or 32 bytes. It is made
// when a session is installed, by housekeeping, and every engine reads it from then on. AeadKey owns one and hides it
// from those that have ChaCha20 keys only.
#pragma once

#include <intel-ipsec-mb.h>

#include "dataplane/crypto/aead_batch.hpp"
#include "dataplane/crypto/gcm_packets.hpp"

namespace sallyport::dataplane {

struct alignas(64) ExpandedAesKey {
  // In the form that the library chose for this processor; all its managers of the process choose the same.
  gcm_key_data library;
  gcm::HashPowers powers;  // our own; the round keys are the same
};
static_assert(offsetof(gcm_key_data, expanded_keys) == 0);

// How often the cipher puts a round key in, but for the first.
[[nodiscard]] constexpr std::uint8_t rounds_of(AeadAlgorithm algorithm) noexcept {
  return static_cast<std::uint8_t>(key_bytes_of(algorithm) / 4 + 6);
}

// The best way of our own that this processor has; null: none. Its powers are what `ExpandedAesKey` holds.
[[nodiscard]] const gcm::Way* best_gcm_way() noexcept;

// How many expanded keys there are now: for tests, which see that none is forgotten.
[[nodiscard]] std::size_t expanded_aes_keys_in_use() noexcept;

// `expand_aes_gcm_key` and `wipe_and_free` are declared in aead_batch.hpp. Any thread that is not a worker; a lock is
// taken, and every few hundred keys memory is asked of the system: locked if the limits allow, kept out of core dumps.
// Null: there is none, or the library does not support this processor.

}  // namespace sallyport::dataplane
