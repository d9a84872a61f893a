// From the backend to the sentence: that each check is given what it asks for.
#include "tests/unit/api/ask.hpp"

namespace sallyport::controlplane::diagnose_test {
namespace {

using std::chrono::seconds;

class Diagnose : public AskingTest {
 protected:
  Diagnose() {
    for (unsigned port = 0; port < 2; ++port) backend_.count(1, port, index_of(abi::Counter::received), 1'000'000);
  }
  // The answer's check of that name.
  static Json check(const Json& answer, const std::string& name) {
    for (const Json& check : answer["checks"])
      if (check["check"] == name) return check;
    return {};
  }
  static std::string conclusion(const Json& answer) { return answer["conclusion"].get<std::string>(); }
  static bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }
  // The live record of the newest peer by proof.
  abi::PeerStatusValue live_record() {
    abi::PeerStatusValue status{};
    status.live = 1;
    status.key = backend_.sessions.back().public_key;
    status.endpoint = *IpEndpoint::parse("198.51.100.9:40000");
    status.latest_handshake_ns = FakeBackend::now_ns - 12 * FakeBackend::second;
    status.rx_packets = status.tx_packets = 5;
    status.rx_bytes = status.tx_bytes = 500;
    return status;
  }
};

TEST_F(Diagnose, FindsNothingWrongWithAGoodGateway) {
  const Json answer = get("/v1/diagnose");
  EXPECT_EQ(answer["subject"], "the gateway fra-edge-1");
  EXPECT_TRUE(has(conclusion(answer), "nothing is wrong that the gateway can see")) << answer;
  EXPECT_EQ(check(answer, "dataplane")["result"], "ok");
  EXPECT_EQ(check(answer, "port")["result"], "ok");
  EXPECT_EQ(check(answer, "neighbour")["result"], "unknown");
  EXPECT_EQ(check(answer, "problem")["result"], "ok");
}

TEST_F(Diagnose, WalksTheGatewayFromTheWireOn) {
  abi::NeighbourStatusValue router{};
  router.address = IpAddress::v4(192, 0, 2, 254);
  router.state = abi::NeighbourState::failed;
  backend_.write_neighbour(3, router);
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose")), "192.0.2.254 at port wan, does not answer ARP"));
  auto lan = *backend_.statistics()->port(1);
  lan.link_up = 0;
  backend_.write_port(1, lan);
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose")), "the link of port lan (0000:3b:00.1) is down"));
  backend_.header().updated_at_ns = FakeBackend::now_ns - 60 * FakeBackend::second;
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose")), "no sign of life for 1m"));
  backend_.connected = false;
  backend_.problem_list = {{"dataplane", "connection refused"}};
  EXPECT_TRUE(
      has(conclusion(get("/v1/diagnose")), "no dataplane is connected to the control plane: connection refused"));
}

TEST_F(Diagnose, KnowsIssuersClustersAndPoolsOfTheGateway) {
  backend_.trust = {{"corp", "", "https://idp.example.com/jwks", {}, {}, std::nullopt, "cannot connect"}};
  ClusterStatus cluster;
  cluster.name = "prod-eu";
  cluster.stale = true;
  backend_.cluster_list = {cluster};
  backend_.pools = {{"p", 1, 1, 1}};
  const Json answer = get("/v1/diagnose");
  EXPECT_EQ(check(answer, "trust")["result"], "failed");
  EXPECT_EQ(check(answer, "cluster")["result"], "warning");
  EXPECT_EQ(check(answer, "pool")["result"], "failed");
  EXPECT_TRUE(has(conclusion(answer), "cannot connect"));
}

TEST_F(Diagnose, WalksAConfiguredPeer) {
  const Json ann = get("/v1/diagnose?of=ann-laptop");
  EXPECT_EQ(ann["subject"], "the peer ann-laptop (user:corp/ann@example.com)");
  for (const char* name : {"dataplane", "port", "peer", "handshake", "session", "source", "class", "route", "mtu"})
    EXPECT_EQ(check(ann, name)["result"], "ok") << name << check(ann, name);
  EXPECT_EQ(check(ann, "rule")["result"], "warning") << "ann-db, outside its hours";
  EXPECT_TRUE(has(check(ann, "rule")["sentence"], "it reaches backend, live; not now payments-db: rule ann-db"));
  EXPECT_TRUE(check(ann, "proof").is_null()) << "it needs none";
  EXPECT_TRUE(has(conclusion(ann), "nothing is wrong")) << ann;
  EXPECT_EQ(get("/v1/diagnose?of=peer:ann-laptop"), ann);
  EXPECT_EQ(get("/v1/diagnose?of=10.8.0.2"), ann);
  EXPECT_EQ(get("/v1/diagnose?of=user:corp/ann%40example.com"), ann);
  const Json bob = get("/v1/diagnose?of=bob-phone");
  EXPECT_TRUE(has(conclusion(bob), "the dataplane does not have the peer bob-phone yet")) << bob;
}

TEST_F(Diagnose, SaysWhoRevokedAPeerAndWhy) {
  backend_.revocation_list = {
      {RevocationKind::identity, "user:corp/ann@example.com", FakeBackend::wall_now, "uid 0", "left the company"}};
  EXPECT_EQ(conclusion(get("/v1/diagnose?of=ann-laptop")),
            "the identity user:corp/ann@example.com was revoked on 2023-11-14T22:13:20Z by uid 0: left the company");
  backend_.revocation_list = {
      {RevocationKind::public_key, encode_key(backend_.all_peers[0].public_key), FakeBackend::wall_now, "uid 0", ""}};
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=ann-laptop")),
                  "the WireGuard key xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= was"));
}

