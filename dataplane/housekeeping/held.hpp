// What commands made and still stands, as the statistics segment shows it: see abi::Holdings.
#pragma once

#include <cstdint>

namespace sallyport::dataplane {

// How many objects of a kind, and the sum of their digests: see abi/digest.hpp.
struct HeldTable {
  std::uint64_t count = 0, digest = 0;
};

// Of the image in force, what may change within an image.
struct HeldPolicyParts {
  std::uint64_t source_classes = 0, destination_classes = 0, addresses = 0, peers_with_access = 0;
};

}  // namespace sallyport::dataplane
