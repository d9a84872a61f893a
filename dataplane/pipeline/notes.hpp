// Notes: what a worker tells housekeeping without a packet. A note that finds the ring full is not lost for good: its
// cause lasts, and the next packet raises it again.
#pragma once

#include <cstdint>
#include <memory>

#include "config/base/ip.hpp"
#include "dataplane/abi/spsc_ring.hpp"

namespace sallyport::dataplane {

enum class NoteKind : std::uint8_t {
  session_confirmed,  // the first authenticated packet of a session that waited for it
  endpoint_moved,     // authenticated data with the highest counter so far came from `remote` to `local`
};

struct Note {
  NoteKind kind;
  std::uint8_t port_index;
  std::uint16_t worker;
  std::uint32_t session_index;
  std::uint32_t peer_id;
  IpEndpoint remote;
  IpEndpoint local;
  std::uint32_t reserved;
};
static_assert(sizeof(Note) == 56);

using NoteRing = abi::SpscRing<Note, 1024>;

}  // namespace sallyport::dataplane
