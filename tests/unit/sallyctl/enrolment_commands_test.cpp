// The commands about enrolment, trust and clusters, against answers as the admin API gives them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/sallyctl/call.hpp"
#include "tests/unit/sallyctl/scripted_gateway.hpp"
#include "tools/ctl/times.hpp"

namespace sallyport::ctl::enrolment_commands_test {
namespace {

using Json = nlohmann::json;

std::string in(std::chrono::seconds distance) {
  return time_text(wall_now() + distance);
}

class EnrolmentCommands : public testing::Test {
 protected:
  Outcome ctl(const std::vector<std::string>& arguments) const { return call(arguments, gateway_.socket()); }
  void expect_json_as_it_is(std::vector<std::string> arguments, const std::string& answer) const {
    arguments.emplace_back("--json");
    EXPECT_EQ(Json::parse(ctl(arguments).out, nullptr, false), Json::parse(answer));
  }

  ScriptedGateway gateway_;
};

TEST_F(EnrolmentCommands, ListSessionsAndEndOne) {
  const Json session = {{"id", "8d1f0c2b7a6e5d43"},
                        {"peer", "enrolled-8d1f0c2b7a6e5d43"},
                        {"identity", "sa:prod-eu/shop/front\x1b[2Jend"},
                        {"issuer", "prod-eu"},
                        {"enrolment_key", nullptr},
                        {"instance", "web-1"},
                        {"addresses", {"10.8.128.2/32", "fd08:1::2/128"}},
                        {"posture", {{"patched", true}, {"os", "debian"}}},
                        {"posture_until", in(std::chrono::minutes(5))},
                        {"renewed_at", in(std::chrono::seconds(-90))},
                        {"expires_at", in(std::chrono::hours(2) - std::chrono::seconds(30))},
                        {"source", "198.51.100.7"}};
  Json lapsed = session;
  lapsed["posture_until"] = in(std::chrono::seconds(-60));
  lapsed["issuer"] = nullptr;
  lapsed["enrolment_key"] = "0123456789ab";
  const std::string answer = Json({{"sessions", {session, lapsed, 7}}}).dump();
  gateway_.answer("GET /v1/enrolled", answer);
  const Outcome table = ctl({"enrolled"});
  EXPECT_EQ(table.code, ExitCode::success) << table.err;
  for (const char* words : {"8d1f0c2b7a6e5d43  sa:prod-eu/shop/front?[2Jend  web-1", "10.8.128.2/32, fd08:1::2/128",
                            "in 1h 59m", "patched=true", "os=debian", "lapsed 1m", "key 0123456789ab", "198.51.100.7"})
    EXPECT_TRUE(has(table.out, words)) << words << '\n' << table.out;
  expect_json_as_it_is({"enrolled"}, answer);
  gateway_.answer("GET /v1/enrolled", R"({"sessions":[]})");
  EXPECT_EQ(ctl({"enrolled"}).out, "nobody is enrolled\n");
  gateway_.answer("DELETE /v1/enrolled/8d1f0c2b7a6e5d43", R"({"ended":"8d1f0c2b7a6e5d43"})");
  EXPECT_TRUE(has(ctl({"enrolled", "end", "8d1f0c2b7a6e5d43"}).out, "may enrol again"));
  EXPECT_EQ(ctl({"enrolled", "end", "../x"}).code, ExitCode::failed);
  EXPECT_EQ(gateway_.last().line, "DELETE /v1/enrolled/%2E%2E%2Fx");
}

TEST_F(EnrolmentCommands, ShowEnrolmentsOfEveryState) {
  const std::string answer = Json({{"enrolments",
                                    {{{"state", "live"},
                                      {"identity", "sa:prod/shop/frontend"},
                                      {"issuer", "prod"},
                                      {"enrolled_at", in(std::chrono::seconds(-90))},
                                      {"expires_at", in(std::chrono::hours(1))},
                                      {"post_quantum", true}},
                                     {{"state", "past"},
                                      {"identity", "sa:prod/shop/batch"},
                                      {"issuer", "prod"},
                                      {"enrolled_at", in(std::chrono::hours(-2))},
                                      {"ended_at", in(std::chrono::hours(-1))},
                                      {"why", "its proof has ended"}},
                                     {{"state", "refused"},
                                      {"issuer", nullptr},
                                      {"reason", "unknown_key"},
                                      {"detail", "kid \x1b[2J"},
                                      {"at", in(std::chrono::seconds(-5))},
                                      {"source", "198.51.100.7"},
                                      {"times", 3}}}}})
                                 .dump();
  gateway_.answer("GET /v1/enrolments", answer);
  const Outcome table = ctl({"enrolments"});
  EXPECT_EQ(table.code, ExitCode::success) << table.err;
  for (const char* words : {"live", "yes", "its proof has ended", "unknown_key: kid ?[2J (3 times)", "198.51.100.7"})
    EXPECT_TRUE(has(table.out, words)) << words << '\n' << table.out;
  expect_json_as_it_is({"enrolments"}, answer);
  gateway_.answer("GET /v1/enrolments?state=past", R"({"enrolments":[]})");
  EXPECT_EQ(ctl({"enrolments", "--state", "past"}).out, "nobody is, was or tried to be enrolled\n");
}

TEST_F(EnrolmentCommands, ShowWireguardsOwnSessions) {
  gateway_.answer("GET /v1/sessions", R"([{"peer":"ann-laptop","index":65,"role":"responder"}])");
  EXPECT_TRUE(has(ctl({"sessions"}).out, "ann-laptop  00000041"));
  gateway_.answer("GET /v1/sessions?peer=bob", "[]");
  EXPECT_EQ(ctl({"sessions", "bob"}).out, "no sessions\n");
}

TEST_F(EnrolmentCommands, Revoke) {
  gateway_.answer("POST /v1/revocations",
                  R"({"kind":"identity","value":"x","sessions_ended":2,"peers_ended":1,"stored":true})");
  const Outcome done = ctl({"revoke", "identity", "user:corp/ann@example.com", "--reason", "stolen \"laptop\""});
  EXPECT_EQ(done.code, ExitCode::success) << done.err;
  EXPECT_EQ(done.out, "identity user:corp/ann@example.com is revoked: 2 sessions and 1 configured peer ended\n");
  EXPECT_EQ(Json::parse(gateway_.last().body),
            Json({{"kind", "identity"}, {"value", "user:corp/ann@example.com"}, {"reason", "stolen \"laptop\""}}));
  gateway_.answer("POST /v1/revocations", R"({"sessions_ended":0,"peers_ended":0,"stored":false})");
  const Outcome unstored = ctl({"revoke", "enrolment-key", "0123456789ab"});
  EXPECT_EQ(unstored.code, ExitCode::failed);
  EXPECT_TRUE(has(unstored.err, "NOT STORED")) << unstored.err;
  gateway_.answer("POST /v1/revocations", R"({"error":"value: expected a key"})", 400);
  EXPECT_EQ(ctl({"revoke", "key", "x"}).err, "sallyctl: value: expected a key\n");
  EXPECT_TRUE(has(ctl({"revoke", "identiy", "x"}).err, "did you mean 'identity'"));
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"revoke"},
                                                {"revoke", "identity"},
                                                {"revoke", "--list", "identity"},
                                                {"revoke", "--take-back", "identity", "x", "--reason", "y"}})
    EXPECT_EQ(ctl(wrong).code, ExitCode::usage);
}

