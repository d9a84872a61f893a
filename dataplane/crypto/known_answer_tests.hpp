// The proof that an AEAD engine must give at start, on the very processor it will run on, before a packet is trusted to
// it.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "dataplane/crypto/aead_batch.hpp"

namespace sallyport::dataplane {

// Start-up only (allocates; some 20 ms for an algorithm). For each algorithm that the engine has, and for a mixture if
// it has all: the vector of RFC 8439 section 2.8.2; every length from 0 to 2,048 bytes, 64 packets of 64 sessions in a
// batch, with no, 8 and 12 bytes of associated data, against digests that another implementation made, and opened
// again; single bits flipped in tag, ciphertext, nonce and associated data, in batches where every other packet is
// good; runts; wiped keys, and keys of algorithms that it lacks. The error says which test failed.
[[nodiscard]] tl::expected<void, std::string> run_known_answer_tests(AeadEngine& engine);

}  // namespace sallyport::dataplane
