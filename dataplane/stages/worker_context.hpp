// What a worker carries from stage to stage: the batches between them, the tables, what is its own, and the ways out of
// the packet path: dropped, to housekeeping, to another worker, onto the wire. The loop that drives it is in worker/.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/crypto/aead_batch.hpp"
#include "dataplane/pipeline/capture_tap.hpp"
#include "dataplane/pipeline/counters.hpp"
#include "dataplane/pipeline/packet.hpp"
#include "dataplane/pipeline/tables.hpp"
#include "dataplane/pipeline/worker_rings.hpp"
#include "dataplane/stages/flow_state.hpp"
#include "dataplane/stages/own_addresses.hpp"
#include "dataplane/stages/reassembly.hpp"

namespace sallyport::dataplane {

// Frames on their way to a device's transmit queue.
struct TransmitBuffer {
  std::uint16_t ethdev = 0;
  std::uint16_t queue = 0;
  std::uint16_t owner_worker = 0;  // who may call tx_burst on that queue
  Batch frames;
};

class WorkerContext {
 public:
  struct Setup {
    std::uint16_t worker_id;
    std::uint16_t worker_count;
    Tables* tables;
    abi::CounterBlock* counters;
    std::unique_ptr<AeadEngine> aead;
    std::unique_ptr<Reassembly> reassembly;
    std::unique_ptr<CaptureTap> capture;
    std::unique_ptr<FlowState> flow;
    std::vector<WorkerRings>* rings;  // of all workers, by id
  };
  explicit WorkerContext(Setup&& setup) noexcept;
  WorkerContext(const WorkerContext&) = delete;
  WorkerContext& operator=(const WorkerContext&) = delete;

  const std::uint16_t id;
  Tables& tables;
  Counters counters;
  AeadEngine& aead;
  Reassembly& reassembly;
  CaptureTap& capture;
  FlowState& flow;
  std::uint64_t now_tsc = 0;

  Batch to_open;       // data messages of sessions that this worker owns; data pointer at the message
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

 protected:
  [[nodiscard]] std::uint16_t worker_count() const noexcept { return worker_count_; }
  [[nodiscard]] WorkerRings& own_rings() noexcept { return rings_[id]; }
  // By device.
  [[nodiscard]] std::vector<TransmitBuffer>& transmit_buffers() noexcept { return transmit_; }
  void flush_transmit(TransmitBuffer& buffer) noexcept;

 private:
  void capture_drop(Packet* packet, DropReason reason) noexcept;

  std::unique_ptr<AeadEngine> aead_owner_;
  std::unique_ptr<Reassembly> reassembly_owner_;
  std::unique_ptr<CaptureTap> capture_owner_;
  std::unique_ptr<FlowState> flow_owner_;
  std::uint16_t worker_count_;
  std::vector<WorkerRings>& rings_;
  abi::RingProducer<NoteRing> notes_;
  std::vector<TransmitBuffer> transmit_;  // by device
  std::array<OwnAddresses, abi::max_ports> own_addresses_;
};

}  // namespace sallyport::dataplane
