#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "tests/unit/api/server_thread.hpp"
#include "tests/unit/http/raw_socket.hpp"
#include "tests/unit/sallyctl/call.hpp"

namespace sallyport::ctl::policy_commands_test {
namespace {

using controlplane::FakeBackend;
using controlplane::ServerThread;
using Json = nlohmann::json;

// Policy files without a gateway.
class PolicyFiles : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(folder_.file(name)) << text;
    return folder_.file(name);
  }
  static std::string edited(const std::string& from, const std::string& to) {
    std::string text(FakeBackend::policy_toml);
    text.replace(text.find(from), from.size(), to);
    return text;
  }

  // Its one test expects what the rules do not say.
  static std::string failing_policy() {
    return edited("allow = [\"payments-db:tcp/5432\"]\ndeny = [\"backend:tcp/8080\"]",
                  "deny = [\"payments-db:tcp/5432\"]");
  }

  TemporaryFolder folder_;
};

TEST_F(PolicyFiles, AreCheckedWithTheirTests) {
  const std::string good = file("good.toml", std::string(FakeBackend::policy_toml));
  const Outcome fine = call({"policy", "check", good});
  EXPECT_EQ(fine.code, ExitCode::success) << fine.err;
  EXPECT_TRUE(has(fine.out, "good: 3 rules, 4 services, 1 group, 2 passed tests\n")) << fine.out;
  EXPECT_EQ(Json::parse(call({"policy", "check", good, "--json"}).out)["rules"], 3);
  const std::string wrong = file("wrong.toml", edited("action = \"allow\"", "action = \"alow\""));
  const Outcome located = call({"policy", "check", wrong});
  EXPECT_EQ(located.code, ExitCode::usage);
  EXPECT_TRUE(has(located.err, "wrong.toml:20:")) << located.err;
  const Outcome failing = call({"policy", "check", file("failing.toml", failing_policy())});
  EXPECT_EQ(failing.code, ExitCode::usage);
  EXPECT_TRUE(has(failing.err, "failing.toml:43:")) << failing.err;
  EXPECT_EQ(call({"policy", "check"}).code, ExitCode::usage);
  EXPECT_EQ(call({"policy", "check", folder_.file("absent.toml")}).code, ExitCode::usage);
}

TEST_F(PolicyFiles, AreOnePolicyInAFolder) {
  std::filesystem::create_directory(folder_.file("d"));
  const std::string text(FakeBackend::policy_toml);
  const std::size_t cut = text.find("[[test]]");
  (void)file("d/a.toml", text.substr(0, cut));
  (void)file("d/tests.toml", "schema = 1\n" + text.substr(cut));
  (void)file("d/.hidden.toml", "nonsense");
  EXPECT_EQ(call({"policy", "check", folder_.file("d")}).code, ExitCode::success);
  EXPECT_TRUE(has(call({"policy", "test", folder_.file("d")}).out, "d/tests.toml:5")) << "the line of the test";
}

TEST_F(PolicyFiles, SayWhichRuleDecidesEachTest) {
  const Outcome fine = call({"policy", "test", file("good.toml", std::string(FakeBackend::policy_toml))});
  EXPECT_EQ(fine.code, ExitCode::success) << fine.err;
  EXPECT_TRUE(has(fine.out, "allowed by rule 'ann-db'")) << fine.out;
  EXPECT_TRUE(has(fine.out, "denied: no rule allows it")) << fine.out;
  EXPECT_TRUE(has(fine.out, "2 results, 0 failed\n")) << fine.out;
  const std::string bad = file("bad.toml", failing_policy());
  const Outcome failing = call({"policy", "test", bad});
  EXPECT_EQ(failing.code, ExitCode::usage);
  EXPECT_TRUE(has(failing.out, "FAILED")) << failing.out;
  EXPECT_TRUE(has(failing.out, "expected denied, got: allowed by rule 'ann-db'")) << failing.out;
  const Json json = Json::parse(call({"policy", "test", bad, "--json"}).out);
  EXPECT_EQ(json["failed"], 1);
  EXPECT_EQ(json["results"][0]["passed"], false);
  EXPECT_EQ(call({"policy", "check", bad}).code, ExitCode::usage);
}

