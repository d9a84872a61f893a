#include "config/read/draft.hpp"

#include "config/limits.hpp"
#include "config/read/network_scalars.hpp"
#include "config/toml/safe_text.hpp"

namespace sallyport::config {
namespace {

// "." for a file without a folder. A name that cannot be made absolute (the working folder is gone) stays as it is.
std::filesystem::path folder_of(const std::filesystem::path& name) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(name, error);
  return (error ? name : absolute).parent_path();
}

}  // namespace

Draft::Draft(const std::filesystem::path& name)
    : errors(escaped(name.string(), limits::path_characters)),
      warnings(*errors.locate({}).file),
      paths(folder_of(name)) {}

Position Draft::position_of(Owner owner, std::string_view key) const {
  return position_of(tables[static_cast<std::size_t>(owner.kind)].at(owner.index), key);
}

Position Draft::position_of(const Located<const TomlTable*>& table, std::string_view key) {
  const TomlEntry* entry = table.value == nullptr ? nullptr : table.value->find(key);
  return entry != nullptr ? entry->value.position : table.at;
}

std::string Draft::name_of(Owner owner) const {
  switch (owner.kind) {
    case Kind::port:
      return config.ports[owner.index].name;
    case Kind::route:
      return config.routes[owner.index].to.to_string();
    case Kind::wireguard:
      return config.wireguards[owner.index].name;
    case Kind::peer:
      return config.peers[owner.index].name;
    case Kind::pool:
      return config.pools[owner.index].name;
    case Kind::cluster:
      return config.clusters[owner.index].name;
    case Kind::ipsec_peer:
      return config.ipsec_peers[owner.index].name;
  }
  return {};
}

std::optional<PortRole> Draft::route_role(std::size_t route) const {
  if (route >= route_ports.size() || !route_ports[route]) return std::nullopt;
  return config.ports[*route_ports[route]].role;
}

std::string Draft::describe(Owner owner) const {
  static constexpr std::string_view words[kinds] = {"port", "the route to", "wireguard", "peer",
                                                    "pool", "cluster",      "ipsec_peer"};
  const std::string quote = owner.kind == Kind::route ? "" : "'";
  const std::uint32_t line = position_of(owner).line;
  return std::string(words[static_cast<std::size_t>(owner.kind)]) + ' ' + quote + name_of(owner) + quote +
         (line == 0 ? ", which runs" : " (line " + std::to_string(line) + ')');
}

void read_labels(TableReader& reader, std::optional<std::string>& identity, std::vector<std::string>& tags,
                 std::vector<Claim>& claims) {
  reader.read("identity", identity, parse_identity);
  tags = values_of(reader.read_list("tags", {0, limits::tags}, parse_name));
  const TomlTable* table = reader.find_table("claims");
  if (table == nullptr) return;
  if (table->entries.size() > limits::claims)
    return reader.add_error("claims", "expected at most " + std::to_string(limits::claims) + " claims, got " +
                                          std::to_string(table->entries.size()));
  for (const TomlEntry& entry : table->entries) {
    // A single value is a list of one.
    const auto* array = entry.value.as<TomlArray>();
    const std::span<const TomlValue> values = array != nullptr ? std::span(*array) : std::span(&entry.value, 1);
    Claim claim{entry.key, {}};
    if (entry.key.empty() || values.size() > limits::claims)
      reader.add_error("claims", entry.position,
                       "expected a name and at most " + std::to_string(limits::claims) + " values");
    for (const TomlValue& value : values) {
      auto text = parse_text(value);
      if (text) {
        claim.values.push_back(std::move(*text));
      } else {
        reader.add_error("claims", value.position, text.error());
      }
    }
    claims.push_back(std::move(claim));
  }
}

std::vector<IpPrefix> read_destinations(Draft& draft, TableReader& reader, std::string_view key, ListSize size,
                                        Owner owner) {
  const auto prefixes = reader.read_list(key, size, parse_prefix);
  for (const auto& prefix : prefixes) draft.destinations.push_back({prefix.value, owner, prefix.at});
  return values_of(prefixes);
}

}  // namespace sallyport::config
