// [dataplane], [controlplane], [policy], [cluster.NAME] and [flow_records].
#include <filesystem>

#include "config_text.hpp"

namespace sallyport::config::sections_test {
namespace {

TEST(Dataplane, HasDefaults) {
  const Dataplane dataplane = valid(complete("")).dataplane;
  EXPECT_EQ(dataplane.workers, std::vector<std::uint16_t>{1});
  EXPECT_EQ(dataplane.memory_mb, std::nullopt);
  EXPECT_EQ(dataplane.hugepages, HugePages::automatic);
  EXPECT_EQ(dataplane.idle, IdleMode::adaptive);
  EXPECT_EQ(dataplane.max_peers, 65536U);
  EXPECT_EQ(dataplane.max_sessions, 131072U);
  EXPECT_EQ(dataplane.max_flows, 1048576U);
  EXPECT_EQ(dataplane.max_classes, 4096U);
  EXPECT_EQ(dataplane.crypto, "auto");
  EXPECT_TRUE(dataplane.eal_args.empty());
  EXPECT_EQ(dataplane.socket, "/run/sallyport/dataplane.sock");
}

TEST(Dataplane, ReadsEveryKey) {
  const Dataplane dataplane = valid(complete(R"([dataplane]
workers = [2, 3]
memory_mb = 512
hugepages = "never"
idle = "busy"
max_peers = 10
max_sessions = 20
max_flows = 30
max_classes = 40
crypto = "ipsec_mb"
eal_args = ["--log-level=8"]
socket = "run/d.sock"
)"))
                                  .dataplane;
  EXPECT_EQ(dataplane.workers, (std::vector<std::uint16_t>{2, 3}));
  EXPECT_EQ(dataplane.memory_mb, 512U);
  EXPECT_EQ(dataplane.hugepages, HugePages::never);
  EXPECT_EQ(dataplane.idle, IdleMode::busy);
  EXPECT_EQ(dataplane.max_classes, 40U);
  EXPECT_EQ(dataplane.crypto, "ipsec_mb");
  EXPECT_EQ(dataplane.eal_args, std::vector<std::string>{"--log-level=8"});
  EXPECT_EQ(dataplane.socket, std::filesystem::current_path() / "run/d.sock");
  EXPECT_EQ(dataplane.location.line, 1U);
}

TEST(Dataplane, RefusesWhatIsOutOfRange) {
  const auto dataplane = [](std::string_view line) { return complete("[dataplane]\n" + std::string(line) + '\n'); };
  expect_errors(dataplane("workers = [1, 2, 1]"), {"2:18: workers: core 1 stands here twice"});
  expect_errors(dataplane("workers = [1, -1]"),
                {"2:15: workers: expected an integer from 0 to 1023, got the integer -1"});
  expect_errors(dataplane("memory_mb = 1"),
                {"2:13: memory_mb: expected \"auto\" or an integer from 16 to 4194304, got the integer 1"});
  expect_errors(dataplane("memory_mb = \"all\""),
                {"2:13: memory_mb: expected \"auto\" or an integer from 16 to 4194304, got the string \"all\""});
  expect_errors(dataplane("max_peers = 1048577"),
                {"2:13: max_peers: expected an integer from 1 to 1048576, got the integer 1048577"});
  expect_errors(dataplane("max_sessions = 4194305"),
                {"2:16: max_sessions: expected an integer from 1 to 4194304, got the integer 4194305"});
  expect_errors(dataplane("max_flows = 0"),
                {"2:13: max_flows: expected an integer from 1 to 67108864, got the integer 0"});
  expect_errors(dataplane("max_classes = 65537"),
                {"2:15: max_classes: expected an integer from 1 to 65536, got the integer 65537"});
  expect_errors(dataplane("crypto = \"\""),
                {"2:10: crypto: expected \"auto\" or the name of an engine, got the string \"\""});
  expect_errors(
      dataplane("eal_args = [\"\"]"),
      {"2:13: eal_args: expected a text of 1 to 1024 characters without control characters, got the string \"\""});
  expect_errors(dataplane("socket = \"/" + std::string(107, 'a') + "\""),
                {"2:10: socket: expected the name of a socket, 107 characters at most, got the string \"/" +
                 std::string(63, 'a') + "...\""});
}

TEST(Dataplane, WarnsWhenNotEveryPeerCanRekey) {
  const Config config = valid(complete("[dataplane]\nmax_peers = 100\nmax_sessions = 199\n"));
  ASSERT_EQ(config.warnings.size(), 2U);
  EXPECT_EQ(config.warnings[0],
            "gateway.toml:3:16: max_sessions: 199 is less than twice max_peers (100): not every peer can hold a "
            "session while it rekeys");
}

TEST(Sections, WarnOfOneUserForBothProcesses) {
  const auto users = [](const std::string& dataplane, const std::string& controlplane) {
    return valid(
               complete("[dataplane]\nuser = \"" + dataplane + "\"\n[controlplane]\nuser = \"" + controlplane + "\"\n"))
        .warnings.size();
  };
  EXPECT_EQ(users("sallyport", "sallyport"), users("sallyport-dataplane", "sallyport") + 1);
}

TEST(Controlplane, ReadsEveryKey) {
  const Controlplane controlplane = valid(complete(R"([controlplane]
socket = "/run/c.sock"
state = "state.db"
metrics = "[::1]:9000"
log_level = "debug"
user = "sallyport"
)"))
                                        .controlplane;
  EXPECT_EQ(controlplane.socket, "/run/c.sock");
  EXPECT_EQ(controlplane.state, std::filesystem::current_path() / "state.db");
  EXPECT_EQ(controlplane.metrics->to_string(), "[::1]:9000");
  EXPECT_EQ(controlplane.log_level, LogLevel::debug);
  EXPECT_EQ(controlplane.user, "sallyport");
}

TEST(Controlplane, HasDefaultsAndMetricsCanBeOff) {
  const Controlplane controlplane = valid(complete("")).controlplane;
  EXPECT_EQ(controlplane.metrics->to_string(), "127.0.0.1:9586");
  EXPECT_EQ(controlplane.state, "/var/lib/sallyport/state.db");
  EXPECT_EQ(controlplane.user, std::nullopt);
  EXPECT_EQ(valid(complete("[controlplane]\nmetrics = \"off\"\n")).controlplane.metrics, std::nullopt);
}

TEST(Controlplane, RefusesWhatIsWrong) {
  const auto controlplane = [](std::string_view line) {
    return complete("[controlplane]\n" + std::string(line) + '\n');
  };
  expect_errors(controlplane("metrics = \"9586\""), {"2:11: metrics: expected an address and a port such as "
                                                     "\"127.0.0.1:9586\", or \"off\", got the string \"9586\""});
  expect_errors(controlplane("log_level = \"warn\""),
                {"2:13: log_level: expected \"debug\", \"info\", \"warning\" or \"error\", got the string \"warn\""});
  expect_errors(controlplane("user = \"0root\""), {"2:8: user: expected the name of a user, got the string \"0root\""});
  expect_errors(controlplane("state = \"\""), {"2:9: state: expected the name of a file, got the string \"\""});
  expect_errors(controlplane("state = \"/var/lib/\""),
                {"2:9: state: expected the name of a file, got the string \"/var/lib/\""});
}

TEST(Controlplane, EachFileHasOneMaker) {
  expect_errors(complete("[controlplane]\nsocket = \"/run/x/../sallyport/dataplane.sock\"\n"),
                {"2:10: socket: expected a file of its own, got that of [dataplane] socket"});
  expect_errors(complete("[controlplane]\nstate = \"/run/a\"\nsocket = \"/run/a\"\n"),
                {"2:9: state: expected a file of its own, got that of [controlplane] socket"});
}

TEST(Policy, IsEitherAllowOrFiles) {
  const auto policy = [](std::string_view lines) { return joined({"[policy]\n", lines, gateway_toml, wan_toml}); };
  expect_errors(policy(""), {"1:1: [policy]: expected either default = \"allow\" or files, got neither"});
  expect_errors(policy("default = \"allow\"\nfiles = [\"p.toml\"]\n"),
                {"1:1: [policy]: expected either default = \"allow\" or files, got both"});
  expect_errors(policy("files = []\n"), {"2:9: files: expected 1 to 1024 elements, got 0"});
  const Config config = valid(policy("files = [\"p.toml\", \"/etc/q.toml\"]\n"));
  EXPECT_FALSE(config.policy.allow_everything);
  EXPECT_EQ(config.policy.files,
            (std::vector<std::filesystem::path>{std::filesystem::current_path() / "p.toml", "/etc/q.toml"}));
  EXPECT_TRUE(config.warnings.empty());
}

TEST(Policy, AllowComesWithAWarning) {
  const Config config = valid(joined({"[policy]\ndefault = \"allow\"\n", gateway_toml, wan_toml}));
  EXPECT_TRUE(config.policy.allow_everything);
  EXPECT_EQ(config.warnings,
            std::vector<std::string>{
                "gateway.toml:2:11: default: every peer may reach everything (a plain VPN without policy)"});
}

TEST(Cluster, IsNamedByItsTable) {
  const Config config =
      valid(complete("[cluster.prod-eu]\napi_server = \"https://10.20.0.10:6443\"\nca_file = \"ca.pem\"\ntoken_file = "
                     "\"t\"\nstale_after = \"90s\"\non_stale = \"drop\"\n"));
  ASSERT_EQ(config.clusters.size(), 1U);
  EXPECT_EQ(config.clusters[0].name, "prod-eu");
  EXPECT_EQ(config.clusters[0].stale_after, std::chrono::seconds(90));
  EXPECT_EQ(config.clusters[0].on_stale, OnStale::drop);
  expect_errors(
      complete("[cluster.\"a b\"]\napi_server = \"https://x:1\"\nca_file = \"ca.pem\"\ntoken_file = \"t\"\n"),
      {"1:10: cluster: expected a name (letters, digits, '.', '_', '-', 63 characters at most), got \"a b\""});
}

TEST(Cluster, WantsHttpsAndDurationsWithUnits) {
  const auto cluster = [](std::string_view url, std::string_view duration) {
    return complete(joined({"[cluster.c]\napi_server = \"", url,
                            "\"\nca_file = \"ca.pem\"\ntoken_file = \"t\"\nstale_after = \"", duration, "\"\n"}));
  };
  for (const auto url : {"http://10.0.0.1:6443", "https://", "https://user@host", "https://host:0",
                         "https://host:70000", "https://[1::2", "https://1.2.3", "https://h?q", "https://h h"})
    EXPECT_EQ(errors_of(cluster(url, "5m")),
              std::vector<std::string>{"gateway.toml:2:14: api_server: expected an https URL such as "
                                       "\"https://10.20.0.10:6443\", got the string \"" +
                                       std::string(url) + '"'})
        << url;
  for (const auto url : {"https://k8s.example.com", "https://[2001:db8::1]:6443/", "https://10.0.0.1/path"})
    valid(cluster(url, "5m"));
  for (const auto duration : {"", "5", "m", "0s", "5x", "-5m", "5 m", "366d", "99999999999s", "1.5h"})
    EXPECT_EQ(errors_of(cluster("https://h", duration)).size(), 1U) << duration;
  EXPECT_EQ(valid(cluster("https://h", "365d")).clusters[0].stale_after, std::chrono::hours(365 * 24));
}

TEST(FlowRecords, HasDefaults) {
  const Config config = valid(complete_with_policy("[flow_records]\nfile = \"/var/log/flows.jsonl\"\n"));
  ASSERT_TRUE(config.flow_records);
  EXPECT_EQ(config.flow_records->rotate_mb, 100U);
  EXPECT_EQ(config.flow_records->keep, 10U);
  expect_errors(complete_with_policy("[flow_records]\nrotate_mb = 0\nkeep = -1\n"),
                {"1:1: missing key 'file' in [flow_records]: expected file name",
                 "2:13: rotate_mb: expected an integer from 1 to 1048576, got the integer 0",
                 "3:8: keep: expected an integer from 0 to 10000, got the integer -1"});
}

TEST(FlowRecords, NeedAPolicyThatLooksAtFlows) {
  expect_errors(complete("[flow_records]\nfile = \"f\"\n"),
                {"1:1: [flow_records]: expected [policy] files, as default = \"allow\" keeps no flows to record"});
}

}  // namespace
}  // namespace sallyport::config::sections_test