TEST_F(PolicyFiles, AreComparedForTheConfiguredPeers) {
  const std::string before = file("old.toml", std::string(FakeBackend::policy_toml));
  const std::string after = file("new.toml", edited("to = [\"backend\", \"live\"]", "to = [\"live\"]"));
  const std::string gateway = file(
      "gateway.toml",
      "[gateway]\nname = \"t\"\n[[port]]\nname = \"wan\"\ndevice = \"net_af_packet0,iface=wan0\"\nrole = \"underlay\"\n"
      "addresses = [\"192.0.2.1/24\"]\n[[wireguard]]\nname = \"wg0\"\nlisten_port = 51820\n"
      "private_key_file = \"wg0.key\"\naddresses = [\"10.8.0.1/16\"]\n[[peer]]\nname = \"ann-laptop\"\n"
      "wireguard = \"wg0\"\npublic_key = \"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\"\n"
      "allowed_ips = [\"10.8.0.2/32\"]\nidentity = \"user:corp/ann@example.com\"\ntags = [\"laptop\"]\n[policy]\n"
      "files = [\"old.toml\"]\n");
  const Outcome table = call({"policy", "diff", before, after, "--config", gateway});
  EXPECT_EQ(table.code, ExitCode::differs) << table.err;
  EXPECT_TRUE(has(table.out, "loses")) << table.out;
  EXPECT_TRUE(has(table.out, "user:corp/ann@example.com")) << table.out;
  const Json json = Json::parse(call({"policy", "diff", before, after, "--config", gateway, "--json"}).out);
  EXPECT_EQ(json["changes"].size(), 2U) << "one for each range of ports: " << json;
  const Outcome same = call({"policy", "diff", before, before, "--config", gateway});
  EXPECT_EQ(same.code, ExitCode::success) << same.err;
  EXPECT_TRUE(has(same.out, "nobody gains or loses")) << same.out;
  const Outcome refused = call({"policy", "diff", before, file("failing.toml", failing_policy()), "--config", gateway});
  EXPECT_EQ(refused.code, ExitCode::usage) << "a gateway would refuse it";
  EXPECT_TRUE(has(refused.err, "failing.toml:43:")) << refused.err;
  EXPECT_TRUE(has(call({"policy", "diff", before, after}).err, "--config"));
  EXPECT_EQ(call({"policy", "diff", after, "--config", gateway}).code, ExitCode::usage);
  EXPECT_EQ(call({"policy", "check", "--config", gateway}).code, ExitCode::success);
  EXPECT_EQ(call({"policy", "check", "--config", folder_.file("absent.toml")}).code, ExitCode::usage);
  std::filesystem::create_directory(folder_.file("peers.d"));
  (void)file("peers.d/eve.toml",
             "wireguard = \"wg0\"\npublic_key = \"TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\"\n"
             "allowed_ips = [\"10.8.0.9/32\"]\ntags = [\"laptop\"]\n");
  (void)file("peers.d/bad.toml", "nonsense");
  EXPECT_TRUE(has(call({"policy", "diff", before, after, "--config", gateway}).out, "eve")) << "of peers.d";
  const Outcome good = call({"check", gateway, "--without-key-files"});
  EXPECT_EQ(good.code, ExitCode::success) << good.err;
  EXPECT_TRUE(has(good.out, "1 peers and 1 of peers.d")) << good.out;
  EXPECT_TRUE(has(good.out, "policy: good: 3 rules, 4 services, 1 test\n")) << good.out;
  EXPECT_TRUE(has(good.err, "warning: ") && has(good.err, "bad.toml")) << good.err;
  (void)file("old.toml", failing_policy());
  const Outcome check = call({"check", gateway, "--without-key-files"});
  EXPECT_EQ(check.code, ExitCode::usage);
  EXPECT_TRUE(has(check.err, "old.toml:43:")) << check.err;
}

