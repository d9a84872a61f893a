#include "controlplane/trust/trust_sources.hpp"

#include <filesystem>
#include <fstream>
#include <mutex>

#include <gtest/gtest.h>

#include "tests/unit/https/client_lab.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace sallyport::controlplane::trust_sources_test {
namespace {

using namespace std::chrono_literals;

constexpr policy::TimePoint start{std::chrono::seconds(1'800'000'000)};

// RFC 7517, A.1, under a name of ours.
std::string jwks(const std::string& kid) {
  return R"({"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
         R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":")" +
         kid + R"("}]})";
}

std::string answer(const std::string& body, const std::string& type = "application/json") {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

policy::Issuer oidc(const std::string& name) {
  policy::Issuer issuer;
  issuer.name = name;
  issuer.type = policy::IssuerType::oidc;
  issuer.issuer = "https://" + name + ".example.com";
  issuer.audience = "sallyport";
  return issuer;
}

class TrustSourcesLab : public ::testing::Test {
 protected:
  void set(const std::vector<policy::Issuer>& issuers) {
    sources.set_issuers(issuers, std::filesystem::path(folder.file("")), now);
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder.file(name)) << text; }
  void pass(std::chrono::seconds time) {
    now += time;
    sources.tick(now);
  }
  [[nodiscard]] std::string kids() const {
    std::string all;
    for (const TrustSourceStatus& status : sources.status())
      for (const KeySet::KeyInfo& key : status.keys) all += key.kid + ' ';
    return all;
  }
  [[nodiscard]] std::string problem() const {
    const auto problems = sources.problems();
    return problems.empty() ? std::string() : problems.front().why;
  }

  // A server whose next answer the test sets.
  void serve(const std::string& bytes) {
    const std::lock_guard lock(mutex);
    next_answer = bytes;
  }
  policy::Issuer of_url(const ScriptedServer& server, const std::string& name = "corp") {
    write("ca.pem", test_ca().pem());
    policy::Issuer issuer = oidc(name);
    issuer.jwks_url = "https://127.0.0.1:" + std::to_string(server.port()) + "/jwks";
    issuer.jwks_ca_file = "ca.pem";
    return issuer;
  }
  void wait_for(const std::function<bool()>& condition) {
    lab.run_until(condition);
    EXPECT_TRUE(condition()) << kids() << problem();
  }
  // Lets what is under way come to its end.
  void settle(const ScriptedServer& server, unsigned fetches) {
    wait_for([&] { return server.connections() >= fetches; });
    lab.loop.restart();
    lab.loop.run_for(100ms);
    EXPECT_EQ(server.connections(), fetches);
  }
  ScriptedServer::OnTls answering() {
    return [this](BlockingTls& tls) {
      (void)tls.receive_until("\r\n\r\n");
      std::string bytes;
      {
        const std::lock_guard lock(mutex);
        bytes = next_answer;
      }
      tls.send(bytes);
      tls.end();
    };
  }

  TemporaryFolder folder;
  ClientLab lab;
  std::mutex mutex;  // guards next_answer
  std::string next_answer;
  policy::TimePoint now = start;
  unsigned changes = 0;
  std::shared_ptr<const TrustStore> newest;
  TrustSources sources{lab.loop, [this](std::shared_ptr<const TrustStore> store) {
                         ++changes;
                         newest = std::move(store);
                       }};
};

TEST_F(TrustSourcesLab, ReadsFilesAtOnceAndAgainWhenTheyChange) {
  write("corp.json", jwks("one"));
  policy::Issuer issuer = oidc("corp");
  issuer.jwks_file = "corp.json";
  EXPECT_TRUE(sources.store()->issuers().empty());
  set({issuer});
  EXPECT_EQ(changes, 1U) << "before it returns";
  ASSERT_EQ(newest->issuers().size(), 1U);
  EXPECT_EQ(newest->issuers()[0].keys->keys()[0].kid, "one");
  EXPECT_EQ(sources.status()[0].read_at, start);
  EXPECT_EQ(sources.status()[0].source, folder.file("corp.json"));
  pass(1s);
  EXPECT_EQ(changes, 1U);
  write("corp.json", jwks("another"));
  pass(1s);
  EXPECT_EQ(changes, 2U);
  EXPECT_EQ(newest->issuers()[0].keys->keys()[0].kid, "another");
  EXPECT_EQ(sources.store(), newest);
}

