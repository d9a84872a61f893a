#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "tests/unit/api/server_thread.hpp"
#include "tests/unit/http/raw_socket.hpp"
#include "tests/unit/sallyctl/call.hpp"
#include "tools/ctl/key_material.hpp"

namespace sallyport::ctl::commands_test {
namespace {

using controlplane::FakeBackend;
using controlplane::ServerThread;
using Json = nlohmann::json;

// A gateway, and sallyctl's commands against it.
class Sallyctl : public testing::Test {
 protected:
  Outcome ctl(const std::vector<std::string>& arguments) { return call(arguments, server_.socket()); }
  Json json(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const Outcome outcome = ctl(arguments);
    EXPECT_EQ(outcome.code, ExitCode::success) << outcome.err;
    Json value = Json::parse(outcome.out, nullptr, false);
    EXPECT_FALSE(value.is_discarded()) << outcome.out;
    return value;
  }
  std::string file(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = server_.folder().file(name);
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  ServerThread server_;
};

TEST_F(Sallyctl, ShowsTablesForPeopleAndJsonForPrograms) {
  const std::vector<std::pair<std::string, std::string>> commands = {
      {"status", "fra-edge-1"},       {"peers", "198.51.100.7:51820"}, {"routes", "10.8.0.2/32"},
      {"ports", "02:00:00:00:00:01"}, {"neighbours", "no neighbours"}, {"counters", "all counters are zero"}};
  for (const auto& [command, word] : commands) {
    const Outcome table = ctl({command});
    EXPECT_EQ(table.code, ExitCode::success) << table.err;
    EXPECT_NE(table.out.find(word), std::string::npos) << table.out;
    (void)json({command});
  }
  EXPECT_EQ(json({"peers"})[0]["name"], "ann-laptop");
  EXPECT_EQ(json({"peers", "bob-phone"})["name"], "bob-phone");
  EXPECT_EQ(json({"routes", "10.8.0.2"})[0]["peer"], "ann-laptop");
  EXPECT_NE(ctl({"peers", "ann-laptop"}).out.find("user:corp/ann@example.com"), std::string::npos);
  EXPECT_NE(ctl({"peers"}).out.find("2.4 MiB"), std::string::npos);
}

TEST_F(Sallyctl, AlignsItsTables) {
  const std::string table = ctl({"ports"}).out;
  std::istringstream lines(table);
  std::string header, first;
  std::getline(lines, header);
  std::getline(lines, first);
  EXPECT_EQ(header.find("ROLE"), first.find("underlay")) << table;
  EXPECT_EQ(header.find("ADDRESSES"), first.find("192.0.2.1/24")) << table;
}

TEST_F(Sallyctl, HidesCountersThatAreZeroUnlessAsked) {
  server_.on_loop([](FakeBackend& backend) { backend.count(1, 0, index_of(abi::DropReason::bad_mac1), 3); });
  const std::string some = ctl({"counters"}).out;
  EXPECT_NE(some.find("handshake message with a wrong MAC1"), std::string::npos) << some;
  EXPECT_EQ(some.find("no_route"), std::string::npos) << some;
  const std::string all = ctl({"counters", "--all"}).out;
  for (const abi::CounterInfo& info : abi::counter_infos)
    EXPECT_NE(all.find(info.text), std::string::npos) << info.name;
}

TEST_F(Sallyctl, StatusShowsHealthAndFailsWhenSomethingIsWrong) {
  const Outcome good = ctl({"status"});
  EXPECT_EQ(good.code, ExitCode::success) << good.out;
  EXPECT_NE(good.out.find("1 online, 2 configured"), std::string::npos) << good.out;
  EXPECT_NE(good.out.find("generation 1"), std::string::npos) << good.out;
  EXPECT_EQ(json({"status"})["healthy"], true);

  server_.on_loop([](FakeBackend& backend) { backend.problem_list.push_back({"port wan", "its link is down"}); });
  const Outcome bad = ctl({"status"});
  EXPECT_EQ(bad.code, ExitCode::failed);
  EXPECT_NE(bad.out.find("port wan: its link is down"), std::string::npos) << bad.out;
  EXPECT_EQ(ctl({"status", "--json"}).code, ExitCode::failed);
}

TEST_F(Sallyctl, SaysWhenTheDataplaneIsGone) {
  server_.on_loop([](FakeBackend& backend) { backend.connected = false; });
  const Outcome status = ctl({"status"});
  EXPECT_NE(status.out.find("NOT CONNECTED"), std::string::npos);
  EXPECT_EQ(status.code, ExitCode::failed);
  for (const char* command : {"peers", "routes", "ports", "neighbours", "counters", "config"})
    EXPECT_EQ(ctl({command}).code, ExitCode::success) << command;
  EXPECT_EQ(ctl({"capture"}).code, ExitCode::failed);
}

TEST_F(Sallyctl, ReloadsOrPrintsEachErrorWithItsPlace) {
  server_.on_loop([](FakeBackend& backend) {
    backend.reload_result = controlplane::ReloadSummary{.changes = {"peer eve added"}, .warnings = {}};
  });
  EXPECT_EQ(ctl({"reload"}).out, "peer eve added\nreloaded\n");
  server_.on_loop([](FakeBackend& backend) {
    backend.reload_result = tl::unexpected(
        std::vector<config::Error>(1, {{std::make_shared<const std::string>("gateway.toml"), 12, 3}, "mtu: wrong"}));
  });
  const Outcome refused = ctl({"reload"});
  EXPECT_EQ(refused.code, ExitCode::usage);
  EXPECT_NE(refused.err.find("gateway.toml:12:3: mtu: wrong\n"), std::string::npos) << refused.err;
}

TEST_F(Sallyctl, ForgetsATimestampAndSuggestsNames) {
  EXPECT_EQ(ctl({"peer", "forget-timestamp", "ann-laptop"}).code, ExitCode::success);
  server_.on_loop([](FakeBackend& backend) { EXPECT_EQ(backend.forgotten.size(), 1U); });
  const Outcome misspelt = ctl({"peers", "ann-labtop"});
  EXPECT_EQ(misspelt.code, ExitCode::failed);
  EXPECT_NE(misspelt.err.find("did you mean 'ann-laptop'"), std::string::npos) << misspelt.err;
}

TEST_F(Sallyctl, CapturesForPeople) {
  server_.on_loop([](FakeBackend& backend) {
    // IPv4 and UDP, 198.51.100.7:51820 to 192.0.2.1:51820, the first bytes of a WireGuard initiation.
    auto packet = FakeBackend::packet(
        abi::CapturePoint::dropped,
        std::string("\x45\x00\x00\x20\x00\x00\x00\x00\x40\x11\x00\x00\xc6\x33\x64\x07\xc0\x00\x02\x01"
                    "\xca\x6c\xca\x6c\x00\x0c\x00\x00\x01\x00\x00\x00",
                    32));
    packet.peer_id = abi::no_peer;
    packet.drop_reason = abi::DropReason::bad_mac1;
    backend.packets_at_start = {packet};
  });
  const Outcome lines = ctl({"capture", "--drop", "bad_mac1", "--count", "1"});
  EXPECT_EQ(lines.code, ExitCode::success) << lines.err;
  EXPECT_NE(lines.out.find("dropped wan: 198.51.100.7:51820 > 192.0.2.1:51820 UDP, WireGuard initiation, length 32, "
                           "DROPPED: bad_mac1\n"),
            std::string::npos)
      << lines.out;
  EXPECT_EQ(lines.err, "1 packet\n");
}

TEST_F(Sallyctl, CapturesToAFileForItsOwnerAlone) {
  server_.on_loop([](FakeBackend& backend) {
    backend.packets_at_start.assign(3, FakeBackend::packet(abi::CapturePoint::inner_sent, "x"));
  });
  const std::string path = server_.folder().file("out.pcapng");
  const Outcome outcome = ctl({"capture", "--point", "inner", "-c", "3", "-w", path});
  EXPECT_EQ(outcome.code, ExitCode::success) << outcome.err;
  EXPECT_EQ(outcome.err, "3 packets\n");
  struct ::stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_GT(status.st_size, 100);
  const Outcome refused = ctl({"capture", "--peer", "nobody", "-w", path});
  EXPECT_EQ(refused.code, ExitCode::failed);
  EXPECT_GT(std::filesystem::file_size(path), 100U) << "a refusal leaves the last capture alone";
  EXPECT_EQ(ctl({"capture", "--point", "iner"}).code, ExitCode::usage);
  EXPECT_NE(ctl({"capture", "--drop", "bad_mac"}).err.find("did you mean 'bad_mac1'"), std::string::npos);
}

TEST_F(Sallyctl, MakesAReadyClientFile) {
  const Outcome plain = ctl({"client-config", "ann-laptop"});
  EXPECT_EQ(plain.code, ExitCode::success) << plain.err;
  EXPECT_EQ(plain.out,
            "# WireGuard configuration of ann-laptop, for wg-quick\n\n[Interface]\n"
            "# PrivateKey = the private key of ann-laptop, whose public key is "
            "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n"
            "Address = 10.8.0.2/32, fd08::2/128\nMTU = 1420\n\n[Peer]\n"
            "PublicKey = HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=\nEndpoint = 192.0.2.1:51820\n"
            "AllowedIPs = 10.0.0.0/24, 10.8.0.0/16, 10.20.0.0/16, fd00::/64, fd08::/64\nPersistentKeepalive = 25\n");
  const std::string psk = "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=";
  const std::string psk_file = file("bob.psk", psk + "\n");
  server_.on_loop([&](FakeBackend& backend) { backend.all_peers[1].preshared_key_file = psk_file; });
  const Outcome full = ctl({"client-config", "bob-phone", "--generate", "--endpoint", "vpn.example.com:443",
                            "--allowed-ips", "0.0.0.0/0,::/0", "--dns", "10.0.0.53"});
  EXPECT_EQ(full.code, ExitCode::success) << full.err;
  for (const char* line : {"\nPrivateKey = ", "\nEndpoint = vpn.example.com:443\n", "\nAllowedIPs = 0.0.0.0/0, ::/0\n",
                           "\nDNS = 10.0.0.53\n", "public_key = \""})
    EXPECT_NE(full.out.find(line), std::string::npos) << line << full.out;
  EXPECT_NE(full.out.find("\nPresharedKey = " + psk + "\n"), std::string::npos);
  EXPECT_NE(full.err.find("sallyctl reload"), std::string::npos);
}

TEST_F(Sallyctl, SaysNothingOfAKeyThatTheGatewayKnows) {
  // RFC 7748, 6.1: Alice's private key.
  const std::string key = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
  const std::string path = file("alice.key", key);
  server_.on_loop([&](FakeBackend& backend) {
    backend.all_peers[0].public_key = *decode_key("hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
  });
  const Outcome known = ctl({"client-config", "ann-laptop", "--private-key-file", path});
  EXPECT_EQ(known.err, "");
  EXPECT_NE(known.out.find("PrivateKey = " + key + "\n"), std::string::npos);
  ::chmod(path.c_str(), 0644);
  EXPECT_EQ(ctl({"client-config", "ann-laptop", "--private-key-file", path}).code, ExitCode::failed);
}

TEST_F(Sallyctl, DrawsAQrCodeThatHasAKey) {
  EXPECT_EQ(ctl({"client-config", "ann-laptop", "--qr"}).code, ExitCode::usage);
  const Outcome drawn = ctl({"client-config", "ann-laptop", "--qr", "--generate"});
  EXPECT_EQ(drawn.code, ExitCode::success) << drawn.err;
  EXPECT_TRUE(drawn.out.starts_with("\u2588\u2588\u2588\u2588\u2588\u2588")) << "a quiet zone";
  EXPECT_EQ(drawn.out.find("PrivateKey"), std::string::npos);
}

TEST_F(Sallyctl, WatchesRates) {
  const Json rates = json({"watch", "--count", "1", "--interval", "0.1"});
  EXPECT_EQ(rates["ports"].size(), 2U);
  EXPECT_EQ(rates["peers"][0]["name"], "ann-laptop");
  const Outcome table = ctl({"watch", "--count", "2", "--interval", "0.1", "--top", "1"});
  EXPECT_EQ(table.code, ExitCode::success);
  EXPECT_NE(table.out.find("and 1 quieter peers"), std::string::npos) << table.out;
  EXPECT_EQ(ctl({"watch", "--interval", "0"}).code, ExitCode::usage);
}

TEST_F(Sallyctl, RunsAsAProgram) {
  const char* program = std::getenv("SALLYCTL");
  ASSERT_NE(program, nullptr) << "meson sets it";
  const auto exit_code = [&](const std::string& arguments) {
    const int status = std::system((std::string(program) + ' ' + arguments + " >/dev/null 2>&1").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  EXPECT_EQ(exit_code("--socket " + server_.socket() + " status"), 0);
  EXPECT_EQ(exit_code("status --socket=" + server_.socket() + " --json"), 0);
  EXPECT_EQ(exit_code("peers nobody -S " + server_.socket()), 1);
  EXPECT_EQ(exit_code("nonsense"), 2);
  EXPECT_EQ(exit_code("--socket /nonexistent status"), 3);
}

TEST(SallyctlAlone, ExplainsItself) {
  EXPECT_EQ(call({}).code, ExitCode::usage);
  const Outcome overview = call({"--help"});
  EXPECT_EQ(overview.code, ExitCode::success);
  for (const char* command : {"status", "capture", "client-config", "peer forget-timestamp"}) {
    EXPECT_NE(overview.out.find(command), std::string::npos) << command;
    const Outcome help = call({"help", "capture"});
    EXPECT_EQ(help.code, ExitCode::success);
    EXPECT_NE(help.out.find("examples:"), std::string::npos);
  }
  EXPECT_EQ(call({"capture", "--help"}).out, call({"help", "capture"}).out);
  EXPECT_EQ(call({"version"}).out, "sallyctl 0.1.0\n");
  EXPECT_EQ(call({"--version"}).out, "sallyctl 0.1.0\n");
}

TEST(SallyctlAlone, SuggestsWhatWasMeant) {
  EXPECT_NE(call({"statsu"}).err.find("did you mean 'status'"), std::string::npos);
  EXPECT_NE(call({"counters", "--al"}).err.find("did you mean '--all'"), std::string::npos);
  EXPECT_NE(call({"peer"}).err.find("peer forget-timestamp"), std::string::npos);
  EXPECT_EQ(call({"peers", "a", "b"}).code, ExitCode::usage);
  EXPECT_EQ(call({"check"}).code, ExitCode::usage);
  EXPECT_EQ(call({"capture", "--count", "-1"}).code, ExitCode::usage);
}

TEST(SallyctlAlone, SaysWhichSocketDidNotAnswer) {
  const Outcome outcome = call({"status"});
  EXPECT_EQ(outcome.code, ExitCode::unreachable);
  EXPECT_NE(outcome.err.find("/nonexistent/control.sock"), std::string::npos);
  EXPECT_NE(outcome.err.find("systemctl start"), std::string::npos);
}

TEST(SallyctlAlone, MakesKeysThatFitEachOther) {
  // RFC 7748, 6.1.
  EXPECT_EQ(call({"pubkey"}, "", "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n").out,
            "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n");
  const Outcome key = call({"keygen"});
  EXPECT_EQ(key.out.size(), 45U);
  EXPECT_NE(key.out, call({"keygen"}).out);
  EXPECT_EQ(call({"genpsk"}).out.size(), 45U);
  const Json both = Json::parse(call({"keygen", "--json"}).out);
  EXPECT_EQ(call({"pubkey"}, "", both["private_key"]).out, both["public_key"].get<std::string>() + '\n');
  for (const char* input : {"", "\n", "short", "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo= x"})
    EXPECT_EQ(call({"pubkey"}, "", input).code, ExitCode::failed) << input;
}

TEST(SallyctlAlone, ChecksAConfigurationWithoutAGateway) {
  const TemporaryFolder folder;
  const std::string good = folder.file("good.toml");
  const std::string text =
      "[gateway]\nname = \"t\"\n[dataplane]\nmax_peers = 1024\nmax_sessions = 4096\n[[port]]\nname = \"wan\"\n"
      "device = \"net_af_packet0,iface=wan0\"\nrole = \"underlay\"\naddresses = [\"192.0.2.1/24\"]\n[[wireguard]]\n"
      "name = \"wg0\"\nlisten_port = 51820\nprivate_key_file = \"wg0.key\"\naddresses = [\"10.8.0.1/16\"]\n";
  const std::string policy = "[policy]\ndefault = \"allow\"\n";
  std::ofstream(good) << text << policy;
  const Outcome no_key = call({"check", good});
  EXPECT_EQ(no_key.code, ExitCode::usage);
  EXPECT_NE(no_key.err.find("good.toml:11:"), std::string::npos) << no_key.err;
  EXPECT_NE(no_key.err.find("wg0.key"), std::string::npos) << no_key.err;
  EXPECT_EQ(call({"check", good, "--without-key-files"}).code, ExitCode::success);
  std::ofstream(folder.file("wg0.key")) << call({"keygen"}).out;
  ::chmod(folder.file("wg0.key").c_str(), 0600);
  const Outcome fine = call({"check", good});
  EXPECT_EQ(fine.code, ExitCode::success) << fine.err;
  EXPECT_NE(fine.out.find("total"), std::string::npos) << fine.out;
  const std::string bad = folder.file("bad.toml");
  std::ofstream(bad) << text << "\n[flow_records]\nfile = \"x\"\n" << policy;
  EXPECT_NE(call({"check", bad}).err.find("flow_records"), std::string::npos);
  std::ofstream(bad, std::ios::trunc)
      << text
      << "[[peer]]\nname = \"a\"\nwireguard = \"wg0\"\nallowed_ips = [\"10.8.0.2/32\"]\n"
         "public_key = \"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\"\n"
      << policy;
  const Outcome against = call({"check", bad, "--against", good});
  EXPECT_NE(against.out.find("+ peer a"), std::string::npos) << against.out << against.err;
  EXPECT_EQ(Json::parse(call({"check", bad, "--against", good, "--json"}).out)["difference"]["peers"]["added"][0], "a");
  std::ofstream(bad, std::ios::trunc) << "[gateway\n";
  EXPECT_EQ(Json::parse(call({"check", bad, "--json"}).out)["errors"][0]["line"], 1);
  EXPECT_EQ(call({"check", folder.file("absent.toml")}).code, ExitCode::usage);
}

// A gateway must not be able to run commands on the machine of the operator who asks it for a file.
TEST(SallyctlAlone, KeepsForeignTextOutOfAClientFile) {
  const char* answers[] = {R"({"peer":"x","public_key":"y"})",
                           R"({"peer":"x","public_key":"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
          "gateway_public_key":"HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=","endpoint":"a:1\nPostUp = rm"})",
                           R"({"peer":"x","public_key":"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
          "gateway_public_key":"HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=","allowed_ips":["::/0\nPostUp = rm"]})"};
  for (const std::string answer : answers) {
    const TemporaryFolder folder;
    const auto listener = RawSocket::listen_unix(folder.file("s"));
    std::thread liar([&] {
      const auto client = listener.accept();
      (void)client.receive_until("\r\n\r\n");
      client.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(answer.size()) + "\r\n\r\n" + answer);
    });
    const Outcome outcome = call({"client-config", "x"}, folder.file("s"));
    liar.join();
    EXPECT_EQ(outcome.code, ExitCode::failed) << outcome.out;
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(SallyctlAlone, SurvivesAGatewayThatAnswersNonsense) {
  for (const std::string answer :
       {"[]", "{}", "3", "null", "\"x\"", R"([1,null,[],{"name":[]}])",
        R"({"totals":3,"by_port":[{}],"texts":"x","dataplane":7,"problems":[1],"peers":{}})",
        R"([{"name":"\u001b[2Jx","dropped":-1,"drops":[],"addresses":[1,{}]}])", "nonsense"}) {
    for (const char* command : {"status", "peers", "sessions", "routes", "ports", "neighbours", "counters", "reload"}) {
      const TemporaryFolder folder;
      const auto listener = RawSocket::listen_unix(folder.file("s"));
      std::thread liar([&] {
        const auto client = listener.accept();
        (void)client.receive_until("\r\n\r\n");
        client.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(answer.size()) + "\r\n\r\n" + answer);
      });
      const Outcome outcome = call({command}, folder.file("s"));
      liar.join();
      EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos) << command << answer;
      // Nor is anything healthy that does not say so.
      const bool fails = answer == "nonsense" || std::string_view(command) == "status";
      EXPECT_EQ(outcome.code, fails ? ExitCode::failed : ExitCode::success) << command << answer;
    }
  }
}

}  // namespace
}  // namespace sallyport::ctl::commands_test