TEST_F(EnrolmentCommands, ListAndTakeBackRevocations) {
  gateway_.answer(
      "GET /v1/revocations",
      R"({"revocations":[{"kind":"key","value":"k=","at":"2026-11-26T10:00:00Z","by":"uid 0","reason":null}]})");
  EXPECT_TRUE(has(ctl({"revoke", "--list"}).out, "key   k=     2026-11-26T10:00:00Z  uid 0  -"))
      << ctl({"revoke", "--list"}).out;
  gateway_.answer("DELETE /v1/revocations?kind=identity&value=user%3Acorp%2Fann%40example%2Ecom", "{}");
  const Outcome back = ctl({"revoke", "--take-back", "identity", "user:corp/ann@example.com"});
  EXPECT_EQ(back.code, ExitCode::success) << back.err << gateway_.last().line;
  EXPECT_EQ(ctl({"revoke", "--take-back", "identity", "nobody"}).code, ExitCode::failed);
}

TEST_F(EnrolmentCommands, MakeAnEnrolmentKeyWhoseSecretStandsAlone) {
  gateway_.answer("POST /v1/enrolment-keys", R"({"id":"0123456789ab","secret":"spk_0123456789ab_s"})", 201);
  const Outcome made = ctl({"enrolment-keys", "create", "ci", "--tag", "ci", "--tag", "runner", "--uses", "10",
                            "--expires", "1d", "--session", "8h"});
  EXPECT_EQ(made.code, ExitCode::success) << made.err;
  EXPECT_EQ(made.out, "spk_0123456789ab_s\n");
  EXPECT_EQ(
      Json::parse(gateway_.last().body),
      Json({{"name", "ci"}, {"tags", {"ci", "runner"}}, {"uses", 10}, {"expires_in_s", 86400}, {"session_s", 28800}}));
  (void)ctl({"enrolment-keys", "create", "plain"});
  EXPECT_EQ(Json::parse(gateway_.last().body),
            Json({{"name", "plain"}, {"tags", Json::array()}, {"expires_in_s", 86400}, {"session_s", 2592000}}));
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"a b"}, {"x", "--uses", "0"}, {"x", "--expires", "5"}, {"x", "--session", "1s"}, {}}) {
    std::vector<std::string> wrong = {"enrolment-keys", "create"};
    wrong.insert(wrong.end(), more.begin(), more.end());
    EXPECT_EQ(ctl(wrong).code, ExitCode::usage);
  }
}