TEST_F(TrustSourcesLab, KeepsWhatWasGoodWhileAFileIsBrokenOrGone) {
  write("corp.json", jwks("one"));
  policy::Issuer issuer = oidc("corp");
  issuer.jwks_file = "corp.json";
  set({issuer});
  const auto before = newest;
  for (const std::string& bad :
       {std::string("{\"keys\":["), std::string(), std::string("{\"keys\":[]}"), std::string(2 << 20, ' ')}) {
    write("corp.json", bad);
    pass(1s);
    EXPECT_NE(problem(), "") << bad.substr(0, 20);
    EXPECT_EQ(kids(), "one ");
  }
  std::filesystem::remove(folder.file("corp.json"));
  pass(1s);
  EXPECT_TRUE(has(problem(), "No such file")) << problem();
  EXPECT_EQ(sources.problems()[0].what, "issuer corp");
  EXPECT_EQ(newest, before);
  EXPECT_EQ(changes, 1U);
  write("corp.json", jwks("one"));
  pass(1s);
  EXPECT_EQ(problem(), "");
  EXPECT_EQ(changes, 1U) << "the same as before";
}

TEST_F(TrustSourcesLab, FindsFilesBesideThePolicyFileThatNamesThem) {
  std::filesystem::create_directories(folder.file("conf/jwks"));
  write("conf/jwks/corp.json", jwks("beside"));
  policy::Issuer issuer = oidc("corp");
  issuer.jwks_file = "jwks/corp.json";
  issuer.location.file = std::make_shared<const std::string>(folder.file("conf/policy.toml"));
  set({issuer});
  EXPECT_EQ(kids(), "beside ");
  issuer.location.file = std::make_shared<const std::string>("policy.toml");
  set({issuer});
  EXPECT_TRUE(has(problem(), folder.file("jwks/corp.json"))) << problem();
  EXPECT_EQ(kids(), "") << "another place, other keys";
}

TEST_F(TrustSourcesLab, ReadsBundlesByTrustDomain) {
  write("prod.pem", test_ca().pem());
  write("prod.json", jwks("svid"));
  policy::Issuer x509 = oidc("mesh");
  x509.type = policy::IssuerType::spiffe_x509;
  x509.bundles = {{"prod", "prod.pem"}, {"lab", "missing.pem"}};
  policy::Issuer jwt = oidc("jwt");
  jwt.type = policy::IssuerType::spiffe_jwt;
  jwt.bundles = {{"prod", "prod.json"}};
  set({x509, jwt});
  ASSERT_EQ(newest->issuers().size(), 2U);
  EXPECT_EQ(newest->issuers()[0].bundles.size(), 1U);
  EXPECT_TRUE(newest->issuers()[0].bundles.contains("prod"));
  EXPECT_TRUE(newest->issuers()[1].domain_keys.contains("prod"));
  EXPECT_EQ(newest->issuers()[1].keys, nullptr);
  ASSERT_EQ(sources.problems().size(), 1U);
  EXPECT_EQ(sources.problems()[0].what, "issuer mesh, trust domain lab");
  EXPECT_EQ(sources.status()[0].certificates.size(), 1U);
}

TEST_F(TrustSourcesLab, FetchesUrlsSoonAndRefreshesThem) {
  serve(answer(jwks("one"), "application/jwk-set+json; charset=utf-8"));
  const ScriptedServer server(test_ca().issue(), answering());
  set({of_url(server)});
  EXPECT_EQ(newest->issuers()[0].keys, nullptr);
  wait_for([&] { return changes == 2; });
  EXPECT_EQ(newest->issuers()[0].keys->keys()[0].kid, "one");
  serve(answer(jwks("two")));
  pass(239s);
  settle(server, 1);
  pass(122s);
  wait_for([&] { return changes == 3; });
  EXPECT_EQ(kids(), "two ");
  EXPECT_EQ(sources.status()[0].read_at, now);
  EXPECT_EQ(problem(), "");
}

