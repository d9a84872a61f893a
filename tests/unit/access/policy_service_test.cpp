#include "controlplane/access/policy_service.hpp"
#include "controlplane/identity/peer.hpp"

#include <gtest/gtest.h>

#include "tests/unit/controlplane/fake_dataplane.hpp"

namespace sallyport::controlplane::policy_service_test {
namespace {

using namespace std::chrono_literals;
using testing::FakeDataplane;
using wireguard::BootTime;
using wireguard::Instant;
using wireguard::WallTime;

// Monday 2026-11-23, 09:00 UTC.
const Instant monday{BootTime(1h), WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 9h)};

constexpr const char* policy_text = R"(schema = 1
[group]
sre = ["claim:corp/groups=sre"]
[issuer.corp]
type = "oidc"
issuer = "https://idp.example.com"
jwks_file = "corp.json"
audience = "sallyport"
groups_claim = "/groups"
[service]
backend = { prefixes = ["10.20.0.0/24"], ports = ["tcp/8080"] }
live = { endpoints = "live", ports = ["tcp/80"] }
laptops = { identities = ["tag:laptop"], ports = ["tcp/22"] }
[[rule]]
name = "ann-backend"
action = "allow"
from = ["user:corp/ann@example.com"]
to = ["backend"]
[[rule]]
name = "sre-live"
action = "allow"
from = ["group:sre"]
to = ["live", "laptops"]
when = { hours = "Mon-Fri 07:00-19:00 UTC" }
[[rule]]
name = "site"
action = "allow"
from = ["net:10.0.0.0/24"]
to = ["laptops"]
)";

policy::Bundle bundle(const std::string& text = policy_text) {
  return {{{"policy.toml", text}}};
}

Peer peer(const std::string& name, const std::string& identity = {}, std::vector<std::string> groups = {},
          std::vector<std::string> tags = {}) {
  config::Peer made;
  made.name = name;
  if (!identity.empty()) made.identity = identity;
  if (!groups.empty()) made.claims.push_back({"groups", std::move(groups)});
  made.tags = std::move(tags);
  return configured_peer(made, PeerOrigin::gateway_file);
}

class PolicyServiceTest : public ::testing::Test {
 protected:
  PolicyServiceTest() {
    peers = {peer("ann", "user:corp/ann@example.com"), peer("ann-phone", "user:corp/ann@example.com"),
             peer("sam", "user:corp/sam@example.com", {"sre"}, {"laptop"}), peer("nobody")};
    DesiredState state;
    state.tunnels[0] = {testing::tunnel_command(), "wg0"};
    for (std::uint32_t id = 0; id < 60; ++id) {
      abi::SetPeer message{};
      message.peer_id = id;
      message.key.fill(static_cast<std::uint8_t>(id + 1));
      state.peers[id] = {message, ""};
    }
    publisher.set_desired(state);
    publisher.connect(dataplane.command_ring(), dataplane.applied_sequence());
  }
  static std::optional<std::uint32_t> nothing_yet(const Peer&) { return std::nullopt; }
  PolicyService::IdOf ids() {
    return [this](const Peer& wanted) -> std::optional<std::uint32_t> {
      for (std::size_t i = 0; i < peers.size(); ++i)
        if (peers[i].name == wanted.name) return static_cast<std::uint32_t>(i);
      return std::nullopt;
    };
  }
  void put_in_force(const std::string& text = policy_text, const char* by = "test", std::uint32_t max_classes = 100) {
    auto prepared = service.prepare(bundle(text), PolicySource::files, peers, max_classes, now);
    ASSERT_TRUE(prepared) << config::to_string(prepared.error().front());
    changes = service.put_in_force(std::move(*prepared), peers, ids(), {}, by, now, &dataplane.statistics(), stored);
    settle();
  }
  void settle() {
    for (int turn = 0; turn < 1000; ++turn) {
      const auto pumped = publisher.pump(1);
      const std::size_t applied = dataplane.apply();
      abi::Event event;
      while (dataplane.pop_event(event))
        if (abi::CommandRefused refused; abi::read_payload(event, refused)) (void)publisher.on_refused(refused, 1);
      if (pumped == Publisher::Pumped::nothing && applied == 0 && publisher.pending() == 0) return;
    }
    FAIL();
  }
  std::uint64_t compilations() const {
    for (const NamedCounter& counter : service.counters())
      if (counter.name == "policy_compilations") return counter.value;
    return 0;
  }
  const abi::SetPeerAccess& access(std::uint32_t id) { return dataplane.policy.peers.at(id); }

