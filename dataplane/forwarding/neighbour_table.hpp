// Who is on the links of the ports: IPv4 (ARP, RFC 826) and IPv6 (neighbour discovery, RFC 4861) neighbours with
// unreachability detection, and the packets that wait for an answer. Owned by housekeeping, without input or output of
// its own: messages and time in, solicitations and released packets out (poll). Workers use links() alone.
//
//   find_or_create -> incomplete --answer--> reachable --5 s--> stale --used--> delay --5 s--> probe --no answer-->
//   failed
//        hold()        3 x 1 s: failed           \--used in that time: probe at once, still usable--/
//
// Bounds: neighbours, packets per neighbour, packets in all. When the table is full the one that was idle longest goes,
// then the oldest unanswered one, so a scan of a /64 pushes out only itself; pinned ones never go.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "config/base/ip.hpp"
#include "dataplane/forwarding/neighbour_links.hpp"
#include "dataplane/forwarding/neighbour_state.hpp"
#include "dataplane/forwarding/wait_queue.hpp"
#include "dataplane/packet/arp.hpp"
#include "dataplane/packet/neighbour_discovery.hpp"

namespace sallyport::dataplane {

struct NeighbourLimits {
  std::uint32_t max_neighbours = 8192;  // at most NeighbourLinks::max_capacity
  std::uint32_t max_held_per_neighbour = 16;
  std::uint32_t max_held = 1024;
};

// What poll() asks its caller to do.
struct NeighbourWork {
  static constexpr unsigned capacity = 64;
  struct Solicitation {
    std::uint32_t neighbour;
    IpAddress address;
    std::uint8_t port_index;
    bool is_unicast;  // to `mac`; else broadcast (ARP) or the solicited-node group (ND)
    MacAddress mac;
  };
  struct Release {
    void* packet;
    std::uint32_t neighbour;
    std::uint8_t port_index;
    MacAddress mac;
  };
  struct Failure {
    void* packet;
    std::uint32_t neighbour;  // no_neighbour: the entry is gone
  };
  template <typename Item>
  struct List {
    std::array<Item, capacity> items;
    unsigned count = 0;
    [[nodiscard]] bool full() const noexcept { return count == capacity; }
    [[nodiscard]] const Item* begin() const noexcept { return items.data(); }
    [[nodiscard]] const Item* end() const noexcept { return items.data() + count; }
    void push(const Item& item) noexcept { items[count++] = item; }
  };
  List<Solicitation> solicitations;
  List<Release> to_send;  // the neighbour answered
  List<Failure> to_drop;  // it did not: host unreachable
};

struct NeighbourInfo {
  std::uint8_t port_index = 0;
  IpAddress address;
  NeighbourState state = NeighbourState::none;
  bool has_mac = false;
  MacAddress mac;
  bool is_pinned = false;
  std::uint32_t held_packets = 0;
  std::uint64_t confirmed_at_ns = 0;  // when it last answered; 0: never
};

class NeighbourTable {
 public:
  // `hash_seed` is random, so that nobody can choose addresses that share a bucket.
  NeighbourTable(const NeighbourLimits& limits, const NeighbourTimers& timers, std::uint64_t hash_seed);

  // For workers: the MAC of an index or of (port, address), lock-free.
  [[nodiscard]] NeighbourLinks& links() noexcept { return links_; }

  // --- housekeeping; `now_ns` never goes back ---

  [[nodiscard]] std::uint32_t find(std::uint8_t port_index, const IpAddress& address) const noexcept;
  // A new entry asks for its MAC in the next poll(). no_neighbour: every entry is pinned, or the address is no unicast
  // one.
  [[nodiscard]] std::uint32_t find_or_create(std::uint8_t port_index, const IpAddress& address,
                                             std::uint64_t now_ns) noexcept;
  // A pinned entry (a route's or a tunnel's next hop) keeps its index. Unpin after the grace period of the route.
  void pin(std::uint32_t index) noexcept;
  void unpin(std::uint32_t index, std::uint64_t now_ns) noexcept;

  // Keeps a packet until the neighbour answers; it comes out of poll(). Returns nullptr, or the packet to drop now:
  // this one (the neighbour failed lately, all places taken) or the oldest that waited for the same neighbour (RFC 4861
  // section 7.2.2). Asks the neighbour if nobody does.
  [[nodiscard]] void* hold(std::uint32_t index, void* packet, std::uint64_t now_ns) noexcept;

  // A message that parse_arp or parse_neighbour_discovery accepted, whose sender lies on a connected prefix of the
  // port. `for_us`: the target is an address of ours. Only a request for us makes a new entry; answers nobody asked for
  // and announcements change known ones at most.
  void on_arp(std::uint8_t port_index, const ArpMessage& message, bool for_us, std::uint64_t now_ns) noexcept;
  void on_neighbour_message(std::uint8_t port_index, const NeighbourMessage& message, bool for_us,
                            std::uint64_t now_ns) noexcept;

