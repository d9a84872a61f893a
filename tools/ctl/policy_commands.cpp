// The commands about the policy: their part of the table of commands.cpp.
#include <array>

#include <boost/program_options/value_semantic.hpp>

#include "tools/ctl/command.hpp"
#include "tools/ctl/options.hpp"

namespace sallyport::ctl {

namespace po = boost::program_options;

namespace {

using Add = po::options_description_easy_init;

void files_options(Add add) {
  add("config", word("GATEWAY.toml"), "also the policy files that it names");
}

void diff_options(Add add) {
  add("config", word("GATEWAY.toml"), "the peers to compare for, when two paths are given");
}

void apply_options(Add add) {
  add("made-from", word("ETAG"), "refuse if this version is no longer the one in force");
}

void explain_options(Add add) {
  add("at", word("TIME"), "at this time, like 2026-11-23T09:00:00Z; default: now");
}

void flows_options(Add add) {
  add("peer", word("NAME"), "only flows of this peer, at either end");
  add("address", word("A"), "only flows of this address or prefix, at either end");
  add("port", word("N"), "only flows with this port, at either end");
  add("protocol", word("P"), "tcp, udp, sctp, icmp, icmp6 or a number");
  add("rule", word("NAME"), "only flows that this rule decides, or would have denied (audit)");
  add("count,c", word("N"), "show at most so many; default 1000");
}

void audit_options(Add add) {
  add("count,c", word("N"), "show at most so many; default 20");
}

void endpoints_options(Add add) {
  add("none", "the service has no address any more");
}

constexpr unsigned most_paths = 1024;
constexpr unsigned most_endpoints = 65'536;

constexpr std::array commands_of_policy = {
    Command{
        "policy", "", 0, 0, "The policy in force: version, source and size",
        "'policy check', 'policy test' and 'policy diff OLD NEW' need no gateway. The ETag names what is in the files.",
        "  sallyctl policy", nullptr, run_policy},
    Command{"policy check", "[PATH...]", 0, most_paths, "Whether policy files are right, their tests included",
            "Needs no gateway. A PATH is a file or a folder of *.toml files; all of them are one policy. Every mistake "
            "and\n"
            "every failing test is printed as FILE:LINE:COLUMN; exit status 2 if there is one.",
            "  sallyctl policy check policy/\n  sallyctl policy check --config /etc/sallyport/gateway.toml",
            files_options, run_policy_check},
    Command{"policy test", "[PATH...]", 0, most_paths, "Every [[test]] of policy files, with the rule that decides",
            "Needs no gateway. Exit status 2 if a test fails: a gateway refuses such a policy.",
            "  sallyctl policy test policy/", files_options, run_policy_test},
    Command{"policy diff", "[OLD] NEW", 1, 2, "Who gains and who loses what by another version",
            "With one path it is compared in the gateway: with the version in force, for the present peers. With two "
            "paths\n"
            "no gateway is needed; --config says for which peers. Networks that a rule names count in any case.\n"
            "Exit status 0: nobody gains or loses anything; 4: somebody does; 2: NEW has an error, or a test fails.",
            "  sallyctl policy diff policy/\n  sallyctl policy diff old/ new/ --config gateway.toml", diff_options,
            run_policy_diff},
    Command{
        "policy apply", "[PATH...]", 0, most_paths, "Put a policy in force: all of it, or nothing",
        "Without a PATH the gateway reads the files that gateway.toml names again; with one these files are uploaded,\n"
        "and are in force until the next reload or restart, which read the configured files.\n"
        "Exit status 1: refused, because --made-from is outdated; 2: errors, or a failing test. The old policy goes "
        "on\n"
        "then. Flows that are no longer allowed end at once, the others go on.",
        "  sallyctl policy apply\n  sallyctl policy apply policy/\n"
        "  sallyctl policy apply policy/ --made-from $(sallyctl policy --json | jq -r .etag)",
        apply_options, run_policy_apply},
    Command{"policy rules", "", 0, 0, "Rules in the order in which they decide, with their counters",
            "Packets are counted by the rule that decided. LIMITED were allowed, and above the rule's rate. '(no "
            "rule)' is\n"
            "what no rule allowed.",
            "  sallyctl policy rules", nullptr, run_policy_rules},
    Command{
        "explain", "SRC DST PROTO [PORT]", 3, 4, "Whether a flow is allowed, by which rule, and what would change that",
        "SRC is an address, a peer's name or an identity (user:..., sa:..., spiffe://..., ike:..., also tag:... and\n"
        "net:...); DST an address, a peer, an identity or a service, of which one address is taken.",
        "  sallyctl explain user:corp/ann@example.com payments-db tcp 5432\n"
        "  sallyctl explain ann-laptop 10.20.0.7 tcp/8080\n"
        "  sallyctl explain 10.8.0.2 10.0.0.53 udp 53 --at 2026-11-23T09:00:00Z\n"
        "  sallyctl explain ann-laptop 10.20.0.7 icmp",
        explain_options, run_explain},
    Command{"whois", "ADDRESS", 1, 1, "Whose address it is: peer, identity, services, route and rules", "",
            "  sallyctl whois 10.8.0.2", nullptr, run_whois},
    Command{
        "flows", "", 0, 0, "Live flows, with the rule that decided each",
        "A flow is listed once, from the side that opened it; PACKETS and BYTES are those of both ways. One list at a\n"
        "time is made.",
        "  sallyctl flows --peer ann-laptop\n  sallyctl flows --address 10.20.0.0/24 --protocol tcp --port 8080\n"
        "  sallyctl flows --rule frontend-to-backend",
        flows_options, run_flows},
    Command{"identities", "", 0, 0, "Every peer as the policy sees it: identity, tags, claims and rules in force",
            "Peers of one CLASS may do exactly the same.", "  sallyctl identities", nullptr, run_identities},
    Command{"audit", "", 0, 0, "Who changed the policy when, and what was refused", "Newest first.",
            "  sallyctl audit --count 5", audit_options, run_audit},
    Command{"services", "", 0, 0, "The services of the policy, with their addresses and where those come from",
            "SOURCE is who says where a live service is, AGE how long ago it was heard of. STALE: no news for so long "
            "that\nthe addresses may be wrong. DRAINING: flows to them go on, new ones do not begin.",
            "  sallyctl services", nullptr, run_services},
    Command{
        "services set-endpoints", "NAME [ADDRESS...]", 1, most_endpoints + 1, "Replace the addresses of a live service",
        "For a service with 'endpoints' in the policy. Addresses or prefixes; they survive a restart of the gateway.",
        "  sallyctl services set-endpoints backend 10.20.0.5 10.21.0.0/24\n  sallyctl services set-endpoints backend "
        "--none",
        endpoints_options, run_set_endpoints},
};

}  // namespace

std::span<const Command> policy_commands() {
  return commands_of_policy;
}

}  // namespace sallyport::ctl
