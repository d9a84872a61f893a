#include "dataplane/pipeline/capture_tap.hpp"

#include <rte_cycles.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>

#include "dataplane/pipeline/capture_copy.hpp"

namespace sallyport::dataplane {
namespace {

constexpr unsigned copies_slots = 512;

bool is_peer_wanted(std::uint32_t wanted, const PacketMeta& meta) noexcept {
  return wanted == abi::no_peer || meta.source_peer == wanted || meta.destination_peer == wanted;
}

// On its way in a packet belongs to the port that received it, on its way out to the one that sends it.
std::uint8_t port_at(abi::CapturePoint point, const PacketMeta& meta) noexcept {
  const bool outbound = point == abi::CapturePoint::outer_sent || point == abi::CapturePoint::inner_sent;
  return outbound && meta.tx_port != abi::no_port ? meta.tx_port : meta.rx_port;
}

std::uint32_t peer_at(abi::CapturePoint point, const PacketMeta& meta) noexcept {
  const bool outbound = point == abi::CapturePoint::outer_sent || point == abi::CapturePoint::inner_sent;
  const std::uint32_t first = outbound ? meta.destination_peer : meta.source_peer;
  return first != abi::no_peer ? first : outbound ? meta.source_peer : meta.destination_peer;
}

}  // namespace

std::unique_ptr<CaptureTap> CaptureTap::create(const CaptureFilter& filter, rte_mempool& pool, Counters& counters,
                                               unsigned thread) noexcept {
  char name[RTE_RING_NAMESIZE];
  std::snprintf(name, sizeof name, "sp-capture-%u", thread);
  auto copies = PacketRing::create(name, copies_slots);
  if (copies == nullptr) return nullptr;
  return std::unique_ptr<CaptureTap>(new (std::nothrow) CaptureTap(filter, pool, counters, std::move(copies)));
}

void CaptureTap::take(abi::CapturePoint point, const Packet* packet, bool starts_at_ip,
                      std::optional<DropReason> reason) noexcept {
  const PacketMeta& meta = meta_of(packet);
  const std::uint8_t port = port_at(point, meta);
  const std::uint8_t wanted_port = filter_.port_index.load(std::memory_order_relaxed);
  const std::uint16_t wanted_reason = filter_.drop_reason.load(std::memory_order_relaxed);
  if (wanted_port != abi::no_port && wanted_port != port) return;
  if (!is_peer_wanted(filter_.peer_id.load(std::memory_order_relaxed), meta)) return;
  if (reason && wanted_reason != 0xffff && wanted_reason != static_cast<std::uint16_t>(*reason)) return;

  Packet* copy = rte_pktmbuf_alloc(&pool_);
  if (copy == nullptr) return counters_.add(port, Counter::capture_lost);
  const auto bytes = static_cast<std::uint16_t>(std::min<unsigned>(
      {packet->data_len, filter_.snap_bytes.load(std::memory_order_relaxed), rte_pktmbuf_tailroom(copy)}));
  std::memcpy(rte_pktmbuf_mtod(copy, std::uint8_t*), rte_pktmbuf_mtod(packet, const std::uint8_t*), bytes);
  copy->data_len = bytes;
  copy->pkt_len = bytes;
  capture_copy_of(copy) = {.at_tsc = rte_rdtsc(),
                           .original_bytes = packet->pkt_len,
                           .peer_id = peer_at(point, meta),
                           .point = point,
                           .port_index = port,
                           .drop_reason = reason.value_or(DropReason::count),
                           .starts_at_ip = starts_at_ip ? std::uint8_t{1} : std::uint8_t{0}};
  if (!copies_->push(copy)) {
    rte_pktmbuf_free(copy);
    counters_.add(port, Counter::capture_lost);
  }
}

}  // namespace sallyport::dataplane
