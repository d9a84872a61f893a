// A configuration while it is being read: the values so far, what is wrong with them, and where each value stands,
// which the checks across the file need for their errors. The document must outlive the draft.
#pragma once

#include <array>
#include <cstddef>

#include "config/config.hpp"
#include "config/read/scalars.hpp"

namespace sallyport::config {

enum class Kind : std::uint8_t { port, route, wireguard, peer, pool, cluster, ipsec_peer };
inline constexpr std::size_t kinds = 7;

// One object of the configuration: an index into the vector of its kind.
struct Owner {
  Kind kind = Kind::port;
  std::size_t index = 0;

  friend bool operator==(const Owner&, const Owner&) = default;
};

template <typename T>
struct Owned {
  T value;
  Owner owner;
  Position at;
};

struct Draft {
  explicit Draft(const std::filesystem::path& name);

  Config config;
  ErrorList errors;
  ErrorList warnings;
  PathParser paths;  // relative to the folder of the file

  // The tables that the objects were read from, by Kind and index.
  std::array<std::vector<Located<const TomlTable*>>, kinds> tables;
  Located<const TomlTable*> controlplane_table{}, enrolment_table{};  // null: no such section
  bool all_roles_known = true;                                        // of ports; false after an error
  // Elements of lists, in the order of the file.
  std::vector<Owned<IpPrefix>> interface_addresses;  // of ports and WireGuard interfaces
  std::vector<Owned<IpAddress>> port_gateways;
  std::vector<Owned<IpPrefix>> destinations;  // prefixes that one owner has alone: routes, peers, pools
  std::vector<Located<IpAddress>> ipsec_addresses;
  // Of each route, the index of the port behind which it leads, once check_routes() found it.
  std::vector<std::optional<std::size_t>> route_ports;

  [[nodiscard]] std::optional<PortRole> route_role(std::size_t route) const;

  // Of the key's value in the table that an object was read from; of that table when the key is absent.
  [[nodiscard]] Position position_of(Owner owner, std::string_view key = {}) const;
  [[nodiscard]] static Position position_of(const Located<const TomlTable*>& table, std::string_view key);
  // For messages: "peer 'ann-laptop' (line 34)".
  [[nodiscard]] std::string describe(Owner owner) const;
  [[nodiscard]] std::string name_of(Owner owner) const;
};

// The readers, one for each section. They check what concerns one object alone.
void read_gateway(Draft& draft, TableReader reader);
void read_dataplane(Draft& draft, TableReader reader);
void read_controlplane(Draft& draft, TableReader reader);
void read_policy(Draft& draft, TableReader reader);
void read_port(Draft& draft, TableReader reader);
void read_route(Draft& draft, TableReader reader);
void read_wireguard(Draft& draft, TableReader reader);
void read_pool(Draft& draft, TableReader reader);
void read_peer(Draft& draft, TableReader reader);
// The same with a name for a peer that says none.
void read_peer(Draft& draft, TableReader reader, const std::string& default_name);
void read_enrolment(Draft& draft, TableReader reader);
void read_cluster(Draft& draft, TableReader reader, const TomlEntry& entry);
void read_flow_records(Draft& draft, TableReader reader);
void read_ipsec(Draft& draft, TableReader reader);
void read_ipsec_peer(Draft& draft, TableReader reader);

// The parts that peers of both kinds share.
void read_labels(TableReader& reader, std::optional<std::string>& identity, std::vector<std::string>& tags,
                 std::vector<Claim>& claims);
// Parses a list of prefixes that their owner has alone.
[[nodiscard]] std::vector<IpPrefix> read_destinations(Draft& draft, TableReader& reader, std::string_view key,
                                                      ListSize size, Owner owner);

}  // namespace sallyport::config
