// Every key of gateway.toml with its type, default and meaning: the one list that the reader, the error messages and
// the reference in README.md share.
#pragma once

#include "config/toml/table_reader.hpp"

namespace sallyport::config::keys {

extern const TableInfo top_level, gateway, dataplane, controlplane, port, route, wireguard, peer, pool, enrolment,
    cluster, flow_records, ipsec, ipsec_peer, policy;
// The top level of a file in peers.d/ that holds several peers.
extern const TableInfo peer_file;

// In the order of the reference, without the top level.
[[nodiscard]] std::span<const TableInfo* const> all_tables();

// The reference: a heading and a table for each section.
[[nodiscard]] std::string reference_markdown();

}  // namespace sallyport::config::keys
