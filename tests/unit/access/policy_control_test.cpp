// Policies in the whole process: start, reload, what the admin API asks, and what is there after a restart.
#include <fstream>

#include "tests/unit/controlplane/control_plane_lab.hpp"

namespace sallyport::controlplane::policy_control_test {
namespace {

using namespace std::chrono_literals;

constexpr const char* policy_text = R"(schema = 1
[service]
backend = { prefixes = ["10.20.0.0/24"], ports = ["tcp/8080"] }
live = { endpoints = "live", ports = ["tcp/80"] }
[[rule]]
name = "ann-backend"
action = "allow"
from = ["peer:ann"]
to = ["backend", "live"]
)";

class PolicyControlTest : public testing::ControlPlaneLab {
 protected:
  PolicyControlTest() {
    write_policy(policy_text);
    policy_section = "files = [\"policy.toml\"]";
    write_config();
  }
  void write_policy(const std::string& text) { std::ofstream(folder / "policy.toml") << text; }
  static policy::Bundle bundle(const std::string& text) { return {{{"policy.toml", text}}}; }
  static std::string with_rule(const std::string& name) {
    return std::string(policy_text) + "[[rule]]\nname = \"" + name +
           "\"\naction = \"deny\"\nfrom = [\"peer:ann\"]\nto = [\"backend\"]\n";
  }
  const abi::FlowRecord a_flow() const {
    abi::FlowRecord flow{};
    flow.source = *IpAddress::parse("10.8.0.2");
    flow.destination = *IpAddress::parse("10.20.0.7");
    flow.protocol = 6;
    flow.source_peer = 0;
    flow.destination_peer = abi::no_peer;
    flow.rule = 1;
    flow.allowed = 1;
    return flow;
  }
  bool in_force() {
    return eventually([&] { return control_plane->policy_version().in_force; });
  }
};

TEST_F(PolicyControlTest, StartsWithTheFilesAndGivesPeersTheirAccess) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  ASSERT_TRUE(in_force());
  EXPECT_EQ(server->dataplane->policy.peers.size(), 1U);
  EXPECT_NE(server->dataplane->policy.peers.at(0).access.source_class, 0U);
  const PolicyVersion version = control_plane->policy_version();
  EXPECT_EQ(version.generation, 1U);
  EXPECT_EQ(version.source, PolicySource::files);
  EXPECT_EQ(version.etag, control_plane->bundle().etag());
  EXPECT_EQ(control_plane->rule_name(1), "ann-backend");
  ASSERT_EQ(control_plane->identities().size(), 1U);
  EXPECT_EQ(control_plane->identities()[0].rules, std::vector<std::string>{"ann-backend"});
  EXPECT_EQ(control_plane->peer_of(*IpAddress::parse("10.8.0.2"))->name, "ann");
  EXPECT_TRUE(control_plane->problems().empty());
}

TEST_F(PolicyControlTest, DoesNotStartWithAnErrorAndNoVersionThatPassed) {
  write_policy("schema = 1\n[[rule]]\nname = 7\n");
  const auto started = try_to_start();
  ASSERT_FALSE(started);
  ASSERT_FALSE(started.error().configuration.empty());
  EXPECT_NE(config::to_string(started.error().configuration[0]).find("policy.toml:"), std::string::npos);
}

TEST_F(PolicyControlTest, StartsWithTheVersionThatPassedLastWhenTheFilesFail) {
  start();
  control_plane.reset();
  for (const std::string& broken :
       {std::string("no toml at all ["),
        std::string(policy_text) + "[[test]]\nsrc = \"peer:ann\"\nallow = [\"backend:tcp/22\"]\n"}) {
    write_policy(broken);
    server->start(1);
    start();
    ASSERT_TRUE(eventually_in_sync());
    ASSERT_TRUE(in_force());
    EXPECT_EQ(control_plane->policy_version().source, PolicySource::stored);
    EXPECT_EQ(control_plane->policy_version().generation, 1U);
    EXPECT_TRUE(has_problem("policy files"));
    EXPECT_FALSE(control_plane->policy_changes(1).at(0).applied);
    control_plane.reset();
    server->kill();
  }
  write_policy(policy_text);
  start();
  EXPECT_EQ(control_plane->policy_version().source, PolicySource::files);
  EXPECT_FALSE(has_problem("policy files"));
}

