#include <array>
#include <ostream>

#include <boost/program_options/value_semantic.hpp>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {

namespace po = boost::program_options;

namespace {

using Add = po::options_description_easy_init;

void counters_options(Add add) {
  add("all,a", "those that are zero, too");
}

void check_options(Add add) {
  add("against", word("OLD"), "say what a reload would change, coming from this file");
  add("without-key-files", "do not look at key files (on another machine than the gateway, say)");
}

void capture_options(Add add) {
  add("point,p", words("P"),
      "where to look; several are possible: outer, inner, received, sent, outer-received, outer-sent, inner-received, "
      "inner-sent, dropped. Default: everywhere but dropped");
  add("peer", word("NAME"), "only packets of this peer");
  add("port", word("NAME"), "only packets of this port");
  add("drop,d", word("REASON"), "only packets dropped for this reason ('sallyctl counters --all' lists them), or any");
  add("count,c", word("N"), "end after so many packets; default 10000");
  add("snap,s", word("N"), "bytes of each packet, at most 2000");
  add("write,w", word("FILE"), "write pcapng to this file, or to the output (-)");
}

void client_configuration_options(Add add) {
  add("endpoint", word("HOST:PORT"), "where the client finds the gateway; default: its first underlay address");
  add("private-key-file", word("F"), "put this private key in");
  add("generate", "put a new private key in, and say its public key");
  add("allowed-ips", words("PREFIXES"), "what goes through the tunnel; default: what the gateway reaches");
  add("dns", words("ADDRESSES"), "resolvers and search domains");
  add("persistent-keepalive", word("SECONDS"), "keep a NAT's mapping alive; default: as the gateway does, 0: off");
  add("qr", "as a QR code, for a phone");
}

void watch_options(Add add) {
  add("interval,i", po::value<double>()->default_value(1, "1")->value_name("SECONDS"), "time between two tables");
  add("count,c", word("N"), "end after so many tables");
  add("top,t", word("N"), "show the N busiest peers; default 20");
}

constexpr std::array all_commands = {
    Command{
        "status", "", 0, 0, "Whether the gateway is well, and what is wrong if not",
        "Read it first when something is wrong: exit status 1 if something is. A PROBLEM line is a part of the\n"
        "configuration that the dataplane refused (it is retried until it works), a port that is down, a gateway that\n"
        "does not answer, a table that is nearly full, a reload that was refused, state that cannot be written, a "
        "peer\n"
        "that never confirms its handshakes or is in two places.",
        "  sallyctl status\n  sallyctl status --json | jq .problems\n  sallyctl status >/dev/null || page-somebody",
        nullptr, run_status},
    Command{"peers", "[NAME]", 0, 1, "Every peer with endpoint, handshake and traffic; or all about one",
            "Traffic is counted after decryption, keepalives included. 'never' under HANDSHAKE means that no session\n"
            "came about since the dataplane started.",
            "  sallyctl peers\n  sallyctl peers ann-laptop", nullptr, run_peers},
    Command{
        "sessions", "[PEER]", 0, 1, "Live WireGuard sessions: their indices, roles, ages and counters",
        "A session is 'next' until its first packet arrives, then 'current', then 'previous'. It is renewed after two\n"
        "minutes and gone after three. Tunnels by proof and their ends are in 'sallyctl enrolled'.",
        "  sallyctl sessions\n  sallyctl sessions ann-laptop", nullptr, run_sessions},
    Command{
        "routes", "[ADDRESS]", 0, 1, "All routes, or those that an address takes",
        "The inner table decides where packets from tunnels and inside ports go; the underlay table how the tunnels\n"
        "themselves travel.",
        "  sallyctl routes\n  sallyctl routes 10.8.0.2", nullptr, run_routes},
    Command{
        "ports", "", 0, 0, "Ports with their links, addresses and packets",
        "DROPPED is what the gateway threw away (see 'counters'); MISSED what the NIC lost because nobody took it in\n"
        "time: give the dataplane more workers, or queues.",
        "  sallyctl ports", nullptr, run_ports},
    Command{"neighbours", "", 0, 0, "What ARP and neighbour discovery know", "", "  sallyctl neighbours", nullptr,
            run_neighbours},
    Command{"counters", "", 0, 0, "Where packets went: every counter and drop reason, with its meaning",
            "received + originated = sent + punted + consumed + merged + all DROPPED + held. A drop is counted at the\n"
            "port that received the packet. To see the packets themselves: sallyctl capture --drop REASON.",
            "  sallyctl counters\n  sallyctl counters --all", counters_options, run_counters},
    Command{"config", "", 0, 0, "The configuration in force, as JSON",
            "What the control plane runs with, defaults filled in. Secrets are named by their files only.",
            "  sallyctl config | jq .port", nullptr, run_configuration},
    Command{
        "reload", "", 0, 0, "Read gateway.toml again: all of it takes effect, or nothing",
        "Untouched peers lose no packet. With errors in the file the exit status is 2, and the gateway goes on with\n"
        "what it has. Try a file before with 'sallyctl check'.",
        "  sallyctl check /etc/sallyport/gateway.toml && sallyctl reload", nullptr, run_reload},
    Command{"check", "FILE", 1, 1, "Whether a gateway would start with this file, and the memory that it needs",
            "Needs no gateway. Every mistake is printed as FILE:LINE:COLUMN; exit status 2 if there is one. Policy "
            "files that\n"
            "it names are checked with their tests. Key files are read too: run it as the user of the control plane.\n"
            "What a start would refuse because of this machine (cores, huge pages, devices) is a warning.",
            "  sallyctl check gateway.toml\n  sallyctl check new.toml --against /etc/sallyport/gateway.toml",
            check_options, run_check},
    Command{"keygen", "", 0, 0, "A new private key", "Keep it in a file that nobody else can read.",
            "  (umask 077 && sallyctl keygen > wg0.key)\n  sallyctl pubkey < wg0.key", nullptr, run_keygen},
    Command{"genpsk", "", 0, 0, "A new preshared key",
            "The same one on both sides, in preshared_key_file here; it protects the tunnel even if X25519 falls.",
            "  (umask 077 && sallyctl genpsk > ann.psk)", nullptr, run_genpsk},
    Command{"pubkey", "", 0, 0, "The public key of the private key on standard input", "",
            "  sallyctl pubkey < wg0.key", nullptr, run_pubkey},
    Command{
        "capture", "", 0, 0, "Packets as they pass or fall, for people or as pcapng",
        "Outer packets are what is on the wire, inner ones what tunnels carry: they are readable, so a file is made "
        "for\n"
        "its owner alone. In pcapng each packet's comment says the point, the port, the peer and the drop reason. The\n"
        "gateway never waits for a capture; what it could not copy is counted. One capture runs at a time.",
        "  sallyctl capture --peer ann-laptop --point inner\n  sallyctl capture --drop any --count 20\n"
        "  sallyctl capture --port wan -w wan.pcapng\n  sallyctl capture -w - | tshark -r -",
        capture_options, run_capture},
    Command{
        "client-config", "PEER", 1, 1, "A ready wg-quick file for a peer of the configuration",
        "Without --generate or --private-key-file the key is left for the client to fill in. The preshared key is put\n"
        "in if you may read its file. A new key works only when its public key stands in gateway.toml.",
        "  sallyctl client-config ann-laptop --endpoint vpn.example.com:51820\n"
        "  sallyctl client-config ann-phone --generate --qr\n"
        "  sallyctl client-config ann-laptop --allowed-ips 0.0.0.0/0,::/0 --dns 10.0.0.53",
        client_configuration_options, run_client_configuration},
    Command{"watch", "", 0, 0, "Live rates of ports and peers, and drops", "Ctrl-C ends it.",
            "  sallyctl watch\n  sallyctl watch --interval 5 --top 5\n  sallyctl watch --json --count 1", watch_options,
            run_watch},
    Command{"peer forget-timestamp", "NAME", 1, 1, "Accept a peer whose clock went back",
            "A handshake must be newer than the last one (that is what stops replays). A client whose clock was ahead "
            "once\n"
            "is refused until it has caught up, or a day has passed: this ends it at once.",
            "  sallyctl peer forget-timestamp ann-laptop", nullptr, run_forget_timestamp},
    Command{"version", "", 0, 0, "The version of sallyctl", "That of the gateway is in 'sallyctl status'.", "", nullptr,
            run_version},
};

}  // namespace

std::span<const Command> commands() {
  static const std::vector<Command> all = [] {
    std::vector<Command> list(all_commands.begin(), all_commands.end());
    for (const auto more : {policy_commands(), enrolment_commands()})
      list.insert(list.end() - 1, more.begin(), more.end());  // "version" stays the last
    return list;
  }();
  return all;
}

ExitCode run_version(const Invocation& call) {
  if (!print_json(call, {{"version", SALLYPORT_VERSION}}))
    call.terminal.out << "sallyctl " << SALLYPORT_VERSION << '\n';
  return ExitCode::success;
}

}  // namespace sallyport::ctl
