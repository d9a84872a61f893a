// The parts of `sallyctl enroll` that need no server: what they take, and what they refuse.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/unit/sallyctl/grant_document.hpp"
#include "tests/unit/temporary_folder.hpp"
#include "tools/ctl/enroll/address_batch.hpp"
#include "tools/ctl/enroll/client_key.hpp"
#include "tools/ctl/enroll/gateway_url.hpp"
#include "tools/ctl/enroll/grant.hpp"
#include "tools/ctl/enroll/posture.hpp"
#include "tools/ctl/enroll/private_file.hpp"
#include "tools/ctl/enroll/program.hpp"
#include "tools/ctl/enroll/proof_source.hpp"
#include "tools/ctl/enroll/requests.hpp"
#include "tools/ctl/enroll/session_schedule.hpp"
#include "tools/ctl/enroll/tunnel_target.hpp"
#include "tools/ctl/enroll/wg_dump.hpp"
#include "tools/ctl/key_material.hpp"
#include "tools/ctl/times.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl::enroll_parts_test {
namespace {

using namespace std::chrono_literals;
using TestJson = nlohmann::json;

const WallTime now = *parse_time("2026-11-26T09:00:00Z");

std::string slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Times, AreReadStrictlyAndWrittenTheSame) {
  EXPECT_EQ(time_text(now), "2026-11-26T09:00:00Z");
  EXPECT_EQ(parse_time("2026-11-26T09:00:00.123Z"), now);
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), WallTime{});
  for (const char* text : {"", "2026-11-26", "2026-11-26T09:00:00", "2026-11-26T09:00:00+01:00", "2026-02-30T09:00:00Z",
                           "2026-11-26T24:00:00Z", "2026-11-26T09:60:00Z", "2026-11-26 09:00:00Z",
                           "2026-11-26T09:00:00.Z", "1969-01-01T00:00:00Z", "2026-11-26T09:00:00Zx"})
    EXPECT_FALSE(parse_time(text)) << text;
  EXPECT_EQ(distance_text(now + 90s, now), "in 1m 30s");
  EXPECT_EQ(distance_text("2026-11-26T08:00:00Z", now), "1h ago");
}