TEST_F(PolicyControlTest, ReloadsConfigurationAndPolicyTogetherOrNeither) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  write_config(peer_text("bob", bob, "10.8.0.3/32"));
  write_policy("schema = 1\n[[rule]]\nname = \"x\"\naction = \"allow\"\nfrom = [\"peer:ann\"]\nto = [\"nowhere\"]\n");
  ASSERT_FALSE(control_plane->reload());
  EXPECT_EQ(control_plane->peers().size(), 1U);
  EXPECT_EQ(control_plane->policy_version().generation, 1U);
  EXPECT_FALSE(control_plane->last_reload()->succeeded);

  write_policy(with_rule("freeze"));
  const auto reloaded = control_plane->reload("signal");
  ASSERT_TRUE(reloaded);
  EXPECT_EQ(reloaded->changes, (std::vector<std::string>{"+ peer bob", "+ rule freeze"}));
  EXPECT_EQ(control_plane->policy_version().generation, 2U);
  EXPECT_EQ(control_plane->policy_changes(1).at(0).by, "signal");
  ASSERT_TRUE(eventually([&] { return server->dataplane->policy.begin.generation == 2; }));
  ASSERT_TRUE(eventually([&] { return server->dataplane->policy.peers.size() == 2; }));

  const std::uint64_t image = server->dataplane->policy.number;
  ASSERT_TRUE(control_plane->reload());
  EXPECT_TRUE(eventually([&] { return control_plane->commands_pending() == 0; }));
  EXPECT_EQ(server->dataplane->policy.number, image) << "the same files change nothing";
}

TEST_F(PolicyControlTest, AppliesWhatItIsSentUnlessAnotherWasFaster) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  const std::string first = control_plane->policy_version().etag;
  const auto applied = control_plane->apply_policy(bundle(with_rule("freeze")), first, "uid 0");
  ASSERT_TRUE(applied);
  EXPECT_EQ(applied->changes, std::vector<std::string>{"+ rule freeze"});
  EXPECT_EQ(applied->version.source, PolicySource::api);
  const auto outdated = control_plane->apply_policy(bundle(with_rule("thaw")), first, "uid 7");
  ASSERT_FALSE(outdated);
  EXPECT_EQ(outdated.error().kind, PolicyRefusal::Kind::outdated);
  const auto wrong = control_plane->apply_policy(bundle("schema = 2\n"), std::nullopt, "uid 7");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, PolicyRefusal::Kind::errors);
  EXPECT_FALSE(wrong.error().errors.empty());
  const auto rows = control_plane->policy_changes(10);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_FALSE(rows[0].applied);
  EXPECT_FALSE(rows[1].applied);
  EXPECT_TRUE(rows[2].applied);
  EXPECT_EQ(rows[2].by, "uid 0");
  EXPECT_EQ(rows[3].by, "start");
  const auto files = control_plane->apply_policy(std::nullopt, std::nullopt, "uid 0");
  ASSERT_TRUE(files);
  EXPECT_EQ(files->version.generation, 3U);
  EXPECT_EQ(files->version.source, PolicySource::files);
}

TEST_F(PolicyControlTest, RemembersEndpointsNumbersAndTheAuditTrailOverARestart) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  const IpPrefix pod = *IpPrefix::parse("10.244.0.7/32");
  ASSERT_TRUE(control_plane->set_endpoints("live", {pod}));
  EXPECT_EQ(control_plane->set_endpoints("none", {pod}).error().kind, PolicyRefusal::Kind::unknown_service);
  ASSERT_TRUE(eventually([&] { return server->dataplane->policy.addresses.contains(pod); }));
  ASSERT_TRUE(control_plane->apply_policy(bundle(with_rule("freeze")), std::nullopt, "uid 0"));
  control_plane.reset();
  server->kill();
  server->start(2);
  start();
  ASSERT_TRUE(eventually([&] { return server->dataplane->policy.addresses.contains(pod); }));
  EXPECT_EQ(control_plane->policy_version().generation, 3U) << "the files are another version again";
  EXPECT_EQ(control_plane->policy_changes(10).size(), 3U);
}

