#include "dataplane/forwarding/inner_fragments.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "config/base/check.hpp"
#include "dataplane/packet/fragment.hpp"

namespace sallyport::dataplane {
namespace {

std::uint64_t hash_of(const InnerFragmentKey& key, std::uint64_t seed) noexcept {
  std::array<std::uint64_t, sizeof(InnerFragmentKey) / 8> words;
  std::memcpy(words.data(), &key, sizeof key);
  std::uint64_t hash = seed;
  for (const std::uint64_t word : words) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
  }
  return hash;
}

InnerFragmentEntry& place_for(std::span<InnerFragmentEntry, InnerFragments::ways> set, const InnerFragmentKey& key,
                              std::uint64_t now_tsc) noexcept {
  for (auto& entry : set)
    if (entry.expires_at_tsc != 0 && entry.key == key) return entry;
  for (auto& entry : set)
    if (entry.expires_at_tsc <= now_tsc) return entry;
  InnerFragmentEntry* victim = set.data();
  std::ptrdiff_t most = 0;
  for (auto& entry : set) {
    const std::uint32_t ingress = entry.key.ingress;
    const auto places =
        std::count_if(set.begin(), set.end(), [ingress](const auto& other) { return other.key.ingress == ingress; }) +
        (ingress == key.ingress ? 1 : 0);
    if (places < most || (places == most && entry.used_at_tsc >= victim->used_at_tsc)) continue;
    victim = &entry;
    most = places;
  }
  return *victim;
}

}  // namespace

InnerFragmentKey InnerFragmentKey::of(std::uint32_t ingress, std::span<const std::uint8_t> packet,
                                      const ParsedIp& ip) noexcept {
  InnerFragmentKey key{.identification = fragment_identification(packet, ip), .ingress = ingress, .family = ip.family};
  const std::size_t address_bytes = ip.is_v4() ? 4 : 16;
  std::memcpy(key.source.data(), packet.data() + ip.source_offset(), address_bytes);
  std::memcpy(key.destination.data(), packet.data() + ip.destination_offset(), address_bytes);
  if (ip.is_v4()) key.protocol = ip.l4_protocol;
  return key;
}

InnerFragments::InnerFragments(std::span<InnerFragmentEntry> entries, std::uint64_t tsc_hz,
                               std::uint64_t hash_seed) noexcept
    : entries_(entries), lifetime_ticks_(tsc_hz * inner_fragment_lifetime_s), seed_(hash_seed) {
  SP_CHECK(std::has_single_bit(entries.size()) && entries.size() >= ways);
}

std::span<InnerFragmentEntry, InnerFragments::ways> InnerFragments::set_of(const InnerFragmentKey& key) noexcept {
  const std::size_t first = hash_of(key, seed_) & (entries_.size() - 1) & ~std::size_t{ways - 1};
  return std::span<InnerFragmentEntry, ways>{entries_.data() + first, ways};
}

void InnerFragments::remember(const InnerFragmentKey& key, std::uint64_t value, std::uint32_t first_bytes,
                              std::uint64_t now_tsc) noexcept {
  place_for(set_of(key), key, now_tsc) = {.key = key,
                                          .value = value,
                                          .expires_at_tsc = now_tsc + lifetime_ticks_,
                                          .used_at_tsc = now_tsc,
                                          .first_bytes = first_bytes};
}

std::optional<std::uint64_t> InnerFragments::find(const InnerFragmentKey& key, std::uint32_t offset_bytes,
                                                  std::uint64_t now_tsc) noexcept {
  for (auto& entry : set_of(key)) {
    if (entry.expires_at_tsc <= now_tsc || entry.key != key) continue;
    if (offset_bytes < entry.first_bytes) return std::nullopt;
    entry.used_at_tsc = now_tsc;
    return entry.value;
  }
  return std::nullopt;
}

}  // namespace sallyport::dataplane