  Instant now = monday;
  std::vector<Peer> peers;
  FakeDataplane dataplane;
  Publisher publisher{{}, 100};
  PolicyService service{publisher};
  StoreChange stored;
  std::vector<std::string> changes;
};

TEST_F(PolicyServiceTest, GivesEachPeerItsClassAndThoseOfOneIdentityOneNumber) {
  put_in_force();
  EXPECT_EQ(dataplane.policy.begin.generation, 1U);
  EXPECT_EQ(dataplane.policy.rules.size(), 3U);
  EXPECT_EQ(access(0).access.source_class, access(1).access.source_class);
  EXPECT_NE(access(0).access.source_class, 0U);
  EXPECT_EQ(access(0).identity, 0U);
  EXPECT_EQ(access(1).identity, 0U);
  EXPECT_EQ(access(2).identity, 2U);
  EXPECT_NE(access(2).destination_class, 0U) << "a laptop is a destination";
  EXPECT_EQ(access(3).access.source_class, 0U);
  EXPECT_TRUE(dataplane.policy.addresses.contains(*IpPrefix::parse("10.20.0.0/24")));
  EXPECT_NE(dataplane.policy.addresses.at(*IpPrefix::parse("10.0.0.0/24")).access.source_class, 0U);
  EXPECT_EQ(service.view(peers[0]).rules, std::vector<std::string>{"ann-backend"});
  EXPECT_EQ(service.identity_of(2), "user:corp/sam@example.com");
  EXPECT_EQ(service.identity_of(3), "nobody");
}

TEST_F(PolicyServiceTest, TimeStepsAreOnTheClockThatTheDataplaneHas) {
  put_in_force();
  const abi::Access& sam = access(2).access;
  ASSERT_GE(sam.step_count, 2U);
  const std::uint64_t until_evening = 10ULL * 3600 * 1'000'000'000;
  EXPECT_EQ(sam.steps[0].not_after_ns, wireguard::to_boottime_ns(now.boot) + until_evening);
  EXPECT_EQ(sam.steps[0].next_class, 0U);
}

TEST_F(PolicyServiceTest, ComputesAnewWhenAStepPassedAndForNobodyElse) {
  put_in_force();
  const std::uint64_t before = compilations();
  const std::uint64_t first = access(2).access.steps[0].not_after_ns;
  now.boot += 10h + 1s;
  now.wall += 10h + 1s;
  EXPECT_FALSE(service.refresh(now));
  settle();
  EXPECT_EQ(compilations(), before + 1);
  EXPECT_EQ(access(2).access.source_class, 0U) << "it is evening";
  EXPECT_GT(access(2).access.steps[0].not_after_ns, first);
}