TEST_F(Diagnose, WalksAPeerByProof) {
  backend_.enroll("00112233445566aa", [](EnrolledSession& session) { session.tags = {"laptop"}; });
  backend_.write_peer(2, live_record());
  const Json answer = get("/v1/diagnose?of=00112233445566aa");
  EXPECT_EQ(answer["subject"], "the peer enrolled-00112233445566aa (sa:prod-eu/shop/frontend)");
  EXPECT_EQ(check(answer, "proof")["sentence"], "its proof lasts for 1h more");
  EXPECT_EQ(check(answer, "handshake")["result"], "ok");
  EXPECT_EQ(check(answer, "class")["result"], "ok");
  EXPECT_EQ(check(answer, "client")["result"], "unknown");
  EXPECT_EQ(get("/v1/diagnose?of=enrolled-00112233445566aa"), answer);
  EXPECT_EQ(get("/v1/diagnose?of=sa:prod-eu/shop/frontend"), answer);
  EXPECT_EQ(get("/v1/diagnose?of=10.8.128.1"), answer);

  backend_.sessions[0].client_view = EnrolledSession::ClientView{FakeBackend::wall_now, 0, 70, {}, {}, ""};
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=10.8.128.1")), "it had received nothing, and 500 bytes were sent"));
  auto deaf = live_record();
  deaf.rx_packets = 0;
  backend_.write_peer(2, deaf);
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=10.8.128.1")), "none has come back"));
  backend_.sessions[0].not_after = FakeBackend::wall_now - seconds(1);
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=10.8.128.1")), "its proof ended at 2023-11-14T22:13:19Z"));
  backend_.revocation_list = {{RevocationKind::issuer_key, "prod-eu/2026-11", FakeBackend::wall_now, "uid 0", ""}};
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=10.8.128.1")), "the issuer-key prod-eu/2026-11 was revoked"));
}

TEST_F(Diagnose, SaysWhatTheCountersOfRefusedHandshakesTell) {
  backend_.enroll("00112233445566aa");
  auto silent = live_record();
  silent.latest_handshake_ns = 0;
  silent.endpoint = {};
  backend_.write_peer(2, silent);
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=10.8.128.1")), "a firewall before UDP port 51820"));
  backend_.named_counters = {{"handshake_refused_old_timestamp", "its clock went back", 3}, {"dns_failures", "no", 9}};
  backend_.count(1, 0, index_of(abi::DropReason::bad_mac1), 2);
  const std::string sentence = conclusion(get("/v1/diagnose?of=10.8.128.1"));
  EXPECT_TRUE(has(sentence, "2 messages made for another gateway's public key; 3 because its clock went back"))
      << sentence;
}

