// NeighbourTable::poll: the timers of neighbour unreachability detection, and the packets on their way out.
#include "dataplane/forwarding/neighbour_table.hpp"

namespace sallyport::dataplane {

bool NeighbourTable::poll(std::uint64_t now_ns, NeighbourWork& work) noexcept {
  work.solicitations.count = work.to_send.count = work.to_drop.count = 0;
  const bool all_asked = ask_urgent(now_ns, work) && scan(now_ns, work);
  const bool all_handed_out = hand_out_packets(work);
  return !all_asked || !all_handed_out;
}

// First questions go out at once.
bool NeighbourTable::ask_urgent(std::uint64_t now_ns, NeighbourWork& work) noexcept {
  while (!urgent_.empty()) {
    const std::uint32_t index = urgent_.back();
    Entry& entry = entries_[index];
    const bool is_waiting = entry.state == NeighbourState::incomplete && entry.solicitations == 0;
    if (is_waiting && !solicit(index, now_ns, work)) return false;
    entry.solicit_now = false;
    urgent_.pop_back();
  }
  return true;
}

// The timers of all entries, every scan interval; goes on where the last one found no room.
bool NeighbourTable::scan(std::uint64_t now_ns, NeighbourWork& work) noexcept {
  if (scan_at_ == 0 && now_ns < next_scan_ns_) return true;
  for (; scan_at_ < capacity(); ++scan_at_)
    if (entries_[scan_at_].state != NeighbourState::none && !run_timer(scan_at_, now_ns, work)) return false;
  scan_at_ = 0;
  next_scan_ns_ = now_ns + timers_.scan_interval_ns;
  return true;
}

bool NeighbourTable::run_timer(std::uint32_t index, std::uint64_t now_ns, NeighbourWork& work) noexcept {
  Entry& entry = entries_[index];
  if (links_.take_in_use(index)) entry.last_used_ns = now_ns;
  const bool is_due = now_ns >= entry.deadline_ns;
  const bool is_idle = entry.last_used_ns < entry.since_ns;
  const bool gave_up = is_due && entry.solicitations >= timers_.max_solicitations;
  switch (entry.state) {
    case NeighbourState::none:
      break;
    case NeighbourState::incomplete:
      if (gave_up)
        fail(index, now_ns);
      else if (is_due)
        return solicit(index, now_ns, work);
      break;
    case NeighbourState::reachable:
      if (is_due) enter(index, is_idle ? NeighbourState::stale : NeighbourState::probe, now_ns);
      break;
    case NeighbourState::stale:
      if (entry.last_used_ns == now_ns)
        enter(index, NeighbourState::delay, now_ns);
      else if (entry.pins == 0 && now_ns - entry.since_ns >= timers_.stale_lifetime_ns)
        forget(index);
      break;
    case NeighbourState::delay:
      if (is_due) enter(index, NeighbourState::probe, now_ns);
      break;
    case NeighbourState::probe:
      // One more round of questions if anybody still wants it.
      if (gave_up) {
        fail(index, now_ns);
        if (!is_idle) ask(index, now_ns);
      } else if (is_due) {
        return solicit(index, now_ns, work);
      }
      break;
    case NeighbourState::failed:
      if (entry.pins == 0 && now_ns - entry.since_ns >= timers_.failed_lifetime_ns) forget(index);
      break;
  }
  // A state that was entered just now may have something to ask at once.
  if (entries_[index].state == NeighbourState::probe && entry.solicitations == 0) return solicit(index, now_ns, work);
  return true;
}

bool NeighbourTable::solicit(std::uint32_t index, std::uint64_t now_ns, NeighbourWork& work) noexcept {
  if (work.solicitations.full()) return false;
  Entry& entry = entries_[index];
  NeighbourWork::Solicitation question{.neighbour = index,
                                       .address = entry.address,
                                       .port_index = entry.port_index,
                                       // Who does not answer may have come back with another MAC: RFC 7048, section 3.
                                       .is_unicast = entry.state == NeighbourState::probe && entry.solicitations == 0,
                                       .mac = {}};
  if (question.is_unicast && !links_.mac(index, question.mac)) question.is_unicast = false;
  work.solicitations.push(question);
  ++entry.solicitations;
  entry.deadline_ns = now_ns + timers_.retransmit_ns;
  return true;
}

// True when none is left.
bool NeighbourTable::hand_out_packets(NeighbourWork& work) noexcept {
  while (answered_.count != 0 && !work.to_send.full() && !work.to_drop.full()) {
    const WaitingPackets::Waiting waiting = packets_.pop(answered_);
    const Entry& entry = entries_[waiting.neighbour];
    MacAddress mac;
    // The entry may have failed, or gone to somebody else, since: then the packet has lost its neighbour.
    if (is_current(waiting) && links_.mac(waiting.neighbour, mac))
      work.to_send.push({waiting.packet, waiting.neighbour, entry.port_index, mac});
    else
      work.to_drop.push({waiting.packet, no_neighbour});
  }
  while (unanswered_.count != 0 && !work.to_drop.full()) {
    const WaitingPackets::Waiting waiting = packets_.pop(unanswered_);
    work.to_drop.push({waiting.packet, is_current(waiting) ? waiting.neighbour : no_neighbour});
  }
  return answered_.count == 0 && unanswered_.count == 0;
}

}  // namespace sallyport::dataplane
