// The commands that carry a compiled policy. A policy is an *image*: rules, services, source classes, destination
// classes, address entries and the access of each peer. The dataplane has room for two: the one in force, and the one
// being built. An image is begun, filled by any number of commands, and put in force by commit_policy for every worker
// at one moment; what it replaces goes. Commands that name the image in force change it in place (a new class, an
// address, a peer); commands that name neither are refused (no_such_image), which is normal for those that were on
// their way when an image was replaced.
//
//   packet's source -> peer's Access, or the address entry's -> source class -> row: service -> rule, audit rule
//   packet's destination -> address entry's and peer's destination classes -> services -> port matches?
//   of the services that match and stand in the row, the rule with the lowest rank decides; none: denied by rule 0
#pragma once

#include <array>
#include <cstdint>

#include "config/base/ip.hpp"
#include "dataplane/abi/command_kind.hpp"
#include "dataplane/abi/limits.hpp"

namespace sallyport::abi {

// Numbers from 1; 0 means none. Source class 0 is nobody: it has no row, and nothing is allowed.
inline constexpr std::uint32_t max_rules = 1U << 17;
inline constexpr std::uint32_t max_services = 1U << 16;
inline constexpr std::uint32_t any_service = 0xffffffff;  // in a row: `to = ["*"]`, whatever the destination and port
inline constexpr std::uint32_t max_policy_addresses = 1U << 20;
inline constexpr std::uint64_t max_rate_bits_per_s = 1'000'000'000'000;

// Begins an image; one that was begun and not committed is thrown away. The same image again changes nothing.
struct BeginPolicy {
  static constexpr CommandKind kind = CommandKind::begin_policy;
  std::uint64_t image;       // never 0, never used before on this dataplane
  std::uint32_t generation;  // for people: of the policy, rises by one with each version
  std::uint8_t allow_all;    // 1: a plain VPN; everything is forwarded, no flow is kept, the rest of the image is empty
  std::uint8_t record_flows;  // 1: every flow that ends, and every denied one, is told as an event
  std::uint16_t pick_up_s;    // so long after the commit, TCP connections in mid-stream may become flows: after a crash
};

struct CommitPolicy {
  static constexpr CommandKind kind = CommandKind::commit_policy;
  std::uint64_t image;
};

enum class RuleAction : std::uint8_t { deny = 0, allow = 1, audit = 2 };
enum class RuleLog : std::uint8_t { none = 0, denied = 1, all = 2 };

inline constexpr std::uint32_t no_rank = 0xffffffff;  // of a number without a rule

struct SetRule {
  static constexpr CommandKind kind = CommandKind::set_rule;
  std::uint64_t image;
  std::uint32_t number;  // 1 to max_rules - 1; 0 is set by nobody: "no rule allows it"
  std::uint32_t rank;    // unique in the image, not no_rank; of two rules that match, the lower one decides
  RuleAction action;
  RuleLog log;
  std::uint8_t reject;  // a denied packet is answered by a TCP RST or an ICMP error
  std::uint8_t reserved;
  std::uint32_t reserved2;
  std::uint64_t rate_bits_per_s;  // of inner packets, for each identity and direction; 0: no limit
};

inline constexpr std::uint16_t any_protocol = 256;
struct PortRange {
  std::uint16_t protocol;  // an IP protocol number, or any_protocol
  std::uint16_t first;     // destination ports of TCP, UDP and SCTP; of other protocols 0 to 65535
  std::uint16_t last;
};
inline constexpr unsigned max_service_ports = 32;

struct SetService {
  static constexpr CommandKind kind = CommandKind::set_service;
  std::uint64_t image;
  std::uint32_t number;  // 1 to max_services - 1
  std::uint32_t port_count;
  std::array<PortRange, max_service_ports> ports;
};

// Long lists come in pieces: `offset` counts from 0 without a gap, and the list takes effect with its last piece. A
// piece with offset 0 begins the list anew. Pieces of one list are not mixed with those of another.
struct RowEntry {
  std::uint32_t service;  // or any_service
  std::uint32_t rule;     // allow or deny; 0: none
  std::uint32_t audit_rule;
};
inline constexpr unsigned row_entries_per_piece = 18;

// The row of a source class. Entries rise by service.
struct SetSourceClass {
  static constexpr CommandKind kind = CommandKind::set_source_class;
  std::uint64_t image;
  std::uint32_t number;  // 1 to max_classes - 1
  std::uint32_t total;
  std::uint32_t offset;
  std::uint32_t count;
  std::array<RowEntry, row_entries_per_piece> entries;
};
struct RemoveSourceClass {
  static constexpr CommandKind kind = CommandKind::remove_source_class;
  std::uint64_t image;
  std::uint32_t number;
  std::uint32_t reserved;
};

// The services that a destination belongs to, rising.
inline constexpr unsigned services_per_piece = 54;
struct SetDestinationClass {
  static constexpr CommandKind kind = CommandKind::set_destination_class;
  std::uint64_t image;
  std::uint32_t number;  // 1 to max_classes - 1
  std::uint32_t total;
  std::uint32_t offset;
  std::uint32_t count;
  std::array<std::uint32_t, services_per_piece> services;
};
struct RemoveDestinationClass {
  static constexpr CommandKind kind = CommandKind::remove_destination_class;
  std::uint64_t image;
  std::uint32_t number;
  std::uint32_t reserved;
};

// What a source may do, and until when: at each step's end the dataplane goes on to the step's class, whether or not a
// control plane lives.
struct AccessStep {
  std::uint64_t not_after_ns;  // CLOCK_BOOTTIME; rising
  std::uint32_t next_class;
  std::uint32_t reserved;
};
inline constexpr unsigned max_access_steps = 4;
struct Access {
  std::uint32_t source_class;
  std::uint32_t step_count;
  std::array<AccessStep, max_access_steps> steps;
};

// What an address is: as a source on an inside port, and as a destination. The entry of the longest prefix counts, so
// it names all services that cover it, those of shorter prefixes too.
//
// A live service keeps an endpoint that is draining: flows that go on are decided by `destination_class`, as if it were
// not. A flow begins only if that allows it and, where `opening_class` is set, that class (the services that it drains
// for left out) allows it too; with `draining` none begins.
struct SetAddress {
  static constexpr CommandKind kind = CommandKind::set_address;
  std::uint64_t image;
  Access access;
  std::uint32_t destination_class;  // 0: none
  std::uint32_t opening_class;      // of flows that begin; 0: the same
  IpPrefix prefix;                  // no host bits; length 0 is fine
  std::uint8_t draining;            // 1: for every service that covers it; opening_class is 0
  std::array<std::uint8_t, 5> reserved;
};
static_assert(sizeof(SetAddress) == 112);
struct RemoveAddress {
  static constexpr CommandKind kind = CommandKind::remove_address;
  std::uint64_t image;
  IpPrefix prefix;
  std::array<std::uint8_t, 6> reserved;
};

// What a peer is. Behind a peer without it is nobody. It goes with remove_peer.
struct SetPeerAccess {
  static constexpr CommandKind kind = CommandKind::set_peer_access;
  std::uint64_t image;
  std::uint32_t peer_id;
  std::uint32_t
      identity;  // < max_peers; the same number for all peers of one identity: rates and flows are counted by it
  Access access;
  std::uint32_t destination_class;  // services by identity; 0: none
  std::uint32_t reserved;
};

// Asks for the live flows: flow_shown events with this listing's number, then one flow_listing_ended.
struct ListFlows {
  static constexpr CommandKind kind = CommandKind::list_flows;
  std::uint32_t listing;   // 0: stop
  std::uint32_t peer_id;   // at either end; no_peer: any
  std::uint32_t most;      // flows
  std::uint32_t rule;      // that decides, or whose audit mark it has; 0: any
  IpPrefix address;        // at either end; unset: any
  std::uint16_t port;      // at either end; 0: any
  std::uint16_t protocol;  // any_protocol: any
  std::uint16_t reserved;
};

}  // namespace sallyport::abi
