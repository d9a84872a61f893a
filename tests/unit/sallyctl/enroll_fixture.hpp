// `sallyctl enroll` against a TLS server of the test's own, with programs in place of ip and wg that write down what
// they are asked.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/unit/sallyctl/call.hpp"
#include "tests/unit/sallyctl/grant_document.hpp"
#include "tests/unit/sallyctl/tls_server.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace sallyport::ctl {

class EnrollTest : public testing::Test {
 protected:
  using Answer = std::function<std::string(const TlsRequest&)>;

  EnrollTest();

  // A server whose certificate the CA vouches for, for localhost and 127.0.0.1.
  void serve(Answer answer);
  void serve_raw(TlsServer::Handler handler, const TestIdentity& identity, const std::string& client_ca = {});
  // What a good gateway answers; a session lasts `seconds`.
  [[nodiscard]] static std::string good_answer(const TlsRequest& request, long seconds = 3600);

  [[nodiscard]] std::string file(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] std::string read(const std::string& name) const;
  // enroll --gateway https://localhost:PORT --ca CA --token-file TOKEN and these.
  [[nodiscard]] std::vector<std::string> arguments(std::vector<std::string> more,
                                                   const std::string& host = "localhost") const;
  [[nodiscard]] Outcome enroll(std::vector<std::string> more, const std::string& host = "localhost") const;
  [[nodiscard]] Outcome call(const std::vector<std::string>& arguments) const;

  // ip, wg, wireguard-go and so on; what they were asked is in the file "log", standard input in "stdin".
  void make_programs() const;
  [[nodiscard]] std::string search_path() const { return folder_.file("bin") + ":/usr/bin:/bin"; }

  TemporaryFolder folder_;
  TestIdentity ca_, gateway_;
  std::unique_ptr<TlsServer> server_;
};

}  // namespace sallyport::ctl