// A gateway, and sallyctl's commands about its policy.
class PolicyCommands : public PolicyFiles {
 protected:
  Outcome ctl(const std::vector<std::string>& arguments) { return call(arguments, server_.socket()); }
  Json json(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const Outcome outcome = ctl(arguments);
    EXPECT_EQ(outcome.code, ExitCode::success) << outcome.err;
    Json value = Json::parse(outcome.out, nullptr, false);
    EXPECT_FALSE(value.is_discarded()) << outcome.out;
    return value;
  }

  ServerThread server_;
};

TEST_F(PolicyCommands, ShowTablesForPeopleAndJsonForPrograms) {
  server_.on_loop([](FakeBackend& backend) {
    backend.flows_at_start = {FakeBackend::flow(8080)};
    backend.flow_end_at_start = true;
  });
  const std::vector<std::pair<std::vector<std::string>, std::string>> commands = {
      {{"policy"}, "3 rules, 4 services, 1 group, 1 test"}, {{"policy", "rules"}, "Mon-Fri 07:00-19:00 Europe/Berlin"},
      {{"whois", "10.8.0.2"}, "ann-laptop, tunnel wg0"},    {{"flows"}, "10.20.0.7:8080"},
      {{"identities"}, "user:corp/ann@example.com"},        {{"audit"}, "generation 1, by start"},
      {{"services"}, "live prod-eu/shop/live: 0 addresses"}};
  for (const auto& [command, word] : commands) {
    const Outcome table = ctl(command);
    EXPECT_EQ(table.code, ExitCode::success) << table.err;
    EXPECT_TRUE(has(table.out, word)) << table.out;
    (void)json(command);
  }
  EXPECT_TRUE(has(ctl({"flows"}).err, "there are more"));
  EXPECT_TRUE(has(ctl({"policy", "rules"}).out, "(no rule)"));
}

TEST_F(PolicyCommands, ExplainForPeople) {
  const Outcome allowed = ctl({"explain", "ann-laptop", "10.20.0.7", "tcp", "8080"});
  EXPECT_EQ(allowed.code, ExitCode::success) << allowed.err;
  EXPECT_TRUE(has(allowed.out, "ALLOWED by rule 'laptops-to-backend' (/etc/sallyport/policy.toml:18)")) << allowed.out;
  EXPECT_TRUE(has(allowed.out, "ann-laptop (user:corp/ann@example.com, tags laptop)")) << allowed.out;
  const Outcome denied = ctl({"explain", "ann-laptop", "payments-db", "tcp/5432", "--at", "2026-11-22T09:00:00Z"});
  EXPECT_TRUE(has(denied.out, "DENIED: no rule allows it")) << denied.out;
  EXPECT_TRUE(has(denied.out, "rules that match and do not decide:\n  ann-db")) << denied.out;
  EXPECT_TRUE(has(denied.out, "to change that:\n  - ")) << denied.out;
  EXPECT_TRUE(
      has(ctl({"explain", "ann-laptop", "203.0.113.9", "icmp"}).out, "but: no inner route leads to 203.0.113.9"));
  const Outcome nobody = ctl({"whois", "10.8.9.9"});
  EXPECT_TRUE(has(nobody.out, "no peer has it")) << nobody.out;
  EXPECT_FALSE(has(ctl({"whois", "192.0.2.77"}).out, "inside")) << "it is on the underlay";
  EXPECT_TRUE(has(ctl({"whois", "10.20.0.7"}).out, "none: an address behind port lan"));
  EXPECT_EQ(json({"explain", "10.0.0.9", "10.20.0.7", "icmp"})["allowed"], false);
  EXPECT_EQ(ctl({"explain", "nobody", "10.20.0.7", "icmp"}).code, ExitCode::failed);
  EXPECT_TRUE(has(ctl({"explain", "ann-laptop", "10.20.0.7", "tcp", "70000"}).err, "0 to 65535"));
  EXPECT_EQ(ctl({"explain", "ann-laptop"}).code, ExitCode::usage);
}

