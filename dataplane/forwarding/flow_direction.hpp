// Which way a packet of a flow goes. The values are the indices of counters and rates.
#pragma once

#include <cstdint>

namespace sallyport::dataplane {

enum class FlowDirection : std::uint8_t { from_opener = 0, back = 1 };

}  // namespace sallyport::dataplane
