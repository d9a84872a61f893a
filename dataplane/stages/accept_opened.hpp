// What every tunnel does with its messages before and after the AEAD: whether a message may be opened at all, and what
// follows from one that was: the window moves, the peer may have roamed, a session is confirmed, an inner packet goes
// on.
#pragma once

#include "dataplane/stages/worker_context.hpp"

namespace sallyport::dataplane {

// The session that meta.session_index names, if it takes meta.counter: alive, below its limit, not seen before. Null:
// the packet was dropped.
[[nodiscard]] OpenSession* session_to_open(WorkerContext& worker, Packet* packet) noexcept;

// `packet` is a message that verified; between its first `head_bytes` and its last `tail_bytes` lies the plaintext,
// padding included. That goes to worker.opened; an empty one is a keepalive.
void accept_opened(WorkerContext& worker, Packet* packet, OpenSession& session, std::uint16_t head_bytes,
                   std::uint16_t tail_bytes) noexcept;

}  // namespace sallyport::dataplane
