// One worker: a poll-mode loop pinned to a core that carries bursts through the stages (stages/). It owns its receive
// queues, the replay windows of its sessions, its reassembly table and its counters; it reads the tables lock-free and
// speaks to the other threads through bounded rings alone. No allocation, lock, system call (but sleeping when idle),
// log or exception.
//
//   rings, rx -> classify -> open -> check source -> policy -> route -> seal -> tx
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "dataplane/stages/worker_context.hpp"

namespace sallyport::dataplane {

struct ReceiveQueue {
  std::uint16_t ethdev;
  std::uint16_t queue;
  std::uint8_t device;  // index into Tables::devices
};

class Worker : public WorkerContext {
 public:
  struct Setup {
    WorkerContext::Setup context;
    abi::WorkerStatus* status;
    std::vector<ReceiveQueue> queues;
    bool sleeps_when_idle;
  };
  explicit Worker(Setup&& setup) noexcept;

  // Until `stop`; registers with the RCU variable as thread worker_id.
  void run(const std::atomic<bool>& stop) noexcept;
  // One turn of the loop; returns the packets taken in. Tests and benchmarks drive it by hand (then without RCU sleep).
  unsigned run_once() noexcept;
  // Frees the packets that wait inside, counted: for the end, and for tests that count buffers.
  void drop_all_held() noexcept;

 private:
  unsigned take_from_rings() noexcept;
  unsigned take_from_ring(PacketRing& ring, std::uint16_t from_worker) noexcept;
  unsigned receive_from_ports() noexcept;
  void accept_task(Packet* packet, std::uint16_t from_worker) noexcept;
  void do_slow_turn() noexcept;
  void expire_fragments(std::uint64_t at_tsc) noexcept;
  void release_shaped() noexcept;
  void run_stages() noexcept;
  void forward(Batch& packets) noexcept;
  void forward_released() noexcept;
  void go_idle() noexcept;

  abi::WorkerStatus& status_;
  std::vector<ReceiveQueue> queues_;
  bool sleeps_when_idle_;
  std::uint32_t idle_turns_ = 0;
  std::uint64_t next_slow_turn_tsc_ = 0;
};

}  // namespace sallyport::dataplane
