#include "policy/keys.hpp"

#include "config/toml/reference.hpp"

namespace sallyport::policy::keys {
namespace {

constexpr std::string_view required = "required";
constexpr std::string_view none = "none";

constexpr KeyInfo top_level_keys[] = {
    {"schema", "1", required, "the version of the language that the file is written in"},
    {"issuer", "table of tables, `[issuer.NAME]`", none, "who vouches for identities"},
    {"group", "table of lists of selectors", none, "selectors under one name; a group may have groups"},
    {"service", "table of tables", none, "destinations: where, and on which ports"},
    {"posture", "table of lists of conditions", none,
     "what a device must say of itself; all conditions of a list hold"},
    {"rule", "tables, `[[rule]]`", none, "who may reach what"},
    {"test", "tables, `[[test]]`", none, "what must come out; a failing one refuses the whole policy"},
};

constexpr KeyInfo issuer_keys[] = {
    {"type", "\"oidc\", \"kubernetes\", \"spiffe-jwt\" or \"spiffe-x509\"", required, "what its credentials are"},
    {"issuer", "https URL", none, "`iss` of its tokens; oidc and kubernetes need it"},
    {"jwks_file", "file name", none,
     "its public keys (JWKS), relative to the policy file; oidc and kubernetes need this or `jwks_url`"},
    {"jwks_url", "https URL", none, "where its public keys are fetched"},
    {"jwks_ca_file", "file name", none,
     "PEM: who may vouch for the server of `jwks_url`, instead of the system's CAs; relative to the policy file"},
    {"audience", "string", none, "`aud` that its tokens must have; all but spiffe-x509 need it"},
    {"groups_claim", "JSON pointer", "\"/groups\"", "where groups stand in an ID token; only oidc"},
    {"bound_to_key", "boolean", "false",
     "a token whose `nonce` is not the SHA-256 of the WireGuard key that enrols is refused; only oidc"},
    {"max_session", "duration", none, "a session ends at the latest then, or with its credential if that is sooner"},
    {"bundles", "table of file names", none,
     "trust domain -> its keys (PEM for spiffe-x509, JWKS for spiffe-jwt); both need it"},
};

constexpr KeyInfo service_keys[] = {
    {"prefixes", "list of prefixes", "[]", "addresses; at least one of `prefixes`, `identities` and `endpoints`"},
    {"identities", "list of selectors", "[]", "peers as destinations, with all that is routed to them"},
    {"endpoints", "CLUSTER/NAMESPACE/SERVICE or a name", none,
     "a live service: the addresses come from a Kubernetes service, or over the API"},
    {"ports", "list of ports", required,
     "`\"tcp/8080\"`, `\"tcp/8000-8100\"`, `\"tcp\"` (every port; also udp, sctp), `\"icmp\"`, `\"icmp6\"`, "
     "`\"proto/47\"`, `\"*\"`; 32 at most after adjacent ones are merged"},
};

constexpr KeyInfo rule_keys[] = {
    {"name", "name", required, "unique among the rules of all files"},
    {"action", "\"allow\", \"deny\" or \"audit\"", required, "audit only records what a deny would have denied"},
    {"from", "list of selectors, at least 1", required, "any of them; `[\"*\"]`: everybody"},
    {"to", "list of services, at least 1", required, "any of them; `[\"*\"]`: everything, whatever the port"},
    {"priority", "integer 0..1000000", "500", "the lowest number decides"},
    {"when", "table", none, "conditions, all of which must hold"},
    {"expires", "date-time with offset", none, "from then on the rule is void"},
    {"rate", "\"500kbit\", \"10mbit\", \"1.5gbit\"", none,
     "inner bits per second of each identity, in each direction, from 8kbit; only allow"},
    {"log", "\"none\", \"denied\" or \"all\"", "\"denied\"", "which decisions of this rule are logged"},
    {"deny", "\"drop\" or \"reject\"", "\"drop\"",
     "reject: answer with a TCP RST or an ICMP error; only on deny rules"},
};

constexpr KeyInfo when_keys[] = {
    {"hours", "\"DAYS HH:MM-HH:MM ZONE\", or a list of them", none,
     "any of them: `\"Mon-Fri 07:00-19:00 Europe/Berlin\"`"},
    {"posture", "list of postures", "[]", "all of them; not on deny and audit rules"},
    {"auth_age", "duration", none, "the last authentication was at most so long ago; not on deny and audit rules"},
};

constexpr KeyInfo test_keys[] = {
    {"src", "identity, `peer:NAME`, `tag:NAME` or `net:ADDRESS`", required, "who sends"},
    {"claims", "table of strings or lists of strings", "{}", "of the issuer of `src`, which is a `user:` or `sa:`"},
    {"tags", "list of names", "[]", "tags of the source"},
    {"posture", "table of booleans, numbers and strings", "{}", "what its device says; absent unless said"},
    {"at", "date-time with offset", none, "the moment; now unless said"},
    {"auth_age", "duration or \"0s\"", "\"0s\"", "how long ago the source authenticated"},
    {"allow", "list of \"SERVICE:PORT\"", "[]", "what must be allowed: `\"backend:tcp/8080\"`, `\"ping:icmp\"`"},
    {"deny", "list of \"SERVICE:PORT\"", "[]", "what must be denied; at least one of `allow` and `deny`"},
};

}  // namespace

const TableInfo top_level = {"a policy file", "The keys of a file.", top_level_keys};
const TableInfo issuer = {"[issuer.NAME]", "Who vouches for identities.", issuer_keys};
const TableInfo service = {"[service.NAME]", "A destination; shorter: `[service]` and `NAME = { ... }`.", service_keys};
const TableInfo rule = {"[[rule]]", "Who may reach what.", rule_keys};
const TableInfo when = {"when", "Conditions of a rule, `when = { ... }`.", when_keys};
const TableInfo test = {"[[test]]", "What must come out for a source.", test_keys};

std::span<const TableInfo* const> all_tables() {
  static constexpr const TableInfo* tables[] = {&top_level, &issuer, &service, &rule, &when, &test};
  return tables;
}

std::string reference_markdown() {
  return config::reference_markdown(all_tables());
}

}  // namespace sallyport::policy::keys
