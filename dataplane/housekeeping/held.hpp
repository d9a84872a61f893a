// What commands made and still stands, as the statistics segment shows it: see abi::Holdings.
#pragma once

#include <cstdint>

namespace sallyport::dataplane {

struct HeldObjects {
  std::uint64_t tunnels = 0, tunnels_digest = 0, routes = 0, routes_digest = 0;
};

// Of the image in force, what may change within an image.
struct HeldPolicyParts {
  std::uint64_t source_classes = 0, destination_classes = 0, addresses = 0, peers_with_access = 0;
};

}  // namespace sallyport::dataplane
