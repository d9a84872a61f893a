// What perf/aead_bench compares, all behind AeadEngine: our engines, intel-ipsec-mb through each of its interfaces and
// with the instructions of either width, OpenSSL and libsodium. Simple code: nothing here is part of the product.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/crypto/aead_batch.hpp"

namespace sallyport::perf {

struct Contender {
  std::string name;      // "vector/avx512", "ipsec_mb/avx2/burst", "openssl"
  std::string baseline;  // contenders whose names begin so are what it is compared with; their best counts
  std::unique_ptr<dataplane::AeadEngine> engine;
  bool for_aes_gcm = false;  // else for ChaCha20-Poly1305
};

// All that run on this processor.
[[nodiscard]] std::vector<Contender> all_contenders();

}  // namespace sallyport::perf