TEST_F(Diagnose, ShowsTheOneThatIsWrongOfSeveralPeersOfAnIdentity) {
  backend_.enroll("0000000000000001", [](EnrolledSession& session) { session.tags = {"laptop"}; });
  backend_.write_peer(2, live_record());
  backend_.enroll("0000000000000002", [](EnrolledSession& session) { session.tags = {"laptop"}; });
  const Json answer = get("/v1/diagnose?of=sa:prod-eu/shop/frontend");
  EXPECT_EQ(answer["subject"],
            "the peer enrolled-0000000000000002 (sa:prod-eu/shop/frontend), one of 2 peers of this identity");
  EXPECT_EQ(check(answer, "peer")["result"], "failed");
}

TEST_F(Diagnose, SaysWhyAnIdentityHasNoTunnel) {
  const std::string target = "/v1/diagnose?of=user:corp/eve%40example.com";
  EXPECT_TRUE(has(conclusion(get(target)), "this gateway enrols nobody"));
  backend_.config.enrolment.emplace();
  EXPECT_TRUE(has(conclusion(get(target)), "its client has not tried")) << get(target);
  backend_.named_counters = {{"enrolment_refused_expired", "exp has passed", 5},
                             {"handshake_refused_flood", "flood", 9}};
  EXPECT_TRUE(has(conclusion(get(target)), "5 because exp has passed"));
  EXPECT_FALSE(has(conclusion(get(target)), "flood"));
  backend_.trust = {{"corp", "", "jwks.json", {}, {}, std::nullopt, "no such file"}};
  EXPECT_TRUE(has(conclusion(get(target)), "no such file"));
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=user:other/eve")), "no issuer other"));
  backend_.revocation_list = {
      {RevocationKind::identity, "user:corp/eve@example.com", FakeBackend::wall_now, "uid 0", "left"}};
  EXPECT_TRUE(has(conclusion(get(target)), "was revoked on 2023-11-14T22:13:20Z by uid 0: left"));
}

TEST_F(Diagnose, SeesWhoHasAPeersAddress) {
  backend_.config.routes[0].to = *IpPrefix::parse("10.8.0.2/32");
  EXPECT_TRUE(
      has(conclusion(get("/v1/diagnose?of=ann-laptop")), "10.8.0.2/32 does not lead to the peer: the route by lan"));
  backend_.config.routes.clear();
  backend_.problem_list = {{"route 10.8.0.2/32 of peer ann-laptop", "the table is full"}};
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=ann-laptop")), "no route to 10.8.0.2/32: the table is full"));
  backend_.problem_list.clear();
  backend_.config.wireguards[0].mtu = 1500;
  EXPECT_EQ(check(get("/v1/diagnose?of=ann-laptop"), "mtu")["result"], "warning");
}

TEST_F(Diagnose, KnowsAddressesThatAreNobodys) {
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=10.0.0.9")), "it is in the network of port lan"));
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=10.20.0.9")), "it is behind 10.0.0.254 at port lan"));
  EXPECT_TRUE(has(conclusion(get("/v1/diagnose?of=203.0.113.9")), "no peer has the address 203.0.113.9, now"));
}

TEST_F(Diagnose, RefusesWhatIsNobody) {
  expect_error(404, ask("GET", "/v1/diagnose?of=ann-labtop"), "did you mean 'ann-laptop'?");
  expect_error(404, ask("GET", "/v1/diagnose?of="), "of: '' is not a peer's name");
  expect_error(404, ask("GET", "/v1/diagnose?of=user:corp/*"), "is not a peer's name");
  expect_error(400, ask("GET", "/v1/diagnose?of=a&of=b"), "twice");
  expect_error(400, ask("GET", "/v1/diagnose?peer=a"), "there is no parameter 'peer'");
  expect_error(400, ask("GET", "/v1/diagnose?of=%ff"), "UTF-8");
}

TEST_F(Diagnose, DoesWithoutADataplaneAndWithoutAPolicy) {
  backend_.enroll("00112233445566aa");
  backend_.connected = false;
  backend_.policy_in_force.reset();
  for (const char* of : {"", "?of=ann-laptop", "?of=10.8.128.1", "?of=sa:x/y/z", "?of=203.0.113.9"})
    EXPECT_FALSE(get(std::string("/v1/diagnose") + of)["checks"].empty()) << of;
}

}  // namespace
}  // namespace sallyport::controlplane::diagnose_test
