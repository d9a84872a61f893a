// `sallyctl enroll` as a whole, once, against a TLS server: right ones and hostile ones.
#include <sys/stat.h>

#include <filesystem>

#include "tests/unit/sallyctl/enroll_fixture.hpp"
#include "tools/ctl/enroll/client_key.hpp"
#include "tools/ctl/key_material.hpp"

namespace sallyport::ctl::enroll_test {
namespace {

using Json = nlohmann::json;

TEST_F(EnrollTest, WritesAFileForWgQuickForItsOwnerAlone) {
  serve([](const TlsRequest& request) { return good_answer(request); });
  const auto outcome = enroll({"--write", path("wg0.conf"), "--instance", "web-1"});
  ASSERT_EQ(outcome.code, ExitCode::success) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("enrolled session=8d1f0c2b7a6e5d43 identity=sa:prod-eu/shop/frontend "))
      << outcome.out;
  EXPECT_TRUE(has(outcome.out, " addresses=10.8.128.2/32,fd08:1::2/128 gateway=192.0.2.1:51820 ")) << outcome.out;
  EXPECT_FALSE(has(outcome.out + outcome.err, "session-token-1"));
  EXPECT_EQ(outcome.err, "");
  struct ::stat status {};
  ASSERT_EQ(::stat(path("wg0.conf").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(server_->requests().size(), 1U);
  const TlsRequest request = server_->requests()[0];
  EXPECT_EQ(request.method + ' ' + request.target, "POST /v1/enroll");
  const Json body = Json::parse(request.body);
  EXPECT_EQ(body["token"], "the-token");
  EXPECT_EQ(body["instance"], "web-1");
  EXPECT_EQ(body["public_key"], encode_key(public_key_of(key_of_wg_quick_file(path("wg0.conf")))));
}

TEST_F(EnrollTest, KeepsItsKeyFromRunToRun) {
  serve([](const TlsRequest& request) { return good_answer(request); });
  for (int i = 0; i < 2; ++i) ASSERT_EQ(enroll({"--write", path("wg0.conf")}).code, ExitCode::success);
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(enroll({"--write", path("wg1.conf"), "--key-file", path("wg.key")}).code, ExitCode::success);
  std::vector<std::string> keys;
  for (const TlsRequest& request : server_->requests()) keys.push_back(Json::parse(request.body)["public_key"]);
  EXPECT_EQ(keys[0], keys[1]);
  EXPECT_EQ(keys[2], keys[3]);
  EXPECT_NE(keys[1], keys[2]);
  EXPECT_EQ(encode_key(public_key_of(*load_or_make_key(path("wg.key")))), keys[3]);
}

TEST_F(EnrollTest, AnswersInJson) {
  serve([](const TlsRequest& request) { return good_answer(request); });
  const auto outcome = enroll({"--write", path("wg0.conf"), "--json"});
  const Json document = Json::parse(outcome.out);
  EXPECT_EQ(document["event"], "enrolled");
  EXPECT_EQ(document["routes"].size(), 2U);
  EXPECT_FALSE(document.contains("session_token"));
}

TEST_F(EnrollTest, ProvesItselfWithAVariableOrACertificate) {
  serve([](const TlsRequest& request) { return good_answer(request); });
  ASSERT_EQ(enroll({"--write", path("wg0.conf"), "--token-env", "PROOF"}).code, ExitCode::success);
  EXPECT_EQ(Json::parse(server_->requests()[0].body)["token"], "token-of-variable");
  const TestIdentity machine = make_certificate({.common_name = "machine-7", .names = {}}, &ca_);
  serve_raw([](const TlsRequest& request, const TlsServer::Write& write) { (void)write(good_answer(request)); },
            gateway_, ca_.certificate);
  const auto outcome = enroll({"--write", path("wg0.conf"), "--certificate", file("m.pem", machine.certificate),
                               "--certificate-key", file("m.key", machine.key)});
  ASSERT_EQ(outcome.code, ExitCode::success) << outcome.err;
  EXPECT_EQ(server_->requests()[0].client_subject, "CN = machine-7");
  EXPECT_FALSE(Json::parse(server_->requests()[0].body).contains("token"));
  const auto mixed = enroll(
      {"--write", path("wg0.conf"), "--certificate", path("m.pem"), "--certificate-key", file("other.key", ca_.key)});
  EXPECT_EQ(mixed.code, ExitCode::failed);
  EXPECT_TRUE(has(mixed.err, "expected the key of")) << mixed.err;
}

TEST_F(EnrollTest, SaysPostureOnce) {
  serve([](const TlsRequest& request) { return good_answer(request); });
  const std::string command = file("measure", "#!/bin/sh\necho '{\"patched\": true, \"age\": 3}'\n");
  ::chmod(command.c_str(), 0700);
  const auto outcome = enroll({"--write", path("wg0.conf"), "--posture", "disk_encrypted=true", "--posture", "age=9",
                               "--posture-command", command, "--posture-ttl", "10m"});
  ASSERT_EQ(outcome.code, ExitCode::success) << outcome.err;
  ASSERT_EQ(server_->requests().size(), 2U);
  const TlsRequest request = server_->requests()[1];
  EXPECT_TRUE(has(request.head, "Authorization: Bearer session-token-1")) << request.head;
  EXPECT_EQ(Json::parse(request.body),
            Json::parse(R"({"posture":{"age":3,"disk_encrypted":true,"patched":true},"ttl_s":600})"));
}

TEST_F(EnrollTest, BelievesNobodyWhoIsNotTheGateway) {
  const auto attempt = [&](const TestIdentity& identity, const std::string& host) {
    serve_raw([](const TlsRequest& request, const TlsServer::Write& write) { (void)write(good_answer(request)); },
              identity);
    const auto outcome = enroll({"--write", path("wg0.conf")}, host);
    EXPECT_EQ(outcome.code, ExitCode::failed) << outcome.out;
    EXPECT_TRUE(has(outcome.err, "this is not the gateway: ")) << outcome.err;
    EXPECT_TRUE(server_->requests().empty()) << "the token must not be sent";
    EXPECT_FALSE(std::filesystem::exists(path("wg0.conf")));
  };
  const TestIdentity other_ca = make_certificate({.common_name = "Test CA", .names = {}, .is_ca = true});
  attempt(make_certificate({.common_name = "localhost", .names = {"DNS:localhost"}}, &other_ca), "localhost");
  attempt(make_certificate({.common_name = "localhost", .names = {"DNS:localhost"}}), "localhost");
  attempt(make_certificate({.common_name = "localhost", .names = {"DNS:other.example"}}, &ca_), "localhost");
  attempt(make_certificate({.common_name = "x", .names = {"DNS:localhost"}}, &ca_), "127.0.0.1");
  attempt(make_certificate({.common_name = "x", .names = {"DNS:127.0.0.1"}}, &ca_), "127.0.0.1");
  attempt(make_certificate(
              {.common_name = "x", .names = {"DNS:localhost"}, .valid_from_s = -7200, .valid_until_s = -3600}, &ca_),
          "localhost");
  serve([](const TlsRequest& request) { return good_answer(request); });
  EXPECT_EQ(enroll({"--write", path("wg0.conf")}, "127.0.0.1").code, ExitCode::success) << "an address, named as one";
}

TEST_F(EnrollTest, SaysWhyInOneLine) {
  const std::vector<std::pair<std::string, std::string>> answers = {
      {http_answer(403, R"({"error":"refused"})"), "the gateway refused the proof; its log says why"},
      {http_answer(400, R"({"error":"public_key: expected \u001b[2J"})"),
       "the gateway answers: public_key: expected ?[2J"},
      {http_answer(409, R"({"error":"too many sessions"})"), "too many sessions"},
      {http_answer(429, R"({"error":"slow down"})", "application/json", "Retry-After: 7\r\n"), "slow down"},
      {http_answer(503, "<html>"), "status 503"},
      {http_answer(404, "{}"), "there is no enrolment API"},
      {http_answer(302, "", "text/html", "Location: https://localhost:1/\r\n"), "elsewhere (status 302)"},
      {http_answer(200, "<html>hello</html>", "text/html"), "'text/html' instead of application/json"},
      {http_answer(200, "<html>hello</html>"), "no JSON object"},
      {http_answer(200, "{}"), "'session' of the answer"},
      {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", "too early"},
      {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}", "not marked"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "makes no sense"},
      {"", "too early"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "makes no sense"}};
  for (const auto& [answer, words] : answers) {
    serve([&answer = answer](const TlsRequest&) { return answer; });
    const auto outcome = enroll({"--write", path("wg0.conf")});
    EXPECT_EQ(outcome.code, ExitCode::failed) << words;
    EXPECT_TRUE(has(outcome.err, words)) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_FALSE(has(outcome.err, "\x1b"));
    EXPECT_FALSE(has(outcome.err, "the-token"));
    EXPECT_EQ(server_->requests().size(), 1U) << "once, and no redirect is followed";
    EXPECT_FALSE(std::filesystem::exists(path("wg0.conf")));
  }
}

TEST_F(EnrollTest, EndsAnAnswerWithoutAnEnd) {
  for (const std::string start :
       {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", "HTTP/1.1 200 OK\r\n"}) {
    serve_raw(
        [&start](const TlsRequest&, const TlsServer::Write& write) {
          const std::string piece = start.ends_with("\r\n\r\n") ? "1000\r\n" + std::string(4096, 'a') + "\r\n"
                                                                : "X-Filler: " + std::string(4000, 'a') + "\r\n";
          bool open = write(start);
          for (int i = 0; open && i < 100'000; ++i) open = write(piece);
          EXPECT_FALSE(open) << "the client read 400 MB";
        },
        gateway_);
    const auto outcome = enroll({"--write", path("wg0.conf")});
    EXPECT_EQ(outcome.code, ExitCode::failed);
    EXPECT_TRUE(has(outcome.err, "makes no sense")) << outcome.err;
  }
}

TEST_F(EnrollTest, LetsNoTextOfAnAnswerIntoTheFile) {
  const std::vector<std::pair<std::string, Json>> injections = {
      {"/gateway/endpoint", "192.0.2.1:51820\nPostUp = touch /tmp/x"},
      {"/dns/0", "10.0.0.53\nPostUp = touch /tmp/x"},
      {"/identity", "sa:x\nPostUp = touch /tmp/x"},
      {"/addresses/0", "10.8.0.2/32\n[Interface]\nPostUp = x"},
      {"/session", "x\nPostUp = x"},
      {"/expires_at", "2020-01-01T00:00:00Z"}};
  for (const auto& [where, value] : injections) {
    serve([&, where = where, value = value](const TlsRequest& request) {
      Json document = grant_document(*decode_key(Json::parse(request.body)["public_key"].get<std::string>()),
                                     "2099-01-01T00:00:00Z");
      document[Json::json_pointer(where)] = value;
      return http_answer(200, document.dump());
    });
    EXPECT_EQ(enroll({"--write", path("wg0.conf")}).code, ExitCode::failed) << where;
    EXPECT_FALSE(std::filesystem::exists(path("wg0.conf"))) << where;
  }
}

TEST_F(EnrollTest, SaysThatNobodyAnswers) {
  serve([](const TlsRequest& request) { return good_answer(request); });
  auto all = arguments({"--write", path("wg0.conf")});
  server_.reset();
  const auto outcome = call(all);
  EXPECT_EQ(outcome.code, ExitCode::unreachable);
  EXPECT_TRUE(has(outcome.err, "the gateway does not answer: ")) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "refused")) << outcome.err;
  all[2] = "https://no-such-name.invalid";
  EXPECT_EQ(call(all).code, ExitCode::unreachable);
}

TEST_F(EnrollTest, ExplainsItsCommandLine) {
  serve([](const TlsRequest& request) { return good_answer(request); });
  const std::string conf = path("wg0.conf");
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"--write", conf, "--interface", "wg0"},
      {"--write", conf, "--token-env", "X", "--token-file", path("token")},
      {"--write", conf, "--certificate", "x"},
      {"--interface", "-x"},
      {"--interface", "a/b"},
      {"--interface", "sixteen-letters-"},
      {"--write", conf, "--instance", "a b"},
      {"--write", conf, "--posture", "x"},
      {"--write", conf, "--posture-ttl", "5"},
      {"--write", conf, "--posture-command", "relative"},
      {"--write", conf, "--rotate-key", "1h"},
      {"--write", conf, "--stay", "--rotate-key", "1h"},
      {"--write", conf, "--gateway", "https://x"}};
  for (const auto& more : wrong) EXPECT_EQ(enroll(more).code, ExitCode::usage) << testing::PrintToString(more);
  EXPECT_EQ(call({"enroll"}).code, ExitCode::usage);
  EXPECT_EQ(call({"enroll", "--gateway", "http://localhost", "--token-file", "t", "--write", conf}).code,
            ExitCode::usage);
  EXPECT_TRUE(has(call({"enroll", "--help"}).out, "--posture-command CMD"));
  EXPECT_TRUE(server_->requests().empty());
  auto no_ca = arguments({"--write", conf});
  no_ca[4] = path("absent.pem");
  const auto outcome = call(no_ca);
  EXPECT_EQ(outcome.code, ExitCode::failed);
  EXPECT_TRUE(has(outcome.err, "--ca " + path("absent.pem"))) << outcome.err;
}

TEST_F(EnrollTest, PrintsTheNonceOfItsKey) {
  const auto nonce = call({"enroll", "--print-nonce", "--key-file", path("wg.key")});
  ASSERT_EQ(nonce.code, ExitCode::success) << nonce.err;
  EXPECT_EQ(nonce.out, nonce_of(public_key_of(*load_or_make_key(path("wg.key")))) + '\n');
  EXPECT_EQ(call({"enroll", "--print-nonce"}).code, ExitCode::usage);
}

// --- The interface -------------------------------------------------------------------------------------------------

TEST_F(EnrollTest, MakesAnInterface) {
  make_programs();
  serve([](const TlsRequest& request) { return good_answer(request); });
  const auto outcome = enroll({"--interface", "wg0"});
  ASSERT_EQ(outcome.code, ExitCode::success) << outcome.err;
  const std::string log = read("log");
  for (const char* line :
       {"ip link add dev wg0 type wireguard\n", "ip link set dev wg0 alias sallyctl enroll\n",
        "wg set wg0 private-key /dev/stdin\n", "ip link set dev wg0 mtu 1420 up\n",
        "ip -4 address add 10.8.128.2/32 dev wg0\n", "ip -6 address add fd08:1::2/128 dev wg0\n",
        "ip -4 route replace 10.20.0.0/16 dev wg0 proto static table main\n", "wg set wg0 fwmark 0\n"})
    EXPECT_TRUE(has(log, line)) << line << log;
  EXPECT_TRUE(has(log, "wg set wg0 peer " + encode_key(gateway_test_key()) +
                           " preshared-key /dev/stdin endpoint 192.0.2.1:51820 persistent-keepalive 25 allowed-ips "
                           "10.8.0.0/16,10.20.0.0/16\n"))
      << log;
  EXPECT_EQ(read("preshared"), preshared_test_key + "\n");
  EXPECT_FALSE(has(log, preshared_test_key)) << "no key in a command line";
  EXPECT_FALSE(has(outcome.out, preshared_test_key)) << "nor in the output";
  const auto key = read_key_text(read("stdin"));
  ASSERT_TRUE(key);
  EXPECT_EQ(Json::parse(server_->requests()[0].body)["public_key"], encode_key(public_key_of(*key)));
  EXPECT_FALSE(has(log, std::string(SecretText(*key).view()))) << "no key in a command line";
  EXPECT_TRUE(has(outcome.err, "note: the tunnel's name servers (10.0.0.53) are not in use")) << outcome.err;
}

TEST_F(EnrollTest, FallsBackToWireguardGo) {
  make_programs();
  (void)file("fail", "link add\n");
  serve([](const TlsRequest& request) { return good_answer(request); });
  const auto outcome = enroll({"--interface", "wg0"});
  ASSERT_EQ(outcome.code, ExitCode::success) << outcome.err;
  EXPECT_TRUE(has(read("log"), "wireguard-go wg0\n"));
  EXPECT_TRUE(has(outcome.err, "made by wireguard-go")) << outcome.err;
}

TEST_F(EnrollTest, PassesADefaultRouteOfTheTunnelByWithAMark) {
  make_programs();
  serve([](const TlsRequest& request) {
    const std::string answer = good_answer(request);
    Json document = Json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
    document["routes"] = {"0.0.0.0/0"};
    return http_answer(200, document.dump());
  });
  const auto outcome = enroll({"--interface", "wg0"});
  ASSERT_EQ(outcome.code, ExitCode::success) << outcome.err;
  const std::string log = read("log");
  const std::size_t at = log.find("ip -4 rule add not fwmark ");
  ASSERT_NE(at, std::string::npos) << log;
  const std::string mark = log.substr(at + 26, log.find(' ', at + 26) - at - 26);
  EXPECT_TRUE(has(log, "wg set wg0 fwmark " + mark + '\n')) << log;
  EXPECT_TRUE(has(log, "ip -4 route replace 0.0.0.0/0 dev wg0 proto static table " + mark + '\n')) << log;
  EXPECT_TRUE(has(log, "ip -4 rule add table main suppress_prefixlength 0\n")) << log;
}

TEST_F(EnrollTest, TakesAnEarlierRunsInterfaceOverWithItsKey) {
  make_programs();
  const PrivateKey key = generate_private_key();
  const std::string own = std::string(SecretText(key).view()) + '\t' + encode_key(public_key_of(key)) + "\t1\toff\n";
  const std::string stale = encode_key(PublicKey{7});
  (void)file("links", R"([{"ifname":"wg0","ifalias":"sallyctl enroll"}])");
  (void)file("dump", own + stale + "\t(none)\t(none)\t10.0.0.0/8\t0\t0\t0\toff\n");
  serve([](const TlsRequest& request) { return good_answer(request); });
  const auto outcome = enroll({"--interface", "wg0"});
  ASSERT_EQ(outcome.code, ExitCode::success) << outcome.err;
  EXPECT_EQ(Json::parse(server_->requests()[0].body)["public_key"], encode_key(public_key_of(key)));
  EXPECT_FALSE(has(read("log"), "link add"));
}

TEST_F(EnrollTest, ForgetsTheFormerSessionsKeys) {
  make_programs();
  const std::string peer = encode_key(gateway_test_key());
  (void)file("links", R"([{"ifname":"wg0","ifalias":"sallyctl enroll"}])");
  (void)file("dump", "(none)\t(none)\t1\toff\n" + peer + "\t(none)\t192.0.2.1:51820\t10.0.0.0/8\t1\t0\t0\toff\n");
  serve([](const TlsRequest& request) { return good_answer(request); });
  ASSERT_EQ(enroll({"--interface", "wg0"}).code, ExitCode::success);
  const std::string log = read("log");
  const auto removed = log.find("wg set wg0 peer " + peer + " remove\n");
  const auto set = log.find("wg set wg0 peer " + peer + " preshared-key ");
  EXPECT_LT(removed, set) << log;
  EXPECT_NE(set, std::string::npos) << log;
}

TEST_F(EnrollTest, LeavesForeignInterfacesAlone) {
  make_programs();
  serve([](const TlsRequest& request) { return good_answer(request); });
  (void)file("links", R"([{"ifname":"eth0"},{"ifname":"wg0"}])");
  (void)file("dump",
             "(none)\t(none)\t0\toff\n" + encode_key(PublicKey{7}) + "\t(none)\t(none)\t(none)\t0\t0\t0\toff\n");
  const auto foreign = enroll({"--interface", "wg0"});
  EXPECT_EQ(foreign.code, ExitCode::failed);
  EXPECT_TRUE(has(foreign.err, "was not made by 'sallyctl enroll'")) << foreign.err;
  std::filesystem::remove(path("dump"));
  const auto other = enroll({"--interface", "eth0"});
  EXPECT_EQ(other.code, ExitCode::failed);
  EXPECT_TRUE(has(other.err, "is no WireGuard interface")) << other.err;
  EXPECT_TRUE(server_->requests().empty());
  EXPECT_FALSE(has(read("log"), " set "));
}

TEST_F(EnrollTest, EndsTheSessionOfATunnelThatCannotBeMade) {
  make_programs();
  (void)file("fail", "mtu\n");
  serve([](const TlsRequest& request) { return good_answer(request); });
  const auto outcome = enroll({"--interface", "wg0"});
  EXPECT_EQ(outcome.code, ExitCode::failed);
  EXPECT_TRUE(has(outcome.err, "'ip link set dev wg0 mtu 1420 up' failed: no such luck")) << outcome.err;
  EXPECT_EQ(server_->requests().back().method + ' ' + server_->requests().back().target, "DELETE /v1/session");
  EXPECT_TRUE(has(read("log"), "ip link delete dev wg0\n"));
}

}  // namespace
}  // namespace sallyport::ctl::enroll_test