TEST_F(EnrolmentCommands, ListEnrolmentKeysAndPins) {
  const Json key = {{"id", "0123456789ab"},
                    {"name", "ci"},
                    {"tags", {"ci"}},
                    {"uses_left", nullptr},
                    {"expires", in(std::chrono::hours(-1))},
                    {"session_s", 2592000},
                    {"by", "uid 0"},
                    {"revoked", false}};
  Json revoked = key;
  revoked["revoked"] = true;
  revoked["uses_left"] = 3;
  gateway_.answer("GET /v1/enrolment-keys", Json({{"enrolment_keys", {key, revoked}}}).dump());
  const std::string keys = ctl({"enrolment-keys"}).out;
  EXPECT_TRUE(has(keys, "any  expired 1h") && has(keys, "3  REVOKED") && has(keys, "30d")) << keys;
  gateway_.answer("GET /v1/pins",
                  R"({"pins":[{"identity":"user:corp/ann","subject":"s-1","at":"2026-11-26T10:00:00Z"}]})");
  EXPECT_TRUE(has(ctl({"pins"}).out, "user:corp/ann  s-1      2026-11-26T10:00:00Z"));
  gateway_.answer("DELETE /v1/pins?identity=user%3Acorp%2Fann", "{}");
  EXPECT_EQ(ctl({"pins", "forget", "user:corp/ann"}).out, "user:corp/ann belongs to whoever proves it next\n");
}

TEST_F(EnrolmentCommands, ShowWhomTheGatewayTrustsAndUntilWhen) {
  const auto certificate = [](std::chrono::seconds from, std::chrono::seconds until) {
    return Json{{"subject", "CN=Root"}, {"key_id", "ab12"}, {"not_before", in(from)}, {"not_after", in(until)}};
  };
  const std::chrono::hours day(24);
  const Json sources = {{{"issuer", "prod-eu"},
                         {"source", "/etc/jwks.json"},
                         {"read_at", in(std::chrono::seconds(-5))},
                         {"keys", {{{"kid", "2026-03"}, {"kind", "ES256"}}}},
                         {"certificates", Json::array()}},
                        {{"issuer", "spire"},
                         {"trust_domain", "example.org"},
                         {"source", "https://spire/bundle"},
                         {"problem", "no \x1b answer"},
                         {"keys", Json::array()},
                         {"certificates",
                          {certificate(-day, 400 * day + day / 2), certificate(-day, 3 * day + day / 2),
                           certificate(-day, -day), certificate(day, 90 * day)}}}};
  gateway_.answer("GET /v1/trust", Json({{"sources", sources}}).dump());
  const Outcome table = ctl({"trust"});
  for (const char* words :
       {"2026-03", "ES256", "https://spire/bundle (trust domain example.org)", "read never", "400 days left",
        "SOON: 3 days left", "EXPIRED 1d", "NOT YET VALID: in ", "PROBLEM: spire: no ? answer\n"})
    EXPECT_TRUE(has(table.out, words)) << words << '\n' << table.out;
}

