#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl {
namespace {

std::string hex_index(const Json& session, std::string_view key) {
  char text[16];
  std::snprintf(text, sizeof text, "%08llx", static_cast<unsigned long long>(number_field(session, key) & 0xffffffff));
  return text;
}

void print_peers(std::ostream& out, const Json& peers) {
  Table table({{"PEER"},
               {"TUNNEL"},
               {"ENDPOINT"},
               {"HANDSHAKE"},
               {"RECEIVED", right},
               {"SENT", right},
               {"STAGED", right},
               {"ALLOWED IPS"}});
  for (const Json& peer : peers) {
    const bool known = flag_field(peer, "in_dataplane");
    table.add({text_field(peer, "name"), text_field(peer, "tunnel"), text_field(peer, "endpoint"),
               known ? ago_text(optional_number(peer, "latest_handshake_s_ago")) : "not in the dataplane",
               bytes_text(number_field(peer, "rx_bytes")), bytes_text(number_field(peer, "tx_bytes")),
               text_field(peer, "staged_packets"), joined(list_field(peer, "allowed_ips"))});
  }
  table.print(out);
  if (table.empty()) out << "no peers\n";
}

void add_session(Table& table, const Json& session) {
  table.add({text_field(session, "peer"), hex_index(session, "index"), hex_index(session, "remote_index"),
             text_field(session, "role"), text_field(session, "state"), duration_text(number_field(session, "age_s")),
             text_field(session, "send_counter"), text_field(session, "received_counter"),
             text_field(session, "rx_packets"), text_field(session, "tx_packets"), text_field(session, "owner_worker"),
             field(session, "post_quantum").is_null() ? "-"
             : flag_field(session, "post_quantum")    ? "yes"
                                                      : "no"});
}

Table session_table() {
  return Table({{"PEER"},
                {"INDEX"},
                {"REMOTE"},
                {"ROLE"},
                {"STATE"},
                {"AGE", right},
                {"SEND COUNTER", right},
                {"RECEIVED COUNTER", right},
                {"RX PACKETS", right},
                {"TX PACKETS", right},
                {"WORKER", right},
                {"PQ"}});
}

void print_peer(std::ostream& out, const Json& peer) {
  Table sheet({{""}, {""}});
  const auto line = [&](const char* label, std::string text) { sheet.add({label, std::move(text)}); };
  line("peer", text_field(peer, "name"));
  line("tunnel", text_field(peer, "tunnel"));
  line("public key", text_field(peer, "public_key"));
  line("preshared key", flag_field(peer, "preshared_key") ? "yes" : "no");
  line("identity", text_field(peer, "identity"));
  line("tags", joined(list_field(peer, "tags")));
  line("allowed ips", joined(list_field(peer, "allowed_ips")));
  line("endpoint", text_field(peer, "endpoint", "not known yet") + ", configured " +
                       text_field(peer, "configured_endpoint", "none"));
  line("reached through", text_field(peer, "underlay_port", "no underlay port"));
  line("handshake", ago_text(optional_number(peer, "latest_handshake_s_ago")));
  line("received", bytes_text(number_field(peer, "rx_bytes")) + " in " + text_field(peer, "rx_packets") +
                       " packets, last " + ago_text(optional_number(peer, "last_received_s_ago")));
  line("sent", bytes_text(number_field(peer, "tx_bytes")) + " in " + text_field(peer, "tx_packets") +
                   " packets, last " + ago_text(optional_number(peer, "last_sent_s_ago")));
  line("staged", text_field(peer, "staged_packets") + " packets");
  const auto keepalive = optional_number(peer, "persistent_keepalive_s");
  line("keepalive", keepalive ? "every " + duration_text(*keepalive) : "off");
  if (!flag_field(peer, "in_dataplane")) line("NOTE", "the dataplane does not have this peer (yet)");
  sheet.print(out);
  Table sessions = session_table();
  for (const Json& session : list_field(peer, "sessions")) add_session(sessions, session);
  if (!sessions.empty()) out << '\n';
  sessions.print(out);
}

ExitCode run_peers(const Invocation& call) {
  const bool one = !call.arguments.empty();
  const auto peers = get(call, one ? "/v1/peers/" + segment(call.arguments[0]) : "/v1/peers");
  if (!peers) return peers.error();
  if (print_json(call, *peers)) return ExitCode::success;
  one ? print_peer(call.terminal.out, *peers) : print_peers(call.terminal.out, *peers);
  return ExitCode::success;
}

ExitCode run_sessions(const Invocation& call) {
  const auto sessions =
      get(call, call.arguments.empty() ? "/v1/sessions" : "/v1/sessions?peer=" + segment(call.arguments[0]));
  if (!sessions) return sessions.error();
  if (print_json(call, *sessions)) return ExitCode::success;
  Table table = session_table();
  for (const Json& session : *sessions) add_session(table, session);
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "no sessions\n";
  return ExitCode::success;
}

ExitCode run_forget_timestamp(const Invocation& call) {
  const auto done = post(call, "/v1/peers/" + segment(call.arguments[0]) + "/forget-timestamp");
  if (!done) return done.error();
  if (!print_json(call, *done))
    call.terminal.out << "the next handshake of " << printable(call.arguments[0])
                      << " is accepted whatever its clock says\n";
  return ExitCode::success;
}

}  // namespace

std::span<const Command> peer_commands() {
  static constexpr std::array list = {
      Command{
          "peers", "[NAME]", 0, 1, "Every peer with endpoint, handshake and traffic; or all about one",
          "Traffic is counted after decryption, keepalives included. 'never' under HANDSHAKE means that no session\n"
          "came about since the dataplane started.",
          "  sallyctl peers\n  sallyctl peers ann-laptop", nullptr, run_peers},
      Command{"sessions", "[PEER]", 0, 1, "Live WireGuard sessions: their indices, roles, ages and counters",
              "A session is 'next' until its first packet arrives, then 'current', then 'previous'. It is renewed "
              "after two\n"
              "minutes and gone after three. Tunnels by proof and their ends are in 'sallyctl enrolled'; PQ is of "
              "them, too: "
              "its\npreshared key came by a post-quantum key exchange.",
              "  sallyctl sessions\n  sallyctl sessions ann-laptop", nullptr, run_sessions},
      Command{
          "peer forget-timestamp", "NAME", 1, 1, "Accept a peer whose clock went back",
          "A handshake must be newer than the last one (that is what stops replays). A client whose clock was ahead "
          "once\n"
          "is refused until it has caught up, or a day has passed: this ends it at once.",
          "  sallyctl peer forget-timestamp ann-laptop", nullptr, run_forget_timestamp},
  };
  return list;
}

}  // namespace sallyport::ctl
