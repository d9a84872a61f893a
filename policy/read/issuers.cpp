// [issuer.NAME]
#include <algorithm>

#include "config/read/scalars.hpp"
#include "policy/keys.hpp"
#include "policy/limits.hpp"
#include "policy/read/draft.hpp"
#include "policy/words.hpp"

namespace sallyport::policy {
namespace {

// RFC 6901: tokens behind slashes; '~' only as ~0 and ~1.
bool is_json_pointer(std::string_view text) {
  if (!text.starts_with('/') || text.size() > config::limits::text_characters) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) < 0x20 || text[i] == 0x7f) return false;
    if (text[i] == '~' && (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1'))) return false;
  }
  return true;
}

Parsed<std::string> parse_json_pointer(const TomlValue& value) {
  const auto* text = value.as<std::string>();
  if (text == nullptr || !is_json_pointer(*text)) return config::mismatch("a JSON pointer such as \"/groups\"", value);
  return *text;
}

Parsed<std::string> parse_file_name(const TomlValue& value) {
  auto text = config::parse_text(value);
  if (!text || text->ends_with('/')) return config::mismatch("the name of a file", value);
  return text;
}

bool is_trust_domain(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

void read_bundles(Issuer& issuer, TableReader& reader) {
  const TomlTable* bundles = reader.find_table("bundles");
  if (bundles == nullptr) return;
  if (bundles->entries.empty() || bundles->entries.size() > limits::trust_domains)
    return reader.add_error("bundles", "expected 1 to " + std::to_string(limits::trust_domains) +
                                           " trust domains, got " + std::to_string(bundles->entries.size()));
  for (const TomlEntry& entry : bundles->entries) {
    if (!is_trust_domain(entry.key))
      reader.add_error(
          "bundles", entry.position,
          "expected a trust domain such as \"prod.example.org\", in lower case, got " + config::in_quotes(entry.key));
    auto file = parse_file_name(entry.value);
    if (file) {
      issuer.bundles.emplace_back(entry.key, std::move(*file));
    } else {
      reader.add_error("bundles", entry.value.position, file.error());
    }
  }
}

// Which keys belong to which type: one that would be ignored is a mistake.
void check_keys_of_type(IssuerType type, TableReader& reader) {
  const bool tokens_of_one_issuer = type == IssuerType::oidc || type == IssuerType::kubernetes;
  const std::string only = "does not belong to an issuer of type \"" + std::string(to_string(type)) + '"';
  const auto belongs = [&](std::string_view key, bool here, bool required) {
    if (!here && reader.has(key)) reader.add_error(key, only);
    if (here && required) reader.must_have(key);
  };
  belongs("issuer", tokens_of_one_issuer, true);
  belongs("audience", type != IssuerType::spiffe_x509, true);
  belongs("jwks_file", tokens_of_one_issuer, false);
  belongs("jwks_url", tokens_of_one_issuer, false);
  belongs("jwks_ca_file", tokens_of_one_issuer, false);
  belongs("groups_claim", type == IssuerType::oidc, false);
  belongs("bound_to_key", type == IssuerType::oidc, false);
  belongs("bundles", !tokens_of_one_issuer, true);
  if (tokens_of_one_issuer && !reader.has("jwks_url")) reader.must_have("jwks_file");
  if (reader.has("jwks_file") && reader.has("jwks_url"))
    reader.add_error("jwks_url", "expected either jwks_file or jwks_url, got both");
  if (tokens_of_one_issuer && reader.has("jwks_ca_file") && !reader.has("jwks_url"))
    reader.add_error("jwks_ca_file", "expected jwks_url beside it, whose server it vouches for, got none");
}

void read_issuer(Draft& draft, TableReader reader, const TomlEntry& entry) {
  Issuer& issuer = draft.issuers.emplace_back();
  issuer.location = reader.errors().locate(entry.position);
  issuer.name = entry.key;
  const bool type_known = reader.require("type", issuer.type, config::parse_word<IssuerType>);
  if (issuer.type == IssuerType::oidc) issuer.groups_claim = "/groups";
  reader.read("issuer", issuer.issuer, config::parse_https_url);
  reader.read("jwks_file", issuer.jwks_file, parse_file_name);
  reader.read("jwks_url", issuer.jwks_url, config::parse_https_url);
  reader.read("jwks_ca_file", issuer.jwks_ca_file, parse_file_name);
  reader.read("audience", issuer.audience, config::parse_text);
  reader.read("groups_claim", issuer.groups_claim, parse_json_pointer);
  reader.read("bound_to_key", issuer.bound_to_key, config::parse_boolean);
  reader.read("max_session", issuer.max_session, config::parse_duration);
  read_bundles(issuer, reader);
  if (type_known) check_keys_of_type(issuer.type, reader);
}

}  // namespace

void read_issuers(Draft& draft, TableReader& top) {
  for (const TomlEntry* entry : read_named(top, "issuer", limits::issuers)) {
    if (const auto* table = entry->value.as<TomlTable>()) {
      read_issuer(draft, {*table, entry->value.position, keys::issuer, top.errors()}, *entry);
    } else {
      top.add_error("issuer", entry->value.position,
                    "expected a table, [issuer." + entry->key + "], got " + entry->value.describe());
    }
  }
}

}  // namespace sallyport::policy