TEST_F(PolicyCommands, ApplyAllOrNothing) {
  const std::string first = json({"policy"})["etag"];
  const Outcome failing = ctl({"policy", "apply", file("failing.toml", failing_policy())});
  EXPECT_EQ(failing.code, ExitCode::usage);
  EXPECT_TRUE(has(failing.err, "failing.toml:43:")) << failing.err;
  const std::string good = file("new.toml", edited("200mbit", "100mbit"));
  const Outcome done = ctl({"policy", "apply", good, "--made-from", first});
  EXPECT_EQ(done.code, ExitCode::success) << done.err;
  EXPECT_TRUE(has(done.out, "~ rule laptops-to-backend\napplied: generation 2, etag ")) << done.out;
  const Outcome outdated = ctl({"policy", "apply", good, "--made-from", first});
  EXPECT_EQ(outdated.code, ExitCode::failed);
  EXPECT_TRUE(has(outdated.err, "another version is in force")) << outdated.err;
  EXPECT_EQ(ctl({"policy", "apply", "--made-from", "a\"\r\nX: y"}).code, ExitCode::failed);
  EXPECT_EQ(ctl({"policy", "apply", file("bad.toml", "schema = 1\nx = 1\n")}).code, ExitCode::usage);
  EXPECT_EQ(json({"policy", "apply"})["source"], "files");
  EXPECT_TRUE(has(ctl({"audit", "-c", "1"}).out, "by uid " + std::to_string(::getuid())));
}

TEST_F(PolicyCommands, CompareWithTheVersionInForce) {
  const std::string path = file("new.toml", edited("to = [\"backend\", \"live\"]", "to = [\"live\"]"));
  const Outcome table = ctl({"policy", "diff", path});
  EXPECT_EQ(table.code, ExitCode::differs) << table.err;
  EXPECT_TRUE(has(table.out, "loses")) << table.out;
  EXPECT_EQ(Json::parse(ctl({"policy", "diff", path, "--json"}).out)["peers"], 2);
  EXPECT_EQ(json({"policy", "diff", file("same.toml", std::string(FakeBackend::policy_toml))})["peers"], 2);
  const Outcome refused = ctl({"policy", "diff", file("failing.toml", failing_policy())});
  EXPECT_EQ(refused.code, ExitCode::usage) << refused.out;
}

TEST_F(PolicyCommands, SetEndpointsOfALiveService) {
  const Outcome set = ctl({"services", "set-endpoints", "live", "10.20.0.5", "10.21.0.0/24"});
  EXPECT_EQ(set.out, "live has 2 endpoints\n") << set.err;
  EXPECT_EQ(ctl({"services", "set-endpoints", "live"}).code, ExitCode::usage) << "emptying one needs --none";
  EXPECT_EQ(ctl({"services", "set-endpoints", "live", "10.21.0.1/24"}).code, ExitCode::usage);
  EXPECT_EQ(ctl({"services", "set-endpoints", "backend", "10.21.0.1"}).code, ExitCode::failed);
  EXPECT_EQ(ctl({"services", "set-endpoints", "live", "--none"}).out, "live has 0 endpoints\n");
}

TEST_F(PolicyCommands, SayWhenAListOfFlowsIsNotComplete) {
  server_.on_loop([](FakeBackend& backend) {
    backend.flows_at_start = {FakeBackend::flow(8080)};
    backend.flow_end_at_start = tl::unexpected(std::string("the dataplane went\x1b[2J away"));
  });
  const Outcome cut_off = ctl({"flows"});
  EXPECT_EQ(cut_off.code, ExitCode::failed);
  EXPECT_TRUE(has(cut_off.out, "10.20.0.7:8080"));
  EXPECT_TRUE(has(cut_off.err, "not complete: the dataplane went?[2J away")) << cut_off.err;
  EXPECT_EQ(ctl({"flows", "--port", "70000"}).code, ExitCode::usage);
  EXPECT_TRUE(has(ctl({"flows", "--rule", "ann-bd"}).err, "did you mean 'ann-db'?"));
}

