// What the lanes headers share: they are templates on the vector, included once by each file that is compiled for a
// width. Everything there has internal linkage and is inlined into that file: code made with wide target flags must
// never be what the linker takes for the rest of the program. For the same reason nothing of the standard library's
// templates is used.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "dataplane/crypto/lane_packets.hpp"

#define SP_LANES_INLINE [[gnu::always_inline]] inline

// What is no secret although it was made from secrets: whether a tag was right.
// tests/unit/crypto/constant_time_check.cpp puts its own word here.
#ifndef SP_LANES_PUBLIC
#define SP_LANES_PUBLIC(value)
#endif

namespace sallyport::dataplane::lanes {
namespace {

SP_LANES_INLINE std::uint32_t smaller(std::uint32_t a, std::uint32_t b) noexcept {
  return a < b ? a : b;
}

}  // namespace
}  // namespace sallyport::dataplane::lanes
