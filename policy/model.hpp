// A policy as plain values: what load.hpp makes of the policy files. A Policy that came from there is valid: names
// resolve, groups have no loops, no deny depends on what may be missing; nobody downstream checks again. Every object
// knows the line on which somebody wrote it. policy/README.md describes the language.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/base/ip.hpp"
#include "config/location.hpp"
#include "dataplane/abi/policy_commands.hpp"

namespace sallyport::policy {

using config::Error;
using config::Location;
using TimePoint = std::chrono::sys_seconds;  // wall clock, UTC

enum class SelectorKind : std::uint8_t { any, net, user, claim, service_account, spiffe, ike, tag, peer, group };

// Who a rule speaks of. `text` is canonical and is what people see: "claim:corp/groups=sre",
// "spiffe://*.example.org/a".
struct Selector {
  Location location;
  SelectorKind kind = SelectorKind::any;
  std::string text;
  IpPrefix net;                    // net
  std::string issuer, key, value;  // claim; of user and sa only `issuer`; of tag, peer and group only `value`

  friend bool operator==(const Selector& a, const Selector& b) { return a.text == b.text; }
};

struct Group {
  Location location;
  std::string name;
  std::vector<Selector> members;  // as written
};

// Where and on which ports. At least one of prefixes, identities and endpoints.
struct Service {
  Location location;
  std::string name;
  std::vector<IpPrefix> prefixes;        // no host bits
  std::vector<Selector> identities;      // peers as destinations; groups resolved
  std::optional<std::string> endpoints;  // live: "prod-eu/shop/backend", or any name; addresses come from elsewhere
  std::vector<abi::PortRange> ports;     // at most abi::max_service_ports
};

enum class Comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };
using PostureValue = std::variant<bool, std::int64_t, double, std::string>;
struct PostureCondition {
  std::string text;  // "os_patch_age_days <= 30"
  std::string key;
  Comparison comparison = Comparison::equal;
  PostureValue value;
};
struct Posture {
  Location location;
  std::string name;
  std::vector<PostureCondition> conditions;  // all must hold
};

// "Mon-Fri 07:00-19:00 Europe/Berlin". Days are those on which the span begins; a span with end <= begin goes on into
// the next day.
struct Hours {
  std::string text;
  std::array<bool, 7> days{};  // from Monday
  std::chrono::minutes begin{0};
  std::chrono::minutes end{0};  // up to 24:00
  std::string zone;             // IANA name

  [[nodiscard]] bool contains(TimePoint at) const;
  // The first instant after `at` at which contains() changes; nothing if it never does.
  [[nodiscard]] std::optional<TimePoint> next_change(TimePoint at) const;
};

enum class Action : std::uint8_t { deny, allow, audit };
enum class Log : std::uint8_t { none, denied, all };

struct Rule {
  Location location;
  std::string name;  // unique over all files
  Action action = Action::deny;
  std::vector<Selector> from;   // groups resolved
  std::vector<std::string> to;  // names of services
  bool to_any = false;          // to = ["*"]
  std::uint32_t priority = 500;
  std::uint64_t rate_bits_per_s = 0;  // 0: none
  std::vector<Hours> hours;           // any of them; empty: always
  std::vector<std::string> posture;   // names; all of them
  std::optional<std::chrono::seconds> auth_age;
  std::optional<TimePoint> expires;
  Log log = Log::denied;
  bool reject = false;
};

// What is known of a source or of a peer as destination: a set of facts, not one string.
struct Claim {
  std::string issuer, key;
  std::vector<std::string> values;
  friend bool operator==(const Claim&, const Claim&) = default;
};
struct Facts {
  std::string peer;                // its configured name; empty: none
  std::vector<std::string> names;  // identities: "user:corp/ann@example.com"
  std::vector<std::string> tags;
  std::vector<Claim> claims;
  std::map<std::string, PostureValue> posture;
  std::optional<TimePoint> posture_until;     // from then on posture is unknown; nothing: it does not lapse
  std::optional<TimePoint> authenticated_at;  // nothing: unknown, and no auth_age holds
  std::optional<TimePoint> not_after;         // the end of the credential: nothing is allowed from then on
  IpPrefix net;                               // of a source on an inside port, and then all else is empty

  friend bool operator==(const Facts&, const Facts&) = default;
};

struct TestTarget {
  Location location;
  std::string text;  // "backend:tcp/8080"
  std::string service;
  abi::PortRange port;  // one port of TCP, UDP or SCTP; of another protocol 0 to 65535
};
struct Test {
  Location location;
  std::string source;  // as written
  Facts facts;         // without times
  std::optional<TimePoint> at;
  std::chrono::seconds auth_age{0};
  std::vector<TestTarget> allow, deny;
};

enum class IssuerType : std::uint8_t { oidc, kubernetes, spiffe_jwt, spiffe_x509 };
struct Issuer {
  Location location;
  std::string name;
  IssuerType type = IssuerType::oidc;
  std::string issuer;
  std::string jwks_file, jwks_url;  // at most one of them
  std::string jwks_ca_file;         // PEM: who may vouch for the server of jwks_url; empty: the system's CAs
  bool bound_to_key = false;        // of OIDC: a token without the hash of the WireGuard key in its nonce is refused
  std::string audience;
  std::string groups_claim;  // JSON pointer
  std::optional<std::chrono::seconds> max_session;
  std::vector<std::pair<std::string, std::string>> bundles;  // trust domain -> file
};

struct Policy {
  std::vector<Issuer> issuers;
  std::vector<Group> groups;
  std::vector<Service> services;
  std::vector<Posture> postures;
  std::vector<Rule> rules;  // by rank: of two that match, the earlier one decides (README.md, "Which rule decides")
  std::vector<Test> tests;
  std::vector<std::uint32_t> rules_by_name;  // indices into `rules`, sorted by name; of another size: there is no index
  std::vector<std::string> warnings;         // "policy.toml:30:1: rule 'x' can never match: ..."
  std::string etag;                          // of the files, 32 hexadecimal digits

  [[nodiscard]] const Service* find_service(const std::string& name) const;
  [[nodiscard]] const Rule* find_rule(const std::string& name) const;
  [[nodiscard]] const Posture* find_posture(const std::string& name) const;
};

}  // namespace sallyport::policy
