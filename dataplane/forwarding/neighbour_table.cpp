#include "dataplane/forwarding/neighbour_table.hpp"

#include <algorithm>

#include "config/base/check.hpp"

namespace sallyport::dataplane {
namespace {

// How many pinned entries an eviction passes over before it gives up.
constexpr unsigned max_eviction_steps = 64;

bool is_neighbour_address(const IpAddress& address) noexcept {
  return address.is_set() && address.valid() && !address.is_unspecified() && !address.is_multicast() &&
         !address.is_loopback() && !(address.is_v4() && address.bytes[0] >= 224);
}

NeighbourKey key_of(std::uint8_t port_index, const IpAddress& address) noexcept {
  return NeighbourKey::of(port_index, address.family, address.bytes.data());
}

bool awaits_answer(NeighbourState state) noexcept {
  return state == NeighbourState::incomplete || state == NeighbourState::probe;
}

}  // namespace

NeighbourTable::NeighbourTable(const NeighbourLimits& limits, const NeighbourTimers& timers, std::uint64_t hash_seed)
    : limits_(limits),
      timers_(timers),
      links_(limits.max_neighbours, hash_seed),
      entries_(limits.max_neighbours),
      packets_(limits.max_held) {
  SP_CHECK(limits.max_held_per_neighbour > 0);
  free_.reserve(entries_.size());
  urgent_.reserve(entries_.size());
  for (std::uint32_t index = capacity(); index-- > 0;) free_.push_back(index);
}

// --- entries ---

std::uint32_t NeighbourTable::find(std::uint8_t port_index, const IpAddress& address) const noexcept {
  return address.is_set() ? links_.find(key_of(port_index, address)) : no_neighbour;
}

std::uint32_t NeighbourTable::find_or_create(std::uint8_t port_index, const IpAddress& address,
                                             std::uint64_t now_ns) noexcept {
  if (!is_neighbour_address(address)) return no_neighbour;
  const NeighbourKey key = key_of(port_index, address);
  if (const std::uint32_t index = links_.find(key); index != no_neighbour) return index;
  const std::uint32_t index = create(key, port_index, address, now_ns);
  if (index != no_neighbour) ask(index, now_ns);
  return index;
}

std::uint32_t NeighbourTable::create(const NeighbourKey& key, std::uint8_t port_index, const IpAddress& address,
                                     std::uint64_t now_ns) noexcept {
  const std::uint32_t index = take_free_entry();
  if (index == no_neighbour) return no_neighbour;
  if (!links_.add(index, key)) {
    free_.push_back(index);
    return no_neighbour;
  }
  Entry& entry = entries_[index];
  const bool in_urgent = entry.solicit_now;  // its place in urgent_ from an earlier life
  entry = Entry{.address = address,
                .port_index = port_index,
                .solicit_now = in_urgent,
                .generation = entry.generation + 1,
                .last_used_ns = now_ns};
  ++size_;
  return index;
}

std::uint32_t NeighbourTable::take_free_entry() noexcept {
  // Unanswered questions may fill half of the table; beyond that each new one displaces the oldest.
  std::uint32_t victim = no_neighbour;
  if (incomplete_.count >= std::max(1U, capacity() / 2))
    victim = oldest_unpinned(incomplete_);
  else if (free_.empty())
    victim = oldest_unpinned(idle_);
  if (victim == no_neighbour && free_.empty()) victim = oldest_unpinned(incomplete_);
  if (victim != no_neighbour) forget(victim);
  if (free_.empty()) return no_neighbour;
  const std::uint32_t index = free_.back();
  free_.pop_back();
  return index;
}

std::uint32_t NeighbourTable::oldest_unpinned(const RingEnds& ring_ends) const noexcept {
  std::uint32_t index = ring_ends.oldest;
  for (unsigned step = 0; index != no_neighbour && step < max_eviction_steps; ++step) {
    if (entries_[index].pins == 0) return index;
    index = entries_[index].newer;
  }
  return no_neighbour;
}

void NeighbourTable::pin(std::uint32_t index) noexcept {
  SP_CHECK(index < capacity() && entries_[index].state != NeighbourState::none);
  ++entries_[index].pins;
}

void NeighbourTable::unpin(std::uint32_t index, std::uint64_t now_ns) noexcept {
  SP_CHECK(index < capacity() && entries_[index].pins > 0);
  Entry& entry = entries_[index];
  // From now on its lifetime counts, not from when it was last confirmed.
  if (--entry.pins == 0 && entry.ring == Ring::idle) entry.since_ns = now_ns;
}

// --- state changes ---

void NeighbourTable::enter(std::uint32_t index, NeighbourState state, std::uint64_t now_ns) noexcept {
  Entry& entry = entries_[index];
  entry.state = state;
  entry.since_ns = now_ns;
  entry.solicitations = 0;
  entry.deadline_ns = now_ns;
  if (state == NeighbourState::reachable) entry.deadline_ns += timers_.reachable_ns;
  if (state == NeighbourState::delay) entry.deadline_ns += timers_.delay_ns;
  leave_ring(index);
  if (state == NeighbourState::incomplete) join_ring(index, Ring::incomplete);
  if (state == NeighbourState::stale || state == NeighbourState::failed) join_ring(index, Ring::idle);
}

void NeighbourTable::ask(std::uint32_t index, std::uint64_t now_ns) noexcept {
  enter(index, NeighbourState::incomplete, now_ns);
  Entry& entry = entries_[index];
  if (entry.solicit_now) return;
  entry.solicit_now = true;
  urgent_.push_back(index);
}

void NeighbourTable::confirm(std::uint32_t index, const MacAddress& mac, std::uint64_t now_ns) noexcept {
  links_.set_mac(index, mac);
  enter(index, NeighbourState::reachable, now_ns);
  entries_[index].confirmed_at_ns = now_ns;
  packets_.move_all(entries_[index].waiting, answered_);
}

// A MAC address that came without being asked for: usable, but to be confirmed once it is used.
void NeighbourTable::learn(std::uint32_t index, const MacAddress& mac, std::uint64_t now_ns) noexcept {
  links_.set_mac(index, mac);
  enter(index, NeighbourState::stale, now_ns);
  packets_.move_all(entries_[index].waiting, answered_);
}

void NeighbourTable::fail(std::uint32_t index, std::uint64_t now_ns) noexcept {
  links_.clear_mac(index);
  enter(index, NeighbourState::failed, now_ns);
  packets_.move_all(entries_[index].waiting, unanswered_);
}

void NeighbourTable::forget(std::uint32_t index) noexcept {
  Entry& entry = entries_[index];
  leave_ring(index);
  links_.remove(index);
  packets_.move_all(entry.waiting, unanswered_);
  entry.state = NeighbourState::none;
  free_.push_back(index);
  --size_;
}

void* NeighbourTable::hold(std::uint32_t index, void* packet, std::uint64_t now_ns) noexcept {
  if (index >= capacity() || entries_[index].state == NeighbourState::none) return packet;
  Entry& entry = entries_[index];
  entry.last_used_ns = now_ns;
  if (entry.state == NeighbourState::failed) {
    if (now_ns - entry.since_ns < timers_.failed_holdoff_ns) return packet;
    ask(index, now_ns);
  }
  // The answer may have come while the packet was on its way here.
  WaitQueue& queue = entry.state == NeighbourState::incomplete ? entry.waiting : answered_;
  void* displaced = nullptr;
  if (&queue == &entry.waiting && queue.count >= limits_.max_held_per_neighbour) displaced = packets_.pop(queue).packet;
  if (packets_.full()) return packet;
  packets_.push(queue, {packet, index, entry.generation});
  return displaced;
}

void NeighbourTable::abandon_waiting() noexcept {
  for (Entry& entry : entries_) packets_.move_all(entry.waiting, unanswered_);
}

// --- messages ---

void NeighbourTable::on_arp(std::uint8_t port_index, const ArpMessage& message, bool for_us,
                            std::uint64_t now_ns) noexcept {
  if (!is_neighbour_address(message.sender) || !message.sender_mac.is_unicast()) return;
  const NeighbourKey key = key_of(port_index, message.sender);
  std::uint32_t index = links_.find(key);
  if (index == no_neighbour) {
    if (message.operation != ArpOperation::request || !for_us || message.is_gratuitous()) return;
    index = create(key, port_index, message.sender, now_ns);
    if (index != no_neighbour) learn(index, message.sender_mac, now_ns);
    return;
  }
  MacAddress known;
  const bool is_known = links_.mac(index, known);
  const bool answers = message.operation == ArpOperation::reply && for_us && awaits_answer(entries_[index].state);
  if (answers)
    confirm(index, message.sender_mac, now_ns);
  else if (!is_known || known != message.sender_mac)
    learn(index, message.sender_mac, now_ns);
}

void NeighbourTable::on_neighbour_message(std::uint8_t port_index, const NeighbourMessage& message, bool for_us,
                                          std::uint64_t now_ns) noexcept {
  const bool is_solicitation = message.type == Icmp6Type::neighbour_solicitation;
  const IpAddress& sender = is_solicitation ? message.source : message.target;
  if (!is_neighbour_address(sender)) return;
  const NeighbourKey key = key_of(port_index, sender);
  std::uint32_t index = links_.find(key);
  if (!is_solicitation) {
    if (index != no_neighbour) on_advertisement(index, message, now_ns);
    return;
  }
  // RFC 4861 section 7.2.3.
  if (!for_us || !message.has_link_layer_address) return;
  if (index == no_neighbour) index = create(key, port_index, sender, now_ns);
  if (index == no_neighbour) return;
  MacAddress known;
  if (!links_.mac(index, known) || known != message.link_layer_address)
    learn(index, message.link_layer_address, now_ns);
}

// RFC 4861 section 7.2.5 and its appendix C.
void NeighbourTable::on_advertisement(std::uint32_t index, const NeighbourMessage& message,
                                      std::uint64_t now_ns) noexcept {
  MacAddress known;
  if (!links_.mac(index, known)) {  // incomplete or failed
    if (!message.has_link_layer_address) return;
    if (message.solicited)
      confirm(index, message.link_layer_address, now_ns);
    else
      learn(index, message.link_layer_address, now_ns);
    return;
  }
  const bool differs = message.has_link_layer_address && message.link_layer_address != known;
  if (differs && !message.override_entry) {
    if (entries_[index].state == NeighbourState::reachable) enter(index, NeighbourState::stale, now_ns);
    return;
  }
  if (message.solicited)
    confirm(index, differs ? message.link_layer_address : known, now_ns);
  else if (differs)
    learn(index, message.link_layer_address, now_ns);
}

// --- rings ---

void NeighbourTable::join_ring(std::uint32_t index, Ring which) noexcept {
  Entry& entry = entries_[index];
  RingEnds& ends = ring(which);
  entry.ring = which;
  entry.older = ends.newest;
  entry.newer = no_neighbour;
  if (ends.newest != no_neighbour)
    entries_[ends.newest].newer = index;
  else
    ends.oldest = index;
  ends.newest = index;
  ++ends.count;
}

void NeighbourTable::leave_ring(std::uint32_t index) noexcept {
  Entry& entry = entries_[index];
  if (entry.ring == Ring::none) return;
  RingEnds& ends = ring(entry.ring);
  if (entry.older != no_neighbour)
    entries_[entry.older].newer = entry.newer;
  else
    ends.oldest = entry.newer;
  if (entry.newer != no_neighbour)
    entries_[entry.newer].older = entry.older;
  else
    ends.newest = entry.older;
  --ends.count;
  entry.ring = Ring::none;
}

NeighbourInfo NeighbourTable::info(std::uint32_t index) const noexcept {
  NeighbourInfo info;
  if (index >= capacity() || entries_[index].state == NeighbourState::none) return info;
  const Entry& entry = entries_[index];
  info = {.port_index = entry.port_index,
          .address = entry.address,
          .state = entry.state,
          .is_pinned = entry.pins != 0,
          .held_packets = entry.waiting.count,
          .confirmed_at_ns = entry.confirmed_at_ns};
  info.has_mac = links_.mac(index, info.mac);
  return info;
}

const char* to_string(NeighbourState state) noexcept {
  switch (state) {
    case NeighbourState::none:
      return "none";
    case NeighbourState::incomplete:
      return "incomplete";
    case NeighbourState::reachable:
      return "reachable";
    case NeighbourState::stale:
      return "stale";
    case NeighbourState::delay:
      return "delay";
    case NeighbourState::probe:
      return "probe";
    case NeighbourState::failed:
      return "failed";
  }
  return "unknown";
}

}  // namespace sallyport::dataplane
