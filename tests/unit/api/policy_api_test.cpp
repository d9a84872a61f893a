#include <cstring>

#include "controlplane/api/protocols.hpp"
#include "controlplane/http/rfc3339.hpp"
#include "tests/unit/api/ask.hpp"

namespace sallyport::controlplane::policy_api_test {
namespace {

using Json = nlohmann::json;

class PolicyApi : public AskingTest {
 protected:
  static std::string files(const std::string& text, const std::string& name = "new.toml") {
    return Json{{"files", Json::array({{{"name", name}, {"text", text}}})}}.dump();
  }
  // The policy of the backend, with one text in place of another.
  static std::string edited(const std::string& from, const std::string& to) {
    std::string text(FakeBackend::policy_toml);
    text.replace(text.find(from), from.size(), to);
    return text;
  }
};

TEST_F(PolicyApi, SaysWhatIsInForceAndWhereItCameFrom) {
  const Answer answer = ask("GET", "/v1/policy");
  EXPECT_EQ(answer.json["mode"], "files");
  EXPECT_EQ(answer.json["generation"], 1);
  EXPECT_EQ(answer.json["etag"], backend_.bundle_in_force.etag());
  EXPECT_EQ(answer.etag, backend_.bundle_in_force.etag());
  EXPECT_EQ(answer.json["source"], "files");
  EXPECT_EQ(answer.json["applied_at"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(answer.json["files"], Json::array({"/etc/sallyport/policy.toml"}));
  EXPECT_EQ(answer.json["rules"], 3);
  EXPECT_EQ(answer.json["services"], 4);
  EXPECT_TRUE(answer.json["git_commit"].is_null());
  EXPECT_EQ(get("/v1/policy/bundle")["files"][0]["text"], FakeBackend::policy_toml);
}

TEST_F(PolicyApi, KeepsEveryKeyWhenEverythingIsAllowed) {
  const Json with = get("/v1/policy");
  backend_.policy_in_force.reset();
  backend_.bundle_in_force = {};
  backend_.version = {};
  const Answer without = ask("GET", "/v1/policy");
  EXPECT_EQ(without.json["mode"], "allow");
  EXPECT_EQ(without.etag, "");
  for (const auto& [key, value] : with.items()) EXPECT_TRUE(without.json.contains(key)) << key;
  EXPECT_EQ(get("/v1/policy/rules").size(), 1U);
  EXPECT_EQ(get("/v1/services"), Json::array());
  EXPECT_EQ(get("/v1/explain?source=ann-laptop&destination=10.20.0.7&protocol=icmp")["allowed"], true);
  EXPECT_EQ(get("/v1/whois?address=10.8.0.2")["rules"], Json::array());
  EXPECT_EQ(ask("POST", "/v1/policy/diff", files("schema = 1\n")).status, 409U);
  EXPECT_EQ(ask("PUT", "/v1/services/live/endpoints", R"({"endpoints":[]})").status, 409U);
}

TEST_F(PolicyApi, ListsRulesInTheirOrderWithCountersAndWhatNoRuleAllowed) {
  const Json rules = get("/v1/policy/rules");
  ASSERT_EQ(rules.size(), 4U);
  EXPECT_EQ(rules[0]["name"], "bob-frozen") << "priority 100";
  const Json& ann = rules[1]["name"] == "ann-db" ? rules[1] : rules[2];
  EXPECT_EQ(ann["allowed_bytes"], 1'500'000);
  EXPECT_EQ(ann["limited_packets"], 1);
  EXPECT_EQ(ann["log"], "all");
  EXPECT_EQ(ann["hours"], Json::array({"Mon-Fri 07:00-19:00 Europe/Berlin"}));
  EXPECT_EQ(ann["from"], Json::array({"user:corp/ann@example.com"}));
  EXPECT_TRUE(rules[3]["name"].is_null());
  EXPECT_EQ(rules[3]["denied_packets"], 7);
  for (const auto& [key, value] : ann.items()) EXPECT_TRUE(rules[3].contains(key)) << key;
}

TEST_F(PolicyApi, PutsOtherFilesInForceOrNothing) {
  const std::string etag = backend_.version.etag;
  const Answer done = ask("PUT", "/v1/policy", files(edited("tcp/8080", "tcp/8443")), '"' + etag + '"');
  EXPECT_EQ(done.status, 200U) << done.json;
  EXPECT_EQ(done.json["generation"], 2);
  EXPECT_NE(done.etag, etag);
  EXPECT_EQ(done.json["changes"], Json::array({"~ rule laptops-to-backend"}));
  EXPECT_EQ(backend_.changes.front().by, "uid 7");
  EXPECT_EQ(get("/v1/audit?most=1")[0]["by"], "uid 7");

  const Answer outdated = ask("PUT", "/v1/policy", files("schema = 1\n"), '"' + etag + '"');
  EXPECT_EQ(outdated.status, 412U);
  EXPECT_EQ(outdated.etag, done.etag);
  EXPECT_EQ(outdated.json["etag"], done.etag);

  const Answer wrong = ask("PUT", "/v1/policy", files("schema = 1\n[[rule]]\nname = 3\n"));
  EXPECT_EQ(wrong.status, 422U);
  EXPECT_EQ(wrong.json["errors"][0]["file"], "new.toml");
  EXPECT_GT(wrong.json["errors"][0]["line"], 1);
  const Answer failing =
      ask("PUT", "/v1/policy", files(edited("user:corp/ann@example.com\"]\nto", "user:corp/eve@example.com\"]\nto")));
  EXPECT_EQ(failing.status, 422U) << "a test of it fails";
  EXPECT_EQ(failing.json["errors"][0]["line"], 43) << failing.json;
  EXPECT_EQ(backend_.version.generation, 2U);

  EXPECT_EQ(ask("POST", "/v1/policy/apply", "", "\"other\"").status, 412U);
  EXPECT_EQ(ask("POST", "/v1/policy/apply", "{}").status, 400U);
  EXPECT_EQ(ask("POST", "/v1/policy/apply", "", "*").json["source"], "files");
}

TEST_F(PolicyApi, RefusesBodiesAndConditionsThatItDoesNotUnderstand) {
  for (const std::string body :
       {"", "{", "[]", "{}", R"({"files":{}})", R"({"files":[]})", R"({"files":[1]})", R"({"files":[{"name":"a"}]})",
        R"({"files":[{"name":1,"text":""}]})", R"({"files":[{"name":"","text":""}]})",
        R"({"files":[{"name":"a\nb","text":""}]})", R"({"files":[{"name":"a","text":"","x":1}]})",
        R"({"files":[{"name":"a","text":""},{"name":"a","text":""}]})",
        "{\"files\":[{\"name\":\"\xff\",\"text\":\"\"}]}", R"({"files":[{"name":"a","text":""}],"x":1})"}) {
    EXPECT_EQ(ask("PUT", "/v1/policy", body).status, 400U) << body;
    EXPECT_EQ(ask("POST", "/v1/policy/diff", body).status, 400U) << body;
  }
  for (const char* condition : {"abc", "\"", "W/\"abc\"", "\"a\", \"b\"", "\"a"})
    EXPECT_EQ(ask("POST", "/v1/policy/apply", "", condition).status, 400U) << condition;
  EXPECT_EQ(backend_.version.generation, 1U);
}

TEST_F(PolicyApi, SaysWhoWouldGainAndLose) {
  const Answer answer = ask("POST", "/v1/policy/diff", files(edited("Mon-Fri 07:00-19:00", "Mon-Sun 00:00-24:00")));
  EXPECT_EQ(answer.status, 200U) << answer.json;
  EXPECT_EQ(answer.json["from"], backend_.version.etag);
  EXPECT_EQ(answer.json["peers"], 2);
  EXPECT_EQ(answer.json["peers_left_out"], 0);
  ASSERT_EQ(answer.json["changes"].size(), 1U) << answer.json;
  EXPECT_EQ(answer.json["changes"][0]["kind"], "gains");
  EXPECT_EQ(answer.json["changes"][0]["subject"], "user:corp/ann@example.com");
  EXPECT_EQ(ask("POST", "/v1/policy/diff", files("nonsense")).status, 422U);
  EXPECT_EQ(backend_.version.generation, 1U);
}

TEST_F(PolicyApi, ExplainsADecisionWithItsRuleAndReasons) {
  const Json allowed = get("/v1/explain?source=ann-laptop&destination=10.20.0.7&protocol=tcp&port=8080");
  EXPECT_EQ(allowed["allowed"], true) << allowed;
  EXPECT_EQ(allowed["rule"]["name"], "laptops-to-backend");
  EXPECT_EQ(allowed["rule"]["file"], "/etc/sallyport/policy.toml");
  EXPECT_EQ(allowed["rule"]["line"], 18);
  EXPECT_EQ(allowed["services"], Json::array({"backend"}));
  EXPECT_EQ(allowed["source"]["tags"], Json::array({"laptop"}));
  EXPECT_EQ(allowed["at"], "2023-11-14T22:13:20Z");
  const Json denied =
      get("/v1/explain?source=user:corp/ann@example.com&destination=payments-db&protocol=tcp&port=5432");
  EXPECT_EQ(denied["allowed"], false);
  EXPECT_TRUE(denied["rule"].is_null());
  ASSERT_EQ(denied["considered"].size(), 1U) << denied;
  EXPECT_EQ(denied["considered"][0]["rule"], "ann-db");
  EXPECT_NE(denied["considered"][0]["why_not"].get<std::string>().find("hours"), std::string::npos) << denied;
  EXPECT_FALSE(denied["hints"].empty());
  EXPECT_EQ(denied["destination"]["address"], "10.20.4.1");
  EXPECT_EQ(denied["destination"]["note"], "an address of payments-db");
  EXPECT_EQ(get("/v1/explain?source=user:corp/ann@example.com&destination=payments-db&protocol=tcp&port=5432"
                "&at=2026-11-23T10:00:00%2b01:00")["rule"]["name"],
            "ann-db");
}

TEST_F(PolicyApi, SaysWhenPacketsMayBeDecidedByAnotherVersion) {
  const char* question = "/v1/explain?source=ann-laptop&destination=10.20.0.7&protocol=tcp&port=8080";
  backend_.version.in_force = true;
  EXPECT_TRUE(get(question)["hints"].empty());
  backend_.version.in_force = false;
  EXPECT_NE(get(question)["hints"].dump().find("does not have this version"), std::string::npos);
  backend_.connected = false;
  EXPECT_NE(get(question)["hints"].dump().find("no dataplane is connected"), std::string::npos);
}

TEST_F(PolicyApi, KnowsWhoIsMeantByASourceAndADestination) {
  const auto explain = [&](const std::string& source, const std::string& destination) {
    return get("/v1/explain?source=" + source + "&destination=" + destination + "&protocol=tcp&port=22");
  };
  EXPECT_EQ(explain("10.8.0.2", "10.20.0.7")["source"]["peer"], "ann-laptop");
  EXPECT_EQ(explain("10.0.0.9", "10.20.0.7")["source"]["net"], "10.0.0.9/32");
  EXPECT_EQ(explain("net:10.0.0.0%2f24", "10.20.0.7")["source"]["net"], "10.0.0.0/24");
  EXPECT_EQ(explain("tag:laptop", "10.20.0.7")["source"]["tags"], Json::array({"laptop"}));
  EXPECT_EQ(explain("user:corp/eve@example.com", "10.20.0.7")["source"]["peers"], Json::array());
  EXPECT_EQ(explain("peer:bob-phone", "10.20.0.7")["rule"]["name"], "bob-frozen");
  const Json to_bob = explain("ann-laptop", "bobs-phone");
  EXPECT_EQ(to_bob["destination"]["peer"], "bob-phone");
  EXPECT_EQ(to_bob["destination"]["address"], "10.8.0.3");
  EXPECT_EQ(to_bob["services"], Json::array({"bobs-phone"}));
  EXPECT_EQ(explain("ann-laptop", "bob-phone")["destination"]["kind"], "peer");
  EXPECT_EQ(explain("bob-phone", "user:corp/ann@example.com")["destination"]["address"], "10.8.0.2");
  EXPECT_TRUE(explain("ann-laptop", "live")["destination"]["address"].is_null());
  backend_.live_endpoints["live"] = {*IpPrefix::parse("10.30.0.5/32")};
  EXPECT_EQ(explain("ann-laptop", "live")["destination"]["address"], "10.30.0.5");
}

TEST_F(PolicyApi, KnowsWhatIsInTheWayBesidesThePolicy) {
  const auto explain = [&](const std::string& source, const std::string& destination) {
    return get("/v1/explain?source=" + source + "&destination=" + destination + "&protocol=tcp&port=8080");
  };
  EXPECT_EQ(explain("ann-laptop", "10.20.0.7")["source"]["reachability"]["state"], "ok");
  EXPECT_TRUE(explain("ann-laptop", "10.20.0.7")["destination"]["reachability"]["sentence"].is_null());
  EXPECT_EQ(explain("bob-phone", "10.20.0.7")["source"]["reachability"]["state"], "not_in_dataplane");
  abi::PeerStatusValue bob{};
  bob.live = 1;
  bob.key = backend_.all_peers[1].public_key;
  backend_.write_peer(1, bob);
  EXPECT_EQ(explain("ann-laptop", "10.8.0.3")["destination"]["reachability"]["sentence"],
            "the peer bob-phone has never connected, and must come first: its endpoint is unknown");
  bob.latest_handshake_ns = FakeBackend::now_ns - 600 * FakeBackend::second;
  backend_.write_peer(1, bob);
  EXPECT_EQ(explain("bob-phone", "10.20.0.7")["source"]["reachability"]["sentence"],
            "the peer bob-phone has no session: its last handshake was completed 10m ago");
  EXPECT_EQ(explain("ann-laptop", "203.0.113.9")["destination"]["reachability"]["sentence"],
            "no inner route leads to 203.0.113.9: packets to it are dropped");
  EXPECT_EQ(
      explain("ann-laptop", "192.0.2.77")["destination"]["reachability"]["sentence"],
      "192.0.2.77 is on the underlay, at port wan, where packets of tunnels do not go: packets to it are dropped");
  EXPECT_EQ(explain("ann-laptop", "10.0.0.1")["destination"]["reachability"]["state"], "gateway");
  backend_.problem_list = {{"route 10.20.0.0/16", "no port reaches it"}};
  EXPECT_EQ(explain("ann-laptop", "10.20.0.7")["destination"]["reachability"]["state"], "no_route");
}

TEST_F(PolicyApi, AdvisesNoRuleThatCannotHelp) {
  const auto explain = [&](const std::string& source, const std::string& destination) {
    return get("/v1/explain?source=" + source + "&destination=" + destination + "&protocol=tcp&port=8080");
  };
  // A host behind an inside port may be let in by its address; an address of the tunnel that nobody has may not.
  EXPECT_NE(explain("10.0.0.9", "10.20.0.7")["hints"].dump().find("net:10.0.0.9/32"), std::string::npos);
  for (const char* nobody : {"10.8.9.9", "net:10.8.9.0%2f24", "net:10.8.0.2%2f32", "203.0.113.9", "192.0.2.77"}) {
    const Json answer = explain(nobody, "10.20.0.7");
    EXPECT_EQ(answer["hints"], Json::array()) << answer;
    EXPECT_FALSE(answer["source"]["reachability"]["sentence"].is_null()) << answer;
  }
  EXPECT_EQ(explain("10.8.9.9", "10.20.0.7")["source"]["reachability"]["sentence"],
            "10.8.9.9 is in the prefix of tunnel wg0, and no peer has it: packets from it are dropped");
  const Json to_nobody = explain("ann-laptop", "10.8.9.9");
  EXPECT_EQ(to_nobody["destination"]["reachability"]["state"], "nobody");
  EXPECT_EQ(to_nobody["hints"], Json::array()) << "no service is missing: " << to_nobody;
}

TEST_F(PolicyApi, ComparesNoVersionWhoseTestsFail) {
  std::string text(FakeBackend::policy_toml);
  text.replace(text.find("deny = [\"backend:tcp/8080\"]"), 27, "allow = [\"backend:tcp/8080\"]");
  text.erase(text.find("allow = [\"payments-db:tcp/5432\"]\n"), 33);
  const auto answer = ask("POST", "/v1/policy/diff", files(text));
  EXPECT_EQ(answer.status, 422U);
  EXPECT_NE(answer.json.dump().find("a test of the policy fails"), std::string::npos) << answer.json;
}

TEST_F(PolicyApi, NamesPeersOfOneIdentityThatAreDecidedOtherwise) {
  Peer second = backend_.all_peers[0];
  second.name = second.facts.peer = "ann-tablet";
  second.facts.tags.clear();
  backend_.all_peers.push_back(second);
  const Json answer = get("/v1/explain?source=user:corp/ann@example.com&destination=backend&protocol=tcp&port=8080");
  EXPECT_EQ(answer["source"]["peers"], Json::array({"ann-laptop", "ann-tablet"}));
  EXPECT_EQ(answer["allowed"], true);
  EXPECT_NE(answer["hints"].dump().find("ann-tablet of the same identity is denied"), std::string::npos) << answer;
}

TEST_F(PolicyApi, RefusesHostileQuestionsAndSaysWhatWasExpected) {
  const std::string good = "/v1/explain?source=ann-laptop&destination=backend";
  expect_error(400, good, "protocol");
  expect_error(400, good + "&protocol=tcp", "port: expected one");
  expect_error(400, good + "&protocol=tpc&port=1", "tcp, udp");
  expect_error(400, good + "&protocol=256", "0 to 255");
  expect_error(400, good + "&protocol=icmp&port=1", "port: there are none");
  for (const char* port : {"65536", "-1", "99999999999999999999", "0x50", "%201", "1e3", ""})
    expect_error(400, good + "&protocol=tcp&port=" + port, "port: expected an integer from 0 to 65535");
  for (const char* at : {"now", "2026-11-23", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T09:00:00"})
    expect_error(400, good + "&protocol=icmp&at=" + at, "at: expected a time like");
  expect_error(400, "/v1/explain?source=%ff&destination=backend&protocol=icmp", "source: expected UTF-8");
  expect_error(400, "/v1/explain?source=" + std::string(1025, 'x') + "&destination=b&protocol=icmp", "at most 1024");
  expect_error(400, good + "&protocol=icmp&source=x", "twice");
  expect_error(400, good + "&protokol=icmp", "did you mean 'protocol'?");
  expect_error(404, "/v1/explain?source=ann-labtop&destination=backend&protocol=icmp", "did you mean 'ann-laptop'?");
  expect_error(404, "/v1/explain?source=ann-laptop&destination=backed&protocol=icmp", "did you mean 'backend'?");
  expect_error(404, "/v1/explain?source=user:&destination=backend&protocol=icmp", "source: 'user:' is not");
  expect_error(404, "/v1/explain?source=user:corp/*&destination=backend&protocol=icmp", "is not");
  expect_error(400, "/v1/explain?source=net:10.0.0.1/24&destination=backend&protocol=icmp", "without host bits");
  expect_error(400, "/v1/whois", "address: expected an IP address");
  expect_error(400, "/v1/whois?address=10.8.0.2/32", "address: expected an IP address");
  expect_error(400, "/v1/audit?most=0", "from 1 to 10000");
}

TEST_F(PolicyApi, KnowsWhoseAnAddressIs) {
  const Json ann = get("/v1/whois?address=fd08::2");
  EXPECT_EQ(ann["peer"], "ann-laptop");
  EXPECT_EQ(ann["tunnel"], "wg0");
  EXPECT_EQ(ann["identities"], Json::array({"user:corp/ann@example.com"}));
  EXPECT_EQ(ann["route"]["peer"], "ann-laptop");
  EXPECT_EQ(ann["rules"], Json::array({"laptops-to-backend"}));
  const Json inside = get("/v1/whois?address=10.20.0.7");
  EXPECT_TRUE(inside["peer"].is_null());
  EXPECT_EQ(inside["services"], Json::array({"backend"}));
  EXPECT_EQ(inside["route"]["to"], "10.20.0.0/16");
  EXPECT_EQ(inside["route"]["via"], "10.0.0.254");
  EXPECT_TRUE(get("/v1/whois?address=203.0.113.1")["route"].is_null());
  EXPECT_EQ(ann["reachability"]["state"], "ok");
  EXPECT_EQ(get("/v1/whois?address=10.8.9.9")["reachability"]["state"], "nobody");
  EXPECT_EQ(get("/v1/whois?address=192.0.2.77")["reachability"]["state"], "underlay");
  EXPECT_EQ(get("/v1/whois?address=203.0.113.1")["reachability"]["state"], "no_route");
  for (const auto& [key, value] : ann.items()) EXPECT_TRUE(inside.contains(key)) << key;
}

TEST_F(PolicyApi, ListsIdentitiesPieceByPieceAcrossAReload) {
  const Json identities = get("/v1/identities");
  ASSERT_EQ(identities.size(), 2U);
  EXPECT_EQ(identities[0]["peer"], "ann-laptop");
  EXPECT_EQ(identities[0]["source_class"], 1);
  EXPECT_EQ(identities[1]["rules"], Json::array({"bob-frozen"}));
  const Peer pattern = backend_.all_peers[0];
  for (unsigned i = 0; i < 1000; ++i) {
    backend_.all_peers.push_back(pattern);
    backend_.all_peers.back().name = backend_.all_peers.back().facts.peer = "peer" + std::to_string(i);
  }
  HttpResponse response = handle_admin_request({"GET", "/v1/identities", ""}, backend_, test_time);
  std::string first;
  EXPECT_EQ(response.stream->next(first), BodySource::Next::more);
  backend_.all_peers.clear();
  backend_.all_peers.shrink_to_fit();
  EXPECT_EQ(Json::parse(first + drain(response)).size(), 1002U);
}

TEST_F(PolicyApi, ReplacesTheEndpointsOfALiveServiceAndOfNoOther) {
  const std::string target = "/v1/services/live/endpoints";
  EXPECT_EQ(ask("PUT", target, R"({"endpoints":["10.21.0.0/24","10.20.0.5","10.20.0.5"]})").json["endpoints"], 2);
  EXPECT_EQ(get(target)["endpoints"], Json::array({"10.20.0.5/32", "10.21.0.0/24"}));
  EXPECT_EQ(get("/v1/services")[2]["live_addresses"], 2);
  EXPECT_EQ(get("/v1/services")[0]["ports"], Json::array({"tcp/8080", "udp/5000-5100"}));
  for (const char* body : {"", "[]", R"({"endpoints":1})", R"({"endpoints":[1]})", R"({"endpoints":["x"]})",
                           R"({"endpoints":["10.20.0.5/24"]})", R"({"endpoints":[],"x":1})"})
    EXPECT_EQ(ask("PUT", target, body).status, 400U) << body;
  Json many = Json::array();
  for (unsigned i = 0; i <= 65'536; ++i) many.push_back("10.0.0.1");
  EXPECT_EQ(ask("PUT", target, Json{{"endpoints", many}}.dump()).status, 400U);
  EXPECT_EQ(ask("PUT", "/v1/services/backend/endpoints", R"({"endpoints":[]})").status, 409U);
  EXPECT_EQ(ask("GET", "/v1/services/backend/endpoints").status, 409U);
  const Answer misspelt = ask("PUT", "/v1/services/lieve/endpoints", R"({"endpoints":[]})");
  EXPECT_EQ(misspelt.status, 404U);
  EXPECT_NE(misspelt.json["error"].get<std::string>().find("did you mean 'live'?"), std::string::npos);
  EXPECT_EQ(backend_.live_endpoints["live"].size(), 2U);
}

TEST_F(PolicyApi, ListsFlowsWithNamesForNumbers) {
  backend_.flows_at_start = {FakeBackend::flow(8080), FakeBackend::flow(443)};
  backend_.flows_at_start[1].rule = 0;
  backend_.flows_at_start[1].allowed = 0;
  backend_.flow_end_at_start = true;
  const Json answer = get("/v1/flows");
  EXPECT_EQ(answer["cut"], true);
  EXPECT_TRUE(answer["error"].is_null());
  ASSERT_EQ(answer["flows"].size(), 2U);
  const Json& flow = answer["flows"][0];
  EXPECT_EQ(flow["protocol"], "tcp");
  EXPECT_EQ(flow["source_peer"], "ann-laptop");
  EXPECT_TRUE(flow["destination_peer"].is_null());
  EXPECT_EQ(flow["inside_port"], "lan");
  EXPECT_EQ(flow["rule"], backend_.policy()->rules[1].name);
  EXPECT_EQ(flow["tcp_state"], "established");
  EXPECT_EQ(flow["age_s"], 90);
  EXPECT_EQ(flow["bytes"], Json::array({1000, 20'000}));
  EXPECT_TRUE(answer["flows"][1]["rule"].is_null());
}

TEST_F(PolicyApi, AsksForTheFlowsThatAreWanted) {
  const auto wanted = [&](const std::string& query) {
    HttpResponse response = handle_admin_request({"GET", "/v1/flows?" + query, ""}, backend_, test_time);
    EXPECT_EQ(response.status, 200U) << query << response.body;
    return backend_.listing.value_or(abi::ListFlows{});
  };
  const abi::ListFlows all = wanted("");
  EXPECT_EQ(all.peer_id, abi::no_peer);
  EXPECT_EQ(all.protocol, abi::any_protocol);
  EXPECT_EQ(all.most, 1000U);
  EXPECT_FALSE(all.address.address.is_set());
  const abi::ListFlows some =
      wanted("peer=bob-phone&address=10.20.0.0%2f24&port=443&protocol=udp&rule=bob-frozen&most=1048576");
  EXPECT_EQ(some.peer_id, 1U);
  EXPECT_EQ(some.address, *IpPrefix::parse("10.20.0.0/24"));
  EXPECT_EQ(some.port, 443U);
  EXPECT_EQ(some.protocol, 17U);
  EXPECT_EQ(some.rule, 1U);
  EXPECT_EQ(some.most, 1'048'576U);
  EXPECT_EQ(backend_.listings_stopped, 2U) << "a client that goes ends its listing";
  expect_error(404, "/v1/flows?peer=bob-fone", "did you mean 'bob-phone'?");
  expect_error(404, "/v1/flows?rule=bob-frosen", "did you mean 'bob-frozen'?");
  expect_error(400, "/v1/flows?address=10.20.0.1/24", "without host bits");
  expect_error(400, "/v1/flows?port=0", "1 to 65535");
  expect_error(400, "/v1/flows?port=70000", "1 to 65535");
  expect_error(400, "/v1/flows?most=1048577", "1 to 1048576");
  expect_error(400, "/v1/flows?protocol=%c3%28", "UTF-8");
  backend_.connected = false;
  expect_error(503, "/v1/flows", "no dataplane");
}

TEST_F(PolicyApi, EndsAListOfFlowsThatTheDataplaneLeaves) {
  HttpResponse response = handle_admin_request({"GET", "/v1/flows", ""}, backend_, test_time);
  expect_error(409, "/v1/flows", "a listing is running");
  std::string body = drain(response);
  backend_.flow_sink(FakeBackend::flow(443));
  body += drain(response);
  backend_.flow_end(tl::unexpected(std::string("the dataplane went away")));
  backend_.flow_sink(FakeBackend::flow(444));  // may come once more
  const Json answer = Json::parse(body + drain(response));
  EXPECT_EQ(answer["flows"].size(), 1U);
  EXPECT_EQ(answer["error"], "the dataplane went away");
  response.stream.reset();
  EXPECT_EQ(backend_.listings_stopped, 0U) << "it had ended";
}

TEST_F(PolicyApi, CountsFlowsThatASlowReaderMissed) {
  HttpResponse response = handle_admin_request({"GET", "/v1/flows?most=100000", ""}, backend_, test_time);
  for (unsigned i = 0; i < 50'000; ++i) backend_.flow_sink(FakeBackend::flow(443));
  backend_.flow_end(false);
  const std::string body = drain(response);
  EXPECT_LT(body.size(), std::size_t{10} << 20);
  const Json answer = Json::parse(body);
  EXPECT_EQ(answer["flows"].size() + answer["lost"].get<std::size_t>(), 50'000U);
  EXPECT_GT(answer["lost"], 0);
}

TEST_F(PolicyApi, SurvivesAFlowThatLies) {
  abi::FlowRecord flow{};
  std::memset(static_cast<void*>(&flow), 0xff, sizeof flow);
  backend_.flows_at_start = {flow, abi::FlowRecord{}};
  backend_.flow_end_at_start = false;
  EXPECT_EQ(get("/v1/flows")["flows"].size(), 2U);
}

TEST(Protocols, HaveNamesAndNumbers) {
  for (const char* name : {"tcp", "udp", "sctp", "icmp", "icmp6", "gre", "esp", "ah", "99", "0", "255"})
    EXPECT_EQ(protocol_text(*parse_protocol(name)), name);
  EXPECT_EQ(parse_protocol("proto/47"), 47);
  for (const char* text : {"", "256", "-1", "TCP", "tcp ", "proto/", "proto/tcp", "1x"})
    EXPECT_FALSE(parse_protocol(text)) << text;
}

TEST(Rfc3339, KnowsOffsetsAndRefusesTheRest) {
  const auto seconds = [](const char* text) { return parse_rfc3339(text)->time_since_epoch().count(); };
  EXPECT_EQ(seconds("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(seconds("2023-11-14T22:13:20Z"), 1'700'000'000);
  EXPECT_EQ(seconds("2023-11-14t23:13:20+01:00"), 1'700'000'000);
  EXPECT_EQ(seconds("2023-11-14 17:13:20-05:00"), 1'700'000'000);
  for (const char* text : {"", "2023", "2023-11-14", "2023-13-14T00:00:00Z", "2023-11-31T00:00:00Z",
                           "1969-12-31T23:59:59Z", "2023-11-14T22:13Z", "2023-11-14T22:13:60Z", "2023-11-14T22:13:20",
                           "2023-11-14T22:13:20Zx", "2023-11-14T22:13:20+1:00", "+023-11-14T22:13:20Z"})
    EXPECT_FALSE(parse_rfc3339(text)) << text;
}

}  // namespace
}  // namespace sallyport::controlplane::policy_api_test
