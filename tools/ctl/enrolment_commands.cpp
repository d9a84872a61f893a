// The commands about tunnels by proof, trust and clusters: their part of the table of commands.cpp.
#include <array>

#include <boost/program_options/value_semantic.hpp>

#include "tools/ctl/command.hpp"
#include "tools/ctl/enroll/enroll_settings.hpp"
#include "tools/ctl/options.hpp"

namespace sallyport::ctl {

namespace po = boost::program_options;

namespace {

using Add = po::options_description_easy_init;

void revoke_options(Add add) {
  add("reason", word("TEXT"), "why, for the list");
  add("list", "what is revoked");
  add("take-back", "allow it again");
}

void create_key_options(Add add) {
  add("tag", po::value<std::vector<std::string>>()->composing()->value_name("T"),
      "its machines get this tag; several are possible");
  add("uses", word("N"), "how many machines may enrol with it; default: any number");
  add("expires", word("DURATION"), "from then on it enrols nobody; default 24h");
  add("session", word("DURATION"), "how long a session of its machines lasts before it is renewed; default 30d");
}

constexpr std::array commands_of_enrolment = {
    Command{
        "enroll", "", 0, 0, "Get this machine a tunnel by proof: a token or a certificate",
        "Needs no gateway on this machine and no configured peer: only WireGuard (of the kernel, or wireguard-go), "
        "'wg' and\n'ip'. Once, or with --stay for as long as it runs. An interface of an earlier run is taken over "
        "with its key.\nWhat the answer says is parsed and written anew: no text of it reaches a file or a command. "
        "Exit status 3: no\ngateway answers at the URL.",
        "  sallyctl enroll --gateway https://vpn.example.com:8443 --ca ca.pem --token-file /var/run/secrets/token \\\n"
        "      --interface wg0 --stay\n"
        "  sallyctl enroll --gateway https://vpn.example.com:8443 --token-env ENROLMENT_KEY --write wg0.conf\n"
        "  sallyctl enroll --gateway https://vpn.example.com:8443 --certificate svid.pem --certificate-key svid.key "
        "\\\n      --interface wg0 --stay --posture disk_encrypted=true --rotate-key 12h\n"
        "  sallyctl enroll --print-nonce --key-file wg0.key",
        describe_enroll_options, run_enroll},
    Command{"enrolled", "", 0, 0, "Tunnels by proof: who enrolled, with what, until when",
            "A session is a peer called enrolled-ID: 'peers' and 'diagnose' know it. WireGuard's own sessions are in\n"
            "'sessions'.",
            "  sallyctl enrolled\n  sallyctl enrolled --json | jq '.sessions[].identity'", nullptr, run_enrolled},
    Command{"enrolled end", "ID", 1, 1, "End a tunnel by proof at once",
            "Its client may enrol again; 'sallyctl revoke' keeps it out.", "  sallyctl enrolled end 8d1f0c2b7a6e5d43",
            nullptr, run_end_session},
    Command{"revoke", "[KIND VALUE]", 0, 2, "Nobody gets or keeps a tunnel with this any more",
            "KIND is identity, key (a WireGuard public key), issuer-key (ISSUER/KID) or enrolment-key (its ID).\n"
            "In force before it is answered, and answered when it is on disk: exit status 1 if it could not be stored.",
            "  sallyctl revoke identity user:corp/ann@example.com --reason 'laptop stolen'\n"
            "  sallyctl revoke issuer-key prod-eu/2026-03\n  sallyctl revoke --list\n"
            "  sallyctl revoke --take-back identity user:corp/ann@example.com",
            revoke_options, run_revoke},
    Command{"enrolment-keys", "", 0, 0, "Keys that machines without an identity provider enrol with",
            "'sallyctl revoke enrolment-key ID' ends one, and the sessions that it made.", "  sallyctl enrolment-keys",
            nullptr, run_enrolment_keys},
    Command{"enrolment-keys create", "NAME", 1, 1, "A new enrolment key; its secret is printed once",
            "The secret is the token of 'sallyctl enroll'. It alone is on the standard output.",
            "  (umask 077 && sallyctl enrolment-keys create ci-runners --tag ci --uses 10 --expires 24h > ci.token)",
            create_key_options, run_create_enrolment_key},
    Command{"pins", "", 0, 0, "Names that belong to the subject who had them first",
            "An issuer that gives a name to another subject gives no access with it.", "  sallyctl pins", nullptr,
            run_pins},
    Command{"pins forget", "IDENTITY", 1, 1, "Let a name belong to whoever proves it next", "",
            "  sallyctl pins forget user:corp/ann@example.com", nullptr, run_forget_pin},
    Command{"trust", "", 0, 0, "Whom the gateway believes: issuers, their keys and certificates, and problems",
            "SOON: a certificate with less than 30 days left.", "  sallyctl trust", nullptr, run_trust},
    Command{"clusters", "", 0, 0, "Kubernetes clusters that live services follow, and how fresh their news is",
            "STALE: no contact for too long; 'on_stale' of the configuration says what happens to the addresses.",
            "  sallyctl clusters", nullptr, run_clusters},
    Command{"pools", "", 0, 0, "Addresses for tunnels by proof: given out, and free",
            "An address stays with its identity (LEASED) also while it has no session.", "  sallyctl pools", nullptr,
            run_pools},
    Command{"diagnose", "[PEER|IDENTITY]", 0, 1, "Why a tunnel does not work: each step checked, in one sentence each",
            "Without an argument: the gateway itself. Exit status 1 if a check failed.",
            "  sallyctl diagnose\n  sallyctl diagnose ann-laptop\n  sallyctl diagnose sa:prod-eu/shop/frontend",
            nullptr, run_diagnose},
};

}  // namespace

std::span<const Command> enrolment_commands() {
  return commands_of_enrolment;
}

}  // namespace sallyport::ctl
