// The stages of the packet path, in order. Each is a function over a batch, in a file of its own; every packet that
// goes in comes out in a batch of the worker, in a ring, or in a counter.
#pragma once

#include "dataplane/stages/worker_context.hpp"

namespace sallyport::dataplane {

// Judges the frames that one queue of `device` received, by port role and outer headers.
void classify(WorkerContext& worker, std::uint8_t device, Packet** frames, unsigned count) noexcept;

// worker.to_open -> worker.opened: replay check, AEAD over the whole batch, window, roaming, inner length.
void open_wireguard(WorkerContext& worker) noexcept;

// The three that decide what an inner packet may do and where it goes. They shrink the batch in place.
void look_up_routes(WorkerContext& worker, Batch& packets) noexcept;
void check_source(WorkerContext& worker, Batch& packets) noexcept;
void apply_policy(WorkerContext& worker, Batch& packets) noexcept;
// -> worker.to_seal, worker.to_neighbour. Empties the batch.
void route(WorkerContext& worker, Batch& packets) noexcept;

// worker.to_seal -> worker.to_neighbour: counters reserved, padding, AEAD over the whole batch, outer headers.
void seal_wireguard(WorkerContext& worker) noexcept;

// worker.to_neighbour -> transmit: Ethernet headers, VLAN tags.
void add_link_headers(WorkerContext& worker) noexcept;

}  // namespace sallyport::dataplane
