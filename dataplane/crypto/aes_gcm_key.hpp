// The expanded key of an AES-GCM session: what intel-ipsec-mb makes of a key of 16, 24 or 32 bytes. It is made when a
// session is installed, by housekeeping, and every engine reads it from then on. AeadKey owns one and hides it from
// those that have ChaCha20 keys only.
#pragma once

#include <intel-ipsec-mb.h>

#include "dataplane/crypto/aead_batch.hpp"

namespace sallyport::dataplane {

struct alignas(64) ExpandedAesKey {
  // In the form that the library chose for this processor; all its managers of the process choose the same.
  gcm_key_data library;
};

// How many expanded keys there are now: for tests, which see that none is forgotten.
[[nodiscard]] std::size_t expanded_aes_keys_in_use() noexcept;

// `expand_aes_gcm_key` and `wipe_and_free` are declared in aead_batch.hpp. Any thread that is not a worker; a lock is
// taken, and every few hundred keys memory is asked of the system: locked if the limits allow, kept out of core dumps.
// Null: there is none, or the library does not support this processor.

}  // namespace sallyport::dataplane
