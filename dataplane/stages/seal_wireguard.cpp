// Stage 7: inner packets become data messages, padded to 16 bytes, never beyond the tunnel's MTU; the AEAD runs over
// the batch. The WireGuard paper, section 5.4.6.
#include "dataplane/packet/wireguard.hpp"
#include "dataplane/stages/seal_requests.hpp"
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {
namespace {

// Pads the plaintext and puts the data header before it.
bool frame(const SealRequest& request, AeadJob& job) noexcept {
  Packet* packet = request.packet;
  const auto plain_bytes = packet->data_len;
  const auto padded_bytes = static_cast<std::uint16_t>(wireguard_padded_bytes(plain_bytes, request.path->inner_mtu));
  const auto added = static_cast<std::uint16_t>(padded_bytes - plain_bytes);
  auto* tail = reinterpret_cast<std::uint8_t*>(
      rte_pktmbuf_append(packet, static_cast<std::uint16_t>(added + wireguard_tag_bytes)));
  auto* header = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(packet, wireguard_data_header_bytes));
  if (tail == nullptr || header == nullptr) return false;
  std::memset(tail, 0, added);
  WireguardDataHeader data_header;
  data_header.receiver_index = Le32{request.session->remote_index};
  data_header.counter = Le64{request.counter};
  store_wire(header, data_header);
  job = {.key = &request.session->key,
         .data = header + wireguard_data_header_bytes,
         .length_bytes = padded_bytes,
         .nonce = wireguard_nonce(request.counter)};
  return true;
}

}  // namespace

void seal_wireguard(WorkerContext& worker) noexcept {
  std::array<SealRequest, Batch::capacity> requests;
  std::array<AeadJob, Batch::capacity> jobs;
  const unsigned count = take_seal_requests(worker, requests);
  unsigned framed = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (!frame(requests[i], jobs[framed])) {
      worker.drop(requests[i].packet, DropReason::too_big);
      continue;
    }
    requests[framed++] = requests[i];
  }
  worker.aead.seal(std::span(jobs).first(framed));
  for (unsigned i = 0; i < framed; ++i) {
    if (jobs[i].ok) {
      send_sealed(worker, requests[i]);
    } else {
      // The session ended under us: its key is wiped.
      worker.drop(requests[i].packet, DropReason::session_expired);
    }
  }
}

}  // namespace sallyport::dataplane
