#include "config/load.hpp"

#include "config/check/checks.hpp"
#include "config/keys.hpp"
#include "config/limits.hpp"
#include "config/read/draft.hpp"
#include "config/read_file.hpp"

namespace sallyport::config {
namespace {

using Reader = void (*)(Draft&, TableReader);

void read_section(Draft& draft, TableReader& top, const TableInfo& info, std::string_view key, Reader read) {
  if (const TomlTable* table = top.find_table(key)) read(draft, {*table, top.position_of(key), info, draft.errors});
}

void read_sections(Draft& draft, TableReader& top, const TableInfo& info, std::string_view key, Kind kind,
                   std::size_t most, Reader read) {
  auto& tables = draft.tables[static_cast<std::size_t>(kind)];
  tables = top.find_tables(key, most);
  for (const auto& table : tables) read(draft, {*table.value, table.at, info, draft.errors});
}

void read_clusters(Draft& draft, TableReader& top) {
  const TomlTable* clusters = top.find_table("cluster");
  if (clusters == nullptr) return;
  if (clusters->entries.size() > limits::clusters)
    return top.add_error("cluster", "expected at most " + std::to_string(limits::clusters));
  for (const TomlEntry& entry : clusters->entries) {
    const auto* table = entry.value.as<TomlTable>();
    if (table == nullptr) {
      top.add_error("cluster", entry.value.position, "expected a table, [cluster.NAME], got " + entry.value.describe());
      continue;
    }
    draft.tables[static_cast<std::size_t>(Kind::cluster)].push_back({table, entry.value.position});
    read_cluster(draft, {*table, entry.value.position, keys::cluster, draft.errors}, entry);
  }
}

void read_document(Draft& draft, const TomlTable& document) {
  TableReader top(document, {}, keys::top_level, draft.errors);
  if (!top.has("gateway")) draft.errors.add({}, "no [gateway] section: expected one with the gateway's name");
  if (!top.has("policy"))
    draft.errors.add({}, "no [policy] section: expected one with default = \"allow\" (a plain VPN) or files");
  if (const TomlEntry* ports = top.find("port");
      ports == nullptr || (ports->value.as<TomlArray>() != nullptr && ports->value.as<TomlArray>()->empty()))
    draft.errors.add({}, "no [[port]] section: expected at least one");
  const auto table_of = [&](std::string_view key) {
    const TomlEntry* entry = top.find(key);
    return Located<const TomlTable*>{entry == nullptr ? nullptr : entry->value.as<TomlTable>(), top.position_of(key)};
  };
  draft.controlplane_table = table_of("controlplane");
  draft.enrolment_table = table_of("enrolment");
  read_section(draft, top, keys::gateway, "gateway", read_gateway);
  read_section(draft, top, keys::dataplane, "dataplane", read_dataplane);
  read_section(draft, top, keys::controlplane, "controlplane", read_controlplane);
  read_sections(draft, top, keys::port, "port", Kind::port, limits::ports, read_port);
  read_sections(draft, top, keys::route, "route", Kind::route, limits::routes, read_route);
  read_sections(draft, top, keys::wireguard, "wireguard", Kind::wireguard, limits::wireguards, read_wireguard);
  read_sections(draft, top, keys::pool, "pool", Kind::pool, limits::pools, read_pool);
  read_sections(draft, top, keys::peer, "peer", Kind::peer, limits::max_peers, read_peer);
  read_section(draft, top, keys::enrolment, "enrolment", read_enrolment);
  read_clusters(draft, top);
  read_section(draft, top, keys::flow_records, "flow_records", read_flow_records);
  read_section(draft, top, keys::ipsec, "ipsec", read_ipsec);
  read_sections(draft, top, keys::ipsec_peer, "ipsec_peer", Kind::ipsec_peer, limits::ipsec_peers, read_ipsec_peer);
  read_section(draft, top, keys::policy, "policy", read_policy);
}

// A plain VPN forwards without looking at flows: there would be nothing to record.
void check_flow_records(Draft& draft) {
  if (draft.config.flow_records && draft.config.policy.allow_everything)
    draft.errors.add(Position{draft.config.flow_records->location.line, draft.config.flow_records->location.column},
                     "[flow_records]: expected [policy] files, as default = \"allow\" keeps no flows to record");
}

}  // namespace

tl::expected<Config, std::vector<Error>> parse(std::string_view text, const std::filesystem::path& name,
                                               const Config* running) {
  Draft draft(name);
  if (text.size() > limits::file_bytes) {
    draft.errors.add({}, too_large(limits::file_bytes));
    return tl::make_unexpected(draft.errors.take_sorted());
  }
  // 1. The syntax; 2. each object by itself; 3. the objects together.
  const auto document = parse_toml(text, draft.errors);
  if (!document) return tl::make_unexpected(std::vector{document.error()});
  read_document(draft, *document);
  check_names(draft);
  check_interfaces(draft);
  check_addresses(draft);
  check_routes(draft);
  check_destinations(draft);
  check_enrolment(draft);
  check_services(draft);
  check_flow_records(draft);
  if (running != nullptr) check_beside_running(draft, running->ports);
  if (!draft.errors.empty()) return tl::make_unexpected(draft.errors.take_sorted());
  for (const Error& warning : draft.warnings.take_sorted()) draft.config.warnings.push_back(to_string(warning));
  return std::move(draft.config);
}

tl::expected<Config, std::vector<Error>> load(const std::filesystem::path& file, const Config* running) {
  const auto read = read_file(file);
  if (read) return parse(read->text, file, running);
  Draft draft(file);
  draft.errors.add({}, read.error());
  return tl::make_unexpected(draft.errors.take_sorted());
}

}  // namespace sallyport::config
