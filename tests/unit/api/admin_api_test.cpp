#include "controlplane/api/endpoint.hpp"
#include "tests/unit/api/ask.hpp"

namespace sallyport::controlplane::admin_api_test {
namespace {

using Json = nlohmann::json;

class AdminApi : public AskingTest {};

TEST_F(AdminApi, ShowsBothProcessesAndWhatCouldNotBeMadeReal) {
  backend_.problem_list.push_back({"route 10.20.0.0/16", "no port reaches it"});
  const Json status = get("/v1/status");
  EXPECT_EQ(status["gateway"], "fra-edge-1");
  EXPECT_EQ(status["version"], "0.1.0");
  const Json& dataplane = status["dataplane"];
  EXPECT_EQ(dataplane["connected"], true);
  EXPECT_EQ(dataplane["boot_id"], "0123456789abcdef");
  EXPECT_EQ(dataplane["uptime_s"], 7200);
  EXPECT_EQ(dataplane["crypto_engine"], "ipsec_mb");
  EXPECT_EQ(dataplane["workers"].size(), 2U);
  for (const char* key :
       {"buffers_in_use", "buffers_total", "packets_held", "under_load", "sessions", "peers", "routes"})
    EXPECT_TRUE(dataplane.contains(key)) << key;
  EXPECT_EQ(status["controlplane"]["uptime_s"], 3600);
  EXPECT_EQ(status["controlplane"]["commands_pending"], 3);
  EXPECT_EQ(status["healthy"], false);
  EXPECT_EQ(status["peers_online"], 1) << "ann has a session, bob has none";
  EXPECT_EQ(status["policy"]["mode"], "files");
  EXPECT_EQ(status["policy"]["generation"], get("/v1/policy")["generation"]);
  EXPECT_EQ(status["problems"], Json::parse(R"([{"what":"route 10.20.0.0/16","why":"no port reaches it"}])"));
}

TEST_F(AdminApi, BoundsTheProblemsThatItShows) {
  backend_.problem_list.assign(70'000, {"peer x", "the table is full"});
  const Json status = get("/v1/status");
  EXPECT_EQ(status["problems"].size(), 1000U);
  EXPECT_EQ(status["problems_total"], 70'000);
}

TEST_F(AdminApi, KeepsEveryKeyOfTheStatusWithoutADataplane) {
  const Json with = get("/v1/status");
  backend_.connected = false;
  const Json without = get("/v1/status");
  for (const auto& [key, value] : with["dataplane"].items()) EXPECT_TRUE(without["dataplane"].contains(key)) << key;
  EXPECT_EQ(without["dataplane"]["connected"], false);
  EXPECT_TRUE(without["dataplane"]["sessions"].is_null());
}

TEST_F(AdminApi, ListsPeersWithTheirTrafficAndSessions) {
  const Json peers = get("/v1/peers");
  ASSERT_EQ(peers.size(), 2U);
  const Json& ann = peers[0];
  EXPECT_EQ(ann["name"], "ann-laptop");
  EXPECT_EQ(ann["tunnel"], "wg0");
  EXPECT_EQ(ann["public_key"], "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
  EXPECT_EQ(ann["identity"], "user:corp/ann@example.com");
  EXPECT_EQ(ann["endpoint"], "198.51.100.7:51820");
  EXPECT_EQ(ann["latest_handshake_s_ago"], 12);
  EXPECT_EQ(ann["tx_bytes"], 2'500'000);
  ASSERT_EQ(ann["sessions"].size(), 1U);
  EXPECT_EQ(ann["sessions"][0]["state"], "current");
  const Json& bob = peers[1];
  EXPECT_TRUE(bob["endpoint"].is_null());
  EXPECT_TRUE(bob["latest_handshake_s_ago"].is_null());
  EXPECT_EQ(bob["rx_bytes"], 0);
  EXPECT_EQ(bob["in_dataplane"], false);
  for (const auto& [key, value] : ann.items()) EXPECT_TRUE(bob.contains(key)) << key;
  EXPECT_EQ(get("/v1/peers/ann-laptop"), ann);
}

TEST_F(AdminApi, NeverShowsTheRecordOfAnotherKeyAsAPeers) {
  abi::PeerStatusValue other{};
  other.live = 1;
  other.key = {1};
  other.rx_bytes = 77;
  backend_.write_peer(1, other);
  EXPECT_EQ(get("/v1/peers/bob-phone")["rx_bytes"], 0);
}

TEST_F(AdminApi, StreamsThousandsOfPeersPieceByPiece) {
  const Peer pattern = backend_.all_peers[0];
  for (unsigned i = 0; i < 5000; ++i) {
    Peer peer = pattern;
    peer.name = peer.facts.peer = "peer" + std::to_string(i);
    backend_.all_peers.push_back(peer);
  }
  EXPECT_EQ(get("/v1/peers").size(), 5002U);
  HttpResponse response = handle_admin_request({"GET", "/v1/peers", ""}, backend_, test_time);
  std::string piece;
  EXPECT_EQ(response.stream->next(piece), BodySource::Next::more);
  EXPECT_LT(piece.size(), 2 * BodySource::piece_bytes);
}

TEST_F(AdminApi, GoesOnWhenTheDataplaneLeavesInTheMiddleOfAList) {
  for (const char* target : {"/v1/sessions", "/v1/peers"}) {
    backend_.connected = true;
    HttpResponse response = handle_admin_request({"GET", target, ""}, backend_, test_time);
    backend_.connected = false;
    EXPECT_FALSE(Json::parse(drain(response), nullptr, false).is_discarded()) << target;
  }
}

TEST_F(AdminApi, ListsSessionsOfAllPeersOrOfOne) {
  const Json sessions = get("/v1/sessions");
  ASSERT_EQ(sessions.size(), 1U);
  const Json expected = Json::parse(R"({"peer":"ann-laptop","index":65,"remote_index":153,"role":"responder",
      "state":"current","age_s":12,"send_counter":20,"received_counter":9,"rx_packets":0,"tx_packets":0,
      "owner_worker":0,"post_quantum":null})");
  EXPECT_EQ(sessions[0], expected);
  EXPECT_EQ(get("/v1/sessions?peer=ann-laptop").size(), 1U);
  EXPECT_EQ(get("/v1/sessions?peer=bob-phone").size(), 0U);
  EXPECT_EQ(ask("GET", "/v1/sessions?peer=nobody").status, 404U);
}

TEST_F(AdminApi, ListsRoutesOfPortsTunnelsAndPeersWithTheirProblems) {
  backend_.problem_list = {{"route 10.20.0.0/16", "no port reaches it"},
                           {"route 10.8.0.3/32 of peer bob-phone", "the table is full"},
                           {"peer bob-phone", "the table is full"}};
  const Json routes = get("/v1/routes");
  const auto find = [&](const std::string& to) {
    for (const Json& route : routes)
      if (route["to"] == to) return route;
    return Json();
  };
  EXPECT_EQ(find("10.0.0.0/24")["kind"], "connected");
  EXPECT_EQ(find("0.0.0.0/0")["table"], "underlay");
  EXPECT_EQ(find("10.8.0.2/32")["peer"], "ann-laptop");
  EXPECT_EQ(find("fd08::/64")["tunnel"], "wg0");
  EXPECT_EQ(find("10.20.0.0/16")["via"], "10.0.0.254");
  EXPECT_EQ(find("10.20.0.0/16")["port"], "lan");
  EXPECT_EQ(find("10.20.0.0/16")["problem"], "no port reaches it");
  EXPECT_EQ(find("10.8.0.3/32")["problem"], "the table is full");
  EXPECT_TRUE(find("10.0.0.0/24")["problem"].is_null());
}

TEST_F(AdminApi, ListsPortsWithEveryCounter) {
  using abi::Counter;
  using abi::DropReason;
  backend_.count(1, 0, index_of(Counter::received), 100);
  backend_.count(2, 0, index_of(Counter::received), 11);
  backend_.count(1, 0, index_of(DropReason::bad_mac1), 4);
  backend_.count(0, 0, index_of(DropReason::no_route), 2);
  const Json ports = get("/v1/ports");
  ASSERT_EQ(ports.size(), 2U);
  const Json& wan = ports[0];
  EXPECT_EQ(wan["name"], "wan");
  EXPECT_EQ(wan["role"], "underlay");
  EXPECT_EQ(wan["link"], "up");
  EXPECT_EQ(wan["mac"], "02:00:00:00:00:01");
  EXPECT_EQ(wan["addresses"], Json::parse(R"(["192.0.2.1/24","2001:db8::1/64"])"));
  EXPECT_EQ(wan["received"], 111);
  EXPECT_EQ(wan["dropped"], 6);
  EXPECT_EQ(wan["drops"]["bad_mac1"], 4);
  EXPECT_EQ(wan["device_rx_missed"], 5);
  for (const abi::CounterInfo& info : abi::counter_infos)
    EXPECT_TRUE((info.kind == abi::CounterKind::drop ? wan["drops"] : wan).contains(std::string(info.name)));
}

TEST_F(AdminApi, SumsCountersAndExplainsThem) {
  backend_.count(0, abi::max_ports, index_of(abi::Counter::originated), 5);
  backend_.count(1, 1, index_of(abi::Counter::originated), 6);
  backend_.named_counters = {{"handshakes_refused_unknown_peer", "initiations of a key that is no peer's", 9}};
  const Json counters = get("/v1/counters");
  EXPECT_EQ(counters["totals"]["originated"], 11);
  EXPECT_EQ(counters["by_port"]["lan"]["originated"], 6);
  EXPECT_EQ(counters["by_port"]["(none)"]["originated"], 5);
  EXPECT_EQ(counters["control_plane"]["handshakes_refused_unknown_peer"], 9);
  EXPECT_EQ(counters["totals"].size(), std::size_t{abi::counter_count});
  EXPECT_EQ(counters["texts"]["no_route"]["kind"], "drop");
}

TEST_F(AdminApi, ListsNeighbours) {
  abi::NeighbourStatusValue neighbour{};
  neighbour.address = IpAddress::v4(10, 0, 0, 254);
  neighbour.mac = {2, 1, 2, 3, 4, 5};
  neighbour.state = abi::NeighbourState::reachable;
  neighbour.port_index = 1;
  neighbour.confirmed_at_ns = FakeBackend::now_ns - 3 * FakeBackend::second;
  backend_.write_neighbour(17, neighbour);
  EXPECT_EQ(get("/v1/neighbours"), Json::parse(R"([{"address":"10.0.0.254","mac":"02:01:02:03:04:05","port":"lan",
      "state":"reachable","confirmed_s_ago":3}])"));
}

TEST_F(AdminApi, ShowsTheConfigurationUnderTheNamesOfTheFile) {
  const Json configuration = get("/v1/config");
  for (const char* key : {"gateway", "dataplane", "controlplane", "port", "route", "wireguard", "peer", "policy"})
    EXPECT_TRUE(configuration.contains(key)) << key;
  EXPECT_EQ(configuration["peer"].size(), 2U);
  EXPECT_EQ(configuration["wireguard"][0]["private_key_file"], "/etc/sallyport/wg0.key");
  EXPECT_EQ(configuration["peer"][0]["persistent_keepalive_s"], 25);
}

TEST_F(AdminApi, KnowsWhatAClientNeeds) {
  const Json ann = get("/v1/client-config/ann-laptop");
  EXPECT_EQ(ann["addresses"], Json::parse(R"(["10.8.0.2/32","fd08::2/128"])"));
  EXPECT_EQ(ann["mtu"], 1420);
  EXPECT_EQ(ann["endpoint"], "192.0.2.1:51820");
  EXPECT_EQ(ann["gateway_public_key"], "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=");
  EXPECT_EQ(ann["allowed_ips"], Json::parse(R"(["10.0.0.0/24","10.8.0.0/16","10.20.0.0/16","fd00::/64","fd08::/64"])"));
  EXPECT_TRUE(ann["preshared_key_file"].is_null());
  EXPECT_EQ(get("/v1/client-config/bob-phone")["preshared_key_file"], "/etc/sallyport/bob.psk");
}

// What is routed behind an underlay port is for the tunnels' own packets.
TEST_F(AdminApi, KeepsRoutesOfTheUnderlayOutOfTheInnerTableAndOfClients) {
  config::Route route;
  route.to = *IpPrefix::parse("198.51.100.0/24");
  route.via = *IpAddress::parse("192.0.2.9");
  route.port = "wan";
  backend_.config.routes.push_back(route);
  std::string table;
  for (const Json& shown : get("/v1/routes"))
    if (shown["to"] == "198.51.100.0/24") table = shown["table"];
  EXPECT_EQ(table, "underlay");
  EXPECT_EQ(get("/v1/client-config/ann-laptop")["allowed_ips"].dump().find("198.51.100.0"), std::string::npos);
}

TEST_F(AdminApi, ReloadsOrSaysWhereEachErrorIs) {
  backend_.reload_result = ReloadSummary{.changes = {"peer eve added"}, .warnings = {}};
  EXPECT_EQ(ask("POST", "/v1/reload").json["changes"][0], "peer eve added");
  const auto file = std::make_shared<const std::string>("gateway.toml");
  backend_.reload_result = tl::unexpected(std::vector<config::Error>(1, {{file, 12, 3}, "mtu: expected an integer"}));
  const Answer refused = ask("POST", "/v1/reload");
  EXPECT_EQ(refused.status, 422U);
  EXPECT_EQ(refused.json["errors"],
            Json::parse(R"([{"file":"gateway.toml","line":12,"column":3,"message":"mtu: expected an integer"}])"));
}

TEST_F(AdminApi, ForgetsATimestampAndSuggestsThePeerThatWasMeant) {
  EXPECT_EQ(ask("POST", "/v1/peers/ann-laptop/forget-timestamp").status, 200U);
  EXPECT_EQ(backend_.forgotten, std::vector<std::string>{"ann-laptop"});
  const Answer misspelt = ask("POST", "/v1/peers/ann-labtop/forget-timestamp");
  EXPECT_EQ(misspelt.status, 404U);
  EXPECT_NE(misspelt.json["error"].get<std::string>().find("ann-laptop"), std::string::npos);
}

TEST_F(AdminApi, TellsPathsMethodsAndTargetsApart) {
  EXPECT_EQ(ask("GET", "/v1/nonsense").status, 404U);
  EXPECT_EQ(ask("GET", "/v2/status").status, 404U);
  EXPECT_EQ(ask("POST", "/v1/status").status, 405U);
  EXPECT_EQ(ask("GET", "/v1/reload").status, 405U);
  for (const char* target : {"", "status", "*", "http://x/v1/status", "/v1//status", "/v1/%", "/v1/%0", "/v1/%zz",
                             "/v1/peers/%00", "/v1/peers/%0a"})
    EXPECT_EQ(ask("GET", target).status, 400U) << target;
  EXPECT_EQ(get("/v1").size(), endpoints().size());
  EXPECT_EQ(get("/v1/peers/ann%2dlaptop")["name"], "ann-laptop");
}

TEST_F(AdminApi, UnderstandsCaptureRequestsAndRefusesWrongOnes) {
  HttpResponse response = handle_admin_request(
      {"POST", "/v1/capture", R"({"points":["dropped"],"peer":"bob-phone","port":"lan","drop_reason":"no_route",
        "max_packets":5,"snap_bytes":100,"format":"json"})"},
      backend_, test_time);
  EXPECT_EQ(response.status, 200U) << response.body;
  ASSERT_TRUE(backend_.capture);
  EXPECT_EQ(backend_.capture->points, static_cast<std::uint8_t>(abi::CapturePoint::dropped));
  EXPECT_EQ(backend_.capture->peer_id, 1U);
  EXPECT_EQ(backend_.capture->port_index, 1U);
  EXPECT_EQ(backend_.capture->any_drop_reason, 0U);
  EXPECT_EQ(backend_.capture->drop_reason, abi::DropReason::no_route);
  EXPECT_EQ(backend_.capture->max_packets, 5U);
  EXPECT_EQ(backend_.capture->snap_bytes, 100U);
  EXPECT_EQ(ask("POST", "/v1/capture").status, 409U) << "one at a time";
  response.stream.reset();
  EXPECT_EQ(backend_.captures_stopped, 1U);
  for (const char* body :
       {"{", "[]", "1", R"({"points":[]})", R"({"points":["nowhere"]})", R"({"points":[1]})", R"({"max_packets":0})",
        R"({"max_packets":-1})", R"({"max_packets":1e9})", R"({"snap_bytes":2001})", R"({"peer":1})",
        R"({"drop_reason":"bad"})", R"({"format":"pcap"})", R"({"colour":"red"})"})
    EXPECT_EQ(ask("POST", "/v1/capture", body).status, 400U) << body;
  EXPECT_EQ(ask("POST", "/v1/capture", R"({"peer":"nobody"})").status, 404U);
  EXPECT_EQ(ask("POST", "/v1/capture", R"({"port":"lam"})").status, 404U);
  backend_.connected = false;
  EXPECT_EQ(ask("POST", "/v1/capture").status, 503U);
}

TEST_F(AdminApi, CountsWhatASlowReaderOfACaptureMissed) {
  HttpResponse response = handle_admin_request({"POST", "/v1/capture", R"({"format":"json"})"}, backend_, test_time);
  const std::string bytes(1900, 'x');
  for (unsigned i = 0; i < 10'000; ++i)
    backend_.capture_sink(FakeBackend::packet(abi::CapturePoint::inner_sent, bytes));
  const std::string backlog = drain(response);
  EXPECT_LT(backlog.size(), std::size_t{10} << 20);
  const auto kept = static_cast<std::uint64_t>(std::count(backlog.begin(), backlog.end(), '\n'));
  backend_.capture_sink(FakeBackend::packet(abi::CapturePoint::inner_sent, bytes));
  EXPECT_EQ(Json::parse(drain(response))["lost_before"].get<std::uint64_t>(), 10'000 - kept);
}

TEST_F(AdminApi, SurvivesACapturedPacketThatLies) {
  HttpResponse response = handle_admin_request({"POST", "/v1/capture", ""}, backend_, test_time);
  abi::CapturedPacket packet = FakeBackend::packet(static_cast<abi::CapturePoint>(0xff), "x");
  packet.captured_bytes = 0xffff;
  packet.port_index = 99;
  packet.peer_id = 0x12345678;
  packet.drop_reason = static_cast<abi::DropReason>(0xff);
  packet.link_type = 0xff;
  backend_.capture_sink(packet);
  EXPECT_GT(drain(response).size(), abi::capture_snap_bytes);
}

}  // namespace
}  // namespace sallyport::controlplane::admin_api_test
