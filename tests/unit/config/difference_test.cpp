#include "config/difference.hpp"

#include "config_text.hpp"

namespace sallyport::config::difference_test {
namespace {

const std::string ann = peer_toml("ann", ann_key, "10.8.0.2/32");
const std::string bob = peer_toml("bob", bob_key, "10.8.0.3/32");

std::string changes(std::string_view before, std::string_view after) {
  return to_string(diff(valid(before), valid(after)));
}

TEST(Difference, OfAFileWithItselfIsEmpty) {
  const Difference difference = diff(valid(complete(ann)), valid(complete(ann)));
  EXPECT_TRUE(difference.empty());
  EXPECT_EQ(to_string(difference), "");
}

TEST(Difference, DoesNotCareWhereAnObjectStands) {
  EXPECT_TRUE(diff(valid(complete(ann + bob)), valid(complete("# a comment\n\n" + bob + ann))).empty());
}

TEST(Difference, NamesWhatCameWentAndChanged) {
  EXPECT_EQ(changes(complete(ann), complete(bob)), "+ peer bob\n- peer ann\n");
  EXPECT_EQ(changes(complete(ann), complete(ann + "tags = [\"laptop\"]\n")), "~ peer ann\n");
  EXPECT_EQ(changes(complete(ann), complete(ann + "[[route]]\nto = \"10.20.0.0/16\"\nvia = \"10.0.0.254\"\n")),
            "+ route 10.20.0.0/16\n");
  EXPECT_EQ(changes(joined({gateway_toml, policy_toml, wan_toml, lan_toml, wg0_toml}),
                    joined({gateway_toml, policy_toml, wan_toml, lan_toml, wg0_toml, "mtu = 1300\n"})),
            "~ wireguard wg0\n");
  EXPECT_EQ(changes(complete_with_policy("[[pool]]\nname = \"a\"\nprefixes = [\"10.9.0.0/16\"]\n"),
                    complete_with_policy("[flow_records]\nfile = \"f\"\n")),
            "~ [flow_records]\n- pool a\n");
}

TEST(Difference, LogLevelNeedsNoRestart) {
  const Difference difference = diff(valid(complete("")), valid(complete("[controlplane]\nlog_level = \"debug\"\n")));
  EXPECT_FALSE(difference.needs_restart());
  EXPECT_EQ(difference.sections, std::vector<std::string>{"[controlplane]"});
}

TEST(Difference, SaysWhatNeedsARestartOfTheDataplane) {
  EXPECT_EQ(changes(complete(""),
                    complete("[dataplane]\nmax_peers = 100\nmemory_mb = 512\nworkers = [1, 2]\nidle = \"busy\"\n")),
            "~ [dataplane]\n"
            "! needs a restart of the dataplane: [dataplane] workers: [1] -> [1, 2]\n"
            "! needs a restart of the dataplane: [dataplane] memory_mb: auto -> 512\n"
            "! needs a restart of the dataplane: [dataplane] idle: adaptive -> busy\n"
            "! needs a restart of the dataplane: [dataplane] max_peers: 65536 -> 100\n");
  EXPECT_EQ(changes(with_ports(joined({wan_toml, "mtu = 1400\n", lan_toml})),
                    with_ports(joined({wan_toml, "vlan = 5\nhost = [\"tcp/22\"]\nmac = \"02:00:00:00:00:01\"\n"}))),
            "- port lan\n~ port wan\n"
            "! needs a restart of the dataplane: port 'lan' removed\n"
            "! needs a restart of the dataplane: port 'wan' vlan: untagged -> 5\n"
            "! needs a restart of the dataplane: port 'wan' mtu: 1400 -> 1500\n"
            "! needs a restart of the dataplane: port 'wan' host: [] -> [tcp/22]\n"
            "! needs a restart of the dataplane: port 'wan' mac: the device's own -> 02:00:00:00:00:01\n");
}

TEST(Difference, EveryChangeOfAPortOrOfTheDataplaneNeedsARestart) {
  const Config before = valid(complete(""));
  for (const auto line : {"workers = [2]", "memory_mb = 64", "hugepages = \"never\"", "idle = \"busy\"",
                          "max_peers = 2", "max_sessions = 140000", "max_flows = 2", "max_classes = 2",
                          "crypto = \"x\"", "eal_args = [\"-v\"]", "socket = \"/s\""}) {
    const Difference difference = diff(before, valid(complete(joined({"[dataplane]\n", line, "\n"}))));
    EXPECT_EQ(difference.restart_dataplane.size(), 1U) << line;
    EXPECT_TRUE(difference.restart_controlplane.empty()) << line;
  }
}

// The file with another prefix behind `lan`, which waits for a restart.
std::string with_lan_elsewhere(const std::string& more) {
  std::string text = complete(more);
  return text.replace(text.find("10.0.0.1/24"), 11, "10.9.0.1/24");
}

TEST(RunningPorts, KeepTheirPrefixesUntilTheRestart) {
  const Config running = valid(complete(ann));
  const auto why = [&](const std::string& more) {
    const std::string text = with_lan_elsewhere(more);
    EXPECT_TRUE(parse(text, "gateway.toml")) << "it is right for a start";
    const auto beside = parse(text, "gateway.toml", &running);
    std::string all;
    if (!beside)
      for (const Error& error : beside.error()) all += to_string(error) + '\n';
    return all;
  };
  const std::string taken = why(ann + peer_toml("branch", bob_key, "10.0.0.0/24"));
  EXPECT_NE(taken.find("allowed_ips: 10.0.0.0/24 is the connected prefix of port 'lan'"), std::string::npos) << taken;
  EXPECT_NE(taken.find("needs the restart first"), std::string::npos) << taken;
  const std::string given = why(ann + "[[pool]]\nname = \"p\"\nprefixes = [\"10.0.0.0/25\"]\n");
  EXPECT_NE(given.find("prefixes: 10.0.0.0/25 overlaps 10.0.0.0/24 of port 'lan'"), std::string::npos) << given;
  EXPECT_EQ(why(ann + bob), "") << "what does not clash is applied";
  EXPECT_EQ(why(ann + "[[route]]\nto = \"10.20.0.0/16\"\nvia = \"10.9.0.2\"\n"), "")
      << "a route behind the new prefix waits with it";
}

TEST(RunningPorts, AreWhereRoutesLead) {
  const Config running = valid(complete(ann));
  std::string text = complete("[[route]]\nto = \"10.20.0.0/16\"\nvia = \"10.0.0.2\"\n");
  text.replace(text.find("name = \"lan\""), 12, "name = \"site\"");
  EXPECT_EQ(parse(text, "gateway.toml")->routes[0].port, "site");
  EXPECT_EQ(parse(text, "gateway.toml", &running)->routes[0].port, "lan") << "until the restart";
}

TEST(RunningPorts, LeaveTheConfigurationAsItIsWritten) {
  const Config running = valid(complete(ann));
  const std::string text = with_lan_elsewhere(ann + "[[route]]\nto = \"10.20.0.0/16\"\nvia = \"10.9.0.2\"\n");
  EXPECT_EQ(*parse(text, "gateway.toml", &running), *parse(text, "gateway.toml"));
}

TEST(Difference, SaysWhatNeedsARestartOfTheControlPlane) {
  EXPECT_EQ(
      changes(complete(""),
              complete("[controlplane]\nmetrics = \"off\"\nuser = \"vpn\"\nsocket = \"/run/c\"\nstate = \"/var/s\"\n")),
      "~ [controlplane]\n"
      "! needs a restart of the control plane: [controlplane] socket: /run/sallyport/control.sock -> /run/c\n"
      "! needs a restart of the control plane: [controlplane] state: /var/lib/sallyport/state.db -> /var/s\n"
      "! needs a restart of the control plane: [controlplane] metrics: 127.0.0.1:9586 -> off\n"
      "! needs a restart of the control plane: [controlplane] user: unchanged -> vpn\n");
}

}  // namespace
}  // namespace sallyport::config::difference_test
