#include "tests/unit/api/ask.hpp"

namespace sallyport::controlplane::enrolment_api_test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class EnrolmentApi : public AskingTest {};

TEST_F(EnrolmentApi, ListsSessionsWithEverythingButSecrets) {
  EnrolledSession& session = backend_.enroll("00112233445566aa");
  session.token_hash.fill(0xee);
  session.posture = {{"disk_encrypted", true}, {"os_patch_age_days", std::int64_t{3}}, {"os", std::string("linux")}};
  session.posture_until = FakeBackend::wall_now + seconds(60);
  session.client_view = EnrolledSession::ClientView{FakeBackend::wall_now, 10, 20, 5, 1420, "192.0.2.1:51820"};
  session.former_key = PublicKey{9};
  const Json list = get("/v1/enrolled")["sessions"];
  ASSERT_EQ(list.size(), 1U);
  const Json& view = list[0];
  EXPECT_EQ(view["id"], "00112233445566aa");
  EXPECT_EQ(view["peer"], "enrolled-00112233445566aa");
  EXPECT_EQ(view["identity"], "sa:prod-eu/shop/frontend");
  EXPECT_EQ(view["issuer"], "prod-eu");
  EXPECT_TRUE(view["enrolment_key"].is_null());
  EXPECT_EQ(view["addresses"], Json::array({"10.8.128.1/32"}));
  EXPECT_EQ(view["claims"], Json::parse(R"({"groups":["shop","frontends"]})"));
  EXPECT_EQ(view["posture"], Json::parse(R"({"disk_encrypted":true,"os_patch_age_days":3,"os":"linux"})"));
  EXPECT_EQ(view["posture_until"], "2023-11-14T22:14:20Z");
  EXPECT_EQ(view["expires_at"], "2023-11-14T23:13:20Z");
  EXPECT_EQ(view["client_view"]["mtu"], 1420);
  EXPECT_EQ(view["client_view"]["last_handshake_age_s"], 5);
  EXPECT_TRUE(view.contains("former_key"));
  EXPECT_FALSE(view.contains("authenticated_at"));
  EXPECT_FALSE(view.contains("token_hash"));
  expect_error(400, ask("GET", "/v1/enrolled?peer=x"), "there is no parameter 'peer'");
}