TEST_F(PolicyServiceTest, SendsAllStepsAgainWhenTheClockWasSet) {
  put_in_force();
  const std::uint64_t before = access(2).access.steps[0].not_after_ns;
  now.wall += 3h;
  service.on_clock_step(now);
  EXPECT_FALSE(service.refresh(now));
  settle();
  EXPECT_EQ(access(2).access.steps[0].not_after_ns + 3ULL * 3600 * 1'000'000'000, before);
  now.wall += 9h;  // a step that nobody told of: it is evening
  EXPECT_FALSE(service.refresh(now));
  settle();
  EXPECT_EQ(access(2).access.source_class, 0U);
}

TEST_F(PolicyServiceTest, APeerThatComesOrGoesConcernsNobodyElse) {
  put_in_force();
  const std::uint64_t before = compilations();
  dataplane.log.clear();
  const Peer bob = peer("bob", "user:corp/ann@example.com");
  service.set_peer(bob, 7, now);
  settle();
  EXPECT_EQ(dataplane.log, std::vector{abi::CommandKind::set_peer_access}) << "its class is there already";
  EXPECT_EQ(access(7).access.source_class, access(0).access.source_class);
  EXPECT_EQ(access(7).identity, 0U);
  EXPECT_EQ(compilations(), before + 1);
  service.set_peer(bob, 7, now);
  EXPECT_EQ(compilations(), before + 1) << "nothing changed";
  publisher.remove_peer(7);
  service.remove_peer("bob");
  settle();
  EXPECT_FALSE(dataplane.policy.peers.contains(7));
}

TEST_F(PolicyServiceTest, AnIdentityGetsAnotherNumberWhenTheOneThatGaveItGoes) {
  put_in_force();
  publisher.remove_peer(0);
  service.remove_peer("ann");
  settle();
  EXPECT_EQ(access(1).identity, 1U);
}

TEST_F(PolicyServiceTest, ForgetsClassesOnceTheDataplaneDoes) {
  put_in_force();
  const std::size_t classes = dataplane.policy.source_classes.size();
  publisher.remove_peer(2);
  service.remove_peer("sam");
  service.collect_classes();  // too early: the removal is still on its way
  EXPECT_EQ(publisher.policy().source_classes.size(), classes);
  settle();
  service.collect_classes();
  settle();
  EXPECT_LT(dataplane.policy.source_classes.size(), classes);
}

TEST_F(PolicyServiceTest, APeerThatNeedsTooManyClassesHasNoAccessAndIsAProblem) {
  put_in_force(policy_text, "test", 5);
  std::string many = policy_text;
  peers.resize(1);
  for (int i = 0; i < 6; ++i)
    many += "[[rule]]\nname = \"r" + std::to_string(i) + "\"\naction = \"allow\"\nfrom = [\"tag:t" + std::to_string(i) +
            "\"]\nto = [\"backend\"]\n";
  put_in_force(many, "test", 5);
  for (std::uint32_t i = 0; i < 6; ++i)
    service.set_peer(peer("p" + std::to_string(i), "", {}, {"t" + std::to_string(i)}), 10 + i, now);
  service.set_peer(peer("p6", "", {}, {"t5", "laptop"}), 16, now);
  settle();
  EXPECT_EQ(access(15).access.source_class, 0U);
  EXPECT_EQ(access(16).access.source_class, 0U);
  EXPECT_NE(access(16).destination_class, 0U) << "deny rules to laptops still reach it";
  ASSERT_FALSE(service.problems().empty());
  EXPECT_NE(service.problems()[0].what.find("access of peer"), std::string::npos);
  peers.clear();
  for (int i = 0; i < 6; ++i) peers.push_back(peer("p" + std::to_string(i), "", {}, {"t" + std::to_string(i)}));
  EXPECT_FALSE(service.prepare(bundle(many), PolicySource::files, peers, 5, now)) << "a policy is refused as a whole";
}

TEST_F(PolicyServiceTest, RefusesAPolicyWithAFailingTest) {
  const std::string text =
      std::string(policy_text) + "[[test]]\nsrc = \"user:corp/ann@example.com\"\nallow = [\"laptops:tcp/22\"]\n";
  const auto prepared = service.prepare(bundle(text), PolicySource::files, peers, 100, now);
  ASSERT_FALSE(prepared);
  EXPECT_NE(config::to_string(prepared.error()[0]).find("policy.toml:"), std::string::npos);
  EXPECT_TRUE(service.prepare(bundle(text), PolicySource::stored, peers, 100, now, PolicyService::Tests::skip));
}

TEST_F(PolicyServiceTest, SaysWhatChangedAndKeepsTheNumbersOfRules) {
  put_in_force();
  const std::uint32_t number = service.rule_number("sre-live");
  std::string next = policy_text;
  next.replace(next.find("ann-backend"), 11, "ann-to-back");
  next.replace(next.find("tcp/8080"), 8, "tcp/8081");
  put_in_force(next);
  EXPECT_EQ(changes, (std::vector<std::string>{"~ service backend", "+ rule ann-to-back", "- rule ann-backend"}));
  EXPECT_EQ(service.rule_number("sre-live"), number);
  EXPECT_EQ(dataplane.policy.begin.generation, 2U);
  ASSERT_EQ(service.changes(10).size(), 2U);
  EXPECT_EQ(service.changes(10)[0].generation, 2U);
  EXPECT_EQ(service.changes(1)[0].summary.size(), 3U);
}

TEST_F(PolicyServiceTest, ARuleCountsFromWhenItWasGivenItsNumber) {
  put_in_force();
  const std::uint32_t number = service.rule_number("site");
  dataplane.count_rule(number, 100);
  EXPECT_EQ(service.counts(number, dataplane.statistics()).allowed_packets, 100U);
  std::string next = policy_text;
  next.replace(next.find("\"site\""), 6, "\"town\"");
  put_in_force(next);
  const std::uint32_t other = service.rule_number("town");
  dataplane.count_rule(other, 5);
  EXPECT_EQ(service.counts(other, dataplane.statistics()).allowed_packets, 5U);
}

TEST_F(PolicyServiceTest, EndpointsBecomeAddressesAndAreRemembered) {
  put_in_force();
  const IpPrefix pod = *IpPrefix::parse("10.244.0.7/32");
  EXPECT_FALSE(service.set_endpoints("nothing", {pod}, {}, now, stored));
  EXPECT_EQ(service.set_endpoints("backend", {pod}, {}, now, stored).error().kind, PolicyRefusal::Kind::not_live);
  const std::uint64_t before = compilations();
  ASSERT_TRUE(service.set_endpoints("live", {pod}, {}, now, stored));
  settle();
  EXPECT_TRUE(dataplane.policy.addresses.contains(pod));
  EXPECT_EQ(compilations(), before) << "peers are not concerned";
  EXPECT_EQ(stored.set.endpoints.at("live"), std::vector{pod});
  ASSERT_TRUE(service.set_endpoints("live", {}, {}, now, stored));
  settle();
  EXPECT_FALSE(dataplane.policy.addresses.contains(pod));
}

TEST_F(PolicyServiceTest, AnEndpointThatDrainsStaysAnAddressOfItsServiceAndIsNotStored) {
  put_in_force();
  const IpPrefix pod = *IpPrefix::parse("10.244.0.7/32"), other = *IpPrefix::parse("10.244.0.8/32");
  ASSERT_TRUE(service.set_endpoints("live", {pod, other}, {}, now, stored));
  settle();
  const abi::SetAddress ready = dataplane.policy.addresses.at(pod);
  EXPECT_EQ(ready.draining, 0);
  stored = {};
  ASSERT_TRUE(service.set_endpoints("live", {}, {pod, other}, now, stored));
  settle();
  abi::SetAddress drained = dataplane.policy.addresses.at(pod);
  EXPECT_EQ(drained.draining, 1);
  EXPECT_EQ(drained.destination_class, ready.destination_class) << "flows that go on do not notice";
  EXPECT_EQ(service.draining().at("live").size(), 2U);
  EXPECT_TRUE(service.endpoints().empty());
  EXPECT_TRUE(stored.set.endpoints.at("live").empty()) << "only what is ready survives a restart";
  put_in_force(std::string(policy_text) + "# another\n");
  EXPECT_EQ(dataplane.policy.addresses.at(pod).draining, 1) << "another version of the policy changes nothing about it";
  stored = {};
  ASSERT_TRUE(service.set_endpoints("live", {}, {}, now, stored));
  settle();
  EXPECT_FALSE(dataplane.policy.addresses.contains(pod));
  EXPECT_FALSE(stored.set.endpoints.contains("live")) << "nothing to write: it had none that were ready";
}

TEST_F(PolicyServiceTest, WhatAFixedServiceCoversTooIsOpenedByItAlone) {
  put_in_force();
  const IpPrefix pod = *IpPrefix::parse("10.20.0.7/32");
  ASSERT_TRUE(service.set_endpoints("live", {}, {pod}, now, stored));
  settle();
  const abi::SetAddress address = dataplane.policy.addresses.at(pod);
  EXPECT_EQ(address.draining, 0);
  ASSERT_NE(address.opening_class, 0U);
  EXPECT_EQ(dataplane.policy.destination_classes.at(address.opening_class).size(), 1U);
  EXPECT_EQ(dataplane.policy.destination_classes.at(address.destination_class).size(), 2U);
  ASSERT_TRUE(service.set_endpoints("live", {}, {}, now, stored));
  settle();
  service.collect_classes();
  settle();
  EXPECT_TRUE(dataplane.policy.destination_classes.contains(address.opening_class)) << "its prefix has it too";
  EXPECT_FALSE(dataplane.policy.destination_classes.contains(address.destination_class)) << "nobody needs it any more";
}

TEST_F(PolicyServiceTest, ForgetsTheEndpointsOfAServiceThatGoesOrFollowsSomethingElse) {
  const IpPrefix pod = *IpPrefix::parse("10.244.0.7/32");
  std::string without = policy_text, other = policy_text;
  without.replace(without.find("endpoints = \"live\""), 18, "prefixes = [\"10.30.0.0/24\"]");
  other.replace(other.find("endpoints = \"live\""), 18, "endpoints = \"green\"");
  for (const std::string& next : {without, other}) {
    put_in_force();
    ASSERT_TRUE(service.set_endpoints("live", {pod}, {}, now, stored));
    put_in_force(std::string(policy_text) + "# another\n");
    EXPECT_TRUE(dataplane.policy.addresses.contains(pod));
    put_in_force(next);
    EXPECT_FALSE(dataplane.policy.addresses.contains(pod));
    EXPECT_TRUE(stored.set.endpoints.at("live").empty());
    put_in_force();
    EXPECT_FALSE(dataplane.policy.addresses.contains(pod)) << "it may be somebody else's by now";
  }
}

TEST_F(PolicyServiceTest, AVersionKeepsTheCommitThatItCameFrom) {
  put_in_force();
  service.set_git(1, std::string(40, 'a'), "ann", stored);
  service.set_git(1, std::string(40, 'b'), "bob", stored);  // after a restart, when the checkout is ahead
  EXPECT_EQ(service.version(nullptr).git_author, "ann");
  EXPECT_EQ(service.changes(1)[0].git_commit, std::string(40, 'a'));
}

TEST_F(PolicyServiceTest, ComparesWithWhatAnEarlierProcessLeft) {
  put_in_force();
  EXPECT_EQ(changes, std::vector<std::string>{"the first version"});
  StoredState state;
  state.policy = stored.set.policy;
  FakeDataplane other_dataplane;
  Publisher other_publisher{{}, 5000};
  PolicyService other{other_publisher};
  other.restore(state);
  std::string next = policy_text;
  next.replace(next.find("tcp/8080"), 8, "tcp/8081");
  auto prepared = other.prepare(bundle(next), PolicySource::files, peers, 100, now);
  ASSERT_TRUE(prepared);
  const auto lines = other.put_in_force(std::move(*prepared), peers, nothing_yet, {}, "start", now, nullptr, stored);
  EXPECT_EQ(lines, std::vector<std::string>{"~ service backend"});
}

TEST_F(PolicyServiceTest, GoesOnWithTheGenerationOfAnEarlierProcess) {
  put_in_force();
  std::string next = std::string(policy_text) + "# another\n";
  put_in_force(next);
  StoredState state;
  state.policy = stored.set.policy;
  state.policy_changes = stored.set.policy_changes;

  FakeDataplane other_dataplane;
  Publisher other_publisher{{}, 5000};
  PolicyService other{other_publisher};
  other.restore(state);
  auto same = other.prepare(bundle(next), PolicySource::files, peers, 100, now);
  ASSERT_TRUE(same);
  StoreChange change;
  other.put_in_force(std::move(*same), peers, nothing_yet, {}, "start", now, nullptr, change);
  EXPECT_EQ(other.version(nullptr).generation, 2U) << "the same text is the same version";
  EXPECT_EQ(other.rule_number("site"), service.rule_number("site"));
  auto third = other.prepare(bundle(), PolicySource::files, peers, 100, now);
  ASSERT_TRUE(third);
  other.put_in_force(std::move(*third), peers, nothing_yet, {}, "reload", now, nullptr, change);
  EXPECT_EQ(other.version(nullptr).generation, 3U);
}

TEST_F(PolicyServiceTest, ADefaultThatAllowsHasNoClasses) {
  service.put_in_force(PolicyService::prepare_allow_all(), peers, ids(), {}, "start", now, nullptr, stored);
  settle();
  EXPECT_EQ(dataplane.policy.begin.allow_all, 1);
  EXPECT_TRUE(dataplane.policy.peers.empty());
  put_in_force();
  EXPECT_EQ(dataplane.policy.begin.allow_all, 0);
  EXPECT_EQ(dataplane.policy.peers.size(), 4U);
  EXPECT_EQ(changes.size(), 1U);
}

}  // namespace
}  // namespace sallyport::controlplane::policy_service_test
