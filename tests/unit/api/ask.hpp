// The admin API over a backend that is free to change, asked without a socket.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include <nlohmann/json.hpp>

#include "controlplane/api/admin_api.hpp"
#include "tests/unit/api/drain.hpp"
#include "tests/unit/api/fake_backend.hpp"

namespace sallyport::controlplane {

// A Tuesday, 22:13:20 UTC.
inline constexpr RequestTime test_time{.boottime_ns = FakeBackend::now_ns, .wall_ns = 1'700'000'000'000'000'000};

class AskingTest : public testing::Test {
 protected:
  using Json = nlohmann::json;
  struct Answer {
    unsigned status;
    Json json;
    std::string etag;
  };

  HttpResponse response(const std::string& method, const std::string& target, const std::string& body = {},
                        const std::string& if_match = {}) {
    return handle_admin_request(
        {.method = method, .target = target, .body = body, .if_match = if_match, .client = "uid 7"}, backend_,
        test_time);
  }
  Answer ask(const std::string& method, const std::string& target, const std::string& body = {},
             const std::string& if_match = {}) {
    HttpResponse answer = response(method, target, body, if_match);
    const std::string text = drain(answer);
    Json json = Json::parse(text, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << text;
    return {answer.status, std::move(json), answer.etag};
  }
  Json get(const std::string& target) {
    Answer answer = ask("GET", target);
    EXPECT_EQ(answer.status, 200U) << target << answer.json;
    return std::move(answer.json);
  }
  // The status, and an error with these words.
  void expect_error(unsigned status, const Answer& answer, const std::string& words) {
    EXPECT_EQ(answer.status, status) << answer.json;
    EXPECT_NE(answer.json.value("error", "").find(words), std::string::npos) << answer.json;
  }
  void expect_error(unsigned status, const std::string& target, const std::string& words) {
    SCOPED_TRACE(target);
    expect_error(status, ask("GET", target), words);
  }

  FakeBackend backend_;
};

}  // namespace sallyport::controlplane
