#include "dataplane/housekeeping/flow_keeper.hpp"

#include <algorithm>

#include "config/base/clock.hpp"
#include "dataplane/forwarding/flow_timeouts.hpp"
#include "dataplane/forwarding/tcp_tracker.hpp"
#include "dataplane/pipeline/flow_ends.hpp"

namespace sallyport::dataplane {
namespace {

constexpr unsigned flow_notes_per_worker = 64;
constexpr std::uint64_t pass_interval_ns = 500 * millisecond_ns;
constexpr std::uint32_t entries_per_poll = 8192;
constexpr std::size_t removals_per_poll = 1024;
constexpr std::uint32_t listed_per_poll = 256;
constexpr std::uint32_t most_untold = 4096;  // and no more than an eighth of the table
constexpr std::uint32_t rate_slots_per_poll = 64;

std::uint32_t timeout_ms(std::uint8_t protocol, std::uint32_t state) noexcept {
  switch (static_cast<IpProtocol>(protocol)) {
    case IpProtocol::tcp:
      return tcp_timeout_ms(tcp_state(state));
    case IpProtocol::udp:
      return state != 0 ? udp_replied_timeout_ms : udp_unreplied_timeout_ms;
    case IpProtocol::icmp:
    case IpProtocol::icmpv6:
      return icmp_query_timeout_ms;
    default:
      return state != 0 ? other_replied_timeout_ms : other_unreplied_timeout_ms;
  }
}

std::uint64_t last_seen_tsc(const FlowEntry& entry) noexcept {
  return std::max(entry.forward.last_seen_tsc.load(std::memory_order_relaxed),
                  entry.back.last_seen_tsc.load(std::memory_order_relaxed));
}

}  // namespace

FlowKeeper::FlowKeeper(HousekeepingContext& context, abi::StatisticsHeader& header)
    : context_(context), table_(context.tables.flows), header_(header) {
  for (WorkerRings& rings : context.rings) notes_.emplace_back(rings.flow_notes.get());
}

template <typename Event>
bool FlowKeeper::tell(const Event& event, ControlLink::Mass mass) noexcept {
  return context_.link.has_room_for(mass) && context_.link.push_event(context_.now_ns, event);
}

void FlowKeeper::poll() noexcept {
  take_notes();
  table_.reclaim(removals_per_poll, [this](FlowEntry& entry) { return tell_end(entry); });
  look_for_ended();
  table_.refill();
  go_on_listing();
  context_.tables.rates.reclaim(context_.now_tsc, rate_slots_per_poll);
}

void FlowKeeper::write_totals() noexcept {
  header_.live_flows.store(table_.live(), std::memory_order_relaxed);
}

void FlowKeeper::take_notes() noexcept {
  for (auto& ring : notes_) {
    FlowNote note;
    for (unsigned i = 0; i < flow_notes_per_worker && ring.pop(note) == abi::RingResult::ok; ++i) {
      note.flow.started_at_ns = note.flow.last_seen_at_ns = context_.clock.to_ns(note.flow.started_at_ns);
      const bool told =
          note.kind == FlowNoteKind::denied
              ? tell(abi::FlowDenied{.flow = note.flow, .suppressed = note.suppressed}, ControlLink::Mass::denials)
              : tell(abi::FlowAllowed{.flow = note.flow});
      if (!told) context_.counters.add(no_port, Counter::events_lost);
    }
  }
}

// --- ends ---

bool FlowKeeper::is_over(FlowEntry& entry) noexcept {
  if (entry.end.load(std::memory_order_relaxed) != abi::FlowEnd::none) return true;
  const std::uint64_t silent_for = context_.now_tsc - std::min(last_seen_tsc(entry), context_.now_tsc);
  const std::uint32_t state = entry.state.load(std::memory_order_relaxed);
  const std::uint64_t patience = context_.tables.tsc_hz / 1000 * timeout_ms(entry.key.protocol, state);
  abi::FlowEnd why = abi::FlowEnd::none;
  if (silent_for > patience) {
    const bool closed =
        entry.key.protocol == static_cast<std::uint8_t>(IpProtocol::tcp) && tcp_state(state) == abi::TcpState::closed;
    why = closed ? abi::FlowEnd::closed : abi::FlowEnd::timeout;
  } else {
    for (const std::uint32_t end : entry.key.ends)
      if (is_peer_end(end) && context_.tables.peers[end].live.load(std::memory_order_relaxed) == 0)
        why = abi::FlowEnd::peer_removed;
    if (is_of_former_peer(context_.tables, entry)) why = abi::FlowEnd::peer_removed;
  }
  if (why == abi::FlowEnd::none) return false;
  abi::FlowEnd none = abi::FlowEnd::none;
  entry.end.compare_exchange_strong(none, why, std::memory_order_relaxed);
  return true;
}

void FlowKeeper::look_for_ended() noexcept {
  if (!in_pass_) {
    if (context_.now_ns - pass_started_at_ns_ < pass_interval_ns) return;
    pass_started_at_ns_ = context_.now_ns;
    position_ = 0;
    in_pass_ = true;
  }
  const std::uint32_t end = std::min(position_ + entries_per_poll, table_.high_water());
  std::size_t room = std::min(table_.room_to_remove(), removals_per_poll);
  for (; position_ < end && room > 0; ++position_) {
    if (!table_.is_published(position_) || !is_over(table_.entry(position_))) continue;
    table_.remove(position_);
    --room;
  }
  in_pass_ = position_ < table_.high_water();
}

// Nobody holds the entry any more, so its counts are the last ones. False: tell again, the event ring is full. But a
// control plane that takes no events must not use up the table, so few entries wait for it.
bool FlowKeeper::tell_end(FlowEntry& entry) noexcept {
  const PolicyImage* image = context_.tables.policy.in_force();
  const bool is_told =
      image != nullptr && image->record_flows && entry.forward.packets.load(std::memory_order_relaxed) != 0;
  if (!is_told || tell(abi::FlowEnded{.flow = record(entry)})) return true;
  if (context_.link.connected() && table_.untold() <= std::min(most_untold, table_.entry_count() / 8)) return false;
  context_.counters.add(no_port, Counter::events_lost);
  return true;
}

abi::FlowRecord FlowKeeper::record(FlowEntry& entry) const noexcept {
  const PolicyDecision verdict{.allowed = true,
                               .rule = entry.forward.rule.load(std::memory_order_relaxed),
                               .audit_rule = entry.forward.audit_rule.load(std::memory_order_relaxed)};
  abi::FlowRecord record =
      record_of(entry.key, entry.opener, verdict, entry.generation.load(std::memory_order_relaxed));
  if (entry.key.protocol == static_cast<std::uint8_t>(IpProtocol::tcp))
    record.tcp_state = tcp_state(entry.state.load(std::memory_order_relaxed));
  record.session_index = entry.session_index;
  record.end = entry.end.load(std::memory_order_relaxed);
  record.started_at_ns = context_.clock.to_ns(entry.started_tsc.load(std::memory_order_relaxed));
  record.last_seen_at_ns = context_.clock.to_ns(last_seen_tsc(entry));
  record.packets = {entry.forward.packets.load(std::memory_order_relaxed),
                    entry.back.packets.load(std::memory_order_relaxed)};
  record.bytes = {entry.forward.bytes.load(std::memory_order_relaxed),
                  entry.back.bytes.load(std::memory_order_relaxed)};
  return record;
}

// --- listings ---

void FlowKeeper::list(const abi::ListFlows& request) noexcept {
  listing_ = request;
  listing_position_ = listed_ = 0;
}

bool FlowKeeper::is_wanted(const FlowEntry& entry) const noexcept {
  const FlowKey& key = entry.key;
  if (listing_.peer_id != abi::no_peer && key.ends[0] != listing_.peer_id && key.ends[1] != listing_.peer_id)
    return false;
  if (listing_.protocol != abi::any_protocol && key.protocol != listing_.protocol) return false;
  if (listing_.port != 0 && key.ports[0] != listing_.port && key.ports[1] != listing_.port) return false;
  if (listing_.rule != 0 && entry.forward.rule.load(std::memory_order_relaxed) != listing_.rule &&
      entry.forward.audit_rule.load(std::memory_order_relaxed) != listing_.rule)
    return false;
  if (!listing_.address.address.is_set()) return true;
  const auto is_inside = [&](unsigned which) {
    return listing_.address.contains(key.is_v4 != 0 ? IpAddress::v4_from_bytes(key.address(which))
                                                    : IpAddress::v6_from_bytes(key.address(which)));
  };
  return is_inside(0) || is_inside(1);
}

void FlowKeeper::go_on_listing() noexcept {
  if (listing_.listing == 0) return;
  const std::uint32_t end = std::min(listing_position_ + entries_per_poll, table_.high_water());
  bool cut = false;
  for (unsigned shown = 0; listing_position_ < end && shown < listed_per_poll; ++listing_position_) {
    FlowEntry& entry = table_.entry(listing_position_);
    if (!table_.is_published(listing_position_) || entry.end.load(std::memory_order_relaxed) != abi::FlowEnd::none ||
        !is_wanted(entry))
      continue;
    cut = listed_ == listing_.most;
    if (cut) break;
    if (!tell(abi::FlowShown{.flow = record(entry), .listing = listing_.listing, .reserved = 0})) return;
    ++listed_;
    ++shown;
  }
  if (!cut && listing_position_ < table_.high_water()) return;
  if (tell(abi::FlowListingEnded{.listing = listing_.listing, .cut = cut ? 1U : 0U})) listing_ = {};
}

}  // namespace sallyport::dataplane