TEST_F(PolicyCommands, KeepControlCharactersOffTheTerminal) {
  const std::string escape = "\x1b]0;x\x07";
  EXPECT_FALSE(has(ctl({"explain", escape, "backend", "tcp", "1"}).err, "\x1b"));
  server_.on_loop([&](FakeBackend& backend) {
    backend.version.git_author = escape;
    backend.version.git_commit = "abc";
    backend.changes.front().by = escape;
    backend.changes.front().summary = {escape};
    backend.bundle_in_force.files.front().name = escape;
    backend.all_peers[0].facts.tags = {escape};
    backend.policy_in_force->warnings = {escape};
  });
  const std::vector<std::vector<std::string>> commands = {{"policy"},
                                                          {"audit"},
                                                          {"identities"},
                                                          {"whois", "10.8.0.2"},
                                                          {"explain", "ann-laptop", "backend", "tcp", "8080"}};
  for (const auto& command : commands) {
    const Outcome outcome = ctl(command);
    EXPECT_EQ(outcome.code, ExitCode::success) << outcome.err;
    EXPECT_FALSE(has(outcome.out + outcome.err, "\x1b")) << command[0];
  }
}

TEST(PolicyCommandsAlone, SuggestTheSecondWord) {
  EXPECT_TRUE(has(call({"policy", "chek"}).err, "did you mean 'check'?"));
  EXPECT_TRUE(has(call({"polcy"}).err, "did you mean 'policy'?"));
  EXPECT_TRUE(has(call({"help", "policy", "diff"}).out, "usage: sallyctl policy diff"));
  EXPECT_EQ(call({"policy"}).code, ExitCode::unreachable);
  for (const char* command : {"policy", "policy check", "policy test", "policy diff", "policy apply", "policy rules",
                              "explain", "whois", "flows", "identities", "audit", "services"})
    EXPECT_TRUE(has(call({"--help"}).out, command)) << command;
}

TEST(PolicyCommandsAlone, SurviveAGatewayThatAnswersNonsense) {
  for (
      const std::string answer :
      {"[]", "{}", "3", "null", R"([1,null,[],{"name":[],"rules":{},"claims":[1]}])",
       R"({"flows":[1,{"packets":{}}],"changes":[1],"hints":[{}],"considered":[[]],"source":1,"route":[]})",
       R"([{"name":"\u001b[2Jx","identities":["\u001b"],"claims":{"a\u001b":{"b":["\u001b"]}},"summary":["\u001b"]}])"}) {
    const std::vector<std::vector<std::string>> commands = {{"policy"},
                                                            {"policy", "rules"},
                                                            {"policy", "apply"},
                                                            {"explain", "a", "b", "icmp"},
                                                            {"whois", "10.0.0.1"},
                                                            {"flows"},
                                                            {"identities"},
                                                            {"audit"},
                                                            {"services"}};
    for (const auto& command : commands) {
      const TemporaryFolder folder;
      const auto listener = RawSocket::listen_unix(folder.file("s"));
      std::thread liar([&] {
        const auto client = listener.accept();
        (void)client.receive_until("\r\n\r\n");
        client.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(answer.size()) + "\r\n\r\n" + answer);
      });
      const Outcome outcome = call(command, folder.file("s"));
      liar.join();
      EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos) << command[0] << answer;
      EXPECT_EQ(outcome.code, ExitCode::success) << command[0] << answer;
    }
  }
}

}  // namespace
}  // namespace sallyport::ctl::policy_commands_test
