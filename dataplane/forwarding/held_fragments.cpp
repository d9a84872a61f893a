#include "dataplane/forwarding/held_fragments.hpp"

#include <algorithm>

namespace sallyport::dataplane {

bool HeldFragments::hold(const InnerFragmentKey& key, void* packet, std::uint64_t now_tsc) noexcept {
  if (size_ == max_held) return false;
  std::uint32_t of_ingress = 0, of_datagram = 0;
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (ingresses_[i] != key.ingress) continue;
    ++of_ingress;
    if (held_[i].key == key) ++of_datagram;
  }
  if (of_ingress == max_held_per_ingress || of_datagram == max_held_per_datagram) return false;
  ingresses_[size_] = key.ingress;
  held_[size_++] = {.key = key, .packet = packet, .held_at_tsc = now_tsc};
  return true;
}

std::size_t HeldFragments::take_held(const InnerFragmentKey& key,
                                     std::span<void*, max_held_per_datagram> out) noexcept {
  std::size_t taken = 0;
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (ingresses_[i] == key.ingress && held_[i].key == key) {
      out[taken++] = held_[i].packet;
      continue;
    }
    if (taken != 0) {
      held_[kept] = held_[i];
      ingresses_[kept] = ingresses_[i];
    }
    ++kept;
  }
  size_ = kept;
  return taken;
}

void HeldFragments::drop_first(std::uint32_t count) noexcept {
  std::copy(held_.begin() + count, held_.begin() + size_, held_.begin());
  std::copy(ingresses_.begin() + count, ingresses_.begin() + size_, ingresses_.begin());
  size_ -= count;
}

}  // namespace sallyport::dataplane