TEST_F(PolicyControlTest, ADefaultHasNoPolicyToReplaceAndCanBecomeOneByReload) {
  policy_section = "default = \"allow\"";
  write_config();
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  ASSERT_TRUE(in_force());
  EXPECT_EQ(server->dataplane->policy.begin.allow_all, 1);
  EXPECT_EQ(control_plane->policy(), nullptr);
  EXPECT_EQ(control_plane->apply_policy(bundle(policy_text), std::nullopt, "uid 0").error().kind,
            PolicyRefusal::Kind::no_policy);
  EXPECT_EQ(control_plane->set_endpoints("live", {}).error().kind, PolicyRefusal::Kind::no_policy);
  policy_section = "files = [\"policy.toml\"]";
  write_config();
  const auto reloaded = control_plane->reload();
  ASSERT_TRUE(reloaded);
  ASSERT_TRUE(eventually([&] { return server->dataplane->policy.begin.generation == 2; }));
  EXPECT_EQ(server->dataplane->policy.peers.size(), 1U);
}

TEST_F(PolicyControlTest, ListsFlowsUntilTheEndOrUntilTheDataplaneGoes) {
  server->start(1);
  start();
  abi::ListFlows request{};
  request.peer_id = abi::no_peer;
  request.most = 2;
  request.protocol = abi::any_protocol;
  std::vector<abi::FlowRecord> shown;
  std::optional<tl::expected<bool, std::string>> end;
  const auto list = [&] {
    shown.clear();
    end.reset();
    return control_plane->list_flows(
        request, [&](const abi::FlowRecord& flow) { shown.push_back(flow); }, [&](auto how) { end = how; });
  };
  EXPECT_FALSE(list());
  ASSERT_TRUE(eventually_in_sync());
  const auto number = list();
  ASSERT_TRUE(number);
  ASSERT_TRUE(eventually([&] { return !server->dataplane->listings.empty(); }));
  EXPECT_EQ(server->dataplane->listings.back().listing, *number);
  server->dataplane->raise(abi::FlowShown{a_flow(), *number, 0});
  server->dataplane->raise(abi::FlowShown{a_flow(), *number + 1, 0});
  server->dataplane->raise(abi::FlowListingEnded{*number, 1});
  ASSERT_TRUE(eventually([&] { return end.has_value(); }));
  EXPECT_EQ(shown.size(), 1U);
  EXPECT_TRUE(end->has_value() && **end);

  ASSERT_TRUE(list());
  EXPECT_FALSE(control_plane->list_flows(request, {}, {})) << "one at a time";
  ASSERT_TRUE(eventually([&] { return end.has_value(); })) << "nobody answers";
  EXPECT_FALSE(end->has_value());
  ASSERT_TRUE(list());
  server->kill();
  ASSERT_TRUE(eventually([&] { return end.has_value(); }));
  EXPECT_FALSE(end->has_value());
}

TEST_F(PolicyControlTest, RecordsFlowsWhileTheConfigurationSaysSo) {
  write_config("[flow_records]\nfile = \"flows.jsonl\"\n");
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  ASSERT_TRUE(in_force());
  EXPECT_EQ(server->dataplane->policy.begin.record_flows, 1);
  server->dataplane->raise(abi::FlowEnded{a_flow()});
  ASSERT_TRUE(eventually([&] { return counter("flow_records_written") == 1; }));
  std::ifstream file(folder / "flows.jsonl");
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_NE(line.find("\"rule\":\"ann-backend\""), std::string::npos);
  EXPECT_NE(line.find("policy.toml:5"), std::string::npos);
  write_config();
  ASSERT_TRUE(control_plane->reload());
  ASSERT_TRUE(eventually([&] { return server->dataplane->policy.begin.record_flows == 0; }));
  EXPECT_EQ(control_plane->policy_version().generation, 1U) << "the same version under another image";
}

}  // namespace
}  // namespace sallyport::controlplane::policy_control_test
