#include "dataplane/worker/worker.hpp"

#include <rte_ethdev.h>
#include <rte_pause.h>
#include <sys/prctl.h>
#include <time.h>

#include "dataplane/stages/parse_errors.hpp"
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {
namespace {

constexpr unsigned receive_burst = 64;
constexpr unsigned ring_burst = 32;
constexpr std::uint16_t from_housekeeping = 0xffff;

// Adaptive idling: poll on for a while after traffic, then sleep a little, then longer.
constexpr std::uint32_t turns_before_sleep = 256;
constexpr std::uint32_t turns_before_long_sleep = 2'000;
constexpr long short_sleep_ns = 20'000;
constexpr long long_sleep_ns = 150'000;

}  // namespace

Worker::Worker(Setup&& setup) noexcept
    : WorkerContext(std::move(setup.context)),
      status_(*setup.status),
      queues_(std::move(setup.queues)),
      sleeps_when_idle_(setup.sleeps_when_idle) {}

void Worker::run(const std::atomic<bool>& stop) noexcept {
  // The kernel may otherwise round each sleep up by 50 microseconds.
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  rte_rcu_qsbr_thread_register(tables.rcu, id);
  rte_rcu_qsbr_thread_online(tables.rcu, id);
  while (!stop.load(std::memory_order_relaxed)) {
    const bool worked = run_once() != 0;
    // Nothing that this turn read from the tables is held any more.
    rte_rcu_qsbr_quiescent(tables.rcu, id);
    if (worked) {
      idle_turns_ = 0;
    } else if (sleeps_when_idle_) {
      go_idle();
    } else {
      rte_pause();
    }
  }
  rte_rcu_qsbr_thread_offline(tables.rcu, id);
  rte_rcu_qsbr_thread_unregister(tables.rcu, id);
}

unsigned Worker::run_once() noexcept {
  now_tsc = rte_rdtsc();
  release_shaped();
  const unsigned taken = take_from_rings() + receive_from_ports();
  run_stages();
  for (TransmitBuffer& buffer : transmit_buffers())
    if (!buffer.frames.empty()) flush_transmit(buffer);
  if (now_tsc >= next_slow_turn_tsc_) do_slow_turn();
  std::atomic<std::uint32_t>& told_held = *own_rings().packets_held;
  if (const std::uint32_t held = flow.packets_held(); held != told_held.load(std::memory_order_relaxed))
    told_held.store(held, std::memory_order_relaxed);
  const std::uint64_t spent = rte_rdtsc() - now_tsc;
  std::atomic<std::uint64_t>& cycles = taken != 0 ? status_.busy_cycles : status_.idle_cycles;
  cycles.store(cycles.load(std::memory_order_relaxed) + spent, std::memory_order_relaxed);
  status_.loops.store(status_.loops.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return taken;
}

// What need not be done more often than every 50 ms.
void Worker::do_slow_turn() noexcept {
  next_slow_turn_tsc_ = now_tsc + tables.tsc_hz / 20;
  reassembly.expire(now_tsc, counters);
  expire_fragments(now_tsc);
  const std::vector<TransmitBuffer>& buffers = transmit_buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i)
    if (tables.devices[i]->needs_idle_tx() && buffers[i].queue != no_queue)
      rte_eth_tx_burst(buffers[i].ethdev, buffers[i].queue, nullptr, 0);
}

void Worker::expire_fragments(std::uint64_t at_tsc) noexcept {
  flow.held.expire(at_tsc, [this](void* packet) { drop(static_cast<Packet*>(packet), DropReason::fragment_refused); });
}

void Worker::release_shaped() noexcept {
  flow.shaped.release_due(now_tsc, [this](Packet* packet) {
    if (flow.released.room() == 0) run_stages();
    flow.released.push(packet);
  });
}

void Worker::drop_all_held() noexcept {
  flow.shaped.release_all([this](Packet* packet) { drop(packet, DropReason::rate_limited); });
  expire_fragments(~std::uint64_t{0});
  own_rings().packets_held->store(0, std::memory_order_relaxed);
}

void Worker::go_idle() noexcept {
  if (++idle_turns_ < turns_before_sleep) {
    rte_pause();
    return;
  }
  const std::uint64_t fell_asleep_tsc = rte_rdtsc();
  const timespec nap{0, idle_turns_ < turns_before_long_sleep ? short_sleep_ns : long_sleep_ns};
  // A sleeping worker holds nothing, so nobody waits for it.
  rte_rcu_qsbr_thread_offline(tables.rcu, id);
  nanosleep(&nap, nullptr);
  rte_rcu_qsbr_thread_online(tables.rcu, id);
  // Who sleeps is idle.
  status_.idle_cycles.store(status_.idle_cycles.load(std::memory_order_relaxed) + (rte_rdtsc() - fell_asleep_tsc),
                            std::memory_order_relaxed);
  status_.sleeps.store(status_.sleeps.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

unsigned Worker::take_from_rings() noexcept {
  WorkerRings& rings = own_rings();
  unsigned taken = take_from_ring(*rings.from_housekeeping, from_housekeeping);
  for (std::uint16_t other = 0; other < worker_count(); ++other)
    if (other != id) taken += take_from_ring(*rings.from_worker[other], other);
  return taken;
}

unsigned Worker::take_from_ring(PacketRing& ring, std::uint16_t from_worker) noexcept {
  std::array<Packet*, ring_burst> packets;
  const unsigned count = ring.pop(packets.data(), ring_burst);
  if (count == 0) return 0;
  if (to_open.room() < ring_burst || plain.room() < ring_burst) run_stages();
  for (unsigned i = 0; i < count; ++i) accept_task(packets[i], from_worker);
  return count;
}

void Worker::accept_task(Packet* packet, std::uint16_t from_worker) noexcept {
  PacketMeta& meta = meta_of(packet);
  switch (meta.task) {
    case Task::open: {
      OpenSession* session = tables.sessions.find_open(meta.session_index);
      // The ownership may have moved while the packet was in the ring.
      if (session == nullptr) return drop(packet, DropReason::unknown_session);
      if (session->owner_worker.load(std::memory_order_acquire) != id)
        return to_housekeeping(packet, Task::hold_for_owner);
      if (from_worker != from_housekeeping) {
        session->handed_over.store(session->handed_over.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        session->handed_over_by.store(from_worker, std::memory_order_relaxed);
      }
      return to_open.push(packet);
    }
    case Task::route: {
      meta.layer = Layer::ip;
      const IpParseError error = parse_ip(bytes_of(packet), meta.ip);
      return error == IpParseError::none ? plain.push(packet) : drop(packet, drop_reason_of(error));
    }
    case Task::seal:
      meta.layer = Layer::ip;
      return push_to_seal(packet);
    case Task::transmit:
      return transmit(packet);
    default:
      return drop(packet, DropReason::bad_command);
  }
}

unsigned Worker::receive_from_ports() noexcept {
  unsigned received = 0;
  for (const ReceiveQueue& queue : queues_) {
    if (to_open.room() < receive_burst || plain.room() < receive_burst) run_stages();
    std::array<Packet*, receive_burst> frames;
    const unsigned count = rte_eth_rx_burst(queue.ethdev, queue.queue, frames.data(), receive_burst);
    if (count == 0) continue;
    received += count;
    classify(*this, queue.device, frames.data(), count);
  }
  return received;
}

void Worker::run_stages() noexcept {
  forward_released();  // they came before what comes now
  if (!to_open.empty()) open_wireguard(*this);
  if (!opened.empty()) forward(opened);
  if (!plain.empty()) forward(plain);
  forward_released();
  if (!to_seal.empty()) seal_wireguard(*this);
  if (!to_neighbour.empty()) add_link_headers(*this);
}

// What these release (later fragments of a first one) comes after them, through every stage as they do.
void Worker::forward_released() noexcept {
  if (flow.released.empty()) return;
  Batch passing;
  for (Packet* packet : flow.released) passing.push(packet);
  flow.released.clear();
  forward(passing);
}

void Worker::forward(Batch& packets) noexcept {
  look_up_routes(*this, packets);
  check_source(*this, packets);
  apply_policy(*this, packets);
  route(*this, packets);
}

}  // namespace sallyport::dataplane