TEST_F(EnrolmentApi, StreamsTenThousandSessionsPieceByPiece) {
  const EnrolledSession pattern = backend_.enroll("0000000000000000");
  for (unsigned i = 1; i < 10'000; ++i) {
    backend_.sessions.push_back(pattern);
    backend_.sessions.back().id = std::to_string(i);
  }
  HttpResponse list = response("GET", "/v1/enrolled");
  ASSERT_TRUE(list.stream);
  std::string piece;
  EXPECT_EQ(list.stream->next(piece), BodySource::Next::more);
  EXPECT_LT(piece.size(), BodySource::piece_bytes);
  backend_.sessions.clear();  // while it is being read
  EXPECT_EQ(Json::parse(piece + drain(list))["sessions"].size(), 10'000U);
}

TEST_F(EnrolmentApi, ListsEnrolmentsThatLiveThatEndedAndThatWereRefused) {
  const EnrolledSession& session = backend_.enroll("00112233445566aa", [](EnrolledSession& one) {
    one.preshared_key = SharedKey(Secret<key_bytes>(PublicKey{5}));
    one.post_quantum = true;
  });
  backend_.ended_sessions.push_back({session, FakeBackend::wall_now, "revoked: identity x"});
  backend_.ended_sessions[0].session.post_quantum = false;
  for (unsigned i = 0; i < 3; ++i)
    backend_.refused.note(RefusedProof{ProofRefusal::wrong_audience, "prod-eu", "aud is \"x\""},
                          IpAddress::v4(198, 51, 100, 7), FakeBackend::wall_now);
  const Json all = get("/v1/enrolments")["enrolments"];
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0]["state"], "live");
  EXPECT_EQ(all[0]["id"], "00112233445566aa");
  EXPECT_EQ(all[0]["post_quantum"], true);
  EXPECT_FALSE(all[0].contains("preshared_key"));
  EXPECT_EQ(all[1]["state"], "past");
  EXPECT_EQ(all[1]["why"], "revoked: identity x");
  EXPECT_EQ(all[1]["ended_at"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(all[1]["post_quantum"], false);
  EXPECT_EQ(all[2], Json::parse(R"({"state":"refused","reason":"wrong_audience","issuer":"prod-eu",
      "explanation":"aud does not contain the audience of the issuer","detail":"aud is \"x\"",
      "source":"198.51.100.7","first_at":"2023-11-14T22:13:20Z","at":"2023-11-14T22:13:20Z","times":3})"));
  EXPECT_EQ(get("/v1/enrolments?state=past")["enrolments"].size(), 1U);
  EXPECT_EQ(get("/v1/enrolments?state=refused")["enrolments"][0]["reason"], "wrong_audience");
  expect_error(400, ask("GET", "/v1/enrolments?state=x"), "expected live, past or refused");
}

TEST_F(EnrolmentApi, EndsASessionOnce) {
  backend_.enroll("00112233445566aa");
  EXPECT_EQ(ask("DELETE", "/v1/enrolled/00112233445566aa").json, Json::parse(R"({"ended":"00112233445566aa"})"));
  EXPECT_EQ(backend_.last_by, "uid 7");
  expect_error(404, ask("DELETE", "/v1/enrolled/00112233445566aa"), "there is no session '00112233445566aa'");
}

TEST_F(EnrolmentApi, AnswersARevocationWhenItIsOnDisk) {
  backend_.revoke_at_once = false;
  HttpResponse answer =
      response("POST", "/v1/revocations", R"({"kind":"identity","value":"user:corp/ann@example.com","reason":"left"})");
  EXPECT_EQ(answer.status, 200U);
  unsigned wakes = 0;
  answer.stream->on_ready([&] { ++wakes; });
  std::string body;
  EXPECT_EQ(answer.stream->next(body), BodySource::Next::wait);
  EXPECT_EQ(body, "");
  backend_.on_revoked.front()();
  EXPECT_EQ(wakes, 1U);
  EXPECT_EQ(Json::parse(drain(answer)), Json::parse(R"({"kind":"identity","value":"user:corp/ann@example.com",
      "sessions_ended":2,"peers_ended":1,"stored":true})"));
  EXPECT_EQ(backend_.last_by, "uid 7");
  const Json list = get("/v1/revocations")["revocations"];
  EXPECT_EQ(list[0], Json::parse(R"({"kind":"identity","value":"user:corp/ann@example.com","at":"2023-11-14T22:13:20Z",
      "by":"uid 7","reason":"left"})"));
}

TEST_F(EnrolmentApi, AnswersARevocationThatIsOnDiskAtOnce) {
  const Answer answer = ask("POST", "/v1/revocations", R"({"kind":"enrolment-key","value":"0123456789ab"})");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.json["stored"], true);
  EXPECT_TRUE(get("/v1/revocations")["revocations"][0]["reason"].is_null());
}

TEST_F(EnrolmentApi, DoesNotMindAClientThatGoesBeforeItsRevocationIsOnDisk) {
  backend_.revoke_at_once = false;
  HttpResponse answer = response("POST", "/v1/revocations", R"({"kind":"identity","value":"user:corp/ann"})");
  unsigned wakes = 0;
  answer.stream->on_ready([&] { ++wakes; });
  answer.stream.reset();
  backend_.on_revoked.front()();
  EXPECT_EQ(wakes, 0U);
  EXPECT_EQ(backend_.revocation_list.size(), 1U) << "it is in force all the same";
}

TEST_F(EnrolmentApi, RefusesRevocationsThatItDoesNotUnderstand) {
  const struct {
    const char* body;
    const char* words;
  } cases[] = {
      {"", "expected a JSON object"},
      {R"({"value":"x"})", "kind: expected a text"},
      {R"({"kind":"identity"})", "value: expected a text"},
      {R"({"kind":"peer","value":"x"})", "expected identity, key, issuer, issuer-key or enrolment-key, got 'peer'"},
      {R"({"kind":"key","value":"x"})", "expected a WireGuard key in base64"},
      {R"({"kind":"identity","value":"x","why":"y"})", "there is no member 'why'"},
      {R"({"kind":"identity","value":"x","value":"y"})", "twice"},
      {R"({"kind":"identity","value":["x"]})", "got a list of 1"},
  };
  for (const auto& wrong : cases) expect_error(400, ask("POST", "/v1/revocations", wrong.body), wrong.words);
  const std::string long_value(1025, 'x');
  expect_error(400, ask("POST", "/v1/revocations", R"({"kind":"identity","value":")" + long_value + "\"}"),
               "1 to 1024");
  expect_error(400, ask("POST", "/v1/revocations", R"({"kind":"identity","value":"x","reason":")" + long_value + "\"}"),
               "reason: expected");
  EXPECT_TRUE(backend_.revocation_list.empty());
}

