// One worker: a poll-mode loop pinned to a core that carries bursts through the stages (stages/). It owns its receive
// queues, the replay windows of its sessions, its reassembly table and its counters; it reads the tables lock-free and
// speaks to the other threads through bounded rings alone. No allocation, lock, system call (but sleeping when idle),
// log or exception.
//
//   rings, rx -> classify -> open -> check source -> policy -> route -> seal -> tx
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "dataplane/crypto/aead_batch.hpp"
#include "dataplane/worker/capture_tap.hpp"
#include "dataplane/worker/counters.hpp"
#include "dataplane/worker/flow_state.hpp"
#include "dataplane/worker/notes.hpp"
#include "dataplane/worker/packet.hpp"
#include "dataplane/worker/packet_ring.hpp"
#include "dataplane/worker/reassembly.hpp"
#include "dataplane/worker/tables.hpp"

namespace sallyport::dataplane {

struct ReceiveQueue {
  std::uint16_t ethdev;
  std::uint16_t queue;
  std::uint8_t device;  // index into Tables::devices
};

// What a worker sends to housekeeping, by kind, so that a flood of one kind starves no other.
struct WorkerRings {
  std::unique_ptr<PacketRing> own_address;  // ARP, ND, ICMP, host interface
  std::unique_ptr<PacketRing> handshakes;
  std::unique_ptr<PacketRing> held;  // stage, resolve, glean, icmp_error, hold_for_owner
  std::unique_ptr<NoteRing> notes;
  std::unique_ptr<FlowNoteRing> flow_notes;
  // Packets that the worker holds: inner fragments that came before their first, and what waits for its rate. It
  // stores, housekeeping loads.
  std::unique_ptr<std::atomic<std::uint32_t>> packets_held;
  std::unique_ptr<PacketRing> from_housekeeping;
  // From worker i; null for itself.
  std::vector<std::unique_ptr<PacketRing>> from_worker;
};

// A port's own addresses, laid out for comparison with packets.
class OwnAddresses {
 public:
  void add(const IpAddress& address) noexcept;
  // `address` points at 4 or 16 bytes.
  [[nodiscard]] bool contains(const std::uint8_t* address, bool is_v4) const noexcept {
    if (is_v4) {
      std::uint32_t value;
      std::memcpy(&value, address, sizeof value);
      for (unsigned i = 0; i < v4_count_; ++i)
        if (v4_[i] == value) return true;
      return false;
    }
    for (unsigned i = 0; i < v6_count_; ++i)
      if (std::memcmp(v6_[i].data(), address, 16) == 0) return true;
    return false;
  }

 private:
  std::array<std::uint32_t, abi::max_addresses + 1> v4_{};  // network order
  std::array<std::array<std::uint8_t, 16>, abi::max_addresses + 1> v6_{};
  unsigned v4_count_ = 0;
  unsigned v6_count_ = 0;
};

// Frames on their way to a device's transmit queue.
struct TransmitBuffer {
  std::uint16_t ethdev = 0;
  std::uint16_t queue = 0;
  std::uint16_t owner_worker = 0;  // who may call tx_burst on that queue
  Batch frames;
};

class Worker {
 public:
  struct Setup {
    std::uint16_t worker_id;
    std::uint16_t worker_count;
    Tables* tables;
    abi::CounterBlock* counters;
    abi::WorkerStatus* status;
    std::unique_ptr<AeadEngine> aead;
    std::unique_ptr<Reassembly> reassembly;
    std::unique_ptr<CaptureTap> capture;
    std::unique_ptr<FlowState> flow;
    std::vector<ReceiveQueue> queues;
    std::vector<WorkerRings>* rings;  // of all workers, by id
    bool sleeps_when_idle;
  };
  explicit Worker(Setup&& setup) noexcept;

  // Until `stop`; registers with the RCU variable as thread worker_id.
  void run(const std::atomic<bool>& stop) noexcept;
  // One turn of the loop; returns the packets taken in. Tests and benchmarks drive it by hand (then without RCU sleep).
  unsigned run_once() noexcept;
  // Frees the packets that wait inside, counted: for the end, and for tests that count buffers.
  void drop_all_held() noexcept;

  // --- what the stages use ---
  const std::uint16_t id;
  Tables& tables;
  Counters counters;
  AeadEngine& aead;
  Reassembly& reassembly;
  CaptureTap& capture;
  FlowState& flow;
  std::uint64_t now_tsc = 0;

  Batch to_open;       // data messages of sessions that this worker owns; data pointer at the WireGuard header
  Batch opened;        // inner packets out of tunnels
  Batch plain;         // inner packets from inside ports, and those that come from rings to be routed
  Batch to_seal;       // inner packets with a destination peer
  Batch to_neighbour;  // IP packets with tx_port and neighbour_index

  void drop(Packet* packet, DropReason reason) noexcept;
  // The packet is dropped, and its sender told why (housekeeping writes the error).
  void drop_with_icmp(Packet* packet, DropReason reason, IcmpErrorRequest error) noexcept;
  void to_housekeeping(Packet* packet, Task task) noexcept;
  // Before a packet is held beyond this turn: its peer's number may have another owner when it comes back.
  void mark_held(Packet* packet) noexcept {
    PacketMeta& meta = meta_of(packet);
    meta.was_held = true;
    if (meta.source_peer != abi::no_peer)
      meta.source_life = tables.peers[meta.source_peer].life.load(std::memory_order_relaxed);
  }
  void hand_over(Packet* packet, std::uint16_t to_worker, Task task) noexcept;
  [[nodiscard]] bool note(const Note& note) noexcept;
  // Into a batch of the path behind; if it is full, what is in it goes on first.
  void push_to_seal(Packet* packet) noexcept;
  void push_to_neighbour(Packet* packet) noexcept;
  [[nodiscard]] const OwnAddresses& own_addresses(std::uint8_t port_index) const noexcept {
    return own_addresses_[port_index];
  }
  [[nodiscard]] const Device& device_of_port(std::uint8_t port_index) const noexcept {
    return *tables.devices[tables.ports.port(port_index).device];
  }
  // Queues a complete frame for meta.tx_port; sends it with the burst.
  void transmit(Packet* frame) noexcept;

 private:
  unsigned take_from_rings() noexcept;
  unsigned take_from_ring(PacketRing& ring, std::uint16_t from_worker) noexcept;
  unsigned receive_from_ports() noexcept;
  void accept_task(Packet* packet, std::uint16_t from_worker) noexcept;
  void do_slow_turn() noexcept;
  void expire_fragments(std::uint64_t at_tsc) noexcept;
  void release_shaped() noexcept;
  void capture_drop(Packet* packet, DropReason reason) noexcept;
  void run_stages() noexcept;
  void forward(Batch& packets) noexcept;
  void flush_transmit(TransmitBuffer& buffer) noexcept;
  void go_idle() noexcept;

  std::unique_ptr<AeadEngine> aead_owner_;
  std::unique_ptr<Reassembly> reassembly_owner_;
  std::unique_ptr<CaptureTap> capture_owner_;
  std::unique_ptr<FlowState> flow_owner_;
  std::uint16_t worker_count_;
  abi::WorkerStatus& status_;
  std::vector<ReceiveQueue> queues_;
  std::vector<WorkerRings>& rings_;
  abi::RingProducer<NoteRing> notes_;
  std::vector<TransmitBuffer> transmit_;  // by device
  std::array<OwnAddresses, abi::max_ports> own_addresses_;
  bool sleeps_when_idle_;
  std::uint32_t idle_turns_ = 0;
  std::uint64_t next_slow_turn_tsc_ = 0;
};

}  // namespace sallyport::dataplane