  // Runs the timers and fills `work` (cleared first). True: a list was full, call again once it is done.
  [[nodiscard]] bool poll(std::uint64_t now_ns, NeighbourWork& work) noexcept;

  // Every packet that waits comes out of the next poll() as one to drop: before the end of the process.
  void abandon_waiting() noexcept;

  // For listings: state none if the slot is free. Indices are below capacity().
  [[nodiscard]] NeighbourInfo info(std::uint32_t index) const noexcept;
  [[nodiscard]] std::uint32_t capacity() const noexcept { return static_cast<std::uint32_t>(entries_.size()); }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  // Packets inside: waiting, or waiting for poll() to hand them out.
  [[nodiscard]] std::uint32_t held_packets() const noexcept { return packets_.size(); }

 private:
  enum class Ring : std::uint8_t { none, incomplete, idle };
  struct Entry {
    IpAddress address;
    std::uint8_t port_index = 0;
    NeighbourState state = NeighbourState::none;
    Ring ring = Ring::none;
    bool solicit_now = false;      // is in urgent_
    std::uint32_t generation = 0;  // counts the slot's owners
    std::uint32_t pins = 0;
    std::uint32_t solicitations = 0;     // sent in this state
    std::uint32_t older = no_neighbour;  // in its ring
    std::uint32_t newer = no_neighbour;
    std::uint64_t since_ns = 0;  // when this state began
    std::uint64_t deadline_ns = 0;
    std::uint64_t last_used_ns = 0;
    std::uint64_t confirmed_at_ns = 0;
    WaitQueue waiting;
  };
  struct RingEnds {
    std::uint32_t oldest = no_neighbour;
    std::uint32_t newest = no_neighbour;
    std::uint32_t count = 0;
  };

  // State changes. Each keeps links_, the rings and the waiting packets in step with the state.
  void enter(std::uint32_t index, NeighbourState state, std::uint64_t now_ns) noexcept;
  void ask(std::uint32_t index, std::uint64_t now_ns) noexcept;
  void confirm(std::uint32_t index, const MacAddress& mac, std::uint64_t now_ns) noexcept;
  void learn(std::uint32_t index, const MacAddress& mac, std::uint64_t now_ns) noexcept;
  void fail(std::uint32_t index, std::uint64_t now_ns) noexcept;
  void forget(std::uint32_t index) noexcept;
  void on_advertisement(std::uint32_t index, const NeighbourMessage& message, std::uint64_t now_ns) noexcept;
  [[nodiscard]] std::uint32_t create(const NeighbourKey& key, std::uint8_t port_index, const IpAddress& address,
                                     std::uint64_t now_ns) noexcept;
  [[nodiscard]] std::uint32_t take_free_entry() noexcept;
  [[nodiscard]] std::uint32_t oldest_unpinned(const RingEnds& ring) const noexcept;

  // Timers. False: no room in `work`.
  [[nodiscard]] bool run_timer(std::uint32_t index, std::uint64_t now_ns, NeighbourWork& work) noexcept;
  [[nodiscard]] bool ask_urgent(std::uint64_t now_ns, NeighbourWork& work) noexcept;
  [[nodiscard]] bool scan(std::uint64_t now_ns, NeighbourWork& work) noexcept;
  [[nodiscard]] bool solicit(std::uint32_t index, std::uint64_t now_ns, NeighbourWork& work) noexcept;
  [[nodiscard]] bool hand_out_packets(NeighbourWork& work) noexcept;
  [[nodiscard]] bool is_current(const WaitingPackets::Waiting& waiting) const noexcept {
    const Entry& entry = entries_[waiting.neighbour];
    return entry.state != NeighbourState::none && entry.generation == waiting.generation;
  }

  [[nodiscard]] RingEnds& ring(Ring which) noexcept { return which == Ring::incomplete ? incomplete_ : idle_; }
  void join_ring(std::uint32_t index, Ring which) noexcept;
  void leave_ring(std::uint32_t index) noexcept;

  NeighbourLimits limits_;
  NeighbourTimers timers_;
  NeighbourLinks links_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> urgent_;  // entries whose first solicitation is due now
  RingEnds incomplete_;
  RingEnds idle_;  // stale and failed
  WaitingPackets packets_;
  WaitQueue answered_;  // on their way out
  WaitQueue unanswered_;
  std::uint32_t size_ = 0;
  std::uint64_t next_scan_ns_ = 0;
  std::uint32_t scan_at_ = 0;  // where a scan that found `work` full goes on
};

}  // namespace sallyport::dataplane
