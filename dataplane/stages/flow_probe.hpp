// What the policy stage reads from an inner packet: the key of its flow, and how it stands to it.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/forwarding/flow_table.hpp"
#include "dataplane/forwarding/tcp_tracker.hpp"
#include "dataplane/stages/worker_context.hpp"

namespace sallyport::dataplane {

enum class ProbeKind : std::uint8_t {
  opens,           // belongs to its flow, and may begin it
  continues,       // belongs to its flow, and begins none: TCP behind the SYN, ICMP replies
  reports,         // an ICMP error about a packet of the flow
  later_fragment,  // no ports: what was decided about the first fragment counts. The key is not set.
};

struct FlowProbe {
  FlowKey key;
  std::uint64_t hash;
  FlowEntry* entry;
  std::uint32_t source_end;
  std::uint8_t protocol;
  std::uint8_t tcp_flags;
  ProbeKind kind;
  bool source_is_first;  // in the key

  // Which endpoint of the key the packet comes from.
  [[nodiscard]] unsigned source() const noexcept { return source_is_first ? 0 : 1; }
};

// Of a packet in its flow; of an ICMP error, that of the packet which it is about.
[[nodiscard]] inline FlowDirection direction_of(const FlowEntry& entry, const FlowProbe& probe) noexcept {
  return entry.opener == probe.source() ? FlowDirection::from_opener : FlowDirection::back;
}

// Where a packet comes from, as a flow knows it: its peer or its inside port.
[[nodiscard]] inline std::uint32_t source_end_of(const PacketMeta& meta) noexcept {
  return meta.source_peer != abi::no_peer ? meta.source_peer : inside_end(meta.rx_port);
}

// Why the packet cannot be judged, if it cannot: cut off, port 0, a dangerous fragment, an error about nothing.
[[nodiscard]] std::optional<DropReason> probe_flow(const Packet* packet, const RouteEntry& destination,
                                                   FlowProbe& probe) noexcept;

}  // namespace sallyport::dataplane