TEST_F(EnrolmentApi, TakesARevocationBack) {
  backend_.revocation_list = {{RevocationKind::issuer_key, "corp/2026-11", FakeBackend::wall_now, "uid 0", ""}};
  expect_error(404, ask("DELETE", "/v1/revocations?kind=identity&value=corp/2026-11"), "no identity 'corp/2026-11'");
  expect_error(400, ask("DELETE", "/v1/revocations?kind=isuer&value=corp/2026-11"), "kind: expected identity");
  expect_error(400, ask("DELETE", "/v1/revocations?kind=issuer-key"), "the parameter value");
  expect_error(400, ask("DELETE", "/v1/revocations?kind=issuer-key&value=a&value=b"), "twice");
  EXPECT_EQ(ask("DELETE", "/v1/revocations?kind=issuer-key&value=corp%2f2026-11").json["taken_back"], true);
  EXPECT_TRUE(backend_.revocation_list.empty());
}

TEST_F(EnrolmentApi, ShowsTheSecretOfAnEnrolmentKeyOnce) {
  const Answer made =
      ask("POST", "/v1/enrolment-keys",
          R"({"name":"printers","tags":["printer"],"uses":3,"expires_in_s":86400,"session_s":2592000})");
  EXPECT_EQ(made.status, 201U) << made.json;
  EXPECT_EQ(made.json["secret"], "spk_0123456789ab_c2VjcmV0");
  Json expected = Json::parse(R"({"id":"0123456789ab","name":"printers","tags":["printer"],"uses_left":3,
      "expires":"2023-11-15T22:13:20Z","session_s":2592000,"created_at":"2023-11-14T22:13:20Z","by":"uid 7",
      "revoked":false})");
  EXPECT_EQ(get("/v1/enrolment-keys")["enrolment_keys"], Json::array({expected}));
  expected["revoked"] = true;
  (void)ask("POST", "/v1/revocations", R"({"kind":"enrolment-key","value":"0123456789ab"})");
  EXPECT_EQ(get("/v1/enrolment-keys")["enrolment_keys"], Json::array({expected}));
  expect_error(409, ask("POST", "/v1/enrolment-keys", R"({"name":"printers","expires_in_s":60,"session_s":60})"),
               "already");
}

TEST_F(EnrolmentApi, BoundsWhatAnEnrolmentKeyMayBe) {
  const struct {
    const char* body;
    const char* words;
  } cases[] = {
      {R"({"expires_in_s":60,"session_s":60})", "name: expected"},
      {R"({"name":"a","session_s":60})", "expires_in_s: expected an integer from 60 to 315360000, got nothing"},
      {R"({"name":"a","expires_in_s":60})", "session_s: expected"},
      {R"({"name":"a","expires_in_s":59,"session_s":60})", "got 59"},
      {R"({"name":"a","expires_in_s":60,"session_s":315360001})", "session_s: expected"},
      {R"({"name":"a","uses":0,"expires_in_s":60,"session_s":60})", "uses: expected an integer from 1"},
      {R"({"name":"a","tags":[""],"expires_in_s":60,"session_s":60})", "tags: expected"},
      {R"({"name":"a","secret":"x","expires_in_s":60,"session_s":60})", "there is no member 'secret'"},
  };
  for (const auto& wrong : cases) expect_error(400, ask("POST", "/v1/enrolment-keys", wrong.body), wrong.words);
  EXPECT_TRUE(ask("POST", "/v1/enrolment-keys", R"({"name":"a","expires_in_s":60,"session_s":60})")
                  .json["uses_left"]
                  .is_null());
}

TEST_F(EnrolmentApi, ListsAndForgetsPins) {
  backend_.pins = {{"user:corp/ann@example.com", "https://idp.example.com 4711", FakeBackend::wall_now}};
  EXPECT_EQ(get("/v1/pins")["pins"], Json::parse(R"([{"identity":"user:corp/ann@example.com",
      "subject":"https://idp.example.com 4711","at":"2023-11-14T22:13:20Z"}])"));
  expect_error(400, ask("DELETE", "/v1/pins"), "the parameter identity");
  expect_error(404, ask("DELETE", "/v1/pins?identity=user:corp/eve"), "is not pinned");
  EXPECT_EQ(ask("DELETE", "/v1/pins?identity=user:corp/ann%40example.com").json["forgotten"], true);
  EXPECT_EQ(get("/v1/pins")["pins"], Json::array());
}

