// `sallyctl enroll --stay` as a program: renewals, refusals, another token, another key, posture, and how it leaves.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/unit/sallyctl/enroll_fixture.hpp"
#include "tools/ctl/enroll/client_key.hpp"
#include "tools/ctl/key_material.hpp"

namespace sallyport::ctl::enroll_stay_test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

// The program, its output in files.
class Program {
 public:
  Program(std::vector<std::string> arguments, const std::string& search_path, const std::string& out,
          const std::string& err) {
    const char* file = std::getenv("SALLYCTL");
    if (file == nullptr) std::abort();  // meson sets it
    arguments.insert(arguments.begin(), file);
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    std::string path = "PATH=" + search_path;
    char* environment[] = {path.data(), nullptr};
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (::posix_spawn(&pid_, file, &files, nullptr, words.data(), environment) != 0) std::abort();
    ::posix_spawn_file_actions_destroy(&files);
  }
  ~Program() {
    if (pid_ > 0) (void)end(SIGKILL);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Its exit status; -1: ended by a signal.
  int end(int signal) {
    ::kill(pid_, signal);
    return wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
};

class EnrollStay : public EnrollTest {
 protected:
  void start(std::vector<std::string> more) {
    more.emplace_back("--stay");
    program_ = std::make_unique<Program>(arguments(std::move(more)), search_path(), path("out"), path("err"));
  }
  // Until the server has seen so many requests for this; false after half a minute.
  bool wait_for(const std::string& target, std::ptrdiff_t count) {
    for (int i = 0; i < 600; ++i, std::this_thread::sleep_for(50ms)) {
      const auto requests = server_->requests();
      if (std::count_if(requests.begin(), requests.end(),
                        [&](const TlsRequest& request) { return request.target == target; }) >= count)
        return true;
    }
    return false;
  }
  bool wait_for_text(const std::string& name, const std::string& words) {
    for (int i = 0; i < 600 && !has(read(name), words); ++i) std::this_thread::sleep_for(50ms);
    return has(read(name), words);
  }
  std::vector<std::string> seen() {
    std::vector<std::string> targets;
    for (const TlsRequest& request : server_->requests()) targets.push_back(request.method + ' ' + request.target);
    return targets;
  }

  std::unique_ptr<Program> program_;
};

TEST_F(EnrollStay, RenewsAndLeavesInGoodOrder) {
  make_programs();
  serve([](const TlsRequest& request) { return good_answer(request, 3); });
  start({"--interface", "wg0", "--json"});
  ASSERT_TRUE(wait_for("/v1/renew", 2)) << read("err");
  EXPECT_EQ(program_->end(SIGTERM), 0) << read("err");
  const TlsRequest last = server_->requests().back();
  EXPECT_EQ(last.method + ' ' + last.target, "DELETE /v1/session");
  EXPECT_TRUE(has(last.head, "Authorization: Bearer session-token-1"));
  const std::string log = read("log");
  EXPECT_TRUE(has(log, "ip link delete dev wg0\n")) << log;
  EXPECT_EQ(log.find("ip link add"), log.rfind("ip link add")) << "the same tunnel is not made anew";
  std::istringstream lines(read("out"));
  std::string line;
  std::set<std::string> events;
  while (std::getline(lines, line)) events.insert(Json::parse(line)["event"].get<std::string>());
  EXPECT_EQ(events, (std::set<std::string>{"enrolled", "renewed", "ended"}));
}

TEST_F(EnrollStay, SaysPostureWithItsViewOfTheTunnel) {
  make_programs();
  serve([](const TlsRequest& request) { return good_answer(request); });
  start({"--interface", "wg0", "--posture", "disk_encrypted=true", "--posture-ttl", "2s"});
  ASSERT_TRUE(wait_for("/v1/posture", 2)) << read("err");
  EXPECT_EQ(program_->end(SIGINT), 0);
  const auto requests = server_->requests();
  const auto posture = std::find_if(requests.begin(), requests.end(),
                                    [](const TlsRequest& request) { return request.target == "/v1/posture"; });
  const Json body = Json::parse(posture->body);
  EXPECT_EQ(body["posture"], Json::parse(R"({"disk_encrypted":true})"));
  EXPECT_EQ(body["ttl_s"], 2);
  EXPECT_EQ(body["view"]["received_bytes"], 100);
  EXPECT_EQ(body["view"]["sent_bytes"], 200);
  EXPECT_EQ(body["view"]["endpoint"], "192.0.2.1:51820");
  EXPECT_GT(body["view"]["last_handshake_age_s"], 1000);
}

TEST_F(EnrollStay, EnrolsAgainWithTheSameKeyWhenItsSessionIsGone) {
  std::atomic<bool> gone = true;
  serve([&](const TlsRequest& request) {
    if (request.target == "/v1/renew" && gone.exchange(false)) return http_answer(403, R"({"error":"refused"})");
    return good_answer(request, 3);
  });
  start({"--write", path("wg0.conf")});
  ASSERT_TRUE(wait_for("/v1/enroll", 2)) << read("err");
  EXPECT_EQ(program_->end(SIGTERM), 0);
  std::set<std::string> keys;
  for (const TlsRequest& request : server_->requests())
    if (!request.body.empty()) keys.insert(Json::parse(request.body)["public_key"].get<std::string>());
  EXPECT_EQ(keys.size(), 1U);
  EXPECT_TRUE(has(read("err"), "refused the proof"));
}

TEST_F(EnrollStay, NeverGivesUpAndTriesAnotherTokenAtOnce) {
  serve([](const TlsRequest& request) {
    return has(request.body, "fresh") || request.method == "DELETE" ? good_answer(request)
                                                                    : http_answer(403, R"({"error":"refused"})");
  });
  start({"--write", path("wg0.conf")});
  ASSERT_TRUE(wait_for("/v1/enroll", 2)) << read("err");
  (void)file("next", "fresh\n");
  std::filesystem::rename(path("next"), path("token"));
  ASSERT_TRUE(wait_for_text("out", "enrolled session="));
  EXPECT_EQ(program_->end(SIGTERM), 0);
  const std::string err = read("err");
  EXPECT_EQ(err.find("refused the proof"), err.rfind("refused the proof")) << "said once: " << err;
}

TEST_F(EnrollStay, RenewsWithATokenThatWasSwapped) {
  serve([](const TlsRequest& request) { return good_answer(request); });
  start({"--write", path("wg0.conf")});
  ASSERT_TRUE(wait_for_text("out", "enrolled session="));
  (void)file("next", "fresh\n");
  std::filesystem::rename(path("next"), path("token"));
  ASSERT_TRUE(wait_for("/v1/renew", 1)) << read("err");
  EXPECT_EQ(Json::parse(server_->requests().back().body)["token"], "fresh");
  EXPECT_EQ(program_->end(SIGTERM), 0);
}

TEST_F(EnrollStay, ComesBackAfterTheGatewayWasAway) {
  serve([](const TlsRequest& request) { return good_answer(request, 3); });
  const auto all = arguments({"--write", path("wg0.conf"), "--stay"});
  program_ = std::make_unique<Program>(
      std::vector<std::string>{"enroll", "--gateway", "https://localhost:1", "--ca", path("ca.pem"), "--token-file",
                               path("token"), "--write", path("wg0.conf"), "--stay"},
      search_path(), path("out"), path("err"));
  ASSERT_TRUE(wait_for_text("err", "the gateway does not answer"));
  EXPECT_EQ(program_->end(SIGTERM), 0) << "nothing to end, and nobody to tell";
  // A server that breaks off in the middle of renewals.
  std::atomic<int> broken = 2;
  serve([&](const TlsRequest& request) {
    if (request.target == "/v1/renew" && broken-- > 0) return std::string();
    return good_answer(request, 9);
  });
  start({"--write", path("wg0.conf")});
  EXPECT_TRUE(wait_for_text("out", "renewed session=")) << read("err");
  EXPECT_EQ(program_->end(SIGTERM), 0);
}

TEST_F(EnrollStay, SwitchesOverToANewKeyThatTheGatewayKnows) {
  make_programs();
  serve([](const TlsRequest& request) { return good_answer(request); });
  start({"--interface", "wg0", "--key-file", path("wg.key"), "--rotate-key", "1s"});
  ASSERT_TRUE(wait_for_text("out", "rotated session=")) << read("err");
  EXPECT_EQ(program_->end(SIGTERM), 0) << read("err");
  std::string key;
  for (const TlsRequest& request : server_->requests()) {
    if (request.body.empty() || request.target == "/v1/posture") continue;
    const Json body = Json::parse(request.body);
    if (!key.empty()) { EXPECT_EQ(body["public_key"], key) << "each goes on from the one before"; }
    key = body.value("new_public_key", body["public_key"].get<std::string>());
  }
  EXPECT_EQ(encode_key(public_key_of(*load_or_make_key(path("wg.key")))), key);
  EXPECT_EQ(encode_key(public_key_of(*read_key_text(read("stdin")))), key) << "of the interface";
}

TEST_F(EnrollStay, FindsOutThatTheGatewayTookTheNewKey) {
  make_programs();
  std::atomic<bool> lost = false;
  serve([&](const TlsRequest& request) {
    const bool rotates = has(request.body, "new_public_key");
    if (rotates && !lost.exchange(true)) return std::string();  // taken, and the answer is lost
    static std::string taken;
    if (request.target == "/v1/renew" && taken.empty()) {
      taken = "once";
      return http_answer(403, R"({"error":"refused"})");  // the former key
    }
    return good_answer(request);
  });
  start({"--interface", "wg0", "--rotate-key", "1s"});
  ASSERT_TRUE(wait_for_text("out", "renewed session=")) << read("err");
  EXPECT_EQ(program_->end(SIGTERM), 0);
  std::vector<Json> bodies;
  for (const TlsRequest& request : server_->requests())
    if (request.target == "/v1/renew") bodies.push_back(Json::parse(request.body));
  ASSERT_GE(bodies.size(), 3U);
  EXPECT_EQ(bodies[2]["public_key"], bodies[0]["new_public_key"]);
  const auto targets = seen();
  EXPECT_EQ(std::count(targets.begin(), targets.end(), "POST /v1/enroll"), 1) << "no new session";
}

}  // namespace
}  // namespace sallyport::ctl::enroll_stay_test
