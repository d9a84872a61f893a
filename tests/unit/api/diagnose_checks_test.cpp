#include <gtest/gtest.h>

#include <limits>

#include "controlplane/api/diagnose/client_checks.hpp"
#include "controlplane/api/diagnose/gateway_checks.hpp"
#include "controlplane/api/diagnose/identity_checks.hpp"
#include "controlplane/api/diagnose/path_checks.hpp"
#include "controlplane/api/diagnose/policy_checks.hpp"
#include "controlplane/api/diagnose/tunnel_checks.hpp"
#include "controlplane/api/diagnose/underlay_checks.hpp"

namespace sallyport::controlplane::diagnose::diagnose_checks_test {
namespace {

constexpr TimePoint now{seconds(1'700'000'000)};

struct Expected {
  Result result;
  const char* words;
};

template <typename Seen>
struct Case {
  Seen seen;
  Expected expected;
};

template <typename Seen, typename CheckIt>
void expect_each(const std::vector<Case<Seen>>& cases, CheckIt check_it) {
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Check check = check_it(cases[i].seen);
    EXPECT_EQ(to_string(check.result), to_string(cases[i].expected.result)) << i << ": " << check.sentence;
    EXPECT_NE(check.sentence.find(cases[i].expected.words), std::string::npos) << i << ": " << check.sentence;
  }
}

// A good one, and then with one thing changed.
template <typename Seen, typename Change>
Seen with(Seen seen, Change change) {
  change(seen);
  return seen;
}

TEST(DiagnoseChecks, KnowTheDataplane) {
  DataplaneSeen good{.connected = true, .problem = {}};
  good.image_committed = good.newest_in_force = true;
  good.generation = 7;
  expect_each<DataplaneSeen>(
      {{good, {Result::ok, "has version 7"}},
       {with(good, [](auto& seen) { seen.allows_everything = true; }), {Result::ok, "allows everything"}},
       {with(good,
             [](auto& seen) {
               seen.connected = false;
               seen.problem = "refused";
             }),
        {Result::failed, "no dataplane is connected to the control plane: refused"}},
       {with(good, [](auto& seen) { seen.silent = seconds(5); }), {Result::ok, ""}},
       {with(good, [](auto& seen) { seen.silent = seconds(6); }), {Result::failed, "no sign of life for 6s"}},
       {with(good, [](auto& seen) { seen.newest_in_force = false; }), {Result::warning, "version 7 of the policy yet"}},
       {with(good, [](auto& seen) { seen.image_committed = seen.newest_in_force = false; }),
        {Result::failed, "denies everything"}},
       {with(good, [](auto& seen) { seen.under_load = true; }), {Result::warning, "cookie"}}},
      check_dataplane);
}

TEST(DiagnoseChecks, KnowPorts) {
  PortSeen good{.name = "wan", .device = "0000:3b:00.0", .top_drop = {}, .top_drop_text = {}};
  good.link_up = true;
  good.received = 10'000;
  expect_each<PortSeen>(
      {{good, {Result::ok, "port wan is up and has received 10000 packets"}},
       {with(good, [](auto& seen) { seen.link_up = false; }),
        {Result::failed, "the link of port wan (0000:3b:00.0) is down"}},
       {with(good, [](auto& seen) { seen.link_up = seen.needed = false; }), {Result::warning, "is down"}},
       {with(good, [](auto& seen) { seen.received = 0; }), {Result::warning, "not received a single packet"}},
       {with(good, [](auto& seen) { seen.missed = 10; }), {Result::ok, ""}},
       {with(good, [](auto& seen) { seen.missed = 11; }), {Result::warning, "lost 11 packets"}},
       {with(good, [](auto& seen) { seen.errors = 11; }), {Result::warning, "11 broken packets"}},
       {with(good,
             [](auto& seen) {
               seen.dropped = 2000;
               seen.top_drop = "bad_mac1";
               seen.top_drop_text = "wrong MAC1";
               seen.top_drop_packets = 1500;
             }),
        {Result::warning, "2000 were dropped, most often as bad_mac1 (wrong MAC1): 1500"}}},
      check_port);
}

TEST(DiagnoseChecks, KnowNeighbours) {
  using State = abi::NeighbourState;
  const struct {
    State state;
    Result result;
  } cases[] = {{State::none, Result::unknown},  {State::incomplete, Result::warning},
               {State::reachable, Result::ok},  {State::stale, Result::ok},
               {State::delay, Result::ok},      {State::probe, Result::ok},
               {State::failed, Result::failed}, {static_cast<State>(99), Result::unknown}};
  for (const auto& known : cases)
    EXPECT_EQ(check_neighbour({IpAddress::v4(192, 0, 2, 254), "wan", "the gateway", known.state}).result, known.result);
  EXPECT_NE(check_neighbour({IpAddress::v4(192, 0, 2, 254), "wan", "the gateway", State::failed})
                .sentence.find("the gateway, 192.0.2.254 at port wan, does not answer ARP"),
            std::string::npos);
}

TEST(DiagnoseChecks, KnowWhetherAPeerMayHaveATunnel) {
  PeerSeen good{.name = "ann-laptop", .revocation = {}, .problem = {}};
  good.in_dataplane = true;
  const Revocation revocation{RevocationKind::public_key, "AAAA", now, "uid 0", "stolen"};
  expect_each<PeerSeen>(
      {{good, {Result::ok, "the peer ann-laptop is configured, and the dataplane has it"}},
       {with(good, [](auto& seen) { seen.by_proof = true; }), {Result::ok, "has enrolled"}},
       {with(good, [](auto& seen) { seen.in_dataplane = false; }),
        {Result::failed, "does not have the peer ann-laptop yet"}},
       {with(good,
             [](auto& seen) {
               seen.in_dataplane = false;
               seen.problem = "the table is full";
             }),
        {Result::failed, "ann-laptop: the table is full"}},
       {with(good, [](auto& seen) { seen.in_dataplane = seen.dataplane_connected = false; }), {Result::unknown, ""}},
       {with(good,
             [&](auto& seen) {
               seen.revocation = revocation;
               seen.in_dataplane = false;
             }),
        {Result::failed, "the WireGuard key AAAA was revoked on 2023-11-14T22:13:20Z by uid 0: stolen"}}},
      check_peer);
}

TEST(DiagnoseChecks, KnowWhenAProofEnds) {
  const ProofSeen good{
      .now = now, .not_after = now + seconds(7200), .has_posture = true, .posture_until = now + seconds(1)};
  expect_each<ProofSeen>(
      {{good, {Result::ok, "lasts for 2h more"}},
       {with(good, [](auto& seen) { seen.not_after = now; }), {Result::failed, "ended at 2023-11-14T22:13:20Z"}},
       {with(good, [](auto& seen) { seen.not_after = now + seconds(299); }), {Result::warning, "should have renewed"}},
       {with(good, [](auto& seen) { seen.not_after = now + seconds(300); }), {Result::ok, "5m"}},
       {with(good, [](auto& seen) { seen.posture_until = now; }), {Result::warning, "posture lapsed"}},
       {with(good,
             [](auto& seen) {
               seen.posture_until = now;
               seen.has_posture = false;
             }),
        {Result::ok, ""}}},
      check_proof);
}

TEST(DiagnoseChecks, KnowWhyThereIsNoHandshake) {
  HandshakeSeen good{.endpoint = "198.51.100.7:51820", .refused = {}};
  good.in_dataplane = true;
  good.latest_age = seconds(12);
  good.listen_port = 51820;
  const auto never = with(good, [](auto& seen) { seen.latest_age.reset(); });
  expect_each<HandshakeSeen>(
      {{good, {Result::ok, "completed 12s ago, from 198.51.100.7:51820"}},
       {with(good, [](auto& seen) { seen.in_dataplane = false; }), {Result::unknown, ""}},
       {with(good, [](auto& seen) { seen.latest_age = seconds(180); }), {Result::ok, ""}},
       {with(good, [](auto& seen) { seen.latest_age = seconds(181); }), {Result::warning, "nothing to say"}},
       {with(good,
             [](auto& seen) {
               seen.latest_age = seconds(181);
               seen.staged_packets = 1;
             }),
        {Result::failed, "1 packet wait"}},
       {never, {Result::failed, "a firewall before UDP port 51820"}},
       {with(never, [](auto& seen) { seen.endpoint.clear(); }), {Result::failed, "it must come first"}},
       {with(never, [](auto& seen) { seen.wrong_mac1 = 3; }),
        {Result::failed, "3 messages made for another gateway's"}},
       {with(never,
             [](auto& seen) {
               seen.refused = {{"a", "rare", 1}, {"b", "unknown key", 9}, {"c", "never", 0}};
             }),
        {Result::failed, "9 because unknown key; 1 because rare"}}},
      check_handshake);
}

TEST(DiagnoseChecks, KnowWhenOneWayIsClosed) {
  TunnelSeen good{.in_dataplane = true, .rx_packets = 10, .tx_packets = 20};
  good.last_received_age = seconds(2);
  good.session = TunnelSeen::Session{seconds(60), 5, 5};
  expect_each<TunnelSeen>(
      {{good, {Result::ok, "10 packets came from it, the last one 2s ago; 20 packets were sent"}},
       {with(good, [](auto& seen) { seen.in_dataplane = false; }), {Result::unknown, ""}},
       {with(good, [](auto& seen) { seen.rx_packets = 0; }), {Result::failed, "none has come back"}},
       {with(good, [](auto& seen) { seen.tx_packets = 0; }), {Result::warning, "no route back"}},
       {with(good, [](auto& seen) { seen.session->rx_packets = 0; }), {Result::failed, "since the handshake 1m ago"}},
       {with(good,
             [](auto& seen) {
               seen.session = TunnelSeen::Session{seconds(30), 0, 5};
             }),
        {Result::ok, ""}},
       {with(good,
             [](auto& seen) {
               seen.session = TunnelSeen::Session{seconds(60), 0, 2};
             }),
        {Result::ok, ""}},
       {with(good, [](auto& seen) { seen.session.reset(); }), {Result::warning, "has no session"}},
       {TunnelSeen{.in_dataplane = true, .last_received_age = {}, .session = {}}, {Result::unknown, "has no session"}}},
      check_session);
}

TEST(DiagnoseChecks, KnowWhatTheClientsEndTells) {
  ClientSeen good{.now = now,
                  .view = EnrolledSession::ClientView{now - seconds(30), 100, 50, 5, {}, "192.0.2.1:51820"}};
  good.rx_bytes = 40;
  good.tx_bytes = 90;
  good.latest_handshake_age = seconds(35);
  expect_each<ClientSeen>({{good, {Result::ok, "30s ago its client said that it had received 100 bytes"}},
                           {with(good, [](auto& seen) { seen.view.reset(); }), {Result::unknown, "says nothing"}},
                           {with(good, [](auto& seen) { seen.rx_bytes = 0; }),
                            {Result::failed, "it had sent 50 bytes to 192.0.2.1:51820, and none has come here"}},
                           {with(good, [](auto& seen) { seen.view->received_bytes = 0; }),
                            {Result::failed, "it had received nothing, and 90 bytes were sent to it"}},
                           {with(good,
                                 [](auto& seen) {
                                   seen.view = EnrolledSession::ClientView{now, 0, 0, {}, {}, ""};
                                   seen.rx_bytes = seen.tx_bytes = 0;
                                   seen.latest_handshake_age.reset();
                                 }),
                            {Result::failed, "no handshake had been completed"}},
                           {with(good, [](auto& seen) { seen.view->at = now + seconds(9); }), {Result::ok, "0s ago"}}},
                          check_client);
}

TEST(DiagnoseChecks, KnowInnerAddressesAndTheirRoutes) {
  const SourceSeen source{{"10.8.0.2/32"}, "wan", 0};
  expect_each<SourceSeen>(
      {{source, {Result::ok, "it may use 10.8.0.2/32"}},
       {with(source, [](auto& seen) { seen.foreign_packets = 4; }),
        {Result::warning, "4 packets of some peer on port wan"}},
       {with(source, [](auto& seen) { seen.addresses.clear(); }), {Result::failed, "no inner address"}}},
      check_source);
  const RouteSeen route{{{*IpPrefix::parse("10.8.0.2/32"), "", "", ""}, {*IpPrefix::parse("10.9.0.0/24"), "", "", ""}}};
  expect_each<RouteSeen>({{route, {Result::ok, "10.8.0.2/32, 10.9.0.0/24 lead to the peer"}},
                          {RouteSeen{}, {Result::failed, "no address is routed"}},
                          {with(route, [](auto& seen) { seen.addresses[0].problem = "the table is full"; }),
                           {Result::failed, "no route to 10.8.0.2/32: the table is full"}},
                          {with(route, [](auto& seen) { seen.addresses[1].taken_by = "peer bob (10.9.0.0/24)"; }),
                           {Result::failed, "10.9.0.0/24 does not lead to the peer: peer bob (10.9.0.0/24) has it"}},
                          {with(route, [](auto& seen) { seen.addresses[1].cut_by = "port lan (10.9.0.0/25)"; }),
                           {Result::warning, "a part of 10.9.0.0/24"}}},
                         check_route);
}

TEST(DiagnoseChecks, KnowWhatFits) {
  const MtuSeen good{
      .tunnel = "wg0", .port = "wan", .tunnel_mtu = 1420, .port_mtu = 1500, .outer_v6 = true, .client_mtu = 1420};
  expect_each<MtuSeen>(
      {{good, {Result::ok, "no packet was too big"}},
       {with(good,
             [](auto& seen) {
               seen.tunnel_mtu = 1440;
               seen.client_mtu = 1440;
             }),
        {Result::warning,
         "with 80 bytes of headers its longest packets do not fit into the 1500 of port wan: set it to 1420"}},
       {with(good,
             [](auto& seen) {
               seen.tunnel_mtu = 1440;
               seen.client_mtu.reset();
               seen.outer_v6 = false;
             }),
        {Result::ok, ""}},
       {with(good,
             [](auto& seen) {
               seen.tunnel_mtu = 1441;
               seen.outer_v6 = false;
               seen.too_big = 2;
             }),
        {Result::failed, "set it to 1440"}},
       {with(good, [](auto& seen) { seen.client_mtu = 1500; }), {Result::warning, "its client's end has 1500"}},
       {with(good, [](auto& seen) { seen.too_big = 2; }), {Result::warning, "2 packets of all peers did not fit"}},
       {with(good,
             [](auto& seen) {
               seen.port_mtu = 0;
               seen.tunnel_mtu = 9000;
             }),
        {Result::ok, ""}}},
      check_mtu);
}

TEST(DiagnoseChecks, KnowTheRulesInForce) {
  ClassSeen good{.who = "user:corp/ann", .allow = {"a"}, .other = {}, .idle = {}};
  good.has_identity = true;
  good.next_change = now;
  expect_each<ClassSeen>(
      {{good, {Result::ok, "in force for user:corp/ann is a; that may change at 2023-11-14T22:13:20Z"}},
       {with(good, [](auto& seen) { seen.other = {"b"}; }), {Result::ok, "are a, b"}},
       {with(good,
             [](auto& seen) {
               seen.idle = {{"night", "outside its hours"}};
             }),
        {Result::ok, "not in force: night (outside its hours)"}},
       {with(good,
             [](auto& seen) {
               seen.allow.clear();
               seen.idle = {{"night", "outside its hours"}};
             }),
        {Result::failed, "none is in force: night (outside its hours); that may change"}},
       {with(good,
             [](auto& seen) {
               seen.allow.clear();
               seen.other = {"frozen"};
             }),
        {Result::failed, "are only frozen"}},
       {with(good,
             [](auto& seen) {
               seen.allow.clear();
               seen.has_identity = false;
             }),
        {Result::failed, "no rule of the policy speaks of user:corp/ann, which has no identity"}},
       {with(good,
             [](auto& seen) {
               seen.allow.clear();
               seen.allows_everything = true;
             }),
        {Result::ok, "everything"}}},
      check_class);
  const RuleSeen rule{.reachable = {"backend"}, .blocked = {{"db", "rule x would allow it, but for hours"}}};
  expect_each<RuleSeen>(
      {{rule, {Result::warning, "it reaches backend; not now db: rule x would allow it, but for hours"}},
       {with(rule, [](auto& seen) { seen.blocked.clear(); }), {Result::ok, "it reaches backend"}},
       {with(rule, [](auto& seen) { seen.reachable.clear(); }),
        {Result::failed, "it reaches no service now; db: rule x"}},
       {RuleSeen{.reachable = {}, .blocked = {}}, {Result::failed, "no rule lets it reach any service"}},
       {RuleSeen{.reachable = {}, .blocked = {}, .services_left_out = 3},
        {Result::unknown, "3 more were not looked at"}},
       {RuleSeen{.allows_everything = true, .reachable = {}, .blocked = {}}, {Result::ok, "everything"}}},
      check_rule);
}

TEST(DiagnoseChecks, KnowIssuersClustersAndPools) {
  TrustSourceStatus trust{
      "mesh", "example.org", "mesh.pem", {}, {{"CN=root", "ab", now, now + std::chrono::hours(999)}}, now, ""};
  const auto check_it = [](const TrustSourceStatus& source) { return check_trust(source, now); };
  expect_each<TrustSourceStatus>(
      {{trust, {Result::ok, "issuer mesh (example.org) from mesh.pem: 1 certificate"}},
       {with(trust,
             [](auto& seen) {
               seen.read_at.reset();
               seen.problem = "no such file";
             }),
        {Result::failed, "nobody is believed by it: no such file"}},
       {with(trust, [](auto& seen) { seen.problem = "is no PEM"; }), {Result::warning, "for now is no PEM"}},
       {with(trust, [](auto& seen) { seen.certificates[0].not_after = now; }), {Result::warning, "CN=root ended at"}},
       {with(trust, [](auto& seen) { seen.certificates[0].not_after = now + std::chrono::hours(167); }),
        {Result::warning, "CN=root ends at"}}},
      check_it);
  ClusterStatus cluster;
  cluster.name = "prod-eu";
  cluster.state = "watching";
  cluster.in_contact_at = now - seconds(600);
  expect_each<ClusterStatus>(
      {{cluster, {Result::ok, "cluster prod-eu is watching"}},
       {with(cluster,
             [](auto& seen) {
               seen.stale = true;
               seen.problem = "refused";
             }),
        {Result::warning, "not been heard for 10m: its services keep the addresses that they had: refused"}},
       {with(cluster,
             [](auto& seen) {
               seen.stale = seen.dropped = true;
               seen.in_contact_at.reset();
             }),
        {Result::failed, "has never been heard"}},
       {with(cluster, [](auto& seen) { seen.problem = "403"; }), {Result::warning, "is watching: 403"}}},
      [](const ClusterStatus& status) { return check_cluster(status, now); });
  using Pool = PoolUse;
  expect_each<Pool>({{{"p", 5, 4, 100}, {Result::ok, "4 sessions and 5 leases, and 100 in all"}},
                     {{"p", 95, 91, 100}, {Result::warning, "nearly empty"}},
                     {{"p", 95, 90, 100}, {Result::ok, ""}},
                     {{"p", 100, 100, 100}, {Result::failed, "pool p is empty"}},
                     {{"p", 5, 4, std::numeric_limits<std::uint64_t>::max()}, {Result::ok, "pool p has"}}},
                    check_pool);
  EXPECT_EQ(check_problems({}).result, Result::ok);
  EXPECT_NE(check_problems({{"route x", "no room"}}).sentence.find("route x: no room"), std::string::npos);
}

TEST(DiagnoseChecks, KnowWhyAnIdentityIsNotThere) {
  const IdentitySeen seen{"user:corp/ann", {}, {}};
  expect_each<IdentitySeen>(
      {{seen, {Result::warning, "not configured, and not enrolled now"}},
       {with(seen,
             [](auto& other) {
               other.pin = PinnedName{"user:corp/ann", "4711", now};
             }),
        {Result::warning, "it has been, for its name is pinned since 2023-11-14T22:13:20Z to 4711"}},
       {with(seen,
             [](auto& other) {
               other.revocation = Revocation{RevocationKind::identity, "user:corp/ann", now, "uid 0", ""};
             }),
        {Result::failed, "the identity user:corp/ann was revoked on 2023-11-14T22:13:20Z by uid 0"}}},
      check_identity);
  const EnrolmentSeen good{true, "user:corp/ann", "corp", true, {}};
  expect_each<EnrolmentSeen>(
      {{good, {Result::failed, "its client has not tried"}},
       {with(good,
             [](auto& other) {
               other.refused = {{"x", "exp has passed", 4}};
             }),
        {Result::failed, "4 because exp has passed"}},
       {with(good, [](auto& other) { other.issuer_known = false; }), {Result::failed, "no issuer corp"}},
       {with(good, [](auto& other) { other.enabled = false; }), {Result::failed, "enrols nobody"}}},
      check_enrolment);
  EXPECT_EQ(issuer_in("user:corp/ann@example.com"), "corp");
  EXPECT_EQ(issuer_in("sa:prod-eu/shop/a"), "prod-eu");
  EXPECT_EQ(issuer_in("spiffe://example.org/a/b"), "example.org");
  EXPECT_EQ(issuer_in("machine:printers/abc"), "");
}

TEST(Diagnosis, ConcludesWithTheFirstThatFailed) {
  const std::vector<Check> checks = {
      {"a", Result::ok, "good"}, {"b", Result::warning, "odd"}, {"c", Result::unknown, "?"}};
  EXPECT_EQ(conclusion_of(checks),
            "nothing is wrong that the gateway can see: 1 of 3 checks is good; worth a look: odd");
  EXPECT_EQ(conclusion_of({{"a", Result::ok, "good"}, {"b", Result::failed, "bad"}, {"c", Result::failed, "worse"}}),
            "bad");
  EXPECT_EQ(first_few({"a", "b", "c", "d", "e", "f", "g"}), "a, b, c, d, e and 2 more");
}

}  // namespace
}  // namespace sallyport::controlplane::diagnose::diagnose_checks_test
