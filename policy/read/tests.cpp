// [[test]]
#include "config/read/network_scalars.hpp"
#include "policy/keys.hpp"
#include "policy/limits.hpp"
#include "policy/ports.hpp"
#include "policy/read/draft.hpp"
#include "policy/selector.hpp"

namespace sallyport::policy {
namespace {

// "0s" or a duration.
Parsed<std::chrono::seconds> parse_age(const TomlValue& value) {
  const auto* text = value.as<std::string>();
  if (text != nullptr && *text == "0s") return std::chrono::seconds(0);
  return config::parse_duration(value);
}

Parsed<PostureValue> parse_posture_value(const TomlValue& value) {
  if (const auto* boolean = value.as<bool>()) return *boolean;
  if (const auto* integer = value.as<std::int64_t>()) return *integer;
  if (const auto* real = value.as<double>()) return *real;
  if (const auto* text = value.as<std::string>()) return *text;
  return config::mismatch("a boolean, a number or a string", value);
}

// "backend:tcp/8080", without its location.
Parsed<TestTarget> parse_target(const TomlValue& value) {
  const auto* text = value.as<std::string>();
  const auto colon = text == nullptr ? std::string::npos : text->find(':');
  if (colon == std::string::npos || !config::is_name(std::string_view(*text).substr(0, colon)))
    return config::mismatch("\"SERVICE:PORT\" such as \"backend:tcp/8080\"", value);
  const auto port = parse_port(std::string_view(*text).substr(colon + 1));
  if (!port) return tl::make_unexpected(port.error());
  return TestTarget{{}, *text, text->substr(0, colon), *port};
}

// "net:10.0.0.7" is the host's prefix.
Parsed<Selector> parse_source(const TomlValue& value) {
  constexpr std::string_view expected =
      "an identity (\"user:ISSUER/NAME\", \"sa:CLUSTER/NAMESPACE/NAME\", \"spiffe://DOMAIN/PATH\" or "
      "\"ike:fqdn=...\"), \"peer:NAME\", \"tag:NAME\" or \"net:ADDRESS\"";
  const auto* text = value.as<std::string>();
  if (text == nullptr) return config::mismatch(expected, value);
  constexpr std::string_view net = "net:";
  if (text->starts_with(net)) {
    if (const auto address = IpAddress::parse(std::string_view(*text).substr(net.size()))) {
      Selector selector;
      selector.kind = SelectorKind::net;
      selector.net = IpPrefix::host(*address);
      return selector;
    }
  }
  auto selector = parse_selector(*text);
  if (!selector) return tl::make_unexpected(selector.error());
  if (selector->kind == SelectorKind::group)
    return tl::make_unexpected("expected one source, got a group; write one of its members");
  if (selector->kind == SelectorKind::claim)
    return tl::make_unexpected("expected an identity, got a claim; write the identity, and `claims` beside it");
  const bool named = selector->kind == SelectorKind::net || selector->kind == SelectorKind::peer ||
                     selector->kind == SelectorKind::tag;
  if (!named && !is_identity(*selector)) return config::mismatch(expected, value);
  return std::move(*selector);
}

void set_source(Test& test, const Selector& source) {
  if (source.kind == SelectorKind::net) {
    test.facts.net = source.net;
  } else if (source.kind == SelectorKind::peer) {
    test.facts.peer = source.value;
  } else if (source.kind == SelectorKind::tag) {
    test.facts.tags.push_back(source.value);
  } else {
    test.facts.names.push_back(source.text);
  }
}

void read_claims(Test& test, TableReader& reader, const std::string& issuer) {
  const TomlTable* table = reader.find_table("claims");
  if (table == nullptr || table->entries.empty()) return;
  if (issuer.empty())
    return reader.add_error("claims", "belong to the issuer of src: expected a \"user:\" or \"sa:\" there");
  if (table->entries.size() > config::limits::claims)
    return reader.add_error("claims", "expected at most " + std::to_string(config::limits::claims) + ", got " +
                                          std::to_string(table->entries.size()));
  for (const TomlEntry& entry : table->entries) {
    // A single value is a list of one.
    const auto* array = entry.value.as<config::TomlArray>();
    const std::span<const TomlValue> values = array != nullptr ? std::span(*array) : std::span(&entry.value, 1);
    Claim claim{issuer, entry.key, {}};
    if (values.size() > config::limits::claims)
      reader.add_error("claims", entry.value.position,
                       "expected at most " + std::to_string(config::limits::claims) + " values, got " +
                           std::to_string(values.size()));
    for (const TomlValue& value : values) {
      if (auto text = config::parse_text(value)) {
        claim.values.push_back(std::move(*text));
      } else {
        reader.add_error("claims", value.position, text.error());
      }
    }
    test.facts.claims.push_back(std::move(claim));
  }
}

void read_posture(Test& test, TableReader& reader) {
  const TomlTable* table = reader.find_table("posture");
  if (table == nullptr) return;
  for (const TomlEntry& entry : table->entries) {
    if (!config::is_name(entry.key))
      reader.add_error("posture", entry.position, "expected a name, got " + config::in_quotes(entry.key));
    if (auto value = parse_posture_value(entry.value)) {
      test.facts.posture.emplace(entry.key, std::move(*value));
    } else {
      reader.add_error("posture", entry.value.position, value.error());
    }
  }
}

std::vector<TestTarget> read_targets(TableReader& reader, std::string_view key) {
  std::vector<TestTarget> targets;
  for (auto& read : reader.read_list(key, {1, limits::test_targets}, parse_target)) {
    read.value.location = reader.errors().locate(read.at);
    targets.push_back(std::move(read.value));
  }
  return targets;
}

// An address on an inside port is that alone.
void check_address(const Test& test, TableReader& reader) {
  if (!test.facts.net.address.is_set()) return;
  for (const std::string_view key : {"claims", "tags", "posture", "auth_age"})
    if (reader.has(key)) reader.add_error(key, "does not belong to an address: it has no identity");
}

}  // namespace

void read_test(Draft& draft, TableReader reader) {
  TestDraft& test_draft = draft.tests.emplace_back();
  Test& test = test_draft.test;
  test.location = reader.location();
  const bool source_known = reader.require("src", test_draft.source, parse_source);
  test_draft.source.location = reader.errors().locate(reader.position_of("src"));
  if (source_known) {
    test.source = *reader.find("src")->value.as<std::string>();
    set_source(test, test_draft.source);
  }
  check_address(test, reader);
  if (source_known && !test.facts.net.address.is_set()) read_claims(test, reader, test_draft.source.issuer);
  for (auto& tag : reader.read_list("tags", {0, config::limits::tags}, config::parse_name))
    test.facts.tags.push_back(std::move(tag.value));
  read_posture(test, reader);
  reader.read("at", test.at, parse_instant);
  reader.read("auth_age", test.auth_age, parse_age);
  test.allow = read_targets(reader, "allow");
  test.deny = read_targets(reader, "deny");
  if (!reader.has("allow") && !reader.has("deny"))
    reader.errors().add(reader.position(), "[[test]]: expected allow or deny, got neither");
}

}  // namespace sallyport::policy
