#include "dataplane/stages/first_fragments.hpp"

#include "dataplane/packet/fragment.hpp"

namespace sallyport::dataplane {
namespace {

std::uint64_t pack(const FragmentVerdict& verdict) noexcept {
  return std::uint64_t{verdict.flow} | std::uint64_t{verdict.from_opener} << 32 | std::uint64_t{verdict.allowed} << 33 |
         std::uint64_t{verdict.started} << 34;
}

FragmentVerdict unpack(std::uint64_t word) noexcept {
  return {.flow = static_cast<std::uint32_t>(word),
          .from_opener = (word >> 32 & 1) != 0,
          .allowed = (word >> 33 & 1) != 0,
          .started = static_cast<std::uint32_t>(word >> 34)};
}

std::uint32_t start_of(const FlowEntry& entry) noexcept {
  return static_cast<std::uint32_t>(entry.started_tsc.load(std::memory_order_relaxed)) & 0x3fffffff;
}

InnerFragmentKey key_of(Packet* packet) noexcept {
  const PacketMeta& meta = meta_of(packet);
  return InnerFragmentKey::of(source_end_of(meta), bytes_of(packet), meta.ip);
}

}  // namespace

FragmentVerdict FragmentVerdict::of(std::uint32_t flow_number, const FlowEntry& entry,
                                    FlowDirection direction) noexcept {
  return {.flow = flow_number,
          .from_opener = direction == FlowDirection::from_opener,
          .allowed = true,
          .started = start_of(entry)};
}

bool FragmentVerdict::is_of(const FlowEntry& entry) const noexcept {
  // The number was kept over quiescent states, so the entry may be another flow's by now, or become one this moment.
  // Acquire: if it lives a new life, its new start is seen.
  return entry.end.load(std::memory_order_acquire) == abi::FlowEnd::none && start_of(entry) == started;
}

void settle_fragments(WorkerContext& worker, Packet* first, const FragmentVerdict& verdict) noexcept {
  const InnerFragmentKey key = key_of(first);
  worker.flow.fragments.remember(key, pack(verdict), fragment_payload_bytes(meta_of(first).ip), worker.now_tsc);
  std::array<void*, HeldFragments::max_held_per_datagram> held;
  const std::size_t count = worker.flow.held.take_held(key, held);
  for (std::size_t i = 0; i < count; ++i) {
    auto* const fragment = static_cast<Packet*>(held[i]);
    if (worker.flow.released.room() == 0)
      worker.drop(fragment, DropReason::fragment_refused);
    else
      worker.flow.released.push(fragment);
  }
}

std::optional<FragmentVerdict> recall_first_fragment(WorkerContext& worker, Packet* later) noexcept {
  const InnerFragmentKey key = key_of(later);
  const auto known = worker.flow.fragments.find(key, meta_of(later).ip.fragment_offset_bytes, worker.now_tsc);
  if (known) return unpack(*known);
  worker.mark_held(later);
  if (!worker.flow.held.hold(key, later, worker.now_tsc)) worker.drop(later, DropReason::fragment_refused);
  return std::nullopt;
}

}  // namespace sallyport::dataplane