TEST(Durations, AreReadAsTheyAreWritten) {
  for (const std::uint64_t seconds : {1UL, 59UL, 184UL, 7200UL, 90'000UL, 2'592'000UL})
    EXPECT_EQ(parse_duration(duration_text(seconds)), seconds) << duration_text(seconds);
  EXPECT_EQ(parse_duration("1h30m"), 5400U);
  for (const char* text :
       {"", "5", "5x", "-5m", "m", "1m 2h", "1s 1s", "1h ", "99999999999999999999s", "200000000000d"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(GatewayUrl, IsHttpsWithAHostAndAPort) {
  EXPECT_EQ(parse_gateway_url("https://vpn.example.com")->port, 443);
  EXPECT_EQ(parse_gateway_url("https://vpn.example.com:8443/")->host_header(), "vpn.example.com:8443");
  EXPECT_EQ(parse_gateway_url("https://[2001:db8::1]:8443")->host, "2001:db8::1");
  EXPECT_EQ(parse_gateway_url("https://[2001:db8::1]")->host_header(), "[2001:db8::1]");
  EXPECT_EQ(parse_gateway_url("https://192.0.2.1")->host, "192.0.2.1");
  for (const char* text : {"", "http://vpn.example.com", "vpn.example.com", "https://", "https://a:0",
                           "https://a:99999", "https://ann@vpn.example.com", "https://vpn.example.com/path",
                           "https://a b", "https://a\r\nX: y", "https://[::1", "https://a:443:443"})
    EXPECT_FALSE(parse_gateway_url(text)) << text;
}

TEST(Grant, IsReadWhole) {
  const PublicKey key = test_key();
  const auto grant = parse_grant(grant_document(key).dump(), GrantOf::enroll, key, now);
  ASSERT_TRUE(grant) << grant.error();
  EXPECT_EQ(grant->session, "8d1f0c2b7a6e5d43");
  EXPECT_EQ(grant->identity, "sa:prod-eu/shop/frontend");
  EXPECT_EQ(grant->tunnel.addresses.size(), 2U);
  EXPECT_EQ(grant->tunnel.endpoint, "192.0.2.1:51820");
  EXPECT_EQ(encode_key(grant->tunnel.preshared_key.get()->expose()), preshared_test_key);
  EXPECT_EQ(grant->session_token.expose(), "session-token-1");
  EXPECT_EQ(time_text(grant->expires_at), "2026-11-26T10:00:00Z");
}

TEST(Grant, OfAnOlderGatewayHasNoPresharedKey) {
  const PrivateKey key = generate_private_key();
  TestJson document = grant_document(public_key_of(key));
  document.erase("preshared_key");
  document.erase("post_quantum");
  const auto grant = parse_grant(document.dump(), GrantOf::enroll, public_key_of(key), now);
  ASSERT_TRUE(grant) << grant.error();
  EXPECT_FALSE(grant->tunnel.preshared_key.is_set());
  EXPECT_FALSE(grant->post_quantum);
  EXPECT_EQ(wg_quick_text(*grant, key).expose().find("PresharedKey"), std::string_view::npos);
}

TEST(Grant, OfRenewNeedsNoToken) {
  const PublicKey key = test_key();
  TestJson document = grant_document(key);
  document.erase("session_token");
  EXPECT_TRUE(parse_grant(document.dump(), GrantOf::renew, key, now));
  EXPECT_FALSE(parse_grant(document.dump(), GrantOf::enroll, key, now));
}

TEST(Grant, WithAnyWrongValueIsRefusedWithItsName) {
  const PublicKey key = test_key();
  const std::vector<std::pair<std::string, TestJson>> wrongs = {
      {"/session", "../x"},
      {"/session", ""},
      {"/session", std::string(65, 'a')},
      {"/session", 7},
      {"/identity", "a\nPostUp = reboot"},
      {"/identity", ""},
      {"/public_key", encode_key(PublicKey{9})},
      {"/session_token", "a b"},
      {"/session_token", "a\r\nHost: x"},
      {"/session_token", ""},
      {"/addresses", TestJson::array()},
      {"/addresses", "10.8.0.2/32"},
      {"/addresses/0", "10.8.0.2/33"},
      {"/addresses/0", "10.8.0.2/32\nPostUp = reboot"},
      {"/addresses/0", "0.0.0.0/0"},
      {"/addresses/0", 5},
      {"/routes/0", "10.0.0.1/8"},
      {"/routes/0", "example.com"},
      {"/routes", nullptr},
      {"/dns/0", "10.0.0.53\nx"},
      {"/dns/0", "ns.example.com"},
      {"/gateway/endpoint", "192.0.2.1:51820\nPostUp = reboot"},
      {"/gateway/endpoint", "192.0.2.1"},
      {"/gateway/endpoint", ""},
      {"/gateway/public_key", "AAAA"},
      {"/gateway/public_key", encode_key(key)},
      {"/gateway", TestJson::array()},
      {"/preshared_key", encode_key(PublicKey{})},
      {"/preshared_key", preshared_test_key + "\nPostUp = reboot"},
      {"/preshared_key", 7},
      {"/mtu", 100},
      {"/mtu", 70000},
      {"/mtu", "1420"},
      {"/mtu", -1},
      {"/persistent_keepalive_s", 65536},
      {"/persistent_keepalive_s", 1.5},
      {"/expires_at", "tomorrow"},
      {"/expires_at", "2026-11-26T09:00:00Z"},
      {"/expires_at", "2020-01-01T00:00:00Z"}};
  for (const auto& [where, value] : wrongs) {
    TestJson document = grant_document(key);
    document[TestJson::json_pointer(where)] = value;
    const auto grant = parse_grant(document.dump(), GrantOf::enroll, key, now);
    ASSERT_FALSE(grant) << where << ' ' << value;
    if (where == "/expires_at") continue;
    const std::string name = where.substr(1, where.find('/', 1) - 1);
    EXPECT_NE(grant.error().find(name), std::string::npos) << grant.error();
    EXPECT_EQ(grant.error().find('\n'), std::string::npos);
  }
}

TEST(Grant, IsBounded) {
  const PublicKey key = test_key();
  TestJson document = grant_document(key);
  for (unsigned i = 0; i <= most_tunnel_routes; ++i)
    document["routes"].push_back("10." + std::to_string(i / 256) + '.' + std::to_string(i % 256) + ".0/24");
  EXPECT_FALSE(parse_grant(document.dump(), GrantOf::enroll, key, now));
  document = grant_document(key);
  document["expires_at"] = "9999-12-31T23:59:59Z";
  EXPECT_EQ(parse_grant(document.dump(), GrantOf::enroll, key, now)->expires_at, now + longest_session);
  for (const char* text : {"", "[]", "null", "<html>", "{", "{}"})
    EXPECT_FALSE(parse_grant(text, GrantOf::enroll, key, now)) << text;
  EXPECT_FALSE(parse_grant(std::string(10'000, '['), GrantOf::enroll, key, now));
}

TEST(Grant, BecomesAFileForWgQuick) {
  const PrivateKey key = generate_private_key();
  const auto grant = parse_grant(grant_document(public_key_of(key)).dump(), GrantOf::enroll, public_key_of(key), now);
  ASSERT_TRUE(grant);
  const WipedText text = wg_quick_text(*grant, key);
  EXPECT_EQ(
      text.expose(),
      "# WireGuard configuration of sa:prod-eu/shop/frontend, for wg-quick\n"
      "# Written by 'sallyctl enroll', which replaces it; session 8d1f0c2b7a6e5d43\n\n[Interface]\nPrivateKey = " +
          std::string(SecretText(key).view()) +
          "\nAddress = 10.8.128.2/32, fd08:1::2/128\nDNS = 10.0.0.53\nMTU = 1420\n\n[Peer]\nPublicKey = " +
          encode_key(gateway_test_key()) + "\nPresharedKey = " + preshared_test_key +
          "\nEndpoint = 192.0.2.1:51820\nAllowedIPs = 10.8.0.0/16, 10.20.0.0/16\nPersistentKeepalive = 25\n");
}

TEST(ClientKey, IsMadeOnceAndKeptForItsOwnerAlone) {
  const TemporaryFolder folder;
  const std::string path = folder.file("wg.key");
  const auto made = load_or_make_key(path);
  ASSERT_TRUE(made) << made.error();
  struct ::stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(public_key_of(*load_or_make_key(path)), public_key_of(*made));
  ::chmod(path.c_str(), 0644);
  EXPECT_FALSE(load_or_make_key(path));
  EXPECT_FALSE(load_or_make_key(folder.file("no/such/folder")));
}

TEST(ClientKey, MakesTheNonceOfATokenThatIsBoundToIt) {
  // SHA-256 of 32 zero bytes (FIPS 180-4), in base64url (RFC 4648, 5).
  EXPECT_EQ(nonce_of(PublicKey{}), "Zmh6rfhivXdsj8GLjp-OIAiXFIVu4jOzkCpZHQ1fKSU");
}

TEST(PrivateFile, ReplacesALinkAndKeepsTheOldTextIfItCannot) {
  const TemporaryFolder folder;
  const std::string path = folder.file("wg0.conf"), target = folder.file("target");
  std::ofstream(target) << "old";
  std::filesystem::create_symlink(target, path);
  ASSERT_TRUE(write_private_file(path, "new"));
  EXPECT_EQ(slurp(path), "new");
  EXPECT_EQ(slurp(target), "old");
  std::filesystem::create_directory(folder.file("folder"));
  EXPECT_FALSE(write_private_file(folder.file("folder"), "x"));
  EXPECT_FALSE(write_private_file(folder.file("none/wg0.conf"), "x"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.file(".")), {}), 3) << "no drafts stay behind";
}

TEST(ProofSource, FollowsASwappedLink) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("token1")) << "one\n";
  std::ofstream(folder.file("token2")) << " two \n";
  std::filesystem::create_symlink(folder.file("token1"), folder.file("token"));
  ProofSource proof(
      {.token_file = folder.file("token"), .token_variable = {}, .certificate_file = {}, .certificate_key_file = {}},
      {});
  EXPECT_EQ(proof.token()->expose(), "one");
  EXPECT_FALSE(proof.changed());
  std::filesystem::create_symlink(folder.file("token2"), folder.file("next"));
  std::filesystem::rename(folder.file("next"), folder.file("token"));
  EXPECT_TRUE(proof.changed());
  EXPECT_EQ(proof.token()->expose(), "two");
  EXPECT_FALSE(proof.changed());
  std::filesystem::remove(folder.file("token"));
  EXPECT_FALSE(proof.changed());
  EXPECT_FALSE(proof.token());
}

TEST(ProofSource, TakesOnlyWhatATokenMayBe) {
  const TemporaryFolder folder;
  const std::string path = folder.file("token");
  ProofSource proof({.token_file = path, .token_variable = {}, .certificate_file = {}, .certificate_key_file = {}}, {});
  for (const std::string& text : {std::string(), std::string(" \n"), std::string("a b"), std::string("a\"b"),
                                  std::string("a\\b"), std::string("a\r\nX: y"), std::string("\xff"),
                                  std::string("a\0b", 3), std::string(longest_token_bytes + 1, 'a')}) {
    std::ofstream(path) << text;
    const auto token = proof.token();
    EXPECT_FALSE(token) << text.size();
    if (!token) { EXPECT_EQ(token.error().find("a b"), std::string::npos) << "no message repeats what a file holds"; }
  }
  ProofSource variable({.token_file = {}, .token_variable = "T", .certificate_file = {}, .certificate_key_file = {}},
                       [](const char* name) { return std::optional<std::string>(std::string(name) + "oken"); });
  EXPECT_EQ(variable.token()->expose(), "Token");
  ProofSource unset({.token_file = {}, .token_variable = "T", .certificate_file = {}, .certificate_key_file = {}},
                    [](const char*) { return std::optional<std::string>(); });
  EXPECT_EQ(unset.token().error(), "$T is not set");
}

TEST(Posture, HasTypes) {
  Posture posture;
  for (const char* text : {"a=true", "b=false", "c=42", "d=-1.5", "e=14.2.1", "f=", "g=inf", "h=1e3", "i=a=b"})
    EXPECT_TRUE(add_posture(posture, text)) << text;
  const Posture expected = {{"a", true},
                            {"b", false},
                            {"c", std::int64_t{42}},
                            {"d", -1.5},
                            {"e", std::string("14.2.1")},
                            {"f", std::string()},
                            {"g", std::string("inf")},
                            {"h", 1000.0},
                            {"i", std::string("a=b")}};
  EXPECT_EQ(posture, expected);
  for (const std::string& text : {std::string("novalue"), std::string("=x"), std::string("a b=1"),
                                  std::string("a=\x1b[2J"), "a=" + std::string(longest_posture_text_bytes + 1, 'x')})
    EXPECT_FALSE(add_posture(posture, text)) << text;
}

TEST(Posture, OfACommandIsLinesOrAnObject) {
  EXPECT_EQ(parse_posture("# a comment\n\n os=debian \r\nencrypted=true\n")->size(), 2U);
  EXPECT_EQ(std::get<double>(parse_posture(R"({"load": 0.5, "patched": true, "n": -3})")->at("load")), 0.5);
  EXPECT_TRUE(parse_posture("")->empty());
  for (const char* text :
       {"{", R"({"a": null})", R"({"a": []})", R"({"a": 18446744073709551615})", R"({"a b": 1})", "x"})
    EXPECT_FALSE(parse_posture(text)) << text;
  std::string many;
  for (unsigned i = 0; i <= most_posture_values; ++i) many += 'k' + std::to_string(i) + "=1\n";
  EXPECT_FALSE(parse_posture(many));
}

TEST(Requests, AreWhatTheApiTakes) {
  const PublicKey key = test_key();
  const TestJson enroll = TestJson::parse(enroll_body(key, "tok", "web-1").expose());
  EXPECT_EQ(enroll, TestJson({{"public_key", encode_key(key)}, {"token", "tok"}, {"instance", "web-1"}}));
  EXPECT_EQ(TestJson::parse(enroll_body(key, "", "").expose()).size(), 1U);
  EXPECT_EQ(TestJson::parse(renew_body(key, PublicKey{1}, "t").expose())["new_public_key"], encode_key(PublicKey{1}));
  const TestJson posture = TestJson::parse(posture_body(
      {{"a", true}, {"b", std::int64_t{1}}}, 300s,
      TunnelView{.received_bytes = 5, .sent_bytes = 6, .last_handshake_age_s = {}, .mtu = 1420, .endpoint = {}}));
  EXPECT_EQ(posture,
            TestJson::parse(
                R"({"posture":{"a":true,"b":1},"ttl_s":300,"view":{"received_bytes":5,"sent_bytes":6,"mtu":1420}})"));
}

TEST(WgDump, IsReadLineByLine) {
  const std::string key = encode_key(test_key());
  const std::string own = std::string(SecretText(generate_private_key()).view()) + '\t' + key + "\t51820\toff\n";
  const std::string peer = key + "\t(none)\t192.0.2.1:51820\t10.0.0.0/8\t1700000000\t100\t200\t25\n";
  const auto interface = parse_wg_dump(own + peer);
  ASSERT_TRUE(interface);
  ASSERT_EQ(interface->peers.size(), 1U);
  EXPECT_EQ(interface->peers[0].endpoint, "192.0.2.1:51820");
  EXPECT_EQ(interface->peers[0].sent_bytes, 200U);
  EXPECT_FALSE(parse_wg_dump("(none)\t(none)\t0\toff\n")->private_key);
  for (const std::string& text : {std::string(), std::string("x"), own + "x\n", own + key + "\t(none)\tx\n",
                                  own + key + "\t(none)\tnonsense\t\t0\t0\t0\toff\n"})
    EXPECT_FALSE(parse_wg_dump(text)) << text;
}

TEST(AddressBatch, IsOnlyTheDifference) {
  const auto prefix = [](const char* text) { return *IpPrefix::parse(text); };
  const BatchTarget target{.interface = "wg0", .table = "main", .ipv6 = false};
  const Json addresses = Json::parse(
      R"([{"addr_info":[{"local":"10.8.0.9","prefixlen":32,"scope":"global"},{"local":"10.8.0.2","prefixlen":32,"scope":"global"},
          {"local":"169.254.0.1","prefixlen":16,"scope":"link"},{"local":"nonsense","prefixlen":999}]}])");
  EXPECT_EQ(address_lines(target, {prefix("10.8.0.2/32"), prefix("10.8.0.3/32"), prefix("fd08::2/128")}, addresses),
            "address add 10.8.0.3/32 dev wg0\naddress delete 10.8.0.9/32 dev wg0\n");
  const Json routes = Json::parse(R"([{"dst":"default"},{"dst":"10.9.0.1"},{"dst":"10.0.0.0/8"},{"dst":7}])");
  EXPECT_EQ(route_lines(target, {prefix("10.0.0.0/8")}, routes),
            "route replace 10.0.0.0/8 dev wg0 proto static table main\n"
            "route delete 0.0.0.0/0 dev wg0 proto static table main\n"
            "route delete 10.9.0.1/32 dev wg0 proto static table main\n");
}

TEST(Program, RunsWithoutAShellAndWithinItsBounds) {
  const auto echoed = run_program({"/bin/cat"}, "secret", {});
  ASSERT_TRUE(echoed) << echoed.error();
  EXPECT_EQ(echoed->output, "secret");
  EXPECT_EQ(run_program({"/bin/echo", "$HOME; reboot"}, {}, {})->output, "$HOME; reboot\n");
  EXPECT_EQ(run_program({"/bin/sh", "-c", "exit 7"}, "not read", {})->exit_code, 7);
  EXPECT_EQ(run_program({"/usr/bin/env"}, {}, {"A=b"})->output, "A=b\n");
  EXPECT_FALSE(run_program({"/nonexistent/program"}, {}, {}));
  const ProgramLimits tight{.time = 300ms, .output_bytes = 1000};
  EXPECT_NE(run_program({"/bin/sleep", "30"}, {}, {}, tight).error().find("does not end"), std::string::npos);
  EXPECT_NE(run_program({"/bin/cat", "/dev/zero"}, {}, {}, tight).error().find("prints more"), std::string::npos);
  EXPECT_NE(run_program({"/bin/sh", "-c", "kill -9 $$"}, {}, {}).error().find("signal 9"), std::string::npos);
}

TEST(Program, DoesNotWaitForADaemonThatItLeaves) {
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(run_program({"/bin/sh", "-c", "sleep 8 & exit 0"}, {}, {"PATH=/usr/bin:/bin"}));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 6s);
}

TEST(Program, IsFoundInASearchPath) {
  EXPECT_EQ(find_program("sh", "/nonexistent:/bin"), "/bin/sh");
  EXPECT_EQ(find_program("sh", ""), "");
  EXPECT_EQ(find_program("bin", "/usr"), "") << "a folder is no program";
}

// --- The schedule --------------------------------------------------------------------------------------------------

using Task = SessionSchedule::Task;

SessionSchedule::Settings plan(std::optional<std::chrono::seconds> posture = {},
                               std::optional<std::chrono::seconds> key_age = {}) {
  return {.posture_ttl = posture, .key_age = key_age, .seed = 42};
}

TEST(SessionSchedule, RenewsWhenTwoThirdsOfTheTimeHavePassed) {
  SessionSchedule schedule(plan(), 1s);
  EXPECT_EQ(schedule.next(1s).task, Task::enroll);
  schedule.on_granted(1s, Task::enroll, 3600s);
  EXPECT_EQ(schedule.next(1s).task, Task::renew);
  EXPECT_EQ(schedule.next(1s).at, 2401s);
  schedule.on_granted(2401s, Task::renew, 3600s);
  EXPECT_EQ(schedule.next(2401s).at, 4801s);
}

TEST(SessionSchedule, BacksOffFromASecondToAMinuteWithJitter) {
  SessionSchedule schedule(plan(), 0s);
  SessionSchedule::Time at{0};
  std::vector<SessionSchedule::Time> pauses;
  for (int i = 0; i < 12; ++i) {
    schedule.on_unanswered(at, Task::enroll, {});
    pauses.push_back(schedule.next(at).at - at);
    at = schedule.next(at).at;
    EXPECT_GE(pauses.back(), 1s);
    EXPECT_LE(pauses.back(), 60s);
  }
  EXPECT_LE(pauses.front(), 1500ms);
  EXPECT_GE(pauses.back(), 30s);
  EXPECT_NE(pauses[10], pauses[11]) << "jitter";
  schedule.on_unanswered(at, Task::enroll, 200s);
  EXPECT_EQ(schedule.next(at).at, at + 200s) << "as long as the gateway asked for";
}

TEST(SessionSchedule, EnrolsAgainAtOnceWhenARenewalIsRefusedAndThenPatiently) {
  SessionSchedule schedule(plan(), 0s);
  schedule.on_granted(0s, Task::enroll, 3600s);
  schedule.on_refused(2400s, Task::renew);
  EXPECT_EQ(schedule.next(2400s).task, Task::enroll);
  EXPECT_LE(schedule.next(2400s).at, 2400s);
  for (SessionSchedule::Time at = 2400s; at < 10'000s; at = schedule.next(at).at) {
    schedule.on_refused(at, Task::enroll);
    EXPECT_EQ(schedule.next(at).task, Task::enroll);
    EXPECT_GE(schedule.next(at).at - at, 1s);
    EXPECT_LE(schedule.next(at).at - at, 60s);
  }
}

TEST(SessionSchedule, EnrolsWhenTheSessionIsOver) {
  SessionSchedule schedule(plan(), 0s);
  schedule.on_granted(0s, Task::enroll, 60s);
  for (SessionSchedule::Time at = 40s; at < 60s; at = schedule.next(at).at) schedule.on_unanswered(at, Task::renew, {});
  EXPECT_EQ(schedule.next(61s).task, Task::enroll);
}

TEST(SessionSchedule, TriesAnotherProofAtOnce) {
  SessionSchedule schedule(plan(), 0s);
  schedule.on_granted(0s, Task::enroll, 3600s);
  schedule.on_proof_changed(100s);
  EXPECT_EQ(schedule.next(100s).task, Task::renew);
  EXPECT_EQ(schedule.next(100s).at, 100s);
}

TEST(SessionSchedule, SaysPostureAtOnceAndAtHalfOfItsTime) {
  SessionSchedule schedule(plan(300s), 0s);
  EXPECT_EQ(schedule.next(0s).task, Task::enroll);
  schedule.on_granted(5s, Task::enroll, 3600s);
  EXPECT_EQ(schedule.next(5s).task, Task::posture);
  schedule.on_posture_taken(5s);
  EXPECT_EQ(schedule.next(5s).at, 155s);
  schedule.on_unanswered(155s, Task::posture, {});
  EXPECT_LE(schedule.next(155s).at, 157s);
  schedule.on_refused(157s, Task::posture);
  EXPECT_EQ(schedule.next(157s).task, Task::renew) << "what is the session worth?";
  schedule.on_granted(158s, Task::enroll, 3600s);
  EXPECT_EQ(schedule.next(158s).task, Task::posture) << "a new session knows none";
  EXPECT_EQ(schedule.next(158s).at, 158s);
}

TEST(SessionSchedule, RotatesTheKeyAndWaitsWhileRenewalsFail) {
  SessionSchedule schedule(plan({}, 600s), 0s);
  schedule.on_granted(0s, Task::enroll, 3600s);
  EXPECT_EQ(schedule.next(0s).task, Task::rotate);
  EXPECT_EQ(schedule.next(0s).at, 600s);
  schedule.on_unanswered(600s, Task::rotate, {});
  EXPECT_EQ(schedule.next(600s).task, Task::renew);
  EXPECT_GE(schedule.next(600s).at, 601s);
  schedule.on_granted(602s, Task::renew, 3600s);
  EXPECT_EQ(schedule.next(602s).task, Task::rotate);
  schedule.on_granted(602s, Task::rotate, 3600s);
  EXPECT_EQ(schedule.next(602s).at, 1202s);
}

}  // namespace
}  // namespace sallyport::ctl::enroll_parts_test
