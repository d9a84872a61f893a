// Texts of a fixed size in shared memory, ended by a zero byte.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace sallyport::abi {

// What does not fit is cut off.
template <std::size_t N>
void copy_text(std::array<char, N>& out, std::string_view text) noexcept {
  out.fill('\0');
  std::copy_n(text.begin(), std::min(text.size(), N - 1), out.begin());
}

}  // namespace sallyport::abi
