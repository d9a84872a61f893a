#include "tests/unit/sallyctl/enroll_fixture.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tools/ctl/run.hpp"
#include "tools/ctl/times.hpp"

namespace sallyport::ctl {
namespace {

// Answers to `ip -j link show` and `wg show IF dump` are files; without one there is nothing.
constexpr const char* fake_program = R"(#!/bin/sh
name=$(basename "$0")
here=$(dirname "$0")/..
echo "$name $*" >> "$here/log"
if [ -e "$here/fail" ] && echo "$name $*" | grep -q -f "$here/fail"; then echo "no such luck" >&2; exit 1; fi
case "$name $*" in
  "ip -j link show") cat "$here/links" 2>/dev/null || echo '[]' ;;
  "ip -j"*) echo '[]' ;;
  "ip link delete"*) rm -f "$here/dump" ;;
  "ip"*" -batch -") sed "s/^/ip $1 /" >> "$here/log" ;;
  "wg set "*" private-key /dev/stdin") cat > "$here/stdin" ;;
  "wg set "*" peer "*" remove") printf '(none)\t(none)\t0\toff\n' > "$here/dump" ;;
  "wg set "*" preshared-key "*)
    [ "$6" = /dev/stdin ] && cat > "$here/preshared"
    printf '(none)\t(none)\t0\toff\n%s\t(none)\t192.0.2.1:51820\t10.0.0.0/8\t1700000000\t100\t200\t25\n' "$4" > "$here/dump" ;;
  "wg show "*" dump") cat "$here/dump" ;;
esac
)";

}  // namespace

EnrollTest::EnrollTest()
    : ca_(make_certificate({.common_name = "Test CA", .names = {}, .is_ca = true})),
      gateway_(make_certificate({.common_name = "gateway", .names = {"DNS:localhost", "IP:127.0.0.1"}}, &ca_)) {
  (void)file("ca.pem", ca_.certificate);
  (void)file("token", "the-token\n");
}

void EnrollTest::serve(Answer answer) {
  serve_raw([answer = std::move(answer)](const TlsRequest& request,
                                         const TlsServer::Write& write) { (void)write(answer(request)); },
            gateway_);
}

void EnrollTest::serve_raw(TlsServer::Handler handler, const TestIdentity& identity, const std::string& client_ca) {
  server_.reset();
  server_ = std::make_unique<TlsServer>(identity, std::move(handler), client_ca);
}

std::string EnrollTest::good_answer(const TlsRequest& request, long seconds) {
  if (request.target == "/v1/session") return http_answer(200, R"({"ended":true})");
  if (request.target == "/v1/posture") return http_answer(200, R"({"until":"2026-11-26T10:00:00Z"})");
  const nlohmann::json body = nlohmann::json::parse(request.body, nullptr, false);
  if (!body.is_object()) return http_answer(400, R"({"error":"no JSON"})");
  const std::string key = body.contains("new_public_key") ? body["new_public_key"] : body["public_key"];
  nlohmann::json document = grant_document(*decode_key(key), time_text(wall_now() + std::chrono::seconds(seconds)));
  if (request.target == "/v1/renew") document.erase("session_token");
  return http_answer(200, document.dump());
}

std::string EnrollTest::file(const std::string& name, const std::string& text) const {
  std::ofstream(path(name)) << text;
  ::chmod(path(name).c_str(), 0600);
  return path(name);
}

std::string EnrollTest::read(const std::string& name) const {
  std::ifstream stream(path(name));
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> EnrollTest::arguments(std::vector<std::string> more, const std::string& host) const {
  std::vector<std::string> all = {"enroll", "--gateway", "https://" + host + ':' + std::to_string(server_->port()),
                                  "--ca", path("ca.pem")};
  const bool has_proof = std::any_of(more.begin(), more.end(), [](const std::string& argument) {
    return argument == "--certificate" || argument == "--token-env";
  });
  if (!has_proof) all.insert(all.end(), {"--token-file", path("token")});
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Outcome EnrollTest::enroll(std::vector<std::string> more, const std::string& host) const {
  return call(arguments(std::move(more), host));
}

Outcome EnrollTest::call(const std::vector<std::string>& arguments) const {
  return call_in(
      [&](const char* name) -> std::optional<std::string> {
        if (std::string_view(name) == "PATH") return search_path();
        if (std::string_view(name) == "PROOF") return "token-of-variable";
        return std::nullopt;
      },
      arguments);
}

void EnrollTest::make_programs() const {
  std::filesystem::create_directory(path("bin"));
  for (const char* name : {"bin/ip", "bin/wg", "bin/wireguard-go"}) {
    (void)file(name, fake_program);
    ::chmod(path(name).c_str(), 0700);
  }
}

}  // namespace sallyport::ctl
