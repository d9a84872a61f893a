// Stage 3: data messages become inner packets. The order matters: would the window take it (cheap), the tag (the whole
// batch at once), then the window moves, then the endpoint, and only then is the inner packet looked at. The WireGuard
// paper, sections 5.4.6 and 6.
#include "dataplane/packet/wireguard.hpp"
#include "dataplane/stages/accept_opened.hpp"
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {

void open_wireguard(WorkerContext& worker) noexcept {
  std::array<AeadJob, Batch::capacity> jobs;
  std::array<OpenSession*, Batch::capacity> sessions;
  std::array<Packet*, Batch::capacity> packets;
  unsigned count = 0;
  for (Packet* packet : worker.to_open) {
    OpenSession* session = session_to_open(worker, packet);
    if (session == nullptr) continue;
    jobs[count] = {.key = &session->key,
                   .data = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, wireguard_data_header_bytes),
                   .length_bytes = static_cast<std::uint32_t>(packet->data_len - wireguard_data_header_bytes),
                   .nonce = wireguard_nonce(meta_of(packet).counter)};
    sessions[count] = session;
    packets[count++] = packet;
  }
  worker.to_open.clear();
  if (count == 0) return;
  worker.aead.open(std::span(jobs).first(count));
  for (unsigned i = 0; i < count; ++i) {
    if (!jobs[i].ok) {
      worker.drop(packets[i], DropReason::authentication_failed);
      continue;
    }
    accept_opened(worker, packets[i], *sessions[i], wireguard_data_header_bytes, wireguard_tag_bytes);
  }
}

}  // namespace sallyport::dataplane