TEST_F(EnrolmentApi, ShowsWhomTheGatewayBelieves) {
  TrustSourceStatus keys{"corp", "", "jwks/corp.json", {{"2026-11", "EC P-256"}}, {}, FakeBackend::wall_now, ""};
  TrustSourceStatus bundle{"mesh", "example.org", "mesh.pem", {}, {}, std::nullopt, "no such file"};
  bundle.certificates = {{"CN=root", "abcd", FakeBackend::wall_now, FakeBackend::wall_now + hours(1)}};
  backend_.trust = {keys, bundle};
  const Json sources = get("/v1/trust")["sources"];
  EXPECT_EQ(sources[0], Json::parse(R"({"issuer":"corp","source":"jwks/corp.json","read_at":"2023-11-14T22:13:20Z",
      "keys":[{"kid":"2026-11","kind":"EC P-256"}],"certificates":[]})"));
  EXPECT_EQ(sources[1], Json::parse(R"({"issuer":"mesh","trust_domain":"example.org","source":"mesh.pem",
      "problem":"no such file","keys":[],"certificates":[{"subject":"CN=root","key_id":"abcd",
      "not_before":"2023-11-14T22:13:20Z","not_after":"2023-11-14T23:13:20Z"}]})"));
}

TEST_F(EnrolmentApi, ShowsClustersAndPools) {
  config::Cluster cluster;
  cluster.name = "prod-eu";
  cluster.api_server = "https://k8s.example.com";
  cluster.on_stale = config::OnStale::drop;
  backend_.config.clusters = {cluster};
  ClusterStatus status;
  status.name = "prod-eu";
  status.state = "watching";
  status.in_contact_at = FakeBackend::wall_now;
  status.slices = 4;
  ClusterStatus gone;
  gone.name = "gone";
  gone.state = "waiting";
  gone.problem = "refused";
  backend_.cluster_list = {status, gone};
  const Json clusters = get("/v1/clusters")["clusters"];
  EXPECT_EQ(clusters[0]["api_server"], "https://k8s.example.com");
  EXPECT_EQ(clusters[0]["on_stale"], "drop");
  EXPECT_EQ(clusters[0]["in_contact_at"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(clusters[0]["slices"], 4);
  EXPECT_FALSE(clusters[0].contains("problem"));
  EXPECT_TRUE(clusters[1]["api_server"].is_null()) << "a reload took it away";
  EXPECT_EQ(clusters[1]["problem"], "refused");
  backend_.pools = {{"v4", 3, 2, 65534}, {"v6", 3, 2, UINT64_MAX}};
  EXPECT_EQ(get("/v1/pools")["pools"], Json::parse(R"([{"name":"v4","sessions":2,"leased":3,"capacity":65534},
                            {"name":"v6","sessions":2,"leased":3}])"));
}

TEST_F(EnrolmentApi, SaysWhereTheAddressesOfALiveServiceComeFrom) {
  using Source = EndpointSource;
  const auto live = [&] {
    for (const Json& service : get("/v1/services"))
      if (service["name"] == "live") return service;
    return Json();
  };
  EXPECT_TRUE(live()["source"].is_null());
  EXPECT_EQ(live()["draining"], Json::array());
  EXPECT_FALSE(get("/v1/services")[0].contains("source")) << "it is not live";
  backend_.endpoint_sources["live"] = {Source::Kind::cluster, "prod-eu", {*IpPrefix::parse("10.30.0.5/32")}};
  EXPECT_EQ(live()["source"], Json::parse(R"({"kind":"cluster","cluster":"prod-eu","stale":true})"))
      << "no such cluster";
  ClusterStatus status;
  status.name = "prod-eu";
  status.in_contact_at = FakeBackend::wall_now - seconds(12);
  backend_.cluster_list = {status};
  EXPECT_EQ(live()["source"], Json::parse(R"({"kind":"cluster","cluster":"prod-eu","age_s":12,"stale":false})"));
  EXPECT_EQ(live()["draining"], Json::array({"10.30.0.5/32"}));
  backend_.endpoint_sources["live"] = {Source::Kind::stored, "", {}};
  EXPECT_EQ(live()["source"], Json::parse(R"({"kind":"stored","stale":false})"));
}

TEST_F(EnrolmentApi, ShowsPeersByProofAmongThePeersButNotInTheConfiguration) {
  backend_.enroll("00112233445566aa", [](EnrolledSession& session) { session.tags = {"pod"}; });
  const std::string name = "enrolled-00112233445566aa";
  const Json peer = get("/v1/peers/" + name);
  EXPECT_EQ(peer["identity"], "sa:prod-eu/shop/frontend");
  EXPECT_EQ(peer["enrolled"]["id"], "00112233445566aa");
  EXPECT_EQ(peer["tags"], Json::array({"pod"}));
  EXPECT_TRUE(get("/v1/peers/ann-laptop")["enrolled"].is_null());
  const Json configuration = get("/v1/config");
  for (const Json& configured : configuration["peer"]) EXPECT_NE(configured["name"], name);
  EXPECT_EQ(configuration["peer"].size(), 2U);
  EXPECT_EQ(get("/v1/status")["controlplane"]["peers_configured"], 2);
  EXPECT_EQ(get("/v1/status")["controlplane"]["peers_enrolled"], 1);
  expect_error(409, ask("GET", "/v1/client-config/" + name), "enrolled itself");
  expect_error(404, ask("GET", "/v1/client-config/enrolled-nobody"), "there is no peer");
}

TEST_F(EnrolmentApi, KnowsPeersByProofByAddressAndIdentity) {
  backend_.enroll("00112233445566aa", [](EnrolledSession& session) { session.posture = {{"disk_encrypted", true}}; });
  const Json whois = get("/v1/whois?address=10.8.128.1");
  EXPECT_EQ(whois["peer"], "enrolled-00112233445566aa");
  EXPECT_EQ(whois["identities"], Json::array({"sa:prod-eu/shop/frontend"}));
  EXPECT_EQ(whois["not_after"], "2023-11-14T23:13:20Z");
  EXPECT_EQ(whois["posture"]["disk_encrypted"], true);
  EXPECT_EQ(whois["session"]["instance"], "pod-1");
  EXPECT_TRUE(get("/v1/whois?address=10.8.0.2")["session"].is_null());
  const Json identities = get("/v1/identities");
  EXPECT_EQ(identities[2]["session"], "00112233445566aa");
  EXPECT_TRUE(identities[0]["session"].is_null());
  const std::string ask_who = "/v1/explain?protocol=tcp&port=443&source=";
  const Json explained = get(ask_who + "sa:prod-eu/shop/frontend&destination=sa:prod-eu/shop/frontend");
  EXPECT_EQ(explained["source"]["peers"], Json::array({"enrolled-00112233445566aa"}));
  EXPECT_EQ(explained["source"]["session"]["id"], "00112233445566aa");
  EXPECT_EQ(explained["destination"]["address"], "10.8.128.1");
  EXPECT_TRUE(get(ask_who + "ann-laptop&destination=backend")["source"]["session"].is_null());
  EXPECT_EQ(get(ask_who + "machine:printers/abc&destination=backend")["source"]["kind"], "identity");
}

TEST_F(EnrolmentApi, NamesTheIdentitiesOfFlows) {
  backend_.enroll("00112233445566aa");
  abi::FlowRecord flow = FakeBackend::flow(443);
  abi::FlowRecord by_proof = flow;
  by_proof.source = IpAddress::v4(10, 8, 128, 1);
  by_proof.source_peer = 2;
  abi::FlowRecord moved = flow;
  moved.source_peer = 1;  // the address has changed hands since
  backend_.flows_at_start = {flow, by_proof, moved};
  backend_.flow_end_at_start = false;
  const Json flows = get("/v1/flows")["flows"];
  EXPECT_EQ(flows[0]["source_identity"], "user:corp/ann@example.com");
  EXPECT_TRUE(flows[0]["destination_identity"].is_null());
  EXPECT_EQ(flows[1]["source_identity"], "sa:prod-eu/shop/frontend");
  EXPECT_EQ(flows[2]["source_peer"], "bob-phone");
  EXPECT_TRUE(flows[2]["source_identity"].is_null());
}

}  // namespace
}  // namespace sallyport::controlplane::enrolment_api_test