TEST_F(TrustSourcesLab, KeepsItsKeysWhateverTheServerSays) {
  serve(answer(jwks("one")));
  const ScriptedServer server(test_ca().issue(), answering());
  set({of_url(server)});
  wait_for([&] { return changes == 2; });
  struct Wrong {
    std::string bytes, problem;
  };
  unsigned fetches = 1;
  for (const Wrong& wrong : std::vector<Wrong>{
           {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "the answer has status 503, expected 200"},
           {"HTTP/1.1 302 Found\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n", "the answer is a redirect, 302"},
           {answer("<html>", "text/html"), "the answer is text/html, expected application/json"},
           {answer(jwks("two").substr(0, 50)), ""},
           {answer(std::string((1 << 20) + 1, ' ')), "the answer has 1048577 bytes, expected 1048576 at most"},
           {"", "the server closed the connection before its answer was complete"}}) {
    serve(wrong.bytes);
    pass(361s);
    wait_for([&] { return has(problem(), wrong.problem) && problem() != ""; });
    settle(server, ++fetches);
    EXPECT_EQ(kids(), "one ");
  }
  EXPECT_EQ(changes, 2U);
  serve(answer(jwks("one")));
  pass(361s);
  wait_for([&] { return problem().empty(); });
  EXPECT_EQ(changes, 2U) << "the same as before";
}

TEST_F(TrustSourcesLab, TriesAgainAfterAFailureBeforeTheNextRefresh) {
  serve("HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n");
  const ScriptedServer server(test_ca().issue(), answering());
  set({of_url(server)});
  wait_for([&] { return !problem().empty(); });
  serve(answer(jwks("one")));
  pass(11s);
  settle(server, 1);
  pass(8s);
  wait_for([&] { return changes == 2; });
  EXPECT_EQ(kids(), "one ");
}

TEST_F(TrustSourcesLab, FetchesForAnUnknownKeyAtMostEveryTenSeconds) {
  serve(answer(jwks("one")));
  const ScriptedServer server(test_ca().issue(), answering());
  set({of_url(server)});
  wait_for([&] { return changes == 2; });
  serve(answer(jwks("two")));
  for (unsigned i = 0; i < 100; ++i) sources.refresh("corp", now);
  sources.refresh("nobody", now + 60s);
  settle(server, 1);
  now += 10s;
  for (unsigned i = 0; i < 100; ++i) sources.refresh("corp", now);
  wait_for([&] { return changes == 3; });
  for (unsigned i = 0; i < 100; ++i) sources.refresh("corp", now + 9s);
  settle(server, 2);
  EXPECT_EQ(kids(), "two ");
}

TEST_F(TrustSourcesLab, KeepsWhatItKnowsOfAnIssuerThatStays) {
  serve(answer(jwks("one")));
  const ScriptedServer server(test_ca().issue(), answering());
  policy::Issuer corp = of_url(server);
  set({corp});
  wait_for([&] { return changes == 2; });
  corp.audience = "another";
  write("other.json", jwks("other"));
  policy::Issuer other = oidc("other");
  other.jwks_file = "other.json";
  set({other, corp});
  EXPECT_EQ(kids(), "other one ") << "at once, though nothing was fetched";
  EXPECT_EQ(newest->issuers()[1].issuer.audience, "another");
  settle(server, 1);
  corp.jwks_url += "?v=2";
  set({corp});
  EXPECT_EQ(kids(), "");
  wait_for([&] { return kids() == "one "; });
  settle(server, 2);
  set({});
  EXPECT_TRUE(sources.status().empty());
  EXPECT_TRUE(newest->issuers().empty());
}

TEST_F(TrustSourcesLab, ReadsTheCasOfAUrlAnew) {
  serve(answer(jwks("one")));
  const ScriptedServer server(test_ca().issue(), answering());
  const policy::Issuer corp = of_url(server);
  write("ca.pem", TestCa("former CA").pem());
  set({corp});
  wait_for([&] { return has(problem(), "certificate verify failed"); });
  std::filesystem::remove(folder.file("ca.pem"));
  pass(19s);
  EXPECT_TRUE(has(problem(), "ca.pem: cannot be opened")) << problem();
  write("ca.pem", test_ca().pem());
  pass(37s);
  wait_for([&] { return changes == 2; });
  EXPECT_EQ(problem(), "");
}

TEST_F(TrustSourcesLab, MayGoWhileSomethingIsUnderWay) {
  serve(answer(jwks("one")));
  const ScriptedServer server(test_ca().issue(), answering());
  {
    TrustSources gone(lab.loop, [](const std::shared_ptr<const TrustStore>&) {});
    gone.set_issuers({of_url(server)}, std::filesystem::path(folder.file("")), now);
    lab.loop.restart();
    lab.loop.run_one_for(5ms);
  }
  lab.loop.restart();
  lab.loop.run_for(50ms);
}

}  // namespace
}  // namespace sallyport::controlplane::trust_sources_test