TEST_F(EnrolmentCommands, ShowClustersAndPools) {
  gateway_.answer("GET /v1/clusters", Json({{"clusters",
                                             {{{"name", "prod-eu"},
                                               {"api_server", "https://10.0.0.1:6443"},
                                               {"state", "watching"},
                                               {"in_contact_at", in(std::chrono::seconds(-3))},
                                               {"stale", false},
                                               {"slices", 12}},
                                              {{"name", "lab"},
                                               {"state", "connecting"},
                                               {"stale", true},
                                               {"dropped", true},
                                               {"problem", "status 401"}}}}})
                                          .dump());
  const std::string clusters = ctl({"clusters"}).out;
  for (const char* words : {"watching", "12", "STALE, addresses dropped", "PROBLEM: lab: status 401\n", "never"})
    EXPECT_TRUE(has(clusters, words)) << words << '\n' << clusters;
  gateway_.answer(
      "GET /v1/pools",
      R"({"pools":[{"name":"p4","sessions":3,"leased":5,"capacity":254},{"name":"p6","sessions":0,"leased":0}]})");
  const std::string pools = ctl({"pools"}).out;
  EXPECT_TRUE(has(pools, "249") && has(pools, "plenty")) << pools;
}

TEST_F(EnrolmentCommands, DiagnoseWithAnExitStatusOfItsOwn) {
  const std::string sick =
      R"({"subject":"the peer ann","checks":[{"check":"port","result":"ok","sentence":"up"},
          {"check":"handshake","result":"failed","sentence":"no packet came"},{"check":"mtu","result":"warning","sentence":"small"},
          {"check":"client","result":"unknown","sentence":"it says nothing"}],"conclusion":"no packet came"})";
  gateway_.answer("GET /v1/diagnose?of=ann", sick);
  const Outcome failed = ctl({"diagnose", "ann"});
  EXPECT_EQ(failed.code, ExitCode::failed);
  EXPECT_EQ(
      failed.out,
      "the peer ann\n\n  ok       port       up\n  FAILED   handshake  no packet came\n  WARNING  mtu        small\n"
      "  unknown  client     it says nothing\n\nno packet came\n");
  EXPECT_EQ(ctl({"diagnose", "ann", "--json"}).code, ExitCode::failed);
  expect_json_as_it_is({"diagnose", "ann"}, sick);
  gateway_.answer("GET /v1/diagnose", R"({"subject":"the gateway","checks":[],"conclusion":"nothing is wrong"})");
  EXPECT_EQ(ctl({"diagnose"}).code, ExitCode::success);
}

TEST_F(EnrolmentCommands, SayWhereLiveServicesComeFrom) {
  gateway_.answer("GET /v1/services",
                  R"([{"name":"live","ports":["tcp/443"],"endpoints":"prod-eu/shop/live","live_addresses":5,
      "addresses":["10.20.0.1/32","10.20.0.2/32","10.20.0.3/32","10.20.0.4/32","10.20.0.5/32"],"file":"p.toml","line":3,
      "source":{"kind":"cluster","cluster":"prod-eu","age_s":75,"stale":true},"draining":["10.20.0.9/32"]},
      {"name":"fixed","ports":["tcp/1"],"prefixes":["10.0.0.0/8"]}])");
  const std::string table = ctl({"services"}).out;
  for (const char* words : {"live prod-eu/shop/live: 10.20.0.1/32, 10.20.0.2/32, 10.20.0.3/32, 10.20.0.4/32 and 1 more",
                            "cluster prod-eu", "1m 15s", "STALE ", "10.20.0.9/32"})
    EXPECT_TRUE(has(table, words)) << words << '\n' << table;
}

TEST_F(EnrolmentCommands, SurviveAnswersOfAnotherShape) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> commands = {
      {"GET /v1/enrolled", {"enrolled"}},
      {"GET /v1/enrolments", {"enrolments"}},
      {"GET /v1/revocations", {"revoke", "--list"}},
      {"GET /v1/enrolment-keys", {"enrolment-keys"}},
      {"GET /v1/pins", {"pins"}},
      {"GET /v1/trust", {"trust"}},
      {"GET /v1/clusters", {"clusters"}},
      {"GET /v1/pools", {"pools"}},
      {"GET /v1/diagnose", {"diagnose"}},
      {"GET /v1/services", {"services"}}};
  for (const auto& [line, command] : commands)
    for (
        const char* answer :
        {"null", "7", "[]", "{}", "[[]]", R"([{"source":7,"draining":{}}])",
         R"({"sessions":7,"pins":{},"sources":[7,{"keys":7,"certificates":[7]}],"clusters":[[]],"pools":[null],"checks":[7]})",
         R"({"sessions":[{"posture":7,"expires_at":7,"addresses":{}}],"enrolment_keys":[{"expires":{}}],"enrolments":[7]})"}) {
      gateway_.answer(line, answer);
      EXPECT_EQ(ctl(command).code, ExitCode::success) << line << ' ' << answer;
    }
}

}  // namespace
}  // namespace sallyport::ctl::enrolment_commands_test
